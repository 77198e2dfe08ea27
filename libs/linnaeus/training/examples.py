"""Labelled contents with their features: what a head is trained, calibrated and judged on."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Split
from linnaeus.training.split import TRAIN, with_split

CLASS = "class_index"


def examples(features: DataFrame, labels: DataFrame, facet: str, split: Split) -> DataFrame:
    """Features joined with a facet's labels: adds `label`, `weight` (the label's probability), `part` and `fold`."""
    wanted = labels.where(F.col(c.FACET) == facet).select(
        F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.LABEL, F.col(c.PROBABILITY).cast("float").alias(c.WEIGHT)
    )
    return with_split(features.join(wanted, c.CONTENT_ID), split)


def classes_of(rows: DataFrame, min_labels: int) -> tuple[str, ...]:
    """Labels with at least `min_labels` training rows, sorted. Few: at most the taxonomy's nodes come to the driver."""
    counted = rows.where(F.col(c.PART) == TRAIN).groupBy(c.LABEL).count()
    kept = counted.where(F.col("count") >= min_labels)
    return tuple(sorted(row[c.LABEL] for row in kept.collect()))  # few: at most one row a taxonomy node


def with_class_index(rows: DataFrame, classes: tuple[str, ...]) -> DataFrame:
    """Adds `class_index` (int, the place in `classes`); rows of other labels are left out."""
    place = F.create_map(*[F.lit(part) for entry in zip(classes, range(len(classes)), strict=True) for part in entry])
    return rows.withColumn(CLASS, place[F.col(c.LABEL)]).where(F.col(CLASS).isNotNull())


def fingerprint_rows(rows: DataFrame) -> str:
    """A fingerprint of which texts are labelled how: the same for the same rows in any order or partitioning."""
    digest = F.xxhash64(c.CONTENT_ID, c.CONTENT_HASH, c.CREATOR_ID, c.EMBEDDER, c.LABEL, c.WEIGHT, c.PART, c.FOLD)
    total = rows.agg(F.sum(digest.cast("decimal(38,0)")).alias("total"), F.count(F.lit(1)).alias("n")).first()
    assert total is not None
    return f"{total['n']}:{total['total']}"
