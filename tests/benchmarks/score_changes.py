"""What a run of score_content costs after 1% of the contents changed, over the full run.

    .venv/bin/python tests/benchmarks/score_changes.py [--rows 1000000] [--changes 3] [--set lake.deletion_vectors=true]

The whole job on a lake of its own in a temporary folder: bronze.content, silver.tokens and silver.text_embeddings are
filled by a seeded generator (texts of 30 words, random unit vectors, statistics between 0 and 1), the registry holds a
champion of 10 classes with all groups of features and as many trees as the settings allow. A change is a new text with
its tokens and its vector. At the end a run with nothing to do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import xgboost
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.bronze.clean import content_hash
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import FeatureManifest, Head, LinearModel, ModelBundle
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.lexical import binary_array
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import FINGERPRINT, Tracking
from linnaeus.training.booster import parameters
from tests.benchmarks.support import print_table, timed

SEED = 17
CLASSES = tuple(f"class {i}" for i in range(10))
WORDS, VOCABULARY = 30, 20_000
FITTED_ROWS = 5000
SHARE = 100  # one content of so many changes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as for the jobs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), options.set)
        session = build_session(config, "benchmark")
        lake, manifest = Lake(session, config), manifest_in_force(config)
        _promote(config, manifest)
        _put(lake, manifest, session.range(options.rows), "first")
        full = _seconds(config)
        rows = [("full", f"{full:.1f}", "1")]
        for i in range(options.changes):
            changed = session.range(options.rows).where(F.col("id") % SHARE == i)
            _put(lake, manifest, changed, f"edited {i}")
            again = _seconds(config)
            rows.append((f"{options.rows // SHARE:,} changed, run {i + 1}", f"{again:.1f}", f"{again / full:.3f}"))
        nothing = _seconds(config)
        rows.append(("nothing changed", f"{nothing:.1f}", f"{nothing / full:.3f}"))
        session.stop()
    header = ("run of score_content", "seconds", "over the full run (asked, with 1% changed: at most 0.1)")
    print_table(f"Cost of change: {options.rows:,} contents", header, rows)


def _config(folder: Path, overrides: list[str]) -> Config:
    own = [
        f"lake.root={folder / 'lake'}",
        f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
        "spark.master=local[2]",
        "spark.extra={}",  # both of the JVM's compilers, as conf/local.yml advises for large tables
    ]
    return load_config("local", own + overrides)


def _promote(config: Config, manifest: FeatureManifest) -> None:
    """A champion of random linear models, and a booster fitted on random rows of its features."""
    rng = np.random.default_rng(SEED)
    shapes = ((manifest.buckets,), (len(CLASSES), manifest.buckets), (len(CLASSES), manifest.dimension + 1))
    linear = LinearModel(*(rng.random(shape, np.float32) for shape in (*shapes, shapes[1])))
    width = manifest.dimension + manifest.n_statistics + linear.n_features
    classes = rng.integers(0, len(CLASSES), FITTED_ROWS)
    rows = rng.standard_normal((FITTED_ROWS, width), np.float32)
    rows[:, : len(CLASSES)] += np.eye(len(CLASSES), dtype=np.float32)[classes]
    settings = parameters(config.training.booster, SEED) | {"n_jobs": 2, "objective": "multi:softprob"}
    booster = bytes(xgboost.XGBClassifier(**settings).fit(rows, classes).get_booster().save_raw("ubj"))
    bundle = ModelBundle("category", manifest, {c.CATEGORY: Head(CLASSES, booster, linear)})
    example = pd.DataFrame({c.EMBEDDING: [[0.5]], c.STATISTICS: [[0.5]], c.TERMS: [[1]]})
    prediction = pd.DataFrame({f"{c.CATEGORY}.{name}": [0.1] for name in CLASSES})
    tracking, model = Tracking(config), config.registry.category_model
    served_by = Path(served_model.__file__)
    version = tracking.register(model, bundle, served_by, example, prediction, {}, {}, {FINGERPRINT: "benchmark"})
    tracking.point(model, CHAMPION, version)


def _put(lake: Lake, manifest: FeatureManifest, ids: DataFrame, mark: str) -> None:
    """Contents by `id` with texts of this mark, their tokens and vectors."""
    word = F.transform(
        F.sequence(F.lit(1), F.lit(WORDS)),
        lambda i: F.concat(F.lit("w"), F.pmod(F.xxhash64("id", i, F.lit(mark)), F.lit(VOCABULARY)).cast("string")),
    )
    made = ids.select("id", F.format_string("%09d", "id").alias(c.CONTENT_ID), word.alias(c.TOKENS))
    made = made.withColumn(c.BODY, F.concat_ws(" ", F.lit(mark), F.col("id").cast("string"), F.col(c.TOKENS)))
    made = made.withColumn(c.CONTENT_HASH, content_hash(F.lit(None).cast("string"), F.col(c.BODY)))
    lake.merge(_contents(made), tables.CONTENT)
    lake.merge(_tokens(made, manifest), tables.TOKENS)
    lake.merge(_vectors(made, manifest), tables.TEXT_EMBEDDINGS)


def _contents(made: DataFrame) -> DataFrame:
    own = {
        c.CREATOR_ID: F.concat(F.lit("creator "), (F.col("id") % 50_000).cast("string")),
        c.KIND: F.lit("text"),
        c.TITLE: F.lit(None).cast("string"),
        c.URI: F.lit(None).cast("string"),
        c.PUBLISHED_AT: F.timestamp_seconds(F.lit(1_700_000_000) + F.col("id")),
        c.INGESTED_AT: F.current_timestamp(),
        c.VIEWS: F.pmod(F.xxhash64("id"), F.lit(10_000)),
    }
    return made.withColumns(own).select(*tables.CONTENT.columns)


def _tokens(made: DataFrame, manifest: FeatureManifest) -> DataFrame:
    form = [
        (F.pmod(F.xxhash64(c.CONTENT_HASH, F.lit(name)), F.lit(1000)) / 1000).cast("float").alias(name)
        for name in schemas.STATISTICS.names
    ]
    own = {
        c.TOKENIZER: F.lit(manifest.tokenizer),
        c.LANGUAGE: F.lit("en"),
        c.N_TOKENS: F.size(c.TOKENS),
        c.STATISTICS: F.struct(*form),
        c.N_SENTENCES: F.lit(3),
    }
    return made.withColumns(own).select(*tables.TOKENS.columns)


def _vectors(made: DataFrame, manifest: FeatureManifest) -> DataFrame:
    dimension = manifest.dimension

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            keys = [int(key[:16], 16) for key in batch.column(0).to_pylist()]
            rows = np.stack([np.random.default_rng(key).standard_normal(dimension, np.float32) for key in keys])
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            yield pa.RecordBatch.from_arrays([batch.column(0), binary_array(rows)], names=[c.CONTENT_HASH, c.VECTOR])

    own = {
        c.EMBEDDER: F.lit(manifest.embedder),
        c.SIGNATURE: F.lit(None).cast("array<int>"),
        c.N_TOKENS: F.lit(WORDS),
    }
    vectors = made.select(c.CONTENT_HASH).mapInArrow(run, f"{c.CONTENT_HASH} string, {c.VECTOR} binary")
    return vectors.withColumns(own).select(*tables.TEXT_EMBEDDINGS.columns)


def _seconds(config: Config) -> float:
    with timed() as clock:
        result = score_content.main(config)
    print(f"{result.rows_written} written in {clock.seconds:.1f} s", file=sys.stderr, flush=True)
    return clock.seconds


if __name__ == "__main__":
    main()
