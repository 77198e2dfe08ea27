"""The nearest labelled contents against a plain search over all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.inference.neighbours import SIMILARITY, nearest, with_similarity
from tests.oracles import vector_bytes

FACETS = ("category", "risk.spam")


def test_the_nearest_of_each_facet(spark: SparkSession) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors[1::10] = 3 * vectors[0]  # as near as can be, whatever the length
    vectors[7] = 0.0
    contents = spark.createDataFrame([(f"c{i}", f"h{i}") for i in range(60)], [c.CONTENT_ID, c.CONTENT_HASH])
    stored = spark.createDataFrame(
        [(f"h{i}", vector_bytes(one)) for i, one in enumerate(vectors) if i % 7 != 3],
        f"{c.CONTENT_HASH} string, {c.VECTOR} binary",
    )
    labelled = [(f"c{i}", facet) for i in range(60) for facet in FACETS if (i % 3 > 0) or facet == "category"]
    labels = spark.createDataFrame(
        [
            (name, facet, f"l{name}", 0.5, 2, "crowd", None, 0.0, None)
            for name, facet in [*labelled, ("gone", "category")]
        ],
        schemas.LABELS,
    )
    found = nearest(vectors[0], contents, stored.repartition(3), labels, 8).orderBy(c.FACET, c.RANK).collect()

    ids = spark.createDataFrame([(f"c{i}",) for i in range(60)], [c.CONTENT_ID])
    hashes = {row[0]: row[1] for row in ids.select(c.CONTENT_ID, F.xxhash64(c.CONTENT_ID)).collect()}
    expected = []
    for facet in FACETS:
        ranked = []
        for name, of in labelled:
            place = int(name[1:])
            if of == facet and place % 7 != 3:
                norm = np.linalg.norm(vectors[place].astype(float)) * np.linalg.norm(vectors[0].astype(float))
                cosine = float(vectors[place].astype(float) @ vectors[0].astype(float)) / norm if norm > 0 else 0.0
                ranked.append((-round(cosine, 9), hashes[name], name))
        expected += [(facet, rank, name) for rank, (_, _, name) in enumerate(sorted(ranked)[:8], 1)]
    assert {(one[c.FACET], one[c.CONTENT_ID]) for one in found} == {(facet, name) for facet, _, name in expected}
    assert [one[c.RANK] for one in found] == [*range(1, 9)] * 2
    assert all(one[c.LABEL] == f"l{one[c.CONTENT_ID]}" and one[c.SOURCE] == "crowd" for one in found)
    assert found[0][SIMILARITY] == pytest.approx(1.0)
    assert all(a[SIMILARITY] >= b[SIMILARITY] for a, b in itertools.pairwise(found[:8]))


def test_equals_are_in_the_order_of_their_hashes(spark: SparkSession) -> None:
    names = [f"c{i}" for i in range(30)]
    contents = spark.createDataFrame([(name, "same") for name in names], [c.CONTENT_ID, c.CONTENT_HASH])
    stored = spark.createDataFrame([("same", vector_bytes([0.6, 0.8]))], f"{c.CONTENT_HASH} string, {c.VECTOR} binary")
    labels = spark.createDataFrame(
        [(name, "category", "x", 1.0, 0, "gold", None, 0.0, None) for name in names], schemas.LABELS
    )
    found = nearest(np.array([1.0, 0.0], np.float32), contents, stored, labels, 10).orderBy(c.RANK).collect()
    by_hash = contents.orderBy(F.xxhash64(c.CONTENT_ID)).limit(10).collect()
    assert [one[c.CONTENT_ID] for one in found] == [one[c.CONTENT_ID] for one in by_hash]
    assert {round(one[SIMILARITY], 6) for one in found} == {0.6}


def test_zeros_are_like_nothing_and_other_lengths_refused(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("a", vector_bytes([0.0, 0.0])), ("b", vector_bytes([1.0, 1.0]))], f"{c.CONTENT_ID} string, {c.VECTOR} binary"
    )
    found = {one[0]: one[1] for one in with_similarity(rows, np.array([0.0, 2.0], np.float32)).collect()}
    assert found == {"a": 0.0, "b": pytest.approx(np.sqrt(0.5))}
    with pytest.raises(Exception, match="a vector of length 2; 3 expected"):
        with_similarity(rows, np.ones(3, np.float32)).collect()
