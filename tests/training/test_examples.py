"""Labelled contents: classes that can be trained, places, balance, and a fingerprint of it all."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.training.examples import CLASS, balanced, classes_of, label_counts, with_class_index, without_suspects
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN


def rows_of(spark: SparkSession) -> DataFrame:
    counts = {
        ("news", TRAIN): 6,
        ("arts", TRAIN): 2,
        ("rare", TRAIN): 1,
        ("arts", CALIBRATION): 1,
        ("new", HELD_OUT): 3,
    }
    rows = [(label, part, 0.5) for (label, part), n in counts.items() for _ in range(n)]
    return spark.createDataFrame(rows, f"{c.LABEL} string, {c.PART} string, {c.WEIGHT} float")


def test_classes_are_labels_with_enough_training_rows(spark: SparkSession) -> None:
    counts = label_counts(rows_of(spark))
    assert counts[CALIBRATION, "arts"] == 1 and counts[HELD_OUT, "new"] == 3
    assert classes_of(counts, 1) == ("arts", "news", "rare")
    assert classes_of(counts, 2) == ("arts", "news")
    assert classes_of(counts, 7) == ()


@pytest.mark.parametrize(
    ("exponent", "arts", "news"), [(0.0, 0.5, 0.5), (1.0, 1.0, 1 / 3), (0.5, 0.5 * 2**0.5, 0.5 * (2 / 3) ** 0.5)]
)
def test_balance(spark: SparkSession, exponent: float, arts: float, news: float) -> None:
    rows = with_class_index(rows_of(spark), ("arts", "news"))
    found = balanced(rows, (2, 6), exponent)
    assert found.schema[c.WEIGHT].dataType.simpleString() == "float"
    weights = {(row[CLASS], round(row[c.WEIGHT], 5)) for row in found.collect()}
    assert weights == {(0, round(arts, 5)), (1, round(news, 5))}
    if exponent == 1.0:  # all training rows of a class together
        assert 2 * arts == pytest.approx(6 * news)


def test_suspects_are_not_trained_on_and_judge_all_the_same(spark: SparkSession) -> None:
    rows = [("a", "news", TRAIN), ("b", "news", TRAIN), ("c", "news", HELD_OUT), ("d", "arts", CALIBRATION)]
    frame = spark.createDataFrame(rows, f"{c.CONTENT_ID} string, {c.LABEL} string, {c.PART} string")
    doubted = [
        ("a", "category", "news"),
        ("b", "category", "arts"),
        ("b", "risk.spam", "news"),
        ("c", "category", "news"),
    ]
    issues = spark.createDataFrame(doubted, f"{c.CONTENT_ID} string, {c.FACET} string, {c.LABEL} string")
    found = without_suspects(frame, issues, "category")
    assert {row[c.CONTENT_ID] for row in found.collect()} == {"b", "c", "d"}  # b's label is another since
