"""Texts a second and exactness of build_embeddings beside onnxruntime, on the sample's distinct texts, in one run.

    .venv/bin/python tests/benchmarks/embed_texts.py [--texts 3000] [--rounds 3] [--speed-only]

Exactness is measured over 1, 3 and 8 partitions, and left out by --speed-only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.features.embeddings import embed, partitions_for
from linnaeus.runtime.embedder import load_annotator
from linnaeus.runtime.spark import build_session
from tests.benchmarks import reference
from tests.benchmarks.support import json_lines, print_table, timed

OURS = "build_embeddings (Spark NLP, exact)"
BATCHES = "onnxruntime pandas_udf, one thread a task, sorted batches of 32 (changes int8 vectors)"
ONE_BY_ONE = "onnxruntime pandas_udf, one thread a task, one text at a time (exact)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--speed-only", action="store_true")
    options = parser.parse_args()
    config = load_config("local", ["spark.master=local[2]", *options.set])
    session = build_session(config, "benchmark")
    texts = _texts(config, options.texts)
    rows = [(f"{i:08d}", text) for i, text in enumerate(texts)]
    frame = session.createDataFrame(rows, f"{c.CONTENT_HASH} string, {c.TEXT} string").repartition(4).cache()
    frame.count()
    ways: dict[str, Callable[[], float]] = {
        OURS: lambda: _time_ours(config, frame, len(texts)),
        BATCHES: lambda: _time_peer(config, frame, one_by_one=False),
        ONE_BY_ONE: lambda: _time_peer(config, frame, one_by_one=True),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):  # in turn, so that a drift of the machine's speed hits all alike
        for name, seconds in ways.items():
            speeds[name].append(len(texts) / seconds())
    _print_speed(speeds, len(texts))
    if not options.speed_only:
        _print_exactness(config, frame, texts)
    session.stop()


def _texts(config: Config, n: int) -> list[str]:
    records = json_lines(resolve(config.sample.folder) / "content.jsonl")
    distinct = sorted({"\n".join(filter(None, (one.get("title"), one["body"]))).strip() for one in records})
    rng = np.random.default_rng(0)
    return [distinct[i] for i in rng.permutation(len(distinct))[:n]]


def _ours(config: Config, frame: DataFrame, partitions: int) -> DataFrame:
    annotator = load_annotator(frame.sparkSession, config.embedder)
    return embed(frame, annotator, partitions)


def _time_ours(config: Config, frame: DataFrame, n: int) -> float:
    vectors = _ours(config, frame, partitions_for(n, config.embedder.texts_a_partition, 2))
    with timed() as clock:
        vectors.write.format("noop").mode("overwrite").save()
    return clock.seconds


def _time_peer(config: Config, frame: DataFrame, one_by_one: bool) -> float:
    folder, max_tokens = str(resolve(config.embedder.path)), config.embedder.max_tokens
    vector = reference.vector_udf(F.col(c.TEXT), folder, max_tokens, one_by_one)
    vectors = frame.repartition(2).select(c.CONTENT_HASH, vector)
    with timed() as clock:
        vectors.write.format("noop").mode("overwrite").save()
    return clock.seconds


def _print_speed(speeds: dict[str, list[float]], n: int) -> None:
    header = ("what", "texts a second, median", "min", "max", "ours to it (asked: at least 1.0)")
    rows = []
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds[OURS], values, strict=True))
        rows.append((name, *_three(values), "" if name == OURS else f"**{ratio:.2f}**"))
    print_table(f"Embedding speed: {n} distinct texts of the sample, {len(speeds[OURS])} rounds in turn", header, rows)


def _three(values: list[float]) -> tuple[str, str, str]:
    return f"{statistics.median(values):.1f}", f"{min(values):.1f}", f"{max(values):.1f}"


def _print_exactness(config: Config, frame: DataFrame, texts: list[str]) -> None:
    truth = reference.embed_all(texts, str(resolve(config.embedder.path)), config.embedder.max_tokens, 2)
    rows = []
    for partitions in (1, 3, 8):
        found = _ours(config, frame, partitions).orderBy(c.CONTENT_HASH).collect()
        vectors = np.array([row[c.EMBEDDING] for row in found])
        cosines = (vectors * truth).sum(axis=1)
        rows.append((partitions, f"{cosines.min():.8f}", f"{cosines.mean():.8f}"))
    print_table(
        "Exactness: cosine to bare onnxruntime, one text at a time (asked: at least 0.9999)",
        ("partitions", "worst", "mean"),
        rows,
    )


if __name__ == "__main__":
    main()
