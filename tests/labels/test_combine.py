"""Gold labels over crowd labels, on tables that can be checked by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.labels.combine import gold_over_crowd

_GOLD = f"{c.ITEM_ID} string, {c.FACET} string, {c.LABEL} string"
_CROWD = f"{_GOLD}, {c.PROBABILITY} double, {c.N_VOTES} bigint, {c.ENTROPY} double, {c.UNCERTAINTY} double"
_CROWD += f", {c.POSTERIOR} map<string, float>"
_SPAM, _POLITICS = {"no": 0.625, "yes": 0.375}, {"politics": 1.0}


def test_gold_counts_where_there_is_gold(spark: SparkSession) -> None:
    gold = [("both", "category", "sport"), ("agreed", "category", "tech"), ("gold alone", "category", "tech")]
    crowd = [
        ("both", "category", "tech", 0.75, 4, 0.8, 0.7, {"tech": 0.75, "sport": 0.25}),
        ("both", "risk.spam", "no", 0.625, 5, 0.9, 0.8, _SPAM),
        ("agreed", "category", "tech", 0.5, 2, 1.0, 1.0, {"tech": 0.5, "sport": 0.5}),
        ("crowd alone", "category", "politics", 1.0, 1, 0.0, 0.0, _POLITICS),
    ]
    found = gold_over_crowd(spark.createDataFrame(gold, _GOLD), spark.createDataFrame(crowd, _CROWD))
    assert found.columns == schemas.LABELS.names
    assert [field.dataType for field in found.schema] == [field.dataType for field in schemas.LABELS]
    assert sorted(map(tuple, found.collect()), key=lambda row: row[:2]) == [
        ("agreed", "category", "tech", 1.0, 2, "gold", 1.0, 0.0, None),
        ("both", "category", "sport", 1.0, 4, "gold", 0.8, 0.0, None),
        ("both", "risk.spam", "no", 0.625, 5, "crowd", 0.9, 0.8, _SPAM),
        ("crowd alone", "category", "politics", 1.0, 1, "crowd", 0.0, 0.0, _POLITICS),
        ("gold alone", "category", "tech", 1.0, 0, "gold", None, 0.0, None),
    ]


def test_either_may_be_empty(spark: SparkSession) -> None:
    gold = spark.createDataFrame([("a", "category", "tech")], _GOLD)
    crowd = spark.createDataFrame([("a", "category", "sport", 0.5, 2, 1.0, 1.0, {"sport": 0.5})], _CROWD)
    assert list(map(tuple, gold_over_crowd(gold, crowd.limit(0)).collect())) == [
        ("a", "category", "tech", 1.0, 0, "gold", None, 0.0, None)
    ]
    assert list(map(tuple, gold_over_crowd(gold.limit(0), crowd).collect())) == [
        ("a", "category", "sport", 0.5, 2, "crowd", 1.0, 1.0, {"sport": 0.5})
    ]
