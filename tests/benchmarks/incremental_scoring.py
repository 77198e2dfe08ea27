"""score_content as a job: a full run, one after a share of the contents has changed, and one after nothing has.

    .venv/bin/python tests/benchmarks/incremental_scoring.py [--rows 1000000] [--changed 0.01]

A lake is made by a seeded generator: contents with a short text, tokens and statistics, and a vector of 384 a text. The
model has 10 classes: a booster of as many rounds as conf/base.yml says, fitted on noise, and linear models.
Timed is the whole job (`main`), from the registry's answer to the committed rows. The changes (new texts with their
tokens and vectors, merged as ingest and the feature jobs do) are not timed.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import CHAMPION, Tracking
from tests.benchmarks.support import print_table, timed
from tests.oracles import random_bundle
from tests.runtime.test_tracking import register_as

SEED, CLASSES, CREATORS = 17, tuple(f"class {i}" for i in range(10)), 20_000
WORDS = [f"word{i}" for i in range(3000)]


def contents(session: SparkSession, n: int, generation: int, share: float = 1.0) -> DataFrame:
    """Rows of bronze.content by number; of a later generation only a share of them, with another text."""
    number = F.col("id")
    chosen = F.pmod(F.xxhash64(number, F.lit(SEED)), F.lit(10_000)) < int(10_000 * share)
    body = F.concat_ws(" ", F.lit(f"generation {generation} of content"), number.cast("string"))
    rows = session.range(0, n, numPartitions=8).where(chosen)
    return rows.select(
        F.format_string("content-%09d", number).alias(c.CONTENT_ID),
        F.format_string("creator-%d", F.pmod(F.xxhash64(number), F.lit(CREATORS))).alias(c.CREATOR_ID),
        F.lit("text").alias(c.KIND),
        F.lit(None).cast("string").alias(c.TITLE),
        body.alias(c.BODY),
        F.lit(None).cast("string").alias(c.URI),
        F.lit("2026-01-01").cast("timestamp").alias(c.PUBLISHED_AT),
        F.sha2(body, 256).alias(c.CONTENT_HASH),
        F.current_timestamp().alias(c.INGESTED_AT),
        F.pmod(F.xxhash64(number), F.lit(100_000)).alias(c.VIEWS),
    )


def tokens_of(rows: DataFrame, tokenizer: str) -> DataFrame:
    """Rows of silver.tokens: 20 tokens, and statistics that follow from the text's hash."""
    drawn = [F.pmod(F.xxhash64(c.CONTENT_HASH, F.lit(i)), F.lit(len(WORDS))) for i in range(20)]
    words = F.array(*[F.concat(F.lit("word"), one.cast("string")) for one in drawn])
    form = [
        (F.pmod(F.xxhash64(c.CONTENT_HASH, F.lit(-1 - i)), F.lit(1000)) / 1000).cast("float").alias(name)
        for i, name in enumerate(schemas.STATISTICS.names)
    ]
    made = rows.select(
        c.CONTENT_ID,
        c.CONTENT_HASH,
        F.lit(tokenizer).alias(c.TOKENIZER),
        F.lit("en").alias(c.LANGUAGE),
        words.alias(c.TOKENS),
        F.lit(20).alias(c.N_TOKENS),
        F.struct(*form).alias(c.STATISTICS),
        F.lit(1).alias(c.N_SENTENCES),
    )
    return made.select(*tables.TOKENS.columns)


def vectors_of(rows: DataFrame, embedder: str, dimension: int) -> DataFrame:
    """Rows of silver.text_embeddings: unit vectors drawn by the text's hash."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            hashes = batch.column(0).to_pylist()
            seed = int(hashlib.sha256(hashes[0].encode()).hexdigest()[:8], 16) if hashes else 0
            drawn = np.random.default_rng(seed).standard_normal((len(hashes), dimension), np.float32)
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            columns = [
                batch.column(0),
                pa.array([embedder] * len(hashes)),
                pa.array([row.tobytes() for row in drawn], pa.binary()),
                pa.nulls(len(hashes), pa.list_(pa.int32())),
                pa.array([20] * len(hashes), pa.int32()),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=schemas.TEXT_EMBEDDINGS.names)

    return rows.select(c.CONTENT_HASH).mapInArrow(run, schemas.TEXT_EMBEDDINGS)


def fill(lake: Lake, config: Config, rows: DataFrame, is_first: bool) -> None:
    """Contents with their features: written as they are at first, then merged."""
    manifest = manifest_in_force(config)
    made = (
        (rows, tables.CONTENT),
        (tokens_of(rows, manifest.tokenizer), tables.TOKENS),
        (vectors_of(rows, manifest.embedder, manifest.dimension), tables.TEXT_EMBEDDINGS),
    )
    for frame, table in made:
        if is_first:
            lake.append(frame, table)
        else:
            lake.merge(frame, table)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--changed", type=float, default=0.01)
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="incremental-"))
    config = load_config(
        "local",
        [
            f"lake.root={folder / 'lake'}",
            f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
            f"tracking.artifacts={folder / 'artifacts'}",
            "spark.master=local[2]",
            "spark.extra={}",
            "spark.shuffle_partitions=8",
            "features.hash_buckets=1024",
        ],
    )
    session = build_session(config)
    lake, tracking, manifest = Lake(session, config), Tracking(config), manifest_in_force(config)
    if not lake.exists(tables.CONTENT):
        fill(lake, config, contents(session, given.rows, 0), is_first=True)
        bundle = random_bundle("category", {"category": CLASSES}, manifest, rounds=config.training.booster.rounds)
        model = config.registry.category_model
        tracking.point(model, CHAMPION, register_as(tracking, model, bundle, Path(served_model.__file__)))
    shutil.rmtree(lake.folder(tables.CONTENT_PROFILES), ignore_errors=True)
    seconds: dict[str, tuple[int, float]] = {}

    def run(name: str) -> None:
        with timed() as clock:
            done = score_content.main(config)
        seconds[name] = (done.rows_written, clock.seconds)
        print(f"{name}: {done.rows_written:,} rows in {clock.seconds:.1f} s", flush=True)

    run("full")
    fill(lake, config, contents(session, given.rows, 1, given.changed), is_first=False)
    run(f"{given.changed:.0%} changed")
    run("nothing changed")
    rows = [
        (name, f"{n:,}", f"{spent:.1f}", f"{spent / seconds['full'][1]:.3f}") for name, (n, spent) in seconds.items()
    ]
    print_table(
        f"score_content, {given.rows:,} contents", ("run", "rows written", "seconds", "over the full run"), rows
    )
    session.stop()
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
