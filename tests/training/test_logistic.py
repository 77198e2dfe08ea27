"""The distributed logistic regression against scikit-learn's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import optimize, sparse
from sklearn.linear_model import LogisticRegression

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Logistic
from linnaeus.training.booster import place
from linnaeus.training.examples import CLASS
from linnaeus.training.logistic import _Rows, fit_logistic

BUCKETS, N = 30, 150
SETTINGS = Logistic(share=0.5, penalty=0.4, iterations=500)
IDF = np.linspace(1.0, 3.0, BUCKETS).astype(np.float32)


class Data:
    """Random rows, some without terms, of unequal weights; terms lean to their class."""

    def __init__(self, n_classes: int) -> None:
        rng = np.random.default_rng(n_classes)
        self.classes = rng.choice(n_classes, N, p=np.arange(1, n_classes + 1) / sum(range(1, n_classes + 1)))
        self.weights = rng.uniform(0.2, 1.0, N).astype(np.float32)
        self.terms = [
            (rng.integers(0, 15, n) + 5 * kind * rng.integers(0, 2, n)).tolist()
            for n, kind in zip(rng.integers(0, 9, N), self.classes, strict=True)
        ]

    def frame(self, spark: SparkSession) -> DataFrame:
        rows = [(f"c{i:03}", self.terms[i], int(self.classes[i]), float(self.weights[i])) for i in range(N)]
        return spark.createDataFrame(
            rows, f"{c.CONTENT_ID} string, {c.TERMS} array<int>, {CLASS} int, {c.WEIGHT} float"
        )

    def unit(self) -> npt.NDArray[np.float64]:
        counts = np.array([np.bincount(terms, minlength=BUCKETS) for terms in self.terms], dtype=float) * IDF
        norms = np.linalg.norm(counts, axis=1, keepdims=True)
        return counts / np.where(norms > 0, norms, 1.0)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_coefficients_are_those_of_scikit_learn(spark: SparkSession, n_classes: int) -> None:
    data = Data(n_classes)
    found = fit_logistic(place(data.frame(spark), 2), IDF, n_classes, SETTINGS)
    model = LogisticRegression(C=1 / SETTINGS.penalty, tol=1e-8, max_iter=5000)
    model.fit(data.unit(), data.classes, sample_weight=data.weights)
    assert found.shape == (1 if n_classes == 2 else n_classes, BUCKETS + 1)
    assert found.dtype == np.float32
    # Of more than two classes a constant that is added to all of them changes nothing.
    constants = found[:, -1] - (found[:, -1].mean() if n_classes > 2 else 0.0)
    expected = model.intercept_ - (model.intercept_.mean() if n_classes > 2 else 0.0)
    np.testing.assert_allclose(found[:, :-1], model.coef_, atol=2e-2)  # both end where the gradient is small
    np.testing.assert_allclose(constants, expected, atol=2e-2)


def test_workers_share_the_rows_whatever_the_partitioning(spark: SparkSession) -> None:
    data = Data(3)
    one, two = (fit_logistic(place(data.frame(spark).repartition(n), n), IDF, 3, SETTINGS) for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-3)
    again = fit_logistic(place(data.frame(spark).repartition(5), 2), IDF, 3, SETTINGS)
    np.testing.assert_array_equal(two, again)


def test_a_worker_without_rows(spark: SparkSession) -> None:
    data = Data(2)
    alone, beside = (
        fit_logistic(data.frame(spark).repartition(n, F.lit(0)).sortWithinPartitions(c.CONTENT_ID), IDF, 2, SETTINGS)
        for n in (1, 2)
    )
    np.testing.assert_allclose(alone, beside, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_gradient_is_the_loss_s(n_classes: int) -> None:
    data = Data(n_classes)
    shape = (1 if n_classes == 2 else n_classes, BUCKETS + 1)
    unit = np.hstack([data.unit(), np.ones((N, 1))])
    rows = _Rows(sparse.csr_matrix(unit), data.classes.astype(np.int64), data.weights.astype(float), shape)
    at = np.random.default_rng(0).normal(size=shape[0] * shape[1])
    numeric = optimize.approx_fprime(at, lambda flat: rows.loss(flat)[0], 1e-6)
    np.testing.assert_allclose(rows.loss(at)[1:], numeric, atol=1e-4)
