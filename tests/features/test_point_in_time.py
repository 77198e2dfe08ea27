"""The as-of join against a slow oracle."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.features.point_in_time import as_of_join

KEY = {"item_id": "content_id"}
LABELS = "item_id string, label string, voted_at timestamp"
HISTORY = "content_id string, valid_from timestamp, embedding array<float>, n_tokens int"
START = datetime.datetime(2024, 1, 1)
Row = tuple[Any, ...]


def at(minutes: float) -> datetime.datetime:
    return START + datetime.timedelta(minutes=minutes)


def joined(spark: SparkSession, labels: list[Row], history: list[Row]) -> DataFrame:
    frames = spark.createDataFrame(labels, LABELS), spark.createDataFrame(history, HISTORY)
    return as_of_join(*frames, KEY, "voted_at", "valid_from")


def found(frame: DataFrame) -> list[Row]:
    return sorted((tuple(row) for row in frame.collect()), key=repr)


def by_hand(labels: list[Row], history: list[Row]) -> list[Row]:
    rows = []
    for item, label, time in labels:
        known = [row for row in history if None not in (item, time) and row[0] == item and row[1] <= time]
        features = max(known, key=lambda row: row[1])[1:] if known else (None, None, None)
        rows.append((item, label, time, *features))
    return sorted(rows, key=repr)


def test_the_newest_that_is_not_later(spark: SparkSession) -> None:
    history = [("a", at(10), [0.5], 1), ("a", at(20), [1.0], None), ("b", at(10), None, 3)]
    labels = [
        ("a", "too early", at(10) - datetime.timedelta(microseconds=1)),
        ("a", "at once", at(10)),
        ("a", "between", at(19.9)),
        ("a", "after", at(99)),
        ("b", "a null feature", at(11)),
        ("c", "unknown", at(99)),
        ("a", "no time", None),
        (None, "no item", at(99)),
    ]
    frame = joined(spark, labels, history)
    assert frame.columns == ["item_id", "label", "voted_at", "valid_from", "embedding", "n_tokens"]
    rows = {row["label"]: tuple(row)[3:] for row in frame.collect()}
    none = (None, None, None)
    assert rows == {
        "too early": none,
        "at once": (at(10), [0.5], 1),
        "between": (at(10), [0.5], 1),
        "after": (at(20), [1.0], None),
        "a null feature": (at(10), None, 3),
        "unknown": none,
        "no time": none,
        "no item": none,
    }


@pytest.mark.parametrize("seed", range(3))
def test_as_the_oracle_on_random_rows(spark: SparkSession, seed: int) -> None:
    """Few items, so that histories are long, labels fall on their very times, and one item has most labels."""
    rng = np.random.default_rng(seed)
    times = {(f"i{item}", int(minute)) for item, minute in rng.integers(0, (8, 60), (90, 2))}
    history = [(item, at(minute), [float(minute)], minute) for item, minute in sorted(times)]
    items = np.where(rng.random(400) < 0.7, 0, rng.integers(0, 10, 400))
    labels = [
        (f"i{item}", str(place % 5), None if place % 50 == 0 else at(int(minute)))
        for place, (item, minute) in enumerate(zip(items, rng.integers(-5, 65, 400), strict=True))
    ]
    assert found(joined(spark, labels, history)) == by_hand(labels, history)


def test_of_nothing(spark: SparkSession) -> None:
    labels = [("a", "x", at(1))]
    assert found(joined(spark, labels, [])) == [("a", "x", at(1), None, None, None)]
    assert found(joined(spark, [], [("a", at(0), [1.0], 1)])) == []


def test_labels_are_never_grouped_or_sorted_into_one_place(spark: SparkSession) -> None:
    plan = joined(spark, [("a", "x", at(1))], [("a", at(0), [1.0], 1)])._jdf.queryExecution().optimizedPlan().toString()
    assert "Window" not in plan and plan.count("Aggregate") == 1  # the one gathers an item's times


def test_names_that_clash_are_refused(spark: SparkSession) -> None:
    labels = spark.createDataFrame([("a", "x", at(1), 1)], f"{LABELS}, n_tokens int")
    history = spark.createDataFrame([("a", at(0), [1.0], 1)], HISTORY)
    with pytest.raises(ValueError, match="both have n_tokens"):
        as_of_join(labels, history, KEY, "voted_at", "valid_from")


def test_more_than_one_column_is_a_key(spark: SparkSession) -> None:
    labels = spark.createDataFrame(
        [("a", "spam", at(5)), ("a", "hate", at(5))], "item_id string, facet string, t timestamp"
    )
    history = spark.createDataFrame(
        [("a", "spam", at(1), 1), ("a", "hate", at(9), 2)],
        "content_id string, facet string, valid_from timestamp, n int",
    )
    rows = as_of_join(labels, history, {"item_id": "content_id", "facet": "facet"}, "t", "valid_from").collect()
    assert {row["facet"]: row["n"] for row in rows} == {"spam": 1, "hate": None}
