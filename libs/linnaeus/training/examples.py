"""Labelled contents with their features: what a head is trained, calibrated and judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Split
from linnaeus.training.split import TRAIN, with_split

CLASS = "class_index"
Counts = Mapping[tuple[str | None, str], int]  # rows by part and label


def examples(
    features: DataFrame, labels: DataFrame, facet: str, split: Split, with_posterior: bool = False
) -> DataFrame:
    """Features joined with a facet's labels: adds `label`, `weight` (the label's probability), `part` and `fold`.

    `part` is null for rows that take no part (see `with_split`). If asked, `posterior` is added: an array of labels and
    weights (their probabilities), by label; null where no votes stand behind the label.
    """
    answers = F.transform(
        F.array_sort(F.map_entries(c.POSTERIOR)),
        lambda one: F.struct(one["key"].alias(c.LABEL), one["value"].alias(c.WEIGHT)),
    )
    wanted = labels.where(F.col(c.FACET) == facet).select(
        F.col(c.ITEM_ID).alias(c.CONTENT_ID),
        c.LABEL,
        F.col(c.PROBABILITY).cast("float").alias(c.WEIGHT),
        *([answers.alias(c.POSTERIOR)] if with_posterior else []),
    )
    return with_split(features.join(wanted, c.CONTENT_ID), split)


def softened(rows: DataFrame) -> DataFrame:
    """Training rows once for each label of their `posterior`, weighted by its probability; the others as they are.

    The log loss of such rows is the cross-entropy to the posterior as a soft target. Peterson, Battleday, Griffiths and
    Russakovsky (2019), Human uncertainty makes classification more robust; the posterior is that of the votes' model
    (Dawid and Skene, 1979). Rows without one (gold labels) and rows of other parts keep their label: what judges and
    calibrates is one answer.
    """
    own = F.array(F.struct(F.col(c.LABEL), F.col(c.WEIGHT)))
    answers = F.when((F.col(c.PART) == TRAIN) & F.col(c.POSTERIOR).isNotNull(), F.col(c.POSTERIOR)).otherwise(own)
    kept = [name for name in rows.columns if name not in (c.LABEL, c.WEIGHT, c.POSTERIOR)]
    return rows.select(*kept, F.inline(answers))


def without_suspects(rows: DataFrame, issues: DataFrame, facet: str) -> DataFrame:
    """Rows but those in `part` train whose label is in doubt (`issues`: silver.label_issues).

    Northcutt, Jiang and Chuang (2021), Confident learning: estimating uncertainty in dataset labels. Rows that judge
    or calibrate stay: what a model is measured on is not cleaned by a model.
    """
    doubted = issues.where(F.col(c.FACET) == facet).select(c.CONTENT_ID, c.LABEL, F.lit(TRAIN).alias(c.PART))
    return rows.join(doubted, [c.CONTENT_ID, c.LABEL, c.PART], "left_anti")


def label_counts(rows: DataFrame) -> Counts:
    """How many rows there are by part and label; part is None of those that take no part."""
    counted = rows.groupBy(c.PART, c.LABEL).count().collect()  # few: at most a row a taxonomy node and part
    return {(row[c.PART], row[c.LABEL]): row["count"] for row in counted}


def classes_of(counts: Counts, min_labels: int) -> tuple[str, ...]:
    """Labels with at least `min_labels` training rows, sorted."""
    return tuple(sorted(label for (part, label), n in counts.items() if part == TRAIN and n >= min_labels))


def with_class_index(rows: DataFrame, classes: tuple[str, ...]) -> DataFrame:
    """Adds `class_index` (int, the place in `classes`); rows of other labels are left out."""
    place = F.create_map(*[F.lit(part) for entry in zip(classes, range(len(classes)), strict=True) for part in entry])
    return rows.withColumn(CLASS, place[F.col(c.LABEL)]).where(F.col(CLASS).isNotNull())


def balanced(rows: DataFrame, n_by_class: Sequence[int], exponent: float) -> DataFrame:
    """Rows of `class_index` with their `weight` times (mean class size / size of its class) ^ `exponent`.

    0 leaves every row as it is; at 1 all classes weigh the same together.
    """
    if exponent == 0:
        return rows
    mean = sum(n_by_class) / len(n_by_class)
    factors = F.array(*[F.lit(float((mean / max(n, 1)) ** exponent)) for n in n_by_class])
    factor = F.element_at(factors, F.col(CLASS) + 1).cast("float")
    return rows.withColumn(c.WEIGHT, (F.col(c.WEIGHT) * factor).cast("float"))


def fingerprint_rows(rows: DataFrame) -> str:
    """A fingerprint of which texts are labelled how: the same for the same rows in any order or partitioning."""
    columns = [c.CONTENT_ID, c.CONTENT_HASH, c.CREATOR_ID, c.EMBEDDER, c.LABEL, c.WEIGHT, c.PART, c.FOLD]
    digest = F.xxhash64(*columns, *([c.POSTERIOR] if c.POSTERIOR in rows.columns else []))
    total = rows.agg(F.sum(digest.cast("decimal(38,0)")).alias("total"), F.count(F.lit(1)).alias("n")).first()
    assert total is not None
    return f"{total['n']}:{total['total']}"
