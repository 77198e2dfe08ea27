"""Gold labels over crowd labels, and the accuracy of annotators, on tables that can be checked by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.labels.combine import annotator_accuracy, gold_over_crowd

_GOLD = f"{c.ITEM_ID} string, {c.FACET} string, {c.LABEL} string"
_CROWD = f"{_GOLD}, {c.PROBABILITY} double, {c.N_VOTES} bigint"
_VOTES = f"{_GOLD}, {c.ANNOTATOR_ID} string"


def test_gold_counts_where_there_is_gold(spark: SparkSession) -> None:
    gold = [("both", "category", "sport"), ("agreed", "category", "tech"), ("gold alone", "category", "tech")]
    crowd = [
        ("both", "category", "tech", 0.75, 4),
        ("both", "risk.spam", "no", 0.6, 5),
        ("agreed", "category", "tech", 0.5, 2),
        ("crowd alone", "category", "politics", 1.0, 1),
    ]
    found = gold_over_crowd(spark.createDataFrame(gold, _GOLD), spark.createDataFrame(crowd, _CROWD))
    assert found.columns == schemas.LABELS.names
    assert [field.dataType for field in found.schema] == [field.dataType for field in schemas.LABELS]
    assert sorted(map(tuple, found.collect())) == [
        ("agreed", "category", "tech", 1.0, 2, "gold"),
        ("both", "category", "sport", 1.0, 4, "gold"),
        ("both", "risk.spam", "no", 0.6, 5, "crowd"),
        ("crowd alone", "category", "politics", 1.0, 1, "crowd"),
        ("gold alone", "category", "tech", 1.0, 0, "gold"),
    ]


def test_either_may_be_empty(spark: SparkSession) -> None:
    gold = spark.createDataFrame([("a", "category", "tech")], _GOLD)
    crowd = spark.createDataFrame([("a", "category", "sport", 0.5, 2)], _CROWD)
    assert list(map(tuple, gold_over_crowd(gold, crowd.limit(0)).collect())) == [
        ("a", "category", "tech", 1.0, 0, "gold")
    ]
    assert list(map(tuple, gold_over_crowd(gold.limit(0), crowd).collect())) == [
        ("a", "category", "sport", 0.5, 2, "crowd")
    ]


def test_accuracy_of_annotators(spark: SparkSession) -> None:
    labels = spark.createDataFrame(
        [("i1", "category", "tech"), ("i2", "category", "sport"), ("i1", "risk.spam", "no")], _GOLD
    )
    votes = [
        ("i1", "category", "tech", "ann"),
        ("i2", "category", "tech", "ann"),
        ("i1", "risk.spam", "no", "ann"),
        ("i1", "category", "tech", "bob"),
        ("i2", "category", "sport", "bob"),
        ("i2", "category", "tech", "cid"),
        ("i9", "category", "tech", "cid"),  # no label there, so it says nothing about cid
        ("i2", "risk.spam", "no", "dan"),
    ]
    found = annotator_accuracy(spark.createDataFrame(votes, _VOTES), labels)
    assert found.columns == schemas.ANNOTATORS.names
    assert [field.dataType for field in found.schema] == [field.dataType for field in schemas.ANNOTATORS]
    assert sorted(map(tuple, found.collect())) == [
        ("ann", "category", 0.5, 2),
        ("ann", "risk.spam", 1.0, 1),
        ("bob", "category", 1.0, 2),
        ("cid", "category", 0.0, 1),
    ]
