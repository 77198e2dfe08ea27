"""Figures against scikit-learn and by brute force."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from linnaeus.training.calibration import LEVELS
from linnaeus.training.evaluation import (
    Figure,
    calibration_error,
    category_figures,
    figures_of_confusion,
    figures_of_levels,
    risk_figures,
)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def by_name(figures: list[Figure]) -> dict[str, float]:
    assert len({figure.n for figure in figures}) == 1
    return {figure.metric: figure.value for figure in figures}


def test_category_figures_are_those_of_scikit_learn(spark: SparkSession) -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice(["tech", "sport", "politics", "rare"], 300, p=[0.5, 0.3, 0.19, 0.01])
    predicted = np.where(rng.random(300) < 0.6, truth, rng.choice(["tech", "sport", "never true"], 300))
    rows = spark.createDataFrame(list(zip(truth.tolist(), predicted.tolist(), strict=True)), ["truth", "predicted"])
    figures = category_figures(rows, "truth", "predicted")
    assert {figure.n for figure in figures} == {300}
    assert by_name(figures) == pytest.approx(
        {
            "macro_f1": f1_score(truth, predicted, average="macro", zero_division=0),
            "accuracy": accuracy_score(truth, predicted),
        }
    )


def test_no_rows_no_category_figures(spark: SparkSession) -> None:
    assert category_figures(spark.createDataFrame([], "truth string, predicted string"), "truth", "predicted") == []


def test_confusion_by_hand() -> None:
    found = by_name(figures_of_confusion(np.array([[3.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])))
    assert found == pytest.approx({"macro_f1": (6 / 8 + 0) / 2, "accuracy": 3 / 5})


@pytest.mark.parametrize("n_levels", [10, LEVELS], ids=["many ties", "hardly a tie"])
def test_risk_figures_are_those_of_scikit_learn(spark: SparkSession, n_levels: int) -> None:
    rng = np.random.default_rng(n_levels)
    chances = np.round(rng.beta(1, 3, 400) * n_levels) / n_levels
    truth = rng.random(400) < chances
    rows = spark.createDataFrame(list(zip(chances.tolist(), truth.tolist(), strict=True)), "p double, t boolean")
    figures = risk_figures(rows, "p", "t")
    found = by_name(figures)
    assert figures[0].n == 400
    assert found["pr_auc"] == pytest.approx(average_precision_score(truth, chances))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, chances))
    assert found["prevalence"] == pytest.approx(truth.mean())


@pytest.mark.parametrize("is_positive", [True, False])
def test_one_class_alone_has_no_figures(spark: SparkSession, is_positive: bool) -> None:
    rows = spark.createDataFrame([(0.2, is_positive), (0.9, is_positive)], "p double, t boolean")
    assert risk_figures(rows, "p", "t") == []


def test_no_rows_no_risk_figures(spark: SparkSession) -> None:
    assert risk_figures(spark.createDataFrame([], "p double, t boolean"), "p", "t") == []


def levels_of(chances: Floats, truth: Flags) -> Floats:
    order = np.argsort(-chances)
    return np.stack([chances[order], truth[order], ~truth[order]], axis=1).astype(float)


@pytest.mark.parametrize("n", [150, 163, 15, 4])
def test_calibration_error_by_brute_force(n: int) -> None:
    """Fifteen bins of as equal size as can be, over rows of distinct probabilities."""
    rng = np.random.default_rng(n)
    chances = rng.permutation(np.linspace(0.01, 0.99, n))
    truth = rng.random(n) < chances**2
    order = np.argsort(-chances)
    bins: dict[int, list[int]] = {}
    for rank, row in enumerate(order):
        bins.setdefault(int((rank + 0.5) * 15 / n), []).append(int(row))
    sizes = [len(rows) for rows in bins.values()]
    assert sum(sizes) == n and max(sizes) - min(sizes) <= 1
    expected = sum(len(rows) / n * abs(chances[rows].mean() - truth[rows].mean()) for rows in bins.values())
    assert calibration_error(levels_of(chances, truth)) == pytest.approx(expected)


def test_calibration_error_is_none_for_exact_frequencies_and_large_for_wrong_ones() -> None:
    exact = np.array([[0.75, 300.0, 100.0], [0.5, 50.0, 50.0], [0.25, 100.0, 300.0]])
    assert calibration_error(exact) == pytest.approx(0.0)
    turned = exact[:, [0, 2, 1]]
    assert calibration_error(turned) == pytest.approx(800 / 900 * 0.5)


def test_a_perfect_and_an_inverted_ranking() -> None:
    perfect = by_name(figures_of_levels(np.array([[0.9, 5.0, 0.0], [0.1, 0.0, 5.0]])))
    inverted = by_name(figures_of_levels(np.array([[0.9, 0.0, 5.0], [0.1, 5.0, 0.0]])))
    assert (perfect["pr_auc"], perfect["roc_auc"]) == (1.0, 1.0)
    assert (inverted["pr_auc"], inverted["roc_auc"]) == (0.5, 0.0)
