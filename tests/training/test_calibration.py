"""Platt scaling against a direct fit on the single rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from linnaeus.training.calibration import LEVELS, binned, fit_platt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def frame(spark: SparkSession, chances: Floats, truth: Flags) -> DataFrame:
    rows = list(zip(chances.tolist(), truth.tolist(), strict=True))
    return spark.createDataFrame(rows, "probability double, is_positive boolean")


def overconfident(n: int, seed: int) -> tuple[Floats, Flags]:
    """Margins twice too large and shifted, on the levels of the count."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(scale=1.5, size=n)
    truth = rng.random(n) < 1 / (1 + np.exp(-margin))
    chances = 1 / (1 + np.exp(-(2 * margin + 1)))
    return np.round(chances * LEVELS) / LEVELS, truth


def logit(chances: Floats) -> Floats:
    inner = np.clip(chances, 0.5 / LEVELS, 1 - 0.5 / LEVELS)
    return np.asarray(np.log(inner / (1 - inner)))


def test_a_fit_is_the_minimum_of_platts_loss(spark: SparkSession) -> None:
    chances, truth = overconfident(800, seed=1)
    found = fit_platt(binned(frame(spark, chances, truth), "probability", "is_positive"))
    assert found is not None
    n_yes, n_no = truth.sum(), (~truth).sum()
    target = np.where(truth, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
    margins = logit(chances)

    def loss(parameters: Floats) -> float:
        z = parameters[0] * margins + parameters[1]
        return float((np.logaddexp(0, z) - target * z).sum())

    best = minimize(loss, x0=np.array([1.0, 0.0])).x
    assert (found.slope, found.intercept) == pytest.approx((best[0], best[1]), abs=2e-3)
    # Without Platt's smoothed targets, scikit-learn on the rows as they are: nearly the same with this many.
    plain = LogisticRegression(C=1e6).fit(margins[:, None], truth)
    assert (found.slope, found.intercept) == pytest.approx((plain.coef_[0, 0], plain.intercept_[0]), abs=0.05)
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.5), abs=0.15)  # what undoes the overconfidence


@pytest.mark.parametrize(("n_yes", "n_no", "is_fitted"), [(4, 50, False), (50, 4, False), (5, 5, True), (0, 9, False)])
def test_none_where_there_are_few_of_a_class(spark: SparkSession, n_yes: int, n_no: int, is_fitted: bool) -> None:
    truth = np.arange(n_yes + n_no) < n_yes
    chances = np.linspace(0.9, 0.1, len(truth))
    assert (fit_platt(binned(frame(spark, chances, truth), "probability", "is_positive")) is not None) is is_fitted


def test_none_without_rows(spark: SparkSession) -> None:
    assert fit_platt(binned(frame(spark, np.array([]), np.array([], dtype=bool)), "probability", "is_positive")) is None


def test_certainty_stays_finite(spark: SparkSession) -> None:
    truth = np.array([True] * 6 + [False] * 6)
    found = fit_platt(binned(frame(spark, truth.astype(float), truth), "probability", "is_positive"))
    assert found is not None and 0 < found.slope < 10 and abs(found.intercept) < 10


def test_counts_by_level(spark: SparkSession) -> None:
    chances = np.array([0.5, 0.5, 0.25, 1.0, 0.0, 0.25 + 0.4 / LEVELS])
    truth = np.array([True, False, True, True, False, False])
    found = binned(frame(spark, chances, truth), "probability", "is_positive")
    assert found.tolist() == [[1.0, 1, 0], [0.5, 1, 1], [0.25, 1, 1], [0.0, 0, 1]]
