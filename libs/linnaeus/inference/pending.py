"""Which contents must be scored anew."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


def pending(features: DataFrame, stored: DataFrame, stamps: Mapping[str, str | None]) -> DataFrame:
    """Features of contents whose stored row is absent or came from another text, embedder, model or taxonomy.

    `stamps` are the columns of gold.content_profiles that say what a row came from, and their values in force.
    """
    same = F.col("stored_hash").eqNullSafe(F.col(c.CONTENT_HASH))
    same = same & F.col("stored_embedder").eqNullSafe(F.col(c.EMBEDDER))
    same = same & F.col("stored_creator").eqNullSafe(F.col(c.CREATOR_ID))
    known = stored.select(
        c.CONTENT_ID,
        F.col(c.CONTENT_HASH).alias("stored_hash"),
        F.col(c.EMBEDDER).alias("stored_embedder"),
        F.col(c.CREATOR_ID).alias("stored_creator"),
        *[F.col(name).alias(f"stored_{name}") for name in stamps],
    )
    for name, value in stamps.items():
        same = same & F.col(f"stored_{name}").eqNullSafe(F.lit(value))
    return features.join(known, c.CONTENT_ID, "left").where(~same).select(*features.columns)
