"""Which candidates replace a champion, and how often one that is no better does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from linnaeus.contracts.config import Promotion
from linnaeus.registry.gate import Measured, decide

Floats = npt.NDArray[np.float64]
SETTINGS = Promotion(
    error_rate=0.05,
    max_loss=0.0,
    min_held_out=20,
    guarded=("language", "node"),
    max_slice_loss=0.05,
    min_slice=50,
    max_calibration_loss=0.01,
    max_recall_loss=0.05,
    approval="automatic",
)
NOISE = np.append(0.0, np.random.default_rng(0).normal(scale=0.01, size=400))


def measured(value: float, n: int = 100, spread: float = 0.0, **other: Any) -> Measured:
    """A figure whose replicates share what moves both models (NOISE) and have a spread of their own."""
    own = np.append(0.0, np.random.default_rng(int(value * 1e6)).normal(scale=spread, size=400)) if spread else 0.0
    said = {"facet": "category", "slice": "overall", "metric": "macro_f1"} | other
    return Measured(said["facet"], said["slice"], said["metric"], value + NOISE + own, n)


@pytest.mark.parametrize(
    ("candidate", "champion", "changes", "promoted", "reason"),
    [
        (
            0.75,
            0.5,
            {},
            True,
            "better: category, overall: macro_f1 0.7500 against the champion's 0.5000 on the same 100",
        ),
        (0.501, 0.5, {}, True, "a gain of at least +0.0010 (more than +0.0000 is asked)"),
        (0.5, 0.5, {}, False, "not better: category, overall"),
        (0.5, 0.5, {"max_loss": 0.01}, True, "better"),
        (0.489, 0.5, {"max_loss": 0.01}, False, "a gain of at least -0.0110"),
    ],
)
def test_the_overall_figure(
    candidate: float, champion: float, changes: dict[str, Any], promoted: bool, reason: str
) -> None:
    settings = SETTINGS.model_copy(update=changes)
    decision = decide("macro_f1", [measured(candidate)], [measured(champion)], settings)
    assert decision.promoted is promoted
    assert reason in decision.reason and "\n" not in decision.reason


def test_a_gain_within_the_noise_is_none() -> None:
    """Half a point up, with a spread of one point between the replicates' differences."""
    champion = [measured(0.5)]
    assert not decide("macro_f1", [measured(0.505, spread=0.01)], champion, SETTINGS).promoted
    assert decide("macro_f1", [measured(0.53, spread=0.01)], champion, SETTINGS).promoted


def test_without_a_champion_or_figures() -> None:
    own = [measured(0.01)]
    first = decide("macro_f1", own, None, SETTINGS)
    assert first.promoted and "no champion; the candidate's macro_f1 is 0.0100 on 100 contents" in first.reason
    assert decide("macro_f1", own, [], SETTINGS).promoted  # of what the champion knows nothing is labelled
    assert not decide("macro_f1", [], None, SETTINGS).promoted
    assert not decide("macro_f1", [], own, SETTINGS).promoted
    few = decide("macro_f1", [measured(0.9, n=19)], None, SETTINGS)
    assert not few.promoted and "only 19 held-out contents" in few.reason


@pytest.mark.parametrize(
    ("other", "own", "theirs", "promoted"),
    [
        ({"slice": "language=en"}, 0.6, 0.64, True),
        ({"slice": "language=en"}, 0.6, 0.66, False),
        ({"slice": "language=en", "n": 49}, 0.6, 0.66, True),  # too few to tell
        ({"slice": "kind=text"}, 0.1, 0.9, True),  # not guarded
        ({"slice": "node=a", "metric": "f1"}, 0.6, 0.66, False),
        ({"slice": "node=a", "metric": "recall"}, 0.6, 0.66, True),
        ({"slice": "language=en", "metric": "accuracy"}, 0.6, 0.66, True),
        ({"metric": "recall_at_precision"}, 0.6, 0.66, False),
        ({"metric": "recall_at_precision"}, 0.6, 0.64, True),
    ],
)
def test_what_is_guarded(other: dict[str, Any], own: float, theirs: float, promoted: bool) -> None:
    candidate, champion = [measured(0.8), measured(own, **other)], [measured(0.7), measured(theirs, **other)]
    decision = decide("macro_f1", candidate, champion, SETTINGS)
    assert decision.promoted is promoted
    assert promoted or "worse, or it can't be told" in decision.reason


@pytest.mark.parametrize(("own", "promoted"), [(0.02, True), (0.029, True), (0.031, False)])
def test_the_calibration_error_of_a_risk_may_not_rise(own: float, promoted: bool) -> None:
    said = {"facet": "risk.spam", "metric": "calibration_error"}
    main = {"facet": "risk.spam", "metric": "pr_auc"}
    candidate, champion = (
        [measured(0.8, **main), measured(own, **said)],
        [measured(0.7, **main), measured(0.02, **said)],
    )
    assert decide("pr_auc", candidate, champion, SETTINGS).promoted is promoted


def test_the_mean_over_the_facets_counts() -> None:
    def of(spam: float, hate: float) -> list[Measured]:
        return [measured(spam, facet="risk.spam", metric="pr_auc"), measured(hate, facet="risk.hate", metric="pr_auc")]

    better = decide("pr_auc", of(0.9, 0.58), of(0.8, 0.6), SETTINGS)
    assert better.promoted and "mean of 2 facets, overall: pr_auc 0.7400 against the champion's 0.7000" in better.reason
    assert "on the same 200 held-out" in better.reason
    assert not decide("pr_auc", of(0.8, 0.58), of(0.8, 0.6), SETTINGS).promoted


def test_a_figure_that_is_no_number_is_never_promoted() -> None:
    nothing = Measured("category", "overall", "macro_f1", np.full(401, np.nan), 100)
    assert not decide("macro_f1", [nothing], [measured(0.5)], SETTINGS).promoted


def test_a_model_as_good_is_promoted_no_oftener_than_the_error_rate() -> None:
    """600 pairs of models of the same quality, each judged on 300 creators: at most 5% and the noise of counting."""
    rng = np.random.default_rng(5)
    promoted = 0
    for _ in range(600):
        drawn = np.column_stack([np.ones(300), rng.poisson(1, size=(300, 200))])
        right = rng.random((2, 300)) < 0.8
        values = [(drawn * one[:, None]).sum(axis=0) / drawn.sum(axis=0) for one in right]
        figures = [[Measured("category", "overall", "macro_f1", one, 300)] for one in values]
        promoted += decide("macro_f1", *figures, SETTINGS).promoted
    assert promoted / 600 <= 0.05 + 2.5 * (0.05 * 0.95 / 600) ** 0.5


def test_the_mean_is_of_the_facets_that_both_know() -> None:
    """A facet that is new to the candidate neither helps nor harms it."""

    def of(**values: float) -> list[Measured]:
        return [measured(value, facet=f"risk.{name}", metric="pr_auc") for name, value in values.items()]

    decision = decide("pr_auc", of(hate=0.2, spam=0.9), of(spam=0.8), SETTINGS)
    assert decision.promoted
    assert (decision.checks[0].facet, decision.checks[0].candidate) == ("risk.spam", 0.9)
    assert not decide("pr_auc", of(hate=0.9, spam=0.7), of(spam=0.8), SETTINGS).promoted


def test_what_could_not_be_compared_is_said() -> None:
    """Figures that are guarded and stand on too little, or that the champion has not; no others."""
    candidate = [
        measured(0.8),
        measured(0.1, slice="language=de", n=49),
        measured(0.1, slice="language=fr"),
        measured(0.1, slice="kind=text", n=10),
        measured(0.1, slice="language=de", metric="accuracy", n=49),
    ]
    champion = [measured(0.7), measured(0.9, slice="language=de", n=49)]
    decision = decide("macro_f1", candidate, champion, SETTINGS)
    assert decision.promoted
    assert [(one.slice, one.n, one.why) for one in decision.skipped] == [
        ("language=de", 49, "49 contents; 50 are needed"),
        ("language=fr", 100, "the champion has no such figure"),
    ]


def test_a_reason_names_three_checks_and_counts_the_others() -> None:
    slices = [f"language={one}" for one in ("de", "en", "es", "fr", "it")]
    candidate = [measured(0.8), *[measured(0.1, slice=one) for one in slices]]
    champion = [measured(0.7), *[measured(0.9, slice=one) for one in slices]]
    reason = decide("macro_f1", candidate, champion, SETTINGS).reason
    assert reason.count("worse, or it can't be told") == 3 and reason.endswith("; and 2 more")


def test_the_bounds_of_a_gain() -> None:
    """Of 101 replicates, by hand: Student's bounds of so many creators, unless the percentiles lie farther out."""

    def bounds(differences: Floats, creators: int | None, metric: str = "macro_f1") -> tuple[float, float]:
        sign = -1.0 if metric == "calibration_error" else 1.0
        main = Measured("risk.spam", "overall", "macro_f1", np.full(102, 0.5), 100)
        own, other = (
            Measured("risk.spam", "overall", metric, values, 100, creators)
            for values in (0.4 + np.append(0.1, differences) * sign, np.full(102, 0.4))
        )
        pairs = ([own], [other]) if metric == "macro_f1" else ([main, own], [main, other])
        check = decide("macro_f1", *pairs, SETTINGS).checks[-1]
        assert check.gain == pytest.approx(0.1) and check.creators == creators
        return check.at_least, check.at_most

    even = 0.1 + 0.02 * np.linspace(-1, 1, 101)  # its standard deviation is 0.0117
    spread = even.std(ddof=1)
    assert bounds(even, 5) == pytest.approx(
        (0.1 - 2.1318 * (5 / 4) ** 0.5 * spread, 0.1 + 2.1318 * (5 / 4) ** 0.5 * spread), abs=1e-5
    )
    assert bounds(even, None) == pytest.approx((0.1 - 1.6449 * spread, 0.1 + 1.6449 * spread), abs=1e-5)
    assert bounds(even, 5, "calibration_error") == pytest.approx(bounds(even, 5))
    skewed = np.append(np.full(93, 0.1), np.full(8, 0.0))  # eight in a hundred far below, where the deviation is 0.027
    assert bounds(skewed, None)[0] == 0.0
    assert bounds(even, 1) == (float("-inf"), float("inf"))
