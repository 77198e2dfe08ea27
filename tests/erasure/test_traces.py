"""Which rows are a creator's, on tables small enough to check by hand."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.contracts import tables
from linnaeus.contracts.hashed_ids import CREATOR, ITEM, TEXT, Hasher
from linnaeus.contracts.tables import Traces
from linnaeus.erasure.traces import items_of, keys_of, keys_of_texts, remembered

HASHER = Hasher("salt", "secret")


def test_keys(spark: SparkSession) -> None:
    gone = spark.createDataFrame([(HASHER.of(CREATOR, "ann"),), (HASHER.of(ITEM, "c1"),)], "id_hash string")
    profiles = spark.createDataFrame(
        [("c1", "bob"), ("c2", "ann"), ("c1", "ann"), ("ann", "c1"), ("c3", None)],
        "content_id string, creator_id string",
    )
    both = Traces(creators=("creator_id",), contents=("content_id",), texts=("content_hash",))
    found = keys_of(profiles, tables.CONTENT_PROFILES, both, gone, HASHER).collect()
    assert sorted(row["content_id"] for row in found) == ["c1", "c2"], "once each"
    votes = spark.createDataFrame(
        [("c1", "category", "x"), ("ann", "category", "x"), ("c2", "category", "ann")],
        "item_id string, facet string, annotator_id string",
    )
    found = keys_of(votes, tables.VOTES, Traces(items=("item_id",)), gone, HASHER).collect()
    assert [tuple(row) for row in found] == [("c1", "category", "x")], "an annotator of that name is another"
    assert keys_of(votes, tables.VOTES, Traces(), gone, HASHER).columns == list(tables.VOTES.key)
    assert keys_of(votes, tables.VOTES, Traces(), gone, HASHER).isEmpty()


def test_texts_go_with_the_last_content_that_has_them(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("h1", "e"), ("h1", "f"), ("h2", "e"), ("h3", "e")], "content_hash string, embedder string"
    )
    kept = spark.createDataFrame([("h2",), ("h2",), ("h4",)], "content_hash string")
    found = keys_of_texts(rows, tables.TEXT_EMBEDDINGS, Traces(texts=("content_hash",)), kept).collect()
    assert sorted(tuple(row) for row in found) == [("h1", "e"), ("h1", "f"), ("h3", "e")]


def test_what_is_remembered(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("c1", "ann"), ("c1", "ann"), ("c2", "bob"), (None, "ann")], "item_id string, creator_id string"
    )
    ids = items_of(rows, Traces(creators=("creator_id",), items=("item_id",)), "ann")
    texts = spark.createDataFrame([("h1",)], "content_hash string")
    expected = {(CREATOR, "ann"), (ITEM, "c1"), (TEXT, "h1")}
    for is_item_too, more in ((False, set()), (True, {(ITEM, "ann")})):
        found = remembered(ids, texts, "ann", is_item_too, HASHER).collect()
        assert sorted(tuple(row) for row in found) == sorted((HASHER.of(*one), one[0]) for one in expected | more)
