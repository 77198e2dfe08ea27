"""Calibration against direct fits on the single rows, steps pooled one by one, and by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from linnaeus.contracts.bundle import Calibration
from linnaeus.training.calibration import LEVELS, METHODS, binned, calibrated, fit_calibration

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
    found = fit_calibration(binned(frame(spark, chances, truth), "probability", "is_positive"), "platt")
    assert found is not None and found.knots == ()
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
    levels = binned(frame(spark, chances, truth), "probability", "is_positive")
    assert {fit_calibration(levels, method) is not None for method in METHODS} == {is_fitted}


def test_none_without_rows(spark: SparkSession) -> None:
    levels = binned(frame(spark, np.array([]), np.array([], dtype=bool)), "probability", "is_positive")
    assert [fit_calibration(levels, method) for method in METHODS] == [None] * len(METHODS)


def test_certainty_stays_finite(spark: SparkSession) -> None:
    truth = np.array([True] * 6 + [False] * 6)
    levels = binned(frame(spark, truth.astype(float), truth), "probability", "is_positive")
    for method in METHODS:
        found = fit_calibration(levels, method)
        assert found is not None and 0 < found.slope < 10 and abs(found.intercept) < 10
        assert np.isfinite(np.array(found.knots)).all()


def test_counts_by_level(spark: SparkSession) -> None:
    chances = np.array([0.5, 0.5, 0.25, 1.0, 0.0, 0.25 + 0.4 / LEVELS])
    truth = np.array([True, False, True, True, False, False])
    found = binned(frame(spark, chances, truth), "probability", "is_positive")
    assert found.tolist() == [[1.0, 1, 0], [0.5, 1, 1], [0.25, 1, 1], [0.0, 0, 1]]


def counted(chances: Floats, truth: Flags) -> Floats:
    """As `binned` counts, without Spark."""
    levels = np.unique(chances)[::-1]
    yes = [(truth & (chances == level)).sum() for level in levels]
    no = [(~truth & (chances == level)).sum() for level in levels]
    return np.column_stack([levels, yes, no]).astype(float)


@pytest.mark.parametrize("n", [40, 4000])
def test_the_regularised_fit_is_the_most_probable(n: int) -> None:
    chances, truth = overconfident(n, seed=3)
    found = fit_calibration(counted(chances, truth), "regularised_platt")
    assert found is not None and found.knots == ()
    margins = logit(chances)

    def loss(parameters: Floats) -> float:
        z = parameters[0] * margins + parameters[1]
        prior = ((parameters[0] - 1) ** 2 + parameters[1] ** 2) / (2 * 0.3**2)
        return float((np.logaddexp(0, z) - truth * z).sum() + prior)

    best = minimize(loss, x0=np.array([0.5, 0.5]), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
    assert (found.slope, found.intercept) == pytest.approx((best[0], best[1]), abs=1e-3)
    model = LogisticRegression(C=1e6).fit(margins[:, None], truth)
    plain = np.array([model.coef_[0, 0], model.intercept_[0]])
    away = np.linalg.norm([found.slope - 1, found.intercept]) / np.linalg.norm(plain - [1, 0])
    # Labels enough outweigh the prior; few leave the booster's probability nearly as it is.
    assert 0.95 < away < 1 if n > 1000 else away < 0.8


def test_isotonic_by_hand() -> None:
    # From the least: 0 of 4, then 2 of 4 before 1 of 4, which pool to 3 of 8, then 3 of 4: six positives of 16.
    levels = np.array([[0.8, 3, 1], [0.6, 1, 3], [0.4, 2, 2], [0.2, 0, 4]], dtype=float)
    found = fit_calibration(levels, "isotonic")
    assert found is not None and (found.slope, found.intercept) == (1.0, 0.0)
    low, high = 1 / 12, 7 / 8  # Platt's targets
    shares = [low + (high - low) * share for share in (0, 3 / 8, 3 / 4)]
    middles = [logit(np.array([0.2]))[0], 0.0, logit(np.array([0.8]))[0]]
    np.testing.assert_allclose(np.array(found.knots)[:, 0], middles, atol=1e-12)
    np.testing.assert_allclose(np.array(found.knots)[:, 1], logit(np.array(shares)), atol=1e-12)
    # At the middles the shares themselves; half way from 0 to logit(0.8), that is at 2/3, the middle of their logits.
    made = found.apply(np.array([0.2, 0.5, 2 / 3, 0.8]))
    middle = 1 / (1 + np.exp(-logit(np.array(shares[1:])).mean()))
    np.testing.assert_allclose(made, [shares[0], shares[1], middle, shares[2]], atol=1e-12)
    # Beyond the last it runs parallel to the identity.
    beyond = logit(found.apply(np.array([0.9]))) - logit(np.array([0.9]))
    np.testing.assert_allclose(beyond, logit(np.array([shares[2]])) - logit(np.array([0.8])), atol=1e-9)


def pooled(levels: Floats) -> list[tuple[float, float, float]]:
    """Steps (mean logit, positives, size) by pooling neighbours that violate the order, one at a time."""
    steps = [(float(x), yes, yes + no) for x, yes, no in zip(logit(levels[:, 0]), *levels[:, 1:].T, strict=True)][::-1]
    place = 0
    while place < len(steps) - 1:
        (x, yes, n), (x_next, yes_next, n_next) = steps[place : place + 2]
        if yes / n < yes_next / n_next - 1e-12:
            place += 1
            continue
        steps[place : place + 2] = [((x * n + x_next * n_next) / (n + n_next), yes + yes_next, n + n_next)]
        place = max(place - 1, 0)
    return steps


@pytest.mark.parametrize("seed", range(5))
def test_isotonic_pools_what_is_out_of_order_and_keeps_the_ranking(seed: int) -> None:
    chances, truth = overconfident(300, seed)
    levels = counted(np.round(chances, 2), truth)
    found = fit_calibration(levels, "isotonic")
    assert found is not None
    steps = pooled(levels)
    assert 3 < len(steps) < len(levels)
    low, high = 1 / (levels[:, 2].sum() + 2), (levels[:, 1].sum() + 1) / (levels[:, 1].sum() + 2)
    expected = [(x, logit(np.array([low + (high - low) * yes / n]))[0]) for x, yes, n in steps]
    np.testing.assert_allclose(np.array(found.knots), expected, atol=1e-9)
    assert (np.diff(np.array(found.knots), axis=0) > 0).all()
    made = found.apply(np.linspace(0.001, 0.999, 2000))
    assert (np.diff(made) > 0).all(), "no ties"


@pytest.mark.parametrize("method", sorted(METHODS))
def test_what_is_overconfident_is_less_so(method: str) -> None:
    chances, truth = overconfident(4000, seed=5)
    found = fit_calibration(counted(chances, truth), method)
    assert found is not None
    judged, answers = overconfident(4000, seed=6)
    assert log_loss(answers, found.apply(judged)) < log_loss(answers, np.clip(judged, 1e-7, 1 - 1e-7)) - 0.1
    np.testing.assert_array_equal(np.argsort(found.apply(judged), kind="stable"), np.argsort(judged, kind="stable"))


def test_levels_are_calibrated_as_contents_are() -> None:
    levels = np.array([[1.0, 1, 0], [0.75, 3, 1], [0.5, 2, 2], [0.0, 0, 9]])
    assert calibrated(levels, None) is levels
    for calibration in (Calibration(0.5, -0.75), Calibration(2.0, 0.1, ((-1.0, -3.0), (0.5, 0.0)))):
        found = calibrated(levels, calibration)
        np.testing.assert_array_equal(found[1:3, 0], calibration.apply(levels[1:3, 0]))
        np.testing.assert_array_equal(found[:, 1:], levels[:, 1:])
    turned = calibrated(levels, Calibration(-1.0, 0.0))
    assert turned[:, 1:].tolist() == levels[::-1, 1:].tolist(), "by descending probability again"
