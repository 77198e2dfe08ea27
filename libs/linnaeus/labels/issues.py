"""Labels that are probably wrong: confident learning over out-of-fold probabilities.

Method: Northcutt, Jiang and Chuang (2021), Confident learning: estimating uncertainty in dataset labels. Each class has
a threshold of its own, the mean probability that items labelled so are given for it; an item counts as of the class
whose threshold it passes by the most probability. How often items labelled i count as j, brought to the counts of the
labels, is the joint distribution of given and true labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

Floats = npt.NDArray[np.float64]

CONFIDENT = "confident"


def class_thresholds(predictions: DataFrame, classes: Sequence[str]) -> list[float | None]:
    """The mean probability of each class among the items labelled so; None for a class without any.

    `predictions` has `label` and `probabilities` of a model that did not see the item's label.
    """
    own = F.element_at(c.PROBABILITIES, _place(F.col(c.LABEL), classes))
    means = predictions.groupBy(c.LABEL).agg(F.avg(own).alias("mean")).collect()  # few: a row a class
    by_label = {row[c.LABEL]: row["mean"] for row in means}
    return [by_label.get(name) for name in classes]


def with_confident(predictions: DataFrame, classes: Sequence[str], thresholds: Sequence[float | None]) -> DataFrame:
    """Adds `confident`: of the classes whose threshold the item passes the most probable, the first of equals; null
    where it passes none."""
    least = F.array(*[F.lit(None if value is None else float(value)).cast("double") for value in thresholds])
    # A mean that all rows share may lie above each of them by rounding.
    passing = F.zip_with(c.PROBABILITIES, least, lambda p, t: F.when(p >= t - F.lit(1e-12), p).otherwise(F.lit(-1.0)))
    best = F.array_max("__passing")
    found = F.when(
        best >= 0, F.element_at(_names(classes), F.expr("cast(array_position(__passing, array_max(__passing)) as int)"))
    )
    return predictions.withColumn("__passing", passing).withColumn(CONFIDENT, found).drop("__passing")


def joint_counts(confident: DataFrame, classes: Sequence[str]) -> Floats:
    """The confident joint (classes, classes): items labelled i that count as j, brought to the counts of the labels."""
    place = {name: i for i, name in enumerate(classes)}
    counted, labelled = np.zeros((len(classes), len(classes))), np.zeros(len(classes))
    for row in confident.groupBy(c.LABEL, CONFIDENT).count().collect():  # few: pairs of classes
        labelled[place[row[c.LABEL]]] += row["count"]
        if row[CONFIDENT] is not None:
            counted[place[row[c.LABEL]], place[row[CONFIDENT]]] += row["count"]
    totals = counted.sum(axis=1)
    empty = totals == 0
    counted[empty, empty] = 1.0  # no item of the class counts as any: they are taken as labelled
    return np.asarray(counted / np.where(empty, 1.0, totals)[:, None] * labelled[:, None])


def n_wrong(joint: Floats) -> float:
    """How many labels are wrong by the joint: all that lies off its diagonal."""
    return float(joint.sum() - joint.trace())


def suspects(predictions: DataFrame, classes: Sequence[str], joint: Floats, most: int) -> DataFrame:
    """The rows whose label is less probable than another, as many as the joint says are wrong (`most` at most), the
    most doubtful first: with `suggested`, `margin`, `reason` and `rank`.

    The margin is the probability of the label less that of the suggestion, the likeliest class; ties go by
    `content_id`. That is the paper's pruning by noise rate, over all pairs of classes together.
    """
    own, other = F.element_at(c.PROBABILITIES, _place(F.col(c.LABEL), classes)), F.array_max(c.PROBABILITIES)
    place_of_best = F.call_function("array_position", F.col(c.PROBABILITIES), other).cast("int")
    likeliest = F.element_at(_names(classes), place_of_best)
    suspect = predictions.withColumn(c.SUGGESTED, likeliest).where(own < other)
    measured = suspect.select(
        *[name for name in suspect.columns if name not in (c.PROBABILITIES, CONFIDENT)],
        (own - other).alias(c.MARGIN),
        _reason(own, other, classes, joint).alias(c.REASON),
    )
    place = F.row_number().over(Window.partitionBy(c.FACET).orderBy(c.MARGIN, c.CONTENT_ID))
    return measured.withColumn(c.RANK, place.cast("long")).where(F.col(c.RANK) <= min(most, round(n_wrong(joint))))


def _reason(own: Column, other: Column, classes: Sequence[str], joint: Floats) -> Column:
    """In words: both probabilities, and how common the mistake is."""
    shares = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-12)
    rows = F.array(*[F.array(*[F.lit(float(value)) for value in row]) for row in shares])
    share = F.element_at(F.element_at(rows, _place(F.col(c.LABEL), classes)), _place(F.col(c.SUGGESTED), classes))
    return F.format_string(
        "a model that did not see the label gives %s %.2f and %s %.2f; about %.1f%% of what is labelled %s is %s",
        F.col(c.SUGGESTED), other, F.col(c.LABEL), own, share * 100, F.col(c.LABEL), F.col(c.SUGGESTED),
    )  # fmt: skip


def _place(label: Column, classes: Sequence[str]) -> Column:
    """Of a label among the classes, from 1."""
    return F.call_function("array_position", _names(classes), label).cast("int")


def _names(classes: Sequence[str]) -> Column:
    return F.array(*[F.lit(name) for name in classes])
