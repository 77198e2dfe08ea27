"""Figures of counts against scikit-learn on the rows themselves, drawn as often as each replicate says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)

from linnaeus.training import figures

Floats = npt.NDArray[np.float64]
REPLICATES = 12


@pytest.fixture
def drawn() -> Floats:
    counts = np.random.default_rng(1).poisson(1, size=(400, REPLICATES)).astype(float)
    counts[:, 0] = 1
    return counts


def summed(places: npt.NDArray[np.int64], amounts: Floats, size: int) -> Floats:
    found = np.zeros((size, amounts.shape[1]))
    np.add.at(found, places, amounts)
    return found


def test_of_classes(drawn: Floats) -> None:
    rng = np.random.default_rng(2)
    true = rng.choice(5, 400, p=[0.4, 0.3, 0.2, 0.097, 0.003])
    predicted = np.where(rng.random(400) < 0.6, true, rng.integers(0, 4, 400))
    counts = (
        summed(true, drawn * (true == predicted)[:, None], 6),
        summed(predicted, drawn, 6),
        summed(true, drawn, 6),
    )
    found, each = figures.of_classes(*counts), figures.of_each_class(*counts)
    for place in range(REPLICATES):
        weight = drawn[:, place]
        seen = np.repeat(np.arange(400), weight.astype(int))
        a, b = true[seen], predicted[seen]
        assert found["macro_f1"][place] == pytest.approx(f1_score(a, b, average="macro", zero_division=0))
        assert found["micro_f1"][place] == pytest.approx(f1_score(a, b, average="micro", zero_division=0))
        assert found["accuracy"][place] == pytest.approx(accuracy_score(a, b))
        for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            expected = score(a, b, average=None, labels=range(6), zero_division=np.nan)
            np.testing.assert_allclose(each[name][:4, place], expected[:4])
    assert np.isnan(each["f1"][5]).all()  # it never occurs


def test_of_ancestors_by_hand() -> None:
    """Truth a/b/c taken for a/b, and d for d: 3 nodes shared of 3 predicted and 4 true; then nothing at all."""
    found = figures.of_ancestors(np.array([3.0, 0.0]), np.array([3.0, 0.0]), np.array([4.0, 0.0]))
    assert found["hierarchical_precision"][0] == 1.0
    assert found["hierarchical_recall"][0] == 0.75
    assert found["hierarchical_f1"][0] == pytest.approx(6 / 7)
    assert all(np.isnan(one[1]) for one in found.values())


@pytest.mark.parametrize("n_levels", [7, 300])
def test_of_ranking(drawn: Floats, n_levels: int) -> None:
    rng = np.random.default_rng(n_levels)
    level = rng.integers(0, n_levels, 400)
    is_yes = rng.random(400) < level / n_levels * 0.6
    yes, no = (summed(level, drawn * flag[:, None], n_levels)[::-1] for flag in (is_yes, ~is_yes))
    found = figures.of_ranking(yes, no, precision=0.5, capacity=0.1)
    for place in range(REPLICATES):
        seen = np.repeat(np.arange(400), drawn[:, place].astype(int))
        truth, chance = is_yes[seen], level[seen]
        assert found["pr_auc"][place] == pytest.approx(average_precision_score(truth, chance))
        assert found["roc_auc"][place] == pytest.approx(roc_auc_score(truth, chance))
        assert found["prevalence"][place] == pytest.approx(truth.mean())
        precision, recall, _ = precision_recall_curve(truth, chance)
        assert found["recall_at_precision"][place] == pytest.approx(recall[precision >= 0.5].max())
        assert found["recall_at_capacity"][place] == pytest.approx(recall_within(truth, chance, 0.1))


def recall_within(truth: npt.NDArray[np.bool_], chance: npt.NDArray[np.int64], share: float) -> float:
    """Recall where the most probable are looked at, of equal ones the mean over their orders."""
    room, found = share * len(truth), 0.0
    for one in sorted(set(chance.tolist()), reverse=True):
        inside = truth[chance == one]
        looked_at = min(room, len(inside))
        found += looked_at * inside.mean()
        room -= looked_at
    return found / truth.sum()


def test_one_kind_alone_has_no_ranking() -> None:
    found = figures.of_ranking(np.array([[1.0], [2.0]]), np.zeros((2, 1)), 0.5, 0.5)
    assert found.pop("prevalence").tolist() == [1.0]
    assert all(np.isnan(one).all() for one in found.values())


def test_calibration_error_by_hand() -> None:
    """30 levels of one row each: pairs of neighbours are a bin."""
    probability = np.linspace(0.99, 0.01, 30)
    yes = (np.arange(30) % 3 == 0).astype(float)
    expected = np.mean([abs(probability[i : i + 2].mean() - yes[i : i + 2].mean()) for i in range(0, 30, 2)])
    found = figures.of_calibration(probability, yes[:, None], (1 - yes)[:, None])["calibration_error"]
    assert found == pytest.approx([expected])


def test_calibrated_probabilities_have_next_to_no_error() -> None:
    levels = np.linspace(0.999, 0.001, 500)
    mass = np.full(500, 1000.0)
    found = figures.of_calibration(levels, (levels * mass)[:, None], ((1 - levels) * mass)[:, None])[
        "calibration_error"
    ]
    assert found[0] < 1e-12


def test_the_reliability_curve_against_rows(drawn: Floats) -> None:
    """Rows drawn as often as each replicate says, sorted, cut into bins: what a level's mass straddles may differ."""
    rng = np.random.default_rng(4)
    chance = np.sort(rng.random(400))[::-1]
    is_yes = rng.random(400) < chance
    found = figures.of_calibration(chance, drawn * is_yes[:, None], drawn * ~is_yes[:, None])
    for place in range(REPLICATES):
        seen = np.repeat(np.arange(400), drawn[:, place].astype(int))[::-1]
        bins = np.array_split(seen, figures.BINS)
        for number, one in enumerate(bins, 1):
            assert found[f"confidence_{number:02d}"][place] == pytest.approx(chance[one].mean(), abs=0.02)
            assert found[f"reliability_{number:02d}"][place] == pytest.approx(is_yes[one].mean(), abs=0.15)
        error = np.mean([abs(chance[one].mean() - is_yes[one].mean()) for one in bins])
        assert found["calibration_error"][place] == pytest.approx(error, abs=0.03)
    assert sum(map(figures.is_of_curve, found)) == 2 * figures.BINS and not figures.is_of_curve("calibration_error")
