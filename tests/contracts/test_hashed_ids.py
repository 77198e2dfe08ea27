"""Hashes of ids: the same in Python and in Spark, different for every salt, secret and kind."""

from __future__ import annotations

import hashlib
import hmac

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.hashed_ids import CREATOR, ITEM, Hasher


def test_a_hash_is_what_it_is_said_to_be() -> None:
    key = hmac.new(b"secret", b"salt", hashlib.sha256).hexdigest()
    assert Hasher("salt", "secret").of(CREATOR, "é") == hashlib.sha256(f"{key}creator\né".encode()).hexdigest()
    made = {Hasher(*one).of(kind, "a") for one in (("s", ""), ("t", ""), ("s", "x")) for kind in (CREATOR, ITEM)}
    assert len(made) == 6
    assert len({Hasher(*one).mark for one in (("s", ""), ("t", ""), ("s", "x"))}) == 3


def test_spark_hashes_alike(spark: SparkSession) -> None:
    ids = ["a", "", "é😀", "with 'quotes' \\ and\nlines", None]
    hasher = Hasher("salt's", 'secret "of" ours\\')
    rows = spark.createDataFrame([(one,) for one in ids], "id string")
    found = [row["hash"] for row in rows.select(hasher.column(ITEM, F.col("id")).alias("hash")).collect()]
    assert found == [None if one is None else hasher.of(ITEM, one) for one in ids]
