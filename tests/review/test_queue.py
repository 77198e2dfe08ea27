"""The review queue: where doubts come from, what they weigh, and that neither a creator nor a category fills it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.tables import Table
from linnaeus.review.queue import candidates, choose, with_priority, with_text


def rows(spark: SparkSession, table: Table, *given: dict[str, Any]) -> DataFrame:
    """Rows of a table, null where nothing is given."""
    values = [tuple(one.get(name) for name in table.columns) for one in given]
    return spark.createDataFrame(values, table.schema)


def test_where_doubts_come_from(spark: SparkSession) -> None:
    names = ("new", "split", "agreed", "gold", "odd gold", "unsure", "against", "below")
    contents = rows(spark, tables.CONTENT, *({"content_id": name, "creator_id": "me"} for name in names))
    labels = rows(
        spark,
        tables.LABELS,
        *(
            {"item_id": item, "facet": "category", "label": "arts", "n_votes": n, "source": source, "uncertainty": bits}
            for item, n, source, bits in (
                ("split", 2, "crowd", 1.0),
                ("agreed", 3, "crowd", 0.0),
                ("gold", 0, "gold", 0.0),
                ("odd gold", 0, "gold", 0.0),
                ("against", 1, "crowd", 0.0),
                ("below", 1, "crowd", 0.0),
            )
        ),
    )
    profiles = rows(
        spark,
        tables.CONTENT_PROFILES,
        {"content_id": "unsure", "category": "jazz", "category_path": ["arts", "jazz"], "category_probability": 0.5},
        {"content_id": "against", "category": "sport", "category_path": ["sport"], "category_probability": 1.0},
        {"content_id": "below", "category": "jazz", "category_path": ["arts", "jazz"], "category_probability": 1.0},
    )
    issues = rows(spark, tables.LABEL_ISSUES, {"content_id": "odd gold", "facet": "category", "margin": -0.8})
    found = candidates(contents, labels, profiles, issues, {"category": 4})
    said = {row[c.ITEM_ID]: (round(row[c.UNCERTAINTY], 6), row[c.REASON], row[c.N_VOTES]) for row in found.collect()}
    assert said.pop("below")[0] == 0.0, "a vote for the parent of what the model says is no contradiction"
    assert said == {
        "new": (1.0, "nothing is known of it", 0),
        "split": (0.5, "annotators disagree", 2),
        "agreed": (0.0, "annotators disagree", 3),
        "odd gold": (0.8, "a model that did not see the label contradicts it", 0),
        "unsure": (1.0, "the model is not sure", 0),
        "against": (1.0, "the model contradicts the votes", 1),
    }


def test_risk_is_asked_by_area(spark: SparkSession) -> None:
    contents = rows(spark, tables.CONTENT, {"content_id": "a", "creator_id": "me", "views": 10})
    profile = {"content_id": "a", "category": "arts", "risk": {"spam": 0.5, "hate": 0.0}}
    label = {"item_id": "a", "facet": "risk.hate", "label": "yes", "n_votes": 1, "source": "crowd", "uncertainty": 0.0}
    found = candidates(
        contents,
        rows(spark, tables.LABELS, label),
        rows(spark, tables.CONTENT_PROFILES, profile),
        rows(spark, tables.LABEL_ISSUES),
        {"risk.spam": 2, "risk.hate": 2},
    )
    said = {row[c.FACET]: (row[c.UNCERTAINTY], row[c.REASON], row[c.CATEGORY], row[c.REACH]) for row in found.collect()}
    assert said == {
        "risk.spam": (pytest.approx(1.0), "the model is not sure", "arts", 10),
        "risk.hate": (pytest.approx(1.0), "the model contradicts the votes", "arts", 10),
    }


def test_priority_falls_with_votes_and_grows_with_reach(spark: SparkSession) -> None:
    made = [("a", 1.0, 0, None), ("b", 1.0, 1, None), ("c", 1.0, 0, 1000), ("d", 0.5, 3, 0)]
    frame = spark.createDataFrame(made, "item_id string, uncertainty double, n_votes long, reach long")
    found = {row[c.ITEM_ID]: row[c.PRIORITY] for row in with_priority(frame, 0.1).collect()}
    assert found == pytest.approx({"a": 1.0, "b": 0.5, "c": 1 + 0.1 * math.log(1001), "d": 0.125})


WAITING = "item_id string, facet string, creator_id string, category string, priority double"


def test_neither_a_creator_nor_a_category_fills_the_queue(spark: SparkSession) -> None:
    made = [(f"m{n:02d}", "category", "one", "arts", 10.0 - n / 100) for n in range(30)]
    made += [(f"a{n:02d}", "category", f"artist {n}", "arts", 5.0 - n / 100) for n in range(30)]
    made += [(f"s{n:02d}", "category", f"player {n}", "sport", 1.0 - n / 100) for n in range(30)]
    made += [("certain", "category", "x", "sport", 0.0)]
    found = choose(spark.createDataFrame(made, WAITING), 12, 3, 0.5).orderBy(c.RANK).collect()
    assert [row[c.RANK] for row in found] == list(range(1, 13))
    assert [row[c.ITEM_ID] for row in found] == [
        *(f"m{n:02d}" for n in range(3)),
        *(f"a{n:02d}" for n in range(3)),
        *(f"s{n:02d}" for n in range(6)),
    ]


def test_a_category_takes_what_others_cannot_fill(spark: SparkSession) -> None:
    made = [(f"a{n:02d}", "category", f"artist {n}", "arts", 5.0) for n in range(30)]
    made += [("s", "category", "player", "sport", 1.0)]
    frame = spark.createDataFrame(made, WAITING)
    found = choose(frame, 12, 3, 0.5)
    assert found.count() == 12 and found.where("category = 'sport'").count() == 1
    again = choose(frame.repartition(7), 12, 3, 0.5)
    assert {tuple(row) for row in again.collect()} == {tuple(row) for row in found.collect()}


def test_what_is_shown(spark: SparkSession) -> None:
    contents = rows(
        spark,
        tables.CONTENT,
        {"content_id": "a", "title": "Title", "body": "a long body"},
        {"content_id": "b", "uri": "s3://x.png"},
        {"content_id": "c"},
        {"content_id": "d", "body": "not chosen"},
    )
    chosen = spark.createDataFrame([("a",), ("b",), ("c",)], "item_id string")
    found = {row[c.ITEM_ID]: row[c.TEXT] for row in with_text(chosen, contents, 12).collect()}
    assert found == {"a": "Title\na long", "b": "s3://x.png", "c": ""}
    assert set(schemas.REVIEW_QUEUE.names) >= {c.TEXT, c.ITEM_ID}
