"""Hashed terms, and the join of the feature tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.bundle import FeatureGroup, FeatureManifest
from linnaeus.contracts.lexical import term_space
from linnaeus.contracts.schemas import STATISTICS
from linnaeus.features.vector import feature_matrix, features, hashed_terms, with_embedding
from tests.oracles import numbers_of, vector_bytes

BUCKETS = 1 << 16


def terms_of(spark: SparkSession, lists: list[list[str] | None], buckets: int, bigrams: bool) -> list[list[int] | None]:
    rows = spark.createDataFrame(list(enumerate(lists)), "place int, tokens array<string>")
    found = rows.select("place", hashed_terms(F.col("tokens"), buckets, bigrams).alias("terms"))
    assert found.schema["terms"].dataType.simpleString() == "array<int>"
    return [row["terms"] for row in found.orderBy("place").collect()]


def test_golden_numbers(spark: SparkSession) -> None:
    """Models in a registry hold coefficients by number and by bucket: these may never change."""
    (found,) = terms_of(spark, [["café", "$1000", "a"]], BUCKETS, bigrams=True)
    assert found == [518862175, 1025473333, 771207372, 294806802, 609346574]
    assert [number % BUCKETS for number in found] == [13663, 31541, 45260, 25874, 58382]


@pytest.mark.parametrize("buckets", [16, 1000, 65_536, 1 << 20])
def test_terms_are_told_apart_beyond_their_buckets(spark: SparkSession, buckets: int) -> None:
    """As many numbers as int32 holds, and modulo the buckets what hashing into these gives."""
    words = [f"word{i}" for i in range(3000)]
    (found,) = terms_of(spark, [words], buckets, bigrams=False)
    assert found is not None and len(set(found)) >= 2998 and min(found) >= 0 and max(found) < term_space(buckets)
    assert term_space(buckets) % buckets == 0 and 2**30 - buckets < term_space(buckets) <= 2**30
    given = F.transform(F.array(*map(F.lit, words)), lambda word: F.pmod(F.xxhash64(word), F.lit(buckets)).cast("int"))
    row = spark.range(1).select(given.alias("alone")).first()
    assert row is not None and row["alone"] == [number % buckets for number in found]


def test_unigrams_then_pairs(spark: SparkSession) -> None:
    lists: list[list[str] | None] = [[], ["a"], ["a", "b"], ["a", "b", "a"], ["a b", "b a"], None]
    alone = terms_of(spark, lists, BUCKETS, bigrams=False)
    both = terms_of(spark, lists, BUCKETS, bigrams=True)
    assert alone[0] == both[0] == []
    assert alone[1] == both[1] and len(both[1] or []) == 1
    assert [len(terms) if terms is not None else None for terms in both] == [0, 1, 3, 5, 3, None]
    a, b = alone[2] or []
    pair, riap = alone[4] or []
    assert both[2] == [a, b, pair]
    assert both[3] == [a, b, a, pair, riap]


def test_every_term_has_a_bucket(spark: SparkSession) -> None:
    words = [f"word{i}" for i in range(2000)]
    (found,) = terms_of(spark, [words], 100, bigrams=False)
    assert found is not None and len(found) == len(words)
    assert min(found) >= 0 and {number % 100 for number in found} == set(range(100))  # all in use


def test_features_of_another_text_do_not_count(spark: SparkSession) -> None:
    content = spark.createDataFrame(
        [("whole", "h1"), ("stale", "h2"), ("no text", "h3"), ("new", "h4")], [c.CONTENT_ID, c.CONTENT_HASH]
    )
    form = [float(i) for i in range(len(STATISTICS.names))]
    tokens = spark.createDataFrame(
        [
            ("whole", "h1", "t", "en", ["a", "b"], 2, tuple(form), 1),
            ("stale", "h1", "t", "en", ["a"], 1, tuple(form), 1),
            ("no text", "h3", "t", "und", [], 0, tuple([0.0] * len(form)), 0),
        ],
        schemas.TOKENS,
    )
    vectors = spark.createDataFrame([("h1", "e@1", vector_bytes([0.6, 0.8]), None, 2)], schemas.TEXT_EMBEDDINGS)
    found = features(content, tokens, vectors, BUCKETS, bigrams=True)
    assert found.columns == [c.CONTENT_ID, c.CONTENT_HASH, c.STATISTICS, c.TERMS, c.EMBEDDER, c.VECTOR, c.SIGNATURE]
    rows = {row[c.CONTENT_ID]: row for row in found.collect()}
    assert len(rows) == 4
    whole = rows["whole"]
    assert (list(whole[c.STATISTICS]), len(whole[c.TERMS]), whole[c.EMBEDDER]) == (form, 3, "e@1")
    assert all(math.isclose(x, y, rel_tol=1e-6) for x, y in zip(numbers_of(whole[c.VECTOR]), [0.6, 0.8], strict=True))
    made = (c.STATISTICS, c.TERMS, c.EMBEDDER, c.VECTOR)
    assert [rows["stale"][name] for name in made] == [None] * 4
    assert [rows["new"][name] for name in made] == [None] * 4
    assert [rows["no text"][name] for name in made] == [[0.0] * len(form), [], None, None]


def test_the_assembled_vector_and_its_groups(spark: SparkSession) -> None:
    n = len(STATISTICS.names)
    content = spark.createDataFrame([(f"c{i}", f"h{i}") for i in range(5)], [c.CONTENT_ID, c.CONTENT_HASH])
    form = [[i + place / 4 for place in range(n)] for i in range(5)]
    tokens = spark.createDataFrame(
        [(f"c{i}", f"h{i}", "old" if i == 3 else "t@1", "en", ["a"], 1, tuple(form[i]), 1) for i in range(4)],
        schemas.TOKENS,
    )
    made = {"h0": ("e@1", [0.6, 0.8]), "h1": ("e@0", [1.0, 0.0]), "h3": ("e@1", [0.0, 1.0])}
    vectors = spark.createDataFrame(
        [(key, stamp, vector_bytes(vector), None, 1) for key, (stamp, vector) in made.items()], schemas.TEXT_EMBEDDINGS
    )
    manifest = FeatureManifest("e@1", "t@1", 2, tuple(STATISTICS.names), BUCKETS, True)
    rows, groups = feature_matrix(content, tokens, vectors, manifest)
    assert groups == (FeatureGroup("embedding", 0, 2), FeatureGroup("statistics", 2, n))
    assert rows.columns == [c.CONTENT_ID, c.CONTENT_HASH, c.FEATURES]
    assert rows.schema[c.FEATURES].dataType.simpleString() == "array<float>"
    found = {row[c.CONTENT_ID]: row[c.FEATURES] for row in rows.collect()}
    assert found["c3"] is None and found["c4"] is None  # tokens of other settings, and none
    for i, vector in ((0, [0.6, 0.8]), (1, [float("nan")] * 2), (2, [float("nan")] * 2)):  # of the embedder alone
        np.testing.assert_allclose(found[f"c{i}"], [*vector, *form[i]], rtol=1e-6)


def test_the_numbers_of_stored_vectors(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("a", vector_bytes([0.5, -2.0])), ("b", None), ("c", vector_bytes([0.0, 1.0]))],
        f"id string, {c.VECTOR} binary",
    )
    found = with_embedding(rows, 2)
    assert found.schema[c.EMBEDDING].dataType.simpleString() == "array<float>"
    assert {row["id"]: row[c.EMBEDDING] for row in found.collect()} == {"a": [0.5, -2.0], "b": None, "c": [0.0, 1.0]}
    with pytest.raises(Exception, match="a vector of length 2; 3 expected"):
        with_embedding(rows, 3).select(c.EMBEDDING).collect()
