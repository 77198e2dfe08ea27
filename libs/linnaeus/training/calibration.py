"""Platt scaling of a booster's probability, fitted on creators that the booster was not trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sklearn.linear_model import LogisticRegression

from linnaeus.contracts.bundle import Calibration

# Scores are counted in this many levels, so that what reaches the driver does not grow with the rows.
LEVELS = 1 << 16
_MIN_OF_EACH = 5
Floats = npt.NDArray[np.float64]


def fit_platt(levels: Floats) -> Calibration | None:
    """Slope and intercept over the logit of the probability of `binned` rows; None with under five of either class.

    Platt (1999), Probabilistic outputs for support vector machines, with his smoothed targets against overconfidence.
    """
    n_yes, n_no = levels[:, 1].sum(), levels[:, 2].sum()
    if min(n_yes, n_no) < _MIN_OF_EACH:
        return None
    inner = np.clip(levels[:, 0], 0.5 / LEVELS, 1 - 0.5 / LEVELS)
    logit = np.log(inner / (1 - inner))
    target_yes, target_no = (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2)
    weight_yes = levels[:, 1] * target_yes + levels[:, 2] * target_no
    weight_no = levels[:, 1] * (1 - target_yes) + levels[:, 2] * (1 - target_no)
    model = LogisticRegression(C=1e6, max_iter=1000)
    stacked = np.concatenate([logit, logit])[:, None]
    answers = np.concatenate([np.ones(len(logit)), np.zeros(len(logit))])
    model.fit(stacked, answers, sample_weight=np.concatenate([weight_yes, weight_no]))
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))


def calibrated(levels: Floats, calibration: Calibration | None) -> Floats:
    """The same counts by their calibrated probabilities."""
    if calibration is None:
        return levels
    inner = np.clip(levels[:, 0], 0.5 / LEVELS, 1 - 0.5 / LEVELS)
    margin = calibration.slope * np.log(inner / (1 - inner)) + calibration.intercept
    found = np.column_stack([1 / (1 + np.exp(-margin)), levels[:, 1:]])
    return found[np.argsort(-found[:, 0], kind="stable")]


def binned(scored: DataFrame, probability: str, is_positive: str) -> Floats:
    """An array (levels, 3): probability, positives, negatives; at most LEVELS + 1 rows, by descending probability."""
    level = F.round(F.col(probability) * LEVELS).alias("level")
    positive = F.col(is_positive).cast("long")
    counted = scored.groupBy(level).agg(F.sum(positive).alias("yes"), F.sum(1 - positive).alias("no"))
    rows = counted.orderBy(F.col("level").desc()).collect()  # few: at most LEVELS + 1
    return np.array([[row["level"] / LEVELS, row["yes"], row["no"]] for row in rows], dtype=float).reshape(-1, 3)
