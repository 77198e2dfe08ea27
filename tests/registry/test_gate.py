"""Which candidates replace a champion."""

from __future__ import annotations

import pytest

from linnaeus.registry.gate import decide


@pytest.mark.parametrize(
    ("candidate", "champion", "n", "max_loss", "promoted", "reason"),
    [
        (0.75, 0.5, 100, 0.0, True, "no worse: macro_f1 0.7500 against the champion's 0.5000 on the same 100"),
        (0.5, 0.5, 100, 0.0, True, "no worse"),
        (0.4999, 0.5, 100, 0.0, False, "worse: macro_f1 0.4999 against the champion's 0.5000"),
        (0.25, 0.5, 100, 0.25, True, "no worse"),
        (0.2499, 0.5, 100, 0.25, False, "a loss of 0.2500 is allowed"),
        (0.01, None, 100, 0.0, True, "there was no champion; the candidate's macro_f1 is 0.0100 on 100 contents"),
        (None, None, 0, 0.0, False, "the candidate has no macro_f1"),
        (None, 0.5, 100, 0.0, False, "the candidate has no macro_f1"),
        (0.9, 0.5, 19, 0.0, False, "only 19 held-out contents are labelled; 20 are needed"),
        (0.9, None, 19, 0.0, False, "only 19 held-out contents"),
        (0.9, 0.5, 20, 0.0, True, "no worse"),
        (0.0, 0.0, 20, 0.0, True, "no worse"),
    ],
)
def test_decisions(
    candidate: float | None, champion: float | None, n: int, max_loss: float, promoted: bool, reason: str
) -> None:
    decision = decide("macro_f1", candidate, champion, n, max_loss, min_held_out=20)
    assert decision.promoted is promoted
    assert reason in decision.reason and "\n" not in decision.reason


@pytest.mark.parametrize("champion", [None, 0.0, 0.5])
def test_a_figure_that_is_no_number_is_never_promoted(champion: float | None) -> None:
    assert not decide("pr_auc", float("nan"), champion, 100, 0.1, min_held_out=20).promoted
