"""Texts a second and exactness of build_embeddings beside its peers, on distinct real texts, in one run.

    .venv/bin/python tests/benchmarks/embed_texts.py [--texts 20000] [--of all] [--rounds 1] [--defaults]
        [--speed-only] [--without-exact-peer]

`--of sample` takes the sample's texts alone, `--defaults` adds Spark NLP as it comes (a process of its own, since it
reads its settings at session start). Exactness is measured over 1, 3 and 8 partitions
(two executors' JVMs: tests/jobs/test_two_executors.py, since Spark NLP takes one session a process).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.features.embeddings import Partitions, embed, partitions_for, size_of
from linnaeus.features.markup import plain_text
from linnaeus.features.windows import Windowing
from linnaeus.runtime.embedder import load_embedder
from linnaeus.runtime.jars import resolved_jars
from linnaeus.runtime.spark import build_session
from tests.benchmarks import reference
from tests.benchmarks.support import print_table, timed
from tests.benchmarks.texts import as_frame, distinct

OURS = "build_embeddings (Spark NLP, exact)"
BATCHES = "onnxruntime pandas_udf, one thread a task, sorted batches of 32"
ONE_BY_ONE = "onnxruntime pandas_udf, one thread a task, one window at a time (exact)"
BARE = "onnxruntime without Spark, two threads, one window at a time (exact)"
DEFAULTS = "Spark NLP as it comes: E5Embeddings, batches of 8, six threads a task; the first 128 tokens alone"
_ASKED = {BATCHES: "1.0", BARE: "0.8", DEFAULTS: "2.5"}
_CORES = 2
_EXACT = 1500  # of the texts, at most, are compared number by number


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--of", choices=("all", "sample"), default="all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--defaults", action="store_true")
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--without-exact-peer", action="store_true")
    parser.add_argument("--only-defaults", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    whole = "embedder.most_windows=null"  # as the peers read texts
    config = load_config("local", [f"spark.master=local[{_CORES}]", whole, *options.set])
    texts = distinct(config, options.texts, options.of)
    if options.only_defaults:
        print(json.dumps(_seconds_of_defaults(config, texts)))
        return
    session = build_session(config, "benchmark")
    speeds = _speeds(
        session, config, texts, options.rounds, without=(ONE_BY_ONE,) if options.without_exact_peer else ()
    )
    if options.defaults:
        speeds[DEFAULTS] = [len(texts) / _in_another_process(options)]
    _print_speed(speeds, f"{len(texts):,} distinct texts of {options.of}, {options.rounds} rounds in turn")
    if not options.speed_only:
        _print_exactness(session, config, texts)
    session.stop()


def _speeds(
    session: SparkSession, config: Config, texts: list[reference.Text], rounds: int, without: tuple[str, ...]
) -> dict[str, list[float]]:
    frame = as_frame(session, texts)
    ways: dict[str, Callable[[], float]] = {
        OURS: lambda: _time_ours(config, frame),
        BATCHES: lambda: _time_peer(config, frame, exact=False),
        ONE_BY_ONE: lambda: _time_peer(config, frame, exact=True),
        BARE: lambda: _time_bare(config, texts),
    }
    ways = {name: way for name, way in ways.items() if name not in without}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):  # in turn, so that a drift of the machine's speed hits all alike
        for name, seconds in ways.items():
            speeds[name].append(len(texts) / seconds())
            print(f"{name}: {speeds[name][-1]:.1f} texts/s", file=sys.stderr, flush=True)
    return speeds


def ours(config: Config, frame: DataFrame, partitions: Partitions | None = None) -> DataFrame:
    """The vectors, as the job makes them."""
    settings = config.embedder
    loaded = load_embedder(frame.sparkSession, settings)
    windowing = Windowing.of(settings, loaded.vocabulary)
    if partitions is None:
        size = size_of(frame, settings.max_tokens, settings.most_windows)
        text_bytes = int(settings.megabytes_a_partition * 2**20)
        partitions = partitions_for(size, settings.windows_a_partition, text_bytes, _CORES)
    return embed(frame, loaded.annotator, windowing, settings.dimension, partitions)


def _time_ours(config: Config, frame: DataFrame) -> float:
    vectors = ours(config, frame)
    with timed() as clock:
        vectors.write.format("noop").mode("overwrite").save()
    return clock.seconds


def _time_peer(config: Config, frame: DataFrame, exact: bool) -> float:
    vector = reference.vector_udf(F.col(c.TITLE), F.col(c.BODY), reference.Peer.of(config.embedder), exact)
    vectors = frame.repartition(_CORES).select(c.CONTENT_HASH, vector)
    with timed() as clock:
        vectors.write.format("noop").mode("overwrite").save()
    return clock.seconds


def _time_bare(config: Config, texts: list[reference.Text]) -> float:
    peer = reference.Peer.of(config.embedder)
    reference.load(peer)
    with timed() as clock:
        reference.bare(texts, peer, _CORES)
    return clock.seconds


def _in_another_process(options: argparse.Namespace) -> float:
    command = [sys.executable, __file__, "--only-defaults", "--texts", str(options.texts), "--of", options.of]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _seconds_of_defaults(config: Config, texts: list[reference.Text]) -> float:
    """Spark NLP without any of our settings but the jars: title and body as one text, cut at the model's length."""
    from pyspark.ml import PipelineModel
    from sparknlp.annotator import E5Embeddings
    from sparknlp.base import DocumentAssembler

    builder = SparkSession.builder.master(f"local[{_CORES}]").config("spark.driver.memory", config.spark.driver_memory)
    jars = resolved_jars(config) or []
    builder = builder.config("spark.jars", ",".join(map(str, jars))).config("spark.ui.enabled", "false")
    builder = builder.config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
    session = builder.config("spark.kryoserializer.buffer.max", "2000M").getOrCreate()
    folder = resolve(config.embedder.path or "")
    annotator = E5Embeddings.loadSavedModel(folder.as_uri(), session).setMaxSentenceLength(config.embedder.max_tokens)
    document = DocumentAssembler().setInputCol("text").setOutputCol("document")
    pipeline = PipelineModel(stages=[document, annotator.setInputCols(["document"]).setOutputCol("vector")])
    text = F.concat_ws("\n", c.TITLE, c.BODY).alias("text")
    vectors = pipeline.transform(as_frame(session, texts).repartition(_CORES).select(text))
    with timed() as clock:
        vectors.select("vector.embeddings").write.format("noop").mode("overwrite").save()
    session.stop()
    return clock.seconds


def _print_speed(speeds: dict[str, list[float]], on: str) -> None:
    header = ("what", "texts a second, median", "min", "max", "ours to it", "asked: at least")
    rows = []
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds[OURS], values, strict=False))
        shown = "" if name == OURS else f"**{ratio:.2f}**"
        rows.append((name, *_three(values), shown, _ASKED.get(name, "")))
    print_table(f"Embedding speed: {on}", header, rows)


def _three(values: list[float]) -> tuple[str, str, str]:
    return f"{statistics.median(values):.1f}", f"{min(values):.1f}", f"{max(values):.1f}"


def _print_exactness(session: SparkSession, config: Config, texts: list[reference.Text]) -> None:
    peer = reference.Peer.of(config.embedder)
    chosen = [text for text in texts[:_EXACT] if _is_one_window(text, peer)]
    truth = reference.one_by_one(chosen, peer)
    frame = as_frame(session, chosen)
    rows = []
    for n in (1, 3, 8):
        found = ours(config, frame, Partitions(n, n, n)).orderBy(c.CONTENT_HASH).collect()
        cosines = (np.array([np.frombuffer(row[c.VECTOR], "<f4") for row in found]) * truth).sum(axis=1)
        rows.append((n, f"{cosines.min():.8f}", f"{cosines.mean():.8f}"))
    print_table(
        f"Exactness on {len(chosen)} plain texts of one window: cosine to bare onnxruntime, one at a time (asked: at "
        "least 0.9999)",
        ("partitions", "worst", "mean"),
        rows,
    )


def _is_one_window(text: reference.Text, peer: reference.Peer) -> bool:
    """Of these both agree: ours cuts between words alone, and the peer reads HTML as it stands."""
    tokenizer, _ = reference.load(replace(peer, title_weight=0.0))
    is_plain = all(plain_text(part) == part for part in text if part)
    return is_plain and len(reference.windows_of(text, replace(peer, title_weight=0.0), tokenizer)) == 1


if __name__ == "__main__":
    main()
