"""Which contents must be scored anew."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.inference.pending import pending

STAMPS = {c.CATEGORY_MODEL: "category/2", c.RISK_MODEL: None, c.TAXONOMY_VERSION: "t1", c.FEATURE_MANIFEST: "m1"}
Stored = tuple[str, str, str | None, str, str | None, str | None, str, str | None]


def features(spark: SparkSession) -> DataFrame:
    rows = [
        (name, "h1", "e@1", "ann")
        for name in ("same", "text", "embedder", "creator", "model", "other", "taxonomy", "manifest", "before", "new")
    ]
    rows.append(("image", "h0", None, "ann"))
    return spark.createDataFrame(
        rows, f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, {c.EMBEDDER} string, {c.CREATOR_ID} string"
    )


def stored(spark: SparkSession, rows: list[Stored]) -> DataFrame:
    names = (c.CONTENT_ID, c.CONTENT_HASH, c.EMBEDDER, c.CREATOR_ID, *STAMPS)
    return spark.createDataFrame(rows, ", ".join(f"{name} string" for name in names))


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
    ("deleted", "h1", "e@1", "ann", "category/1", None, "t1", "m1"),
]


def test_what_came_from_anything_else_is_pending(spark: SparkSession) -> None:
    found = pending(features(spark), stored(spark, ROWS), STAMPS)
    assert found.columns == features(spark).columns
    expected = ["before", "creator", "embedder", "manifest", "model", "new", "other", "taxonomy", "text"]
    assert sorted(row[c.CONTENT_ID] for row in found.collect()) == expected


def test_a_model_that_comes_into_force_makes_all_pending(spark: SparkSession) -> None:
    found = pending(features(spark), stored(spark, ROWS), STAMPS | {c.RISK_MODEL: "risk/1"})
    assert sorted(row[c.CONTENT_ID] for row in found.collect()) == sorted(
        row[c.CONTENT_ID] for row in features(spark).where(f"{c.CONTENT_ID} != 'other'").collect()
    )


def test_all_is_pending_where_nothing_is_stored(spark: SparkSession) -> None:
    assert pending(features(spark), stored(spark, []), STAMPS).count() == 11
