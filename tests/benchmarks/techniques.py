"""What training on sure labels alone, and by their certainty, is worth: on the sample's texts with labels made worse.

    .venv/bin/python tests/benchmarks/techniques.py

Each text of creators who are not held out gets three votes of annotators (a function of text and seed) who are right by
their own chance, 0.55 to 0.95, and otherwise name another label of the facet. Dawid-Skene makes labels of the votes.
Models are judged on the held-out creators' true labels. `alike` trains on labels as they are, `by certainty` weighs
each by its probability, `pruned` leaves those in doubt (silver.label_issues) out, `both` does both; `soft` trains on
every answer that votes leave probable, by its weight; `true labels` is what there would be to gain.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import aggregate_labels, build_embeddings, build_tokens, find_label_issues, ingest_bronze
from jobs._models import MAIN_METRIC, held_out_figures, main_figure, measured
from jobs._train import train
from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking
from tests.benchmarks.support import json_lines, print_table, uniform

SEED, ANNOTATORS, VOTES = 17, 60, 3
WAYS = {
    "alike": ("training.weights=none",),
    "by certainty (the default)": (),
    "pruned": ("training.weights=none", "training.prune_suspects=true"),
    "both": ("training.prune_suspects=true",),
    "soft": ("training.labels=soft",),
    "soft, pruned": ("training.labels=soft", "training.prune_suspects=true"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder))


def _measure(folder: Path) -> None:
    sample = load_config("local")
    truth = json_lines(resolve(str(sample.sources.gold_labels)))
    creator = {one[c.CONTENT_ID]: one[c.CREATOR_ID] for one in json_lines(resolve(str(sample.sources.content)))}
    split = sample.training.split
    is_held_out = {key: uniform(name, split.seed, "held_out") < split.held_out_share for key, name in creator.items()}
    votes, gold = folder / "votes.jsonl", folder / "gold.jsonl"
    write(gold, (one for one in truth if is_held_out[one[c.ITEM_ID]]))
    write(votes, votes_of([one for one in truth if not is_held_out[one[c.ITEM_ID]]]))
    config = config_of(folder, f"sources.gold_labels={gold}", f"sources.votes={votes}", "labels.method=dawid_skene")
    build_session(config, "benchmark")
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels, find_label_issues):
        job.main(config)
    rows = [(way, *figures(config_of(folder, *overrides))) for way, overrides in WAYS.items()]
    true = config_of(folder, f"sources.gold_labels={resolve(str(sample.sources.gold_labels))}")
    for job in (ingest_bronze, aggregate_labels):
        job.main(true)
    rows.append(("true labels", *figures(true)))
    print_table("Labels of the crowd, held-out true labels", ("training", "BBC, macro-F1", "SMS, PR-AUC"), rows)


def config_of(folder: Path, *overrides: str) -> Config:
    """Settings of the benchmark's own lake and registry."""
    own = [f"lake.root={folder / 'lake'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    return load_config(
        "local", [*own, f"tracking.artifacts={folder / 'artifacts'}", "spark.master=local[2]", *overrides]
    )


def figures(config: Config) -> tuple[str, str]:
    """The main figures of both families, trained by a configuration."""
    lake, tracking = Lake(build_session(config), config), Tracking(config)
    families: tuple[tuple[Family, str], ...] = (
        ("category", config.registry.category_model),
        ("risk", config.registry.risk_model),
    )
    said = []
    for family, model in families:
        train(config, family, model)
        version = tracking.version_at(model, CANDIDATE)
        assert version is not None
        value, n = main_figure(measured(held_out_figures(lake, config, tracking.load(version))), family)
        assert value is not None, f"{family}: no {MAIN_METRIC[family]}"
        said.append(f"{value:.4f} ({n:,})")
    return said[0], said[1]


def votes_of(truth: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Three votes a label, by annotators of unlike quality."""
    labels = {one[c.FACET]: set[str]() for one in truth}
    for one in truth:
        labels[one[c.FACET]].add(one[c.LABEL])
    quality = 0.55 + 0.4 * np.array([uniform(str(i), SEED, "quality") for i in range(ANNOTATORS)])
    for one in truth:
        others = sorted(labels[one[c.FACET]] - {one[c.LABEL]})
        for place in range(VOTES):
            key = f"{one[c.FACET]}:{one[c.ITEM_ID]}:{place}"
            who = (int(uniform(one[c.ITEM_ID], SEED, "who") * ANNOTATORS) + place * 7) % ANNOTATORS
            is_right = uniform(key, SEED, "right") < quality[who]
            label = one[c.LABEL] if is_right else others[int(uniform(key, SEED, "which") * len(others))]
            yield {c.ITEM_ID: one[c.ITEM_ID], c.FACET: one[c.FACET], c.ANNOTATOR_ID: f"a{who}", c.LABEL: label}


def write(path: Path, rows: Iterator[dict[str, str]]) -> None:
    """As JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
