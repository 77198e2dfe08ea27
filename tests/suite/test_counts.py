"""What pictures are made of, on tables small enough to count by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.suite import counts
from linnaeus.suite.sandbox import PRACTICE, constructed_votes


def rows(frame: object) -> list[tuple[object, ...]]:
    return [tuple(row) for row in frame.collect()]  # type: ignore[attr-defined]


def test_levels_are_powers_of_two(spark: SparkSession) -> None:
    numbers = spark.createDataFrame([(n,) for n in (0, 1, 2, 3, 6, 7)], "n int")
    assert rows(counts.by_power_of_two(numbers, F.col("n"))) == [(0, 1), (1, 2), (2, 2), (3, 1)]


def test_the_frequent_values_and_all_others(spark: SparkSession) -> None:
    given = spark.createDataFrame([(one,) for one in "aaaabbbcd"] + [(None,)], "x string")
    assert rows(counts.by_value(given, "x", 2)) == [("a", 4), ("b", 3), ("others", 3)]


def test_each_facets_labels(spark: SparkSession) -> None:
    given = spark.createDataFrame(
        [("f", "a"), ("f", "a"), ("f", "b"), ("f", "c"), ("g", "a")], "facet string, label string"
    )
    assert rows(counts.by_label(given, 2)) == [("f", "a", 2), ("f", "b", 1), ("g", "a", 1)]


def test_copies(spark: SparkSession) -> None:
    content = [("a", "h1", "x"), ("b", "h1", "x"), ("c", "h2", "y"), ("d", "h3", None), ("e", "h3", None)]
    like, other = list(range(64)), list(range(100, 164))
    vectors = [("a", like), ("b", like), ("c", [*like[:60], 9, 9, 9, 9]), ("z", other)]
    found = counts.copies(
        spark.createDataFrame(
            [(*one, None) for one in content], "content_id string, content_hash string, body string, title string"
        ),
        spark.createDataFrame(vectors, "content_id string, signature array<int>"),
        0.8,
    )
    # Two contents without a text are no copies of each other.
    assert dict(rows(found)) == {counts.ITSELF: 3, counts.EXACT: 1, counts.NEAR: 1}


def test_constructed_votes_are_right_as_often_as_their_annotator(spark: SparkSession) -> None:
    gold = spark.range(600).select(
        F.concat(F.lit("c"), "id").alias("item_id"),
        F.lit("category").alias("facet"),
        F.element_at(F.array(F.lit("x"), F.lit("y"), F.lit("z")), (F.col("id") % 3 + 1).cast("int")).alias("label"),
    )
    votes = constructed_votes(gold)
    truth = gold.select("item_id", F.col("label").alias("truth"))
    told = (
        votes.join(truth, "item_id").groupBy("annotator_id").agg(F.avg((F.col("label") == F.col("truth")).cast("int")))
    )
    found = dict(rows(told))
    assert set(found) == set(PRACTICE)
    for name, right in PRACTICE.items():
        assert abs(found[name] - (right + (1 - right) / 3)) < 0.07, name
    assert rows(votes.groupBy("item_id").count().agg(F.min("count"), F.max("count"))) == [(3, 3)]
    assert votes.select("item_id", "annotator_id").distinct().count() == 1800
