"""Terms of topics: counted, weighted, chosen, and put into a name."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.terms import (
    GROUP,
    RARITY,
    c_tf_idf,
    coherence,
    counts_by_group,
    keywords,
    known_terms,
    vocabulary,
)

TEXTS = [
    (["cheap", "phone", "cheap"], 0),
    (["phone", "call", "7", "x"], 0),
    ([], 1),
    (["goal", "league", "goal", "league"], 1),
    (["league", "https://a.b/c", "@me"], 1),
    (["naïve", "phone"], 2),
]


def by_hand(tokens: list[str]) -> list[str]:
    return tokens + [f"{left} {right}" for left, right in itertools.pairwise(tokens)]


@pytest.mark.parametrize("partitions", [1, 4])
def test_texts_that_have_a_term_are_counted_as_by_hand(spark: SparkSession, partitions: int) -> None:
    frame = spark.createDataFrame(TEXTS, f"{c.TOKENS} array<string>, {GROUP} int").repartition(partitions)
    found = vocabulary(frame, True, 1, 100)
    documents = Counter(term for tokens, _ in TEXTS for term in set(by_hand(tokens)))
    assert found[:2] == ["phone", "league"]
    assert found == sorted(found, key=lambda term: (-documents[term], term))
    assert not {"7", "x", "https://a.b/c", "@me", "call 7"} & set(found)
    assert {"naïve", "naïve phone", "goal league", "league goal"} <= set(found)
    assert vocabulary(frame, False, 2, 100) == ["phone", "league"]
    assert vocabulary(frame, True, 1, 3) == found[:3]
    counts = counts_by_group(frame, found, 4, True)
    for group in range(4):
        truth = Counter(term for tokens, of in TEXTS if of == group for term in set(by_hand(tokens)))
        assert counts[group].toarray()[0].tolist() == [truth[term] for term in found]


def test_pairs_do_not_cross_texts_and_a_slice_is_read_as_one() -> None:
    column = pa.array([["a"], None, ["b", "c"], ["d"]], pa.list_(pa.string()))
    known = pa.array(["a b", "b c", "c d", "d"])
    places, texts = known_terms(column, known, True)
    assert sorted(zip(places.tolist(), texts.tolist(), strict=True)) == [(1, 2), (3, 3)]
    places, texts = known_terms(column.slice(2, 2), known, True)
    assert sorted(zip(places.tolist(), texts.tolist(), strict=True)) == [(1, 0), (3, 1)]


def test_weights_are_those_of_the_formula() -> None:
    counts = np.array([[3, 1, 0], [1, 0, 5]])
    average = 10 / 2
    truth = counts / counts.sum(axis=1, keepdims=True) * np.log(1 + average / counts.sum(axis=0)) ** RARITY
    assert c_tf_idf(sparse.csr_matrix(counts)).toarray() == pytest.approx(truth)


def test_keywords_are_the_weightiest_without_words_of_pairs_that_are_there() -> None:
    terms = ["climate", "change", "climate change", "energy", "coal", "apple"]
    weights = sparse.csr_matrix(np.array([[0.4, 0.3, 0.5, 0.2, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]))
    assert keywords(weights, terms, 4) == [("climate change", "energy", "apple", "coal"), ("apple",)]
    both_first = sparse.csr_matrix(np.array([[0.5, 0.4, 0.3, 0.2, 0.0, 0.0]]))
    assert keywords(both_first, terms, 4) == [("climate", "change", "energy")]


def test_coherence_is_the_mean_npmi() -> None:
    has = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]])
    one = np.log((2 / 4) / (3 / 4 * 2 / 4)) / -np.log(2 / 4)
    other = np.log((1 / 4) / (3 / 4 * 2 / 4)) / -np.log(1 / 4)
    assert coherence(sparse.csr_matrix(has), [[0, 1, 2]]) == pytest.approx((one + other - 1) / 3)
    assert coherence(sparse.csr_matrix(has), []) == 0.0
