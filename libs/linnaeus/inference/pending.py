"""Which contents must be scored anew, found by narrow columns alone: ids, hashes and stamps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

IS_STORED = "is_stored"  # whether the content has a row in gold.content_profiles
IS_CHANGED = "is_changed"  # whether it has none, or one of another text or creator, or of a text not embedded then
WAS_BARE = "was_bare"  # whether all that may be new is a vector: its row was scored without one


def outdated(
    content: DataFrame, stored: DataFrame, stamps: Mapping[str, str | None], embedder: str, is_full: bool = False
) -> DataFrame:
    """Contents whose row is absent or came from anything else; all contents where `is_full`.

    `stored` are rows of gold.content_profiles; `stamps` those of its columns that say what a row came from, and their
    values in force; `embedder` that of the vectors. Gives `content_id`, `content_hash`, `views`, IS_STORED, IS_CHANGED
    and WAS_BARE; what `pending` makes of these rows is to be scored.
    """
    are_stamped = [F.col(name).eqNullSafe(F.lit(value)) for name, value in stamps.items()]
    known = stored.select(
        c.CONTENT_ID,
        F.col(c.CONTENT_HASH).alias("stored_hash"),
        F.col(c.CREATOR_ID).alias("stored_creator"),
        F.col(c.EMBEDDER).alias("stored_embedder"),
        reduce(Column.__and__, are_stamped, F.lit(True)).alias("is_stamped"),
    )
    is_stored = F.col("is_stamped").isNotNull()
    is_same = F.col("stored_hash").eqNullSafe(F.col(c.CONTENT_HASH))
    is_same = is_same & F.col("stored_creator").eqNullSafe(F.col(c.CREATOR_ID))
    is_stamped = F.coalesce("is_stamped", F.lit(False))
    is_current = is_same & is_stamped & F.col("stored_embedder").eqNullSafe(F.lit(embedder))
    was_bare = is_same & is_stamped & F.col("stored_embedder").isNull()
    rows = content.select(c.CONTENT_ID, c.CONTENT_HASH, c.CREATOR_ID, c.VIEWS).join(known, c.CONTENT_ID, "left")
    return rows.where(F.lit(is_full) | ~is_current).select(
        c.CONTENT_ID,
        c.CONTENT_HASH,
        c.VIEWS,
        is_stored.alias(IS_STORED),
        (~is_same | was_bare).alias(IS_CHANGED),
        (was_bare & ~F.lit(is_full)).alias(WAS_BARE),
    )


def pending(candidates: DataFrame, vectors: DataFrame) -> DataFrame:
    """Those of `outdated`'s rows that are to be scored: of the bare ones those whose text has a vector by now.

    `vectors` are rows of silver.text_embeddings of the embedder in force.
    """
    embedded = vectors.select(c.CONTENT_HASH)
    gained = candidates.where(F.col(WAS_BARE)).join(embedded, c.CONTENT_HASH, "left_semi")
    return candidates.where(~F.col(WAS_BARE)).union(gained.select(*candidates.columns))


def first_to_score(pending: DataFrame, most: int) -> DataFrame:
    """At most so many: new and changed contents before those that only models or the taxonomy have changed for; of
    either those of most views first, by their ids where views are the same or not known."""
    return pending.orderBy(F.col(IS_CHANGED).desc(), F.col(c.VIEWS).desc_nulls_last(), c.CONTENT_ID).limit(most)
