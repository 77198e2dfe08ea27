"""A grade stands for yes or no, and for itself."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.labels.severity import with_severity


def test_a_grade_stands_twice(spark: SparkSession) -> None:
    rows = [
        ("i1", "risk.spam", "ann", "4"),
        ("i1", "risk.spam", "bob", "yes"),
        ("i2", "risk.spam", "ann", "2"),
        ("i2", "risk.hate", "ann", "2"),
        ("i3", "risk.gone", "ann", "5"),  # an area that is configured no more
        ("i4", "category", "ann", "3"),  # a node of that name, no grade
    ]
    votes = spark.createDataFrame(rows, "item_id string, facet string, annotator_id string, label string")
    found = with_severity(votes, {"spam": 3, "hate": 2})
    assert found.columns == votes.columns
    assert sorted(map(tuple, found.collect())) == [
        ("i1", "risk.spam", "ann", "yes"),
        ("i1", "risk.spam", "bob", "yes"),
        ("i1", "severity.spam", "ann", "4"),
        ("i2", "risk.hate", "ann", "yes"),
        ("i2", "risk.spam", "ann", "no"),
        ("i2", "severity.hate", "ann", "2"),
        ("i2", "severity.spam", "ann", "2"),
        ("i3", "risk.gone", "ann", "5"),
        ("i4", "category", "ann", "3"),
    ]
