"""Records of who was erased, wherever in a record the id stands."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.hashed_ids import CREATOR, ITEM, Hasher
from linnaeus.erasure.records import hashes_in, without_erased

HASHER = Hasher("salt")
TORN, WHOLE, NO_ID = ["malformed_record"], ["missing_body"], ["unreadable_id"]


def test_ids_of_records(spark: SparkSession) -> None:
    """Of fields by their names; of what can't be read by every word, for every kind."""
    rows = [
        ('{"creator_id": "ann, b", "content_id": 7, "body": "bob"}', WHOLE, {(CREATOR, "ann, b"), (ITEM, "7")}),
        ('{"item_id": "\\u00e9", "label": "bob"}', WHOLE, {(ITEM, "é")}),
        ('{"body": "bob"}', WHOLE, set()),
        ('{"creator_id": "ann, b", "bo', TORN, {(kind, "ann, b") for kind in (CREATOR, ITEM)}),
        (
            "1;c-3,é_1 x\ty z",
            TORN,
            {(kind, one) for kind in (CREATOR, ITEM) for one in ("1", "c-3", "é_1", "x", "y z")},
        ),
        ('{"creator_id":5,"b', TORN, {(CREATOR, "5"), (ITEM, "5")}),
        ('{"creator_id": 101.0, "content_id": "2.0E7", "item_id": 1e3}', WHOLE,
         {(CREATOR, "101"), (ITEM, "20000000"), (ITEM, "1000")}),
        ('{"creator_id": {"$oid": "ann"}, "content_id": [17.0]}', NO_ID,
         {(kind, one) for kind in (CREATOR, ITEM) for one in ("ann", "17")}),
    ]  # fmt: skip
    frame = spark.createDataFrame([row[:2] for row in rows], "raw string, errors array<string>")
    found = frame.select("raw", hashes_in(F.col("raw"), F.col("errors"), HASHER).alias("hashes")).collect()
    by_raw = {row["raw"]: set(row["hashes"]) for row in found}
    for raw, errors, expected in rows:
        hashes = {HASHER.of(*one) for one in expected}
        assert hashes <= by_raw[raw], raw
        assert errors != WHOLE or hashes == by_raw[raw], raw


def test_what_is_left(spark: SparkSession) -> None:
    rows = [
        ("c1", "ann", "r1", []),
        ("c2", "bob", "r2", []),
        ("c3", "bob", "r3", []),
        ("ann", "c2", "r4", []),  # the same names as ids of another kind
        (None, None, "r5", ["missing_content_id"]),
        (None, None, "so said ann", TORN),
        (None, None, "so said zoe", TORN),
        ("c3", "ann", "r6", TORN),  # the fields of what can't be read mean nothing
    ]
    frame = spark.createDataFrame(rows, "content_id string, creator_id string, raw string, errors array<string>")
    gone = [HASHER.of(CREATOR, "ann"), HASHER.of(ITEM, "c3"), HASHER.of(CREATOR, "nobody"), HASHER.of(ITEM, "c3")]
    erased = spark.createDataFrame([(one,) for one in gone], "id_hash string")
    kept = without_erased(frame, ["content_id", "creator_id"], erased, HASHER)
    assert kept.columns == frame.columns
    assert sorted(row["raw"] for row in kept.collect()) == ["r2", "r4", "r5", "r6", "so said zoe"]
