"""Which contents must be scored anew, and in which order."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.inference.pending import IS_CHANGED, IS_STORED, first_to_score, outdated, pending

STAMPS = {c.CATEGORY_MODEL: "category/2", c.RISK_MODEL: None, c.TAXONOMY_VERSION: "t1", c.FEATURE_MANIFEST: "m1"}
IN_FORCE = "e@1"
Stored = tuple[str, str, str | None, str, str | None, str | None, str, str | None]

ROWS: list[Stored] = [
    ("same", "h1", "e@1", "ann", "category/2", None, "t1", "m1"),
    ("text", "h9", "e@1", "ann", "category/2", None, "t1", "m1"),
    ("embedder", "h1", "e@0", "ann", "category/2", None, "t1", "m1"),
    ("creator", "h1", "e@1", "bob", "category/2", None, "t1", "m1"),
    ("model", "h1", "e@1", "ann", "category/1", None, "t1", "m1"),
    ("other", "h1", "e@1", "ann", "category/2", "risk/1", "t1", "m1"),
    ("taxonomy", "h1", "e@1", "ann", "category/2", None, "t0", "m1"),
    ("manifest", "h1", "e@1", "ann", "category/2", None, "t1", "m0"),
    ("before", "h1", "e@1", "ann", "category/2", None, "t1", None),
    ("image", "h0", None, "ann", "category/2", None, "t1", "m1"),
    ("embedded", "h1", None, "ann", "category/2", None, "t1", "m1"),
    ("old image", "h0", None, "ann", "category/1", None, "t1", "m1"),
    ("deleted", "h1", "e@1", "ann", "category/1", None, "t1", "m1"),
]
VIEWS = {"model": 7, "taxonomy": 9, "text": 1, "manifest": 9}


def content(spark: SparkSession) -> DataFrame:
    names = [row[0] for row in ROWS if row[0] != "deleted"]
    rows = [(name, "h0" if "image" in name else "h1", "ann", VIEWS.get(name)) for name in [*names, "new"]]
    kinds = f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, {c.CREATOR_ID} string, {c.VIEWS} long"
    return spark.createDataFrame(rows, kinds)


def stored(spark: SparkSession, rows: list[Stored]) -> DataFrame:
    names = (c.CONTENT_ID, c.CONTENT_HASH, c.EMBEDDER, c.CREATOR_ID, *STAMPS)
    return spark.createDataFrame(rows, ", ".join(f"{name} string" for name in names))


def found(
    spark: SparkSession, stamps: dict[str, str | None] = STAMPS, rows: list[Stored] = ROWS, is_full: bool = False
) -> DataFrame:
    vectors = spark.createDataFrame([("h1",)], f"{c.CONTENT_HASH} string")
    return pending(outdated(content(spark), stored(spark, rows), stamps, IN_FORCE, is_full), vectors)


def ids(rows: DataFrame) -> list[str]:
    return [row[c.CONTENT_ID] for row in rows.collect()]


def test_what_came_from_anything_else_is_pending(spark: SparkSession) -> None:
    rows = {row[c.CONTENT_ID]: (row[IS_STORED], row[IS_CHANGED]) for row in found(spark).collect()}
    changed = {"text": (True, True), "creator": (True, True), "embedded": (True, True), "new": (False, True)}
    rescored = ("before", "embedder", "manifest", "model", "old image", "other", "taxonomy")
    assert rows == changed | dict.fromkeys(rescored, (True, False))


def test_what_was_changed_goes_before_what_only_the_models_were_for_and_then_views_count(spark: SparkSession) -> None:
    expected = ["text", "creator", "embedded", "new", "manifest", "taxonomy", "model", "before"]
    assert ids(first_to_score(found(spark), 8)) == expected


def test_a_model_that_comes_into_force_makes_all_pending(spark: SparkSession) -> None:
    every = set(ids(content(spark)))
    assert set(ids(found(spark, STAMPS | {c.RISK_MODEL: "risk/1"}))) == every - {"other"}


def test_all_is_pending_where_nothing_is_stored_or_all_is_asked_for(spark: SparkSession) -> None:
    every = sorted(ids(content(spark)))
    assert sorted(ids(found(spark, rows=[]))) == sorted(ids(found(spark, is_full=True))) == every
