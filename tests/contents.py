"""Rows of bronze.content for tests and benchmarks of what follows ingest."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze.clean import content_hash
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables


def contents(session: SparkSession, texts: Mapping[str, tuple[str | None, str | None]]) -> DataFrame:
    """Texts (title, body) by their content_id."""
    rows = session.createDataFrame(
        [(key, "creator", "text", title, body) for key, (title, body) in texts.items()],
        "content_id string, creator_id string, kind string, title string, body string",
    )
    rows = rows.select(
        "*",
        F.lit(None).cast("string").alias(c.URI),
        F.lit(None).cast("timestamp").alias(c.PUBLISHED_AT),
        content_hash(F.col(c.TITLE), F.col(c.BODY)).alias(c.CONTENT_HASH),
        F.current_timestamp().alias(c.INGESTED_AT),
        F.lit(None).cast("long").alias(c.VIEWS),
    )
    return rows.select(*tables.CONTENT.columns)
