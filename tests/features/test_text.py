"""The text of a content, and which contents lack a feature."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.features.text import pending, text


def test_text_joins_title_and_body(spark: SparkSession) -> None:
    cases = [
        ("both", "A title", "A body", "A title\nA body"),
        ("title", "A title", None, "A title"),
        ("body", None, "A body", "A body"),
        ("neither", None, None, ""),
        ("spaces", "  ", None, ""),
        ("edges", " A title", "A body ", "A title\nA body"),
    ]
    rows = spark.createDataFrame([case[:3] for case in cases], f"{c.CONTENT_ID} string, title string, body string")
    found = {row[c.CONTENT_ID]: row["text"] for row in rows.select(c.CONTENT_ID, text().alias("text")).collect()}
    assert found == {name: expected for name, _, _, expected in cases}


def test_pending_is_what_has_no_row_of_this_text_and_maker(spark: SparkSession) -> None:
    content = spark.createDataFrame(
        [("stored", "h1"), ("changed", "h2"), ("other maker", "h3"), ("new", "h4"), ("both makers", "h5")],
        [c.CONTENT_ID, c.CONTENT_HASH],
    )
    stored = spark.createDataFrame(
        [
            ("stored", "h1", "now"),
            ("changed", "h1", "now"),
            ("other maker", "h3", "before"),
            ("both makers", "h5", "before"),
            ("both makers", "h5", "now"),
            ("gone", "h4", "now"),  # the hash of another content's text is no reason to skip that one
        ],
        [c.CONTENT_ID, c.CONTENT_HASH, c.TOKENIZER],
    )
    found = pending(content, stored, c.TOKENIZER, "now")
    assert found.columns == content.columns
    assert sorted(row[c.CONTENT_ID] for row in found.collect()) == ["changed", "new", "other maker"]


def test_all_is_pending_where_nothing_is_stored(spark: SparkSession) -> None:
    content = spark.createDataFrame([("a", "h1"), ("b", "h1")], [c.CONTENT_ID, c.CONTENT_HASH])
    stored = spark.createDataFrame([], f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, {c.TOKENIZER} string")
    assert pending(content, stored, c.TOKENIZER, "now").count() == 2
