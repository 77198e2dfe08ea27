"""One row a key: which of several records with the same key counts."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

IS_STORED = "is_stored"
SUPERSEDED = "superseded_vote"
CONFLICTING = "conflicting_gold_label"
_STORED = "stored "  # before a column of the stored row
_IS_TOLD = "is told"


def newest(rows: DataFrame, key: tuple[str, ...], time: str, late: datetime.datetime | None = None) -> DataFrame:
    """The row with the newest `time` of each key: none counts as oldest, and one from `late` on as older still.

    Ties go to the greatest of the remaining columns, so that the answer does not depend on the order of the input. A
    maximum of structs is aggregated before the shuffle: a key with millions of rows is no straggler.
    """
    others = [name for name in rows.columns if name not in (*key, time)]
    best = F.max(F.struct(_is_told(time, late).alias(_IS_TOLD), time, *others)).alias("best")
    return rows.groupBy(*key).agg(best).select(*key, "best.*").select(*rows.columns)


def drop_stale(
    rows: DataFrame, stored: DataFrame, key: tuple[str, ...], time: str, late: datetime.datetime | None = None
) -> DataFrame:
    """Rows without those that the table already holds in a newer version, as `newest` tells it."""
    known = stored.select(*key, _age(time, late).alias(_STORED))
    is_stale = F.coalesce(_age(time, late) < F.col(_STORED), F.lit(False))
    return rows.join(known, list(key), "left").where(~is_stale).select(*rows.columns)


def _age(time: str, late: datetime.datetime | None) -> Column:
    return F.struct(_is_told(time, late).alias(_IS_TOLD), F.col(time))


def _is_told(time: str, late: datetime.datetime | None) -> Column:
    """False for a time that is a slip, or yet to come."""
    return F.lit(True) if late is None else F.coalesce(F.col(time) < F.lit(late), F.lit(True))


def tied(rows: DataFrame, stored: DataFrame, key: tuple[str, ...], time: str, compared: Sequence[str]) -> DataFrame:
    """Keys of rows that have the stored row's time (or none, as it has) and differ from it in `compared` columns.

    Which of the two counts follows from all rows of the key, those of files that are not read among them.
    """
    before = stored.select(*key, *[F.col(name).alias(_STORED + name) for name in {time, *compared}])
    has_its_time = F.col(time).eqNullSafe(F.col(_STORED + time))
    return rows.join(before, list(key)).where(has_its_time & _differs(compared)).select(*key)


def changed(rows: DataFrame, stored: DataFrame, key: tuple[str, ...], compared: Sequence[str]) -> DataFrame:
    """Rows that are not stored, or not with the same `compared` columns; `is_stored` says whether the key is."""
    before = stored.select(
        *key, *[F.col(name).alias(_STORED + name) for name in compared], F.lit(True).alias(IS_STORED)
    )
    joined = rows.join(before, list(key), "left")
    is_stored = F.coalesce(IS_STORED, F.lit(False))
    return joined.where(~is_stored | _differs(compared)).select(*rows.columns, is_stored.alias(IS_STORED))


def _differs(compared: Sequence[str]) -> Column:
    """Whether a row differs from the stored one beside it."""
    return reduce(operator.or_, [~F.col(name).eqNullSafe(F.col(_STORED + name)) for name in compared])


def superseded_votes(votes: DataFrame, kept: DataFrame, stored: DataFrame) -> DataFrame:
    """Votes of an annotator whose newer vote, among these or stored, has another label; coded for quarantine."""
    key = [c.ITEM_ID, c.FACET, c.ANNOTATOR_ID]
    standing = stored.select(*key, c.LABEL).join(kept.select(*key), key, "left_anti")
    winner = kept.select(*key, c.LABEL).union(standing).withColumnRenamed(c.LABEL, "kept_label")
    overruled = votes.join(winner, key).where(F.col(c.LABEL) != F.col("kept_label"))
    return overruled.select(*votes.columns).withColumn(c.ERRORS, F.array(F.lit(SUPERSEDED)))


def replaced_votes(stored: DataFrame, kept: DataFrame) -> DataFrame:
    """Stored votes that a vote which is kept now replaces with another label; as records (`raw`, JSON) with codes."""
    key = [c.ITEM_ID, c.FACET, c.ANNOTATOR_ID]
    winner = kept.select(*key, F.col(c.LABEL).alias("kept_label"))
    replaced = stored.join(winner, key).where(F.col(c.LABEL) != F.col("kept_label"))
    record = F.to_json(F.struct(*key, c.LABEL, c.VOTED_AT))
    return replaced.select(
        record.alias(c.RAW), F.lit(None).cast("binary").alias(c.RAW_BYTES), F.array(F.lit(SUPERSEDED)).alias(c.ERRORS)
    )


def conflicting_gold(labels: DataFrame) -> DataFrame:
    """Gold labels of an item and facet for which the same source also gives another label, coded for quarantine."""
    key = [c.ITEM_ID, c.FACET]
    torn = labels.groupBy(*key).agg(F.min(c.LABEL).alias("low"), F.max(c.LABEL).alias("high"))
    torn = torn.where(F.col("low") != F.col("high")).select(*key)
    return labels.join(torn, key, "left_semi").withColumn(c.ERRORS, F.array(F.lit(CONFLICTING)))
