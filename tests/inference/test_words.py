"""What words add: sums against the models' own scores, and terms that share a bucket or a number."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.bundle import FeatureManifest, Head, LinearModel
from linnaeus.contracts.lexical import term_counts, unit_tf_idf
from linnaeus.contracts.logistic import LogisticModel
from linnaeus.features.vector import hashed_terms
from linnaeus.inference.predictor import FeatureBatch
from linnaeus.inference.words import term_names, word_reasons
from tests.oracles import A_BUCKET, random_bundle, with_logistic

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
    head = bundle.heads["category"]
    linear, logistic = head.linear, head.logistic
    assert logistic is not None
    rng = np.random.default_rng(n_classes)
    for n_terms in (0, 1, 5, 60):
        terms = rng.integers(0, A_BUCKET * MANIFEST.buckets, n_terms).tolist()
        batch = batch_of(terms)
        unit = unit_tf_idf(term_counts(batch.terms, batch.offsets, MANIFEST.buckets), linear.idf)
        for places in ((1, 0), (0, n_classes - 1)):
            found = word_reasons(batch, [f"w{one}" for one in terms], head, MANIFEST.buckets, places)
            chances = logistic.chances(batch.terms, batch.offsets)[0].astype(float)
            assert found.log_odds == pytest.approx(np.log(chances[places[0]] / chances[places[1]]), abs=1e-4)
            assert found.constant is not None
            summed = found.constant + sum(one.logistic or 0.0 for one in found.words)
            assert found.log_odds == pytest.approx(summed, abs=1e-9)
            by_terms = np.asarray(linear.scores(unit, batch.embeddings))[0, : len(linear.term_coefficients)]
            each = [0.0, by_terms[0]] if n_classes == 2 else by_terms
            expected = float(each[places[0]] - each[places[1]])
            assert sum(one.term_score for one in found.words) == pytest.approx(expected, abs=1e-5)
            unknown = {f"w{one}" for one in terms if one not in logistic.terms}
            assert {one.terms[0] for one in found.words if one.logistic is None} == unknown
            assert found.n_unknown == len(unknown)
            assert sum(one.times for one in found.words) == n_terms


def by_hand(space: int) -> Head:
    """Two buckets of 16 weigh; the logistic regression knows the numbers 7 and 23, which share one, and 2."""
    none = np.zeros((0, 0), np.float32)
    coefficients = np.zeros((1, 16), np.float32)
    coefficients[0, [7, 2]] = [0.5, -2.0]
    terms, weights = np.array([2, 7, 23], np.int32), np.array([[1.0, -3.0, 4.0, 0.25]], np.float32)
    if space == 16:
        terms, weights = terms[:2], weights[:, [0, 1, 3]]
    logistic = LogisticModel(terms, np.ones(len(terms), np.float32), weights, space)
    return Head(("no", "yes"), b"", LinearModel(np.ones(16, np.float32), coefficients, none, none), logistic=logistic)


def test_terms_that_share_a_bucket_are_told_apart() -> None:
    found = word_reasons(
        batch_of([7, 23, 2, 7, 39]), ["free", "to", "win", "free", "new"], by_hand(1 << 20), 16, (1, 0)
    )
    by_term = {one.terms: one for one in found.words}
    assert set(by_term) == {("free",), ("to",), ("win",), ("new",)}
    assert [by_term[one,].times for one in ("free", "to", "win", "new")] == [2, 1, 1, 1]
    by_number = {one: by_term[one,].logistic for one in ("free", "to", "win", "new")}
    assert by_number["new"] is None and found.n_unknown == 1
    known = {name: value for name, value in by_number.items() if value is not None}
    assert known == pytest.approx({"free": -6 / 6**0.5, "to": 4 / 6**0.5, "win": 1 / 6**0.5})
    by_bucket = [by_term[one,].term_score for one in ("free", "to", "new", "win")]  # 4 times bucket 7, once bucket 2
    assert by_bucket == pytest.approx([0.5 * n / 17**0.5 for n in (2, 1, 1)] + [-2 / 17**0.5])


def test_terms_that_a_model_of_buckets_takes_for_one_share_what_it_adds() -> None:
    """As that of a bundle of an earlier format does."""
    found = word_reasons(batch_of([7, 23, 2, 7, 39]), ["free", "to", "win", "free", "new"], by_hand(16), 16, (1, 0))
    shares = {one.terms[0]: one.logistic for one in found.words}
    assert shares == pytest.approx(
        {name: -3 * n / 17**0.5 for name, n in (("free", 2), ("to", 1), ("new", 1))} | {"win": 1 / 17**0.5}
    )
    assert found.n_unknown == 0 and found.log_odds == pytest.approx(0.25 - 11 / 17**0.5)


def test_terms_of_one_number_are_told_together() -> None:
    head = with_logistic(random_bundle("risk", {"spam": ("no", "yes")}, MANIFEST), "spam", 0.5).heads["spam"]
    found = word_reasons(batch_of([7, 2, 7, 7]), ["free", "to", "win", "free"], head, MANIFEST.buckets, (1, 0))
    by_terms = {one.terms: one for one in found.words}
    assert set(by_terms) == {("free", "win"), ("to",)} and by_terms["free", "win"].times == 3
    weights = np.array([3 * head.linear.idf[7], head.linear.idf[2]])
    weights /= np.linalg.norm(weights)
    scores = [by_terms[one].term_score for one in (("free", "win"), ("to",))]
    assert scores == pytest.approx(head.linear.term_coefficients[0, [7, 2]] * weights, rel=1e-6)


def test_without_a_logistic_regression_words_go_by_their_scores() -> None:
    none = np.zeros((0, 0), np.float32)
    coefficients = np.zeros((1, 16), np.float32)
    coefficients[0, [1, 2, 3]] = [0.5, -2.0, 0.0]
    head = Head(("no", "yes"), b"", LinearModel(np.ones(16, np.float32), coefficients, none, none))
    found = word_reasons(batch_of([1, 2, 3]), ["a", "b", "c"], head, 16, (1, 0))
    assert [one.terms for one in found.words] == [("b",), ("a",), ("c",)]
    assert all(one.logistic is None for one in found.words)
    assert (found.log_odds, found.constant, found.n_unknown) == (None, None, 0)


def test_names_that_are_not_those_of_the_terms_are_refused() -> None:
    head = random_bundle("risk", {"spam": ("no", "yes")}, MANIFEST).heads["spam"]
    with pytest.raises(ValueError, match="zip"):
        word_reasons(batch_of([1, 2]), ["one"], head, MANIFEST.buckets, (1, 0))


def test_names_stand_in_the_order_of_the_hashed_terms(spark: SparkSession) -> None:
    """Each term hashed alone has the number at its place."""
    for tokens in ([], ["a"], ["free", "prize", "free", "www.x.y/?a=b c"]):
        for bigrams in (True, False):
            names = term_names(tokens, bigrams)
            alone = [F.pmod(F.xxhash64(F.lit(name)), F.lit(1 << 30)).cast("int") for name in names]
            given = F.array(*map(F.lit, tokens)).cast("array<string>")
            row = spark.range(1).select(
                hashed_terms(given, 1 << 16, bigrams).alias("terms"),
                F.array(*alone).cast("array<int>").alias("alone"),
            )
            found = row.first()
            assert found is not None and found["terms"] == found["alone"]
