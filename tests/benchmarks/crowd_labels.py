"""Labels from crowdsourced votes: accuracy of each method and of `auto` on real votes, and Dawid-Skene at scale.

    .venv/bin/python tests/benchmarks/crowd_labels.py [accuracy] [scale] [--votes 1000000,10000000] [--crowdkit 1000000]

Accuracy is against the gold labels that were not given, with a tenth of them given (by a hash of the item) and with
none. The votes of `scale` are made by a seeded generator: five an item, three classes, 500 an annotator; with
`--crowdkit` crowd-kit is fitted on the same votes beside it, up to so many. Memory is the most that the JVM and its
Python workers held together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config
from linnaeus.labels.aggregate import METHODS, labels_of
from linnaeus.labels.auto import AUTO, choose, judge_votes
from linnaeus.labels.blocks import number_votes
from linnaeus.labels.dawid_skene import DawidSkene
from linnaeus.labels.em import fit
from linnaeus.runtime.spark import build_session
from tests.benchmarks.fill_embeddings import peak_memory
from tests.benchmarks.support import json_lines, print_table, timed
from tests.benchmarks.texts import SHARED

SETS = ("bluebird", "dog", "web", "rte", "weather")
VOTE = f"{c.ITEM_ID} string, {c.ANNOTATOR_ID} string, {c.LABEL} string"
CLASSES, VOTES_AN_ITEM, VOTES_AN_ANNOTATOR = 3, 5, 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="{accuracy,scale}")
    parser.add_argument("--votes", default="1000000,10000000")
    parser.add_argument("--crowdkit", type=int, default=0, metavar="VOTES", help="crowd-kit too, up to so many")
    parser.add_argument("--scale-of", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--crowdkit-of", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := sorted(set(options.what) - {"accuracy", "scale"}):
        parser.error(f"there is no {unknown[0]!r}")
    if options.scale_of:
        print(json.dumps(_scale_of(options.scale_of)))
        return
    if options.crowdkit_of:
        print(json.dumps(_crowdkit_of(options.crowdkit_of)))
        return
    chosen = options.what or ("accuracy", "scale")
    if "accuracy" in chosen:
        accuracy()
    if "scale" in chosen:
        scale([int(n) for n in options.votes.split(",")], options.crowdkit)


def accuracy() -> None:
    """Of each method and of auto, on each set."""
    session = build_session(load_config("local", ["spark.master=local[2]", "spark.shuffle_partitions=2"]), "benchmark")
    for given in (10, 0):
        rows = [_accuracies(session, name, given) for name in SETS]
        means = [np.mean([row[i] for row in rows]) for i in range(1, len(METHODS) + 2)]
        best = [max(row[1:-2]) for row in rows]
        shown = [
            (row[0], *(f"{value:.3f}" for value in row[1:-1]), row[-1], f"{row[-2] - top:+.3f}")
            for row, top in zip(rows, best, strict=True)
        ]
        shown.append(("mean", *(f"{value:.3f}" for value in means), "", ""))
        share = "a tenth of the gold labels given" if given else "no gold label given"
        header = ("set", *METHODS, AUTO, "auto's choice", "auto less the best")
        print_table(f"Accuracy against the gold labels not given, {share}", header, shown)
    session.stop()


def _accuracies(session: SparkSession, name: str, given: int) -> tuple[object, ...]:
    votes = pd.DataFrame(json_lines(SHARED / "crowd" / name / "votes.jsonl")).drop_duplicates(
        ["item_id", "annotator_id"]
    )
    gold = {one["item_id"]: one["label"] for one in json_lines(SHARED / "crowd" / name / "gold_labels.jsonl")}
    known = {item: label for item, label in gold.items() if given and zlib.crc32(item.encode()) % given == 0}
    asked = {item: label for item, label in gold.items() if item not in known}
    frame = session.createDataFrame(votes[[c.ITEM_ID, c.ANNOTATOR_ID, c.LABEL]], VOTE)
    numbered = number_votes(
        frame, session.createDataFrame(list(known.items()), f"{c.ITEM_ID} string, {c.LABEL} string"), 2
    )
    found = {}
    for method in METHODS.values():
        rows = labels_of(numbered, "category", method, fit(numbered, method)).collect()
        said = {row[c.ITEM_ID]: row[c.LABEL] for row in rows}
        found[method.name] = float(np.mean([said[item] == label for item, label in asked.items() if item in said]))
    chosen, why = choose(judge_votes(numbered, list(METHODS.values())))
    numbered.release()
    print(f"{name}: {chosen}: {why}", file=sys.stderr, flush=True)
    return (name, *found.values(), found[chosen], chosen)


def scale(sizes: list[int], most_of_crowdkit: int) -> None:
    """Dawid-Skene on made-up votes of several sizes, each in a process of its own."""
    rows, costs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            file = str(Path(folder) / f"{n}.parquet")
            make_votes(n).to_parquet(file)
            found = _in_a_process("--scale-of", file)
            costs.append(found["seconds"] / n * 1e6)
            memory = f"{found['memory'] / 1024:.1f}"
            rows.append(("ours", f"{n:,}", found["iterations"], f"{found['seconds']:.0f}", f"{costs[-1]:.1f}", memory))
            if n <= most_of_crowdkit:
                found = _in_a_process("--crowdkit-of", file)
                cost = found["seconds"] / n * 1e6
                rows.append(("crowd-kit", f"{n:,}", found["iterations"], f"{found['seconds']:.0f}", f"{cost:.1f}", ""))
    rows.append(
        ("ours, the largest over the smallest (asked: at most 1.3)", "", "", "", f"{costs[-1] / costs[0]:.2f}", "")
    )
    header = ("Dawid-Skene", "votes", "iterations", "seconds, reading included", "microseconds a vote", "GiB at most")
    print_table("Dawid-Skene at scale: five votes an item, three classes, 500 votes an annotator", header, rows)


def make_votes(n: int) -> pd.DataFrame:
    """Votes by annotators with confusion matrices of their own, the same in every run."""
    rng = np.random.default_rng(11)
    n_items, n_annotators = n // VOTES_AN_ITEM, max(10, n // VOTES_AN_ANNOTATOR)
    item = np.repeat(np.arange(n_items), VOTES_AN_ITEM)
    annotator = rng.integers(0, n_annotators, len(item))
    truth = rng.choice(CLASSES, n_items, p=[0.6, 0.3, 0.1])[item]
    skill = rng.beta(4, 2, (n_annotators, CLASSES))[annotator, truth]
    label = np.where(
        rng.uniform(size=len(item)) < skill, truth, (truth + rng.integers(1, CLASSES, len(item))) % CLASSES
    )
    votes = pd.DataFrame({c.ITEM_ID: item, c.ANNOTATOR_ID: annotator, c.LABEL: label})
    return votes[~votes.duplicated([c.ITEM_ID, c.ANNOTATOR_ID])]


def _in_a_process(*arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    print(f"{' '.join(arguments)}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _scale_of(file: str) -> dict[str, float]:
    settings = ["spark.master=local[2]", "spark.driver_memory=4g", "spark.extra={}"]
    session = build_session(load_config("local", settings), "benchmark")
    with peak_memory() as memory, timed() as clock:
        read = session.read.parquet(file).select(
            *[F.col(name).cast("string") for name in (c.ITEM_ID, c.ANNOTATOR_ID)],
            F.concat(F.lit("c"), c.LABEL).alias(c.LABEL),
        )
        numbered = number_votes(read, read.limit(0).select(c.ITEM_ID, c.LABEL), 10)
        found = fit(numbered, DawidSkene())
        labels_of(numbered, "category", DawidSkene(), found).write.format("noop").mode("overwrite").save()
    numbered.release()
    session.stop()
    return {"seconds": clock.seconds, "iterations": found.iterations, "memory": memory["jvm"] + memory["python"]}


def _crowdkit_of(file: str) -> dict[str, float]:
    from crowdkit.aggregation import DawidSkene as Theirs

    with timed() as clock:
        votes = pd.read_parquet(file).rename(columns={c.ITEM_ID: "task", c.ANNOTATOR_ID: "worker", c.LABEL: "label"})
        model = Theirs(n_iter=100).fit(votes)
    return {"seconds": clock.seconds, "iterations": len(model.loss_history_)}


if __name__ == "__main__":
    main()
