"""Calibration of a booster's probability, fitted on creators that the booster was not trained on.

Each method takes the counts of `binned` and gives a function that keeps the ranking. Which is how good is measured by
tests/benchmarks/calibration.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from linnaeus.contracts.bundle import Calibration

# Scores are counted in this many levels, so that what reaches the driver does not grow with the rows.
LEVELS = 1 << 16
_MIN_OF_EACH = 5
_PRIOR = 0.3  # standard deviation of slope and intercept around those of no calibration; the best of 0.05 to 1
Floats = npt.NDArray[np.float64]


def fit_calibration(levels: Floats, method: str) -> Calibration | None:
    """By a method's name (`training.calibration`), on `binned` rows; None with under five of either class."""
    return METHODS[method](levels) if levels[:, 1:].sum(axis=0).min() >= _MIN_OF_EACH else None


def fit_platt(levels: Floats) -> Calibration:
    """Slope and intercept over the logit of the probability.

    Platt (1999), Probabilistic outputs for support vector machines, with his smoothed targets against overconfidence.
    """
    logit, (target_no, target_yes) = _logit(levels), _targets(levels)
    weight_yes = levels[:, 1] * target_yes + levels[:, 2] * target_no
    weight_no = levels[:, 1] * (1 - target_yes) + levels[:, 2] * (1 - target_no)
    model = LogisticRegression(C=1e6, max_iter=1000)
    stacked = np.concatenate([logit, logit])[:, None]
    answers = np.concatenate([np.ones(len(logit)), np.zeros(len(logit))])
    model.fit(stacked, answers, sample_weight=np.concatenate([weight_yes, weight_no]))
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))


def fit_regularised_platt(levels: Floats) -> Calibration:
    """The most probable slope and intercept; their prior is normal, around those of no calibration (1 and 0).

    A booster that stops early by its log loss is calibrated nearly well: what few labels say against it is mostly
    chance, and counts as far as there are enough of them. Smoothed targets, of which Platt has the like effect, pull
    all certainty to the middle instead.
    """
    inputs = np.column_stack([_logit(levels), np.ones(len(levels))])
    yes, n = levels[:, 1], levels[:, 1:].sum(axis=1)
    identity = np.array([1.0, 0.0])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margin, away = inputs @ parameters, parameters - identity
        value = (n * np.logaddexp(0.0, margin) - yes * margin).sum() + away @ away / (2 * _PRIOR**2)
        chance = 1 / (1 + np.exp(-np.clip(margin, -500.0, 500.0)))
        return float(value), inputs.T @ (n * chance - yes) + away / _PRIOR**2

    slope, intercept = minimize(loss, x0=identity, jac=True, method="BFGS").x
    return Calibration(float(slope), float(intercept))


def fit_isotonic(levels: Floats) -> Calibration:
    """The line through the middles of the steps of isotonic regression, between logits.

    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates. Its steps
    make ties of what the booster ranks, and cost PR-AUC; Oron and Flournoy (2017), Centered isotonic regression, take
    each step as one point at the mean of its inputs and draw lines between them. Shares of positives are smoothed as
    Platt's targets are, so that none is 0 or 1.
    """
    ascending = levels[::-1]
    logit, yes, n = _logit(ascending), ascending[:, 1], ascending[:, 1:].sum(axis=1)
    steps = IsotonicRegression().fit_transform(logit, yes / n, sample_weight=n)
    _, step = np.unique(steps, return_inverse=True)
    size = np.bincount(step, weights=n)
    middle = np.bincount(step, weights=n * logit) / size
    target_no, target_yes = _targets(levels)
    share = target_no + (target_yes - target_no) * np.bincount(step, weights=yes) / size
    made = np.log(share / (1 - share))
    return Calibration(1.0, 0.0, tuple(zip(middle.tolist(), made.tolist(), strict=True)))


METHODS: Mapping[str, Callable[[Floats], Calibration]] = {
    "regularised_platt": fit_regularised_platt,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def calibrated(levels: Floats, calibration: Calibration | None) -> Floats:
    """The same counts by their calibrated probabilities."""
    if calibration is None:
        return levels
    found = np.column_stack([calibration.apply(_inner(levels)), levels[:, 1:]])
    return found[np.argsort(-found[:, 0], kind="stable")]


def binned(scored: DataFrame, probability: str, is_positive: str) -> Floats:
    """An array (levels, 3): probability, positives, negatives; at most LEVELS + 1 rows, by descending probability."""
    level = F.round(F.col(probability) * LEVELS).alias("level")
    positive = F.col(is_positive).cast("long")
    counted = scored.groupBy(level).agg(F.sum(positive).alias("yes"), F.sum(1 - positive).alias("no"))
    rows = counted.orderBy(F.col("level").desc()).collect()  # few: at most LEVELS + 1
    return np.array([[row["level"] / LEVELS, row["yes"], row["no"]] for row in rows], dtype=float).reshape(-1, 3)


def _inner(levels: Floats) -> Floats:
    """Probabilities of levels, those of the first and the last inside of 0 and 1."""
    return np.clip(levels[:, 0], 0.5 / LEVELS, 1 - 0.5 / LEVELS)


def _logit(levels: Floats) -> Floats:
    inner = _inner(levels)
    return np.asarray(np.log(inner / (1 - inner)))


def _targets(levels: Floats) -> tuple[float, float]:
    """Platt's targets of negatives and positives, in the place of 0 and 1."""
    n_yes, n_no = levels[:, 1].sum(), levels[:, 2].sum()
    return float(1 / (n_no + 2)), float((n_yes + 1) / (n_yes + 2))
