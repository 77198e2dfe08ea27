"""The distributed logistic regression against scikit-learn's on the same vocabulary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import optimize, sparse
from sklearn.linear_model import LogisticRegression

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Logistic
from linnaeus.contracts.lexical import term_space
from linnaeus.training.booster import place
from linnaeus.training.examples import CLASS
from linnaeus.training.logistic import _Rows, fit_logistic

BUCKETS, N = 16, 150
SETTINGS = Logistic(share=0.5, penalty=0.4, iterations=500, min_documents=2, max_terms=25)
NUMBERS = np.sort(np.random.default_rng(1).integers(0, term_space(BUCKETS), 40))


class Data:
    """Random rows, some without terms, of unequal weights; terms lean to their class, and are few enough to share
    buckets."""

    def __init__(self, n_classes: int) -> None:
        rng = np.random.default_rng(n_classes)
        self.classes = rng.choice(n_classes, N, p=np.arange(1, n_classes + 1) / sum(range(1, n_classes + 1)))
        self.weights = rng.uniform(0.2, 1.0, N).astype(np.float32)
        self.terms = [
            NUMBERS[rng.integers(0, 15, n) + 5 * kind * rng.integers(0, 2, n)].tolist()
            for n, kind in zip(rng.integers(0, 9, N), self.classes, strict=True)
        ]

    def frame(self, spark: SparkSession) -> DataFrame:
        rows = [(f"c{i:03}", self.terms[i], int(self.classes[i]), float(self.weights[i])) for i in range(N)]
        return spark.createDataFrame(
            rows, f"{c.CONTENT_ID} string, {c.TERMS} array<int>, {CLASS} int, {c.WEIGHT} float"
        )

    @property
    def vocabulary(self) -> list[int]:
        """By loops."""
        counted = Counter(term for terms in self.terms for term in set(terms))
        frequent = sorted((term for term, n in counted.items() if n >= 2), key=lambda term: (-counted[term], term))
        return sorted(frequent[:25])

    @property
    def idf(self) -> npt.NDArray[np.float64]:
        """Of the vocabulary's terms."""
        documents = np.array([sum(term in terms for terms in self.terms) for term in self.vocabulary])
        return np.log((1 + N) / (1 + documents)) + 1

    def unit(self, rows: list[list[int]]) -> npt.NDArray[np.float64]:
        """TF-IDF of rows of terms, each of norm one."""
        counts = np.array([[terms.count(term) for term in self.vocabulary] for terms in rows], dtype=float) * self.idf
        norms = np.linalg.norm(counts, axis=1, keepdims=True)
        return counts / np.where(norms > 0, norms, 1.0)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_model_is_that_of_scikit_learn(spark: SparkSession, n_classes: int) -> None:
    data = Data(n_classes)
    found = fit_logistic(place(data.frame(spark), 2), n_classes, BUCKETS, SETTINGS)
    model = LogisticRegression(C=1 / SETTINGS.penalty, tol=1e-8, max_iter=5000)
    model.fit(data.unit(data.terms), data.classes, sample_weight=data.weights)
    assert found.terms.tolist() == data.vocabulary and found.space == term_space(BUCKETS)
    assert (found.terms.dtype, found.idf.dtype, found.coefficients.dtype) == (np.int32, np.float32, np.float32)
    np.testing.assert_allclose(found.idf, data.idf, rtol=1e-6)
    assert found.coefficients.shape == (1 if n_classes == 2 else n_classes, len(data.vocabulary) + 1)
    # Of more than two classes a constant that is added to all of them changes nothing.
    constants = found.coefficients[:, -1] - (found.coefficients[:, -1].mean() if n_classes > 2 else 0.0)
    expected = model.intercept_ - (model.intercept_.mean() if n_classes > 2 else 0.0)
    # Both end where the gradient is small.
    np.testing.assert_allclose(found.coefficients[:, :-1], model.coef_, atol=2e-2)
    np.testing.assert_allclose(constants, expected, atol=2e-2)

    rng = np.random.default_rng(9)
    others = [rng.choice(np.append(NUMBERS, [4, 5, 6]), n).tolist() for n in rng.integers(0, 9, 40)]  # unknown ones too
    assert any(set(terms) - set(data.vocabulary) for terms in others)
    flat = np.array([term for terms in others for term in terms], dtype=np.int32)
    chances = found.chances(flat, np.cumsum([0, *map(len, others)]).astype(np.int64))
    np.testing.assert_allclose(chances, model.predict_proba(data.unit(others)), atol=1e-2)


def test_workers_share_the_rows_whatever_the_partitioning(spark: SparkSession) -> None:
    data = Data(3)
    one, two, again = (
        fit_logistic(place(data.frame(spark).repartition(n), workers), 3, BUCKETS, SETTINGS)
        for n, workers in ((1, 1), (2, 2), (5, 2))
    )
    for other in (two, again):
        np.testing.assert_array_equal(one.terms, other.terms)
        np.testing.assert_array_equal(one.idf, other.idf)
    np.testing.assert_allclose(one.coefficients, two.coefficients, atol=1e-3)
    np.testing.assert_array_equal(two.coefficients, again.coefficients)


def test_a_worker_without_rows(spark: SparkSession) -> None:
    data = Data(2)
    alone, beside = (
        fit_logistic(
            data.frame(spark).repartition(n, F.lit(0)).sortWithinPartitions(c.CONTENT_ID), 2, BUCKETS, SETTINGS
        )
        for n in (1, 2)
    )
    np.testing.assert_array_equal(alone.idf, beside.idf)
    np.testing.assert_allclose(alone.coefficients, beside.coefficients, atol=1e-6)


def test_texts_without_a_frequent_term_leave_the_shares_of_the_classes(spark: SparkSession) -> None:
    data = Data(3)
    settings = SETTINGS.model_copy(update={"min_documents": N + 1})
    found = fit_logistic(place(data.frame(spark), 2), 3, BUCKETS, settings)
    assert found.terms.tolist() == [] and found.coefficients.shape == (3, 1)
    shares = np.bincount(data.classes, weights=data.weights) / data.weights.sum()
    np.testing.assert_allclose(found.chances(np.array([1], np.int32), np.array([0, 1])), [shares], atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_gradient_is_the_loss_s(n_classes: int) -> None:
    data = Data(n_classes)
    unit = np.hstack([data.unit(data.terms), np.ones((N, 1))])
    n_scores = 1 if n_classes == 2 else n_classes
    idf = data.idf.astype(np.float32)
    rows = _Rows(sparse.csr_matrix(unit), data.classes.astype(np.int64), data.weights.astype(float), n_scores, idf)
    at = np.random.default_rng(0).normal(size=n_scores * unit.shape[1])
    numeric = optimize.approx_fprime(at, lambda flat: rows.loss(flat)[0], 1e-6)
    np.testing.assert_allclose(rows.loss(at)[1:], numeric, atol=1e-4)
