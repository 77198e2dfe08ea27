"""Figures on held-out contents, from counts that Spark aggregates: nothing here grows with the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame

from linnaeus.training.calibration import binned


@dataclass(frozen=True)
class Figure:
    """A metric's value on n contents."""

    metric: str
    value: float
    n: int


def category_figures(scored: DataFrame, truth: str, predicted: str) -> list[Figure]:
    """Accuracy and macro-F1 over the labels that occur, from the confusion counts."""
    counted = scored.groupBy(truth, predicted).count().collect()  # few: at most the square of the taxonomy's nodes
    labels = sorted({row[truth] for row in counted} | {row[predicted] for row in counted})
    place = {label: i for i, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)))
    for row in counted:
        matrix[place[row[truth]], place[row[predicted]]] += row["count"]
    return figures_of_confusion(matrix)


def figures_of_confusion(matrix: np.ndarray) -> list[Figure]:
    """Accuracy and macro-F1 of a confusion matrix (true rows, predicted columns), as scikit-learn defines them."""
    n = int(matrix.sum())
    if n == 0:
        return []
    hits = np.diag(matrix)
    sizes = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=sizes > 0)
    return [Figure("macro_f1", float(f1[sizes > 0].mean()), n), Figure("accuracy", float(hits.sum() / n), n)]


def risk_figures(scored: DataFrame, probability: str, is_positive: str) -> list[Figure]:
    """PR-AUC (average precision), ROC-AUC, expected calibration error and prevalence; none without both classes.

    Probabilities are counted in 65,536 levels, equal ones as ties.
    """
    return figures_of_levels(binned(scored, probability, is_positive))


def figures_of_levels(levels: np.ndarray) -> list[Figure]:
    """Figures of an array (levels, 3) of probability, positives and negatives, by descending probability."""
    yes, no = levels[:, 1], levels[:, 2]
    n, n_yes, n_no = int(yes.sum() + no.sum()), yes.sum(), no.sum()
    if n_yes == 0 or n_no == 0:
        return []
    true_positives, false_positives = np.cumsum(yes), np.cumsum(no)
    precision = true_positives / (true_positives + false_positives)
    average_precision = float((precision * yes).sum() / n_yes)
    # Each negative is beaten by the positives above its level, and by half of those on it.
    roc = float(((true_positives - yes / 2) * no).sum() / (n_yes * n_no))
    return [
        Figure("pr_auc", average_precision, n),
        Figure("roc_auc", roc, n),
        Figure("calibration_error", calibration_error(levels), n),
        Figure("prevalence", float(n_yes / n), n),
    ]


def calibration_error(levels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass: mean |confidence - frequency|, weighted by the bins' size.

    Naeini, Cooper and Hauskrecht (2015), with equal-mass bins as in Nguyen and O'Connor (2015).
    """
    mass = levels[:, 1] + levels[:, 2]
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    place = np.minimum((middle * bins).astype(int), bins - 1)
    gap = 0.0
    for i in range(bins):
        inside = place == i
        if mass[inside].sum() > 0:
            gap += abs((levels[inside, 0] * mass[inside]).sum() - levels[inside, 1].sum())
    return float(gap / mass.sum())
