"""What words add: sums against the models' own scores, and terms that share a bucket."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.bundle import FeatureManifest, LinearModel
from linnaeus.contracts.lexical import term_counts, unit_tf_idf
from linnaeus.features.vector import hashed_terms
from linnaeus.inference.predictor import FeatureBatch
from linnaeus.inference.words import term_names, word_reasons
from tests.oracles import random_bundle, with_logistic

MANIFEST = FeatureManifest("mini@1", "tok", dimension=3, statistics=("a",), buckets=16, bigrams=True)


def batch_of(terms: list[int]) -> FeatureBatch:
    return FeatureBatch(
        np.zeros((1, 3), np.float32),
        np.zeros((1, 1), np.float32),
        np.array(terms, np.int32),
        np.array([0, len(terms)], np.int64),
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_words_and_the_constant_are_the_log_odds(n_classes: int) -> None:
    classes = tuple("abcd"[:n_classes])
    bundle = with_logistic(random_bundle("category", {"category": classes}, MANIFEST, seed=1), "category", 0.5, seed=2)
    linear = bundle.heads["category"].linear
    logistic = linear.logistic.copy()
    logistic[:, 3] = logistic[:, 9] = 0.0  # buckets that no training text had
    linear = dataclasses.replace(linear, logistic=logistic)
    rng = np.random.default_rng(n_classes)
    for n_terms in (0, 1, 5, 30):
        terms = rng.integers(0, MANIFEST.buckets, n_terms).tolist()
        batch = batch_of(terms)
        unit = unit_tf_idf(term_counts(batch.terms, batch.offsets, MANIFEST.buckets), linear.idf)
        for places in ((1, 0), (0, n_classes - 1)):
            found = word_reasons(batch, [f"w{one}" for one in terms], linear, MANIFEST.buckets, places)
            chances = linear.chances(unit)[0].astype(float)
            assert found.log_odds == pytest.approx(np.log(chances[places[0]] / chances[places[1]]), abs=1e-4)
            assert found.constant is not None
            summed = found.constant + sum(one.logistic or 0.0 for one in found.words)
            assert found.log_odds == pytest.approx(summed, abs=1e-9)
            by_terms = np.asarray(linear.scores(unit, batch.embeddings))[0, : len(linear.term_coefficients)]
            each = [0.0, by_terms[0]] if n_classes == 2 else by_terms
            expected = float(each[places[0]] - each[places[1]])
            assert sum(one.term_score for one in found.words) == pytest.approx(expected, abs=1e-5)
            unknown = {f"w{one}" for one in terms if one in (3, 9)}
            assert {one.terms[0] for one in found.words if one.logistic is None} == unknown
            assert found.n_unknown == len(unknown)
            assert sum(one.times for one in found.words) == n_terms


def test_terms_of_one_bucket_are_told_together() -> None:
    linear = with_logistic(random_bundle("risk", {"spam": ("no", "yes")}, MANIFEST), "spam", 0.5).heads["spam"].linear
    found = word_reasons(batch_of([7, 2, 7, 7]), ["free", "to", "win", "free"], linear, MANIFEST.buckets, (1, 0))
    by_terms = {one.terms: one for one in found.words}
    assert set(by_terms) == {("free", "win"), ("to",)} and by_terms["free", "win"].times == 3
    weights = np.array([3 * linear.idf[7], linear.idf[2]]) / np.hypot(3 * linear.idf[7], linear.idf[2])
    assert by_terms["free", "win"].logistic == pytest.approx(linear.logistic[0, 7] * weights[0], rel=1e-6)
    assert by_terms["to",].term_score == pytest.approx(linear.term_coefficients[0, 2] * weights[1], rel=1e-6)


def test_without_a_logistic_regression_words_go_by_their_scores() -> None:
    none = np.zeros((0, 0), np.float32)
    coefficients = np.zeros((1, 16), np.float32)
    coefficients[0, [1, 2, 3]] = [0.5, -2.0, 0.0]
    linear = LinearModel(np.ones(16, np.float32), coefficients, none, none)
    found = word_reasons(batch_of([1, 2, 3]), ["a", "b", "c"], linear, 16, (1, 0))
    assert [one.terms for one in found.words] == [("b",), ("a",), ("c",)]
    assert all(one.logistic is None for one in found.words)
    assert (found.log_odds, found.constant, found.n_unknown) == (None, None, 0)


def test_names_that_are_not_those_of_the_terms_are_refused() -> None:
    linear = random_bundle("risk", {"spam": ("no", "yes")}, MANIFEST).heads["spam"].linear
    with pytest.raises(ValueError, match="zip"):
        word_reasons(batch_of([1, 2]), ["one"], linear, MANIFEST.buckets, (1, 0))


def test_names_stand_in_the_order_of_the_hashed_terms(spark: SparkSession) -> None:
    """Each term hashed alone has the bucket at its place."""
    for tokens in ([], ["a"], ["free", "prize", "free", "www.x.y/?a=b c"]):
        for bigrams in (True, False):
            names = term_names(tokens, bigrams)
            alone = [F.pmod(F.xxhash64(F.lit(name)), F.lit(1 << 16)).cast("int") for name in names]
            given = F.array(*map(F.lit, tokens)).cast("array<string>")
            row = spark.range(1).select(
                hashed_terms(given, 1 << 16, bigrams).alias("terms"),
                F.array(*alone).cast("array<int>").alias("alone"),
            )
            found = row.first()
            assert found is not None and found["terms"] == found["alone"]
