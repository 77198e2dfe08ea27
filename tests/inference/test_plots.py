"""Pieces of a plot: they sum to what they are pieces of."""

from __future__ import annotations

import pytest

from linnaeus.contracts.bundle import ModelBundle
from linnaeus.inference.explain import explain_head
from linnaeus.inference.plots import contributions_plot, pieces
from tests.inference.test_explain import CATEGORY, LOCAL, ROWS, one
from tests.oracles import with_logistic


@pytest.mark.parametrize(
    "bundle",
    [CATEGORY, LOCAL, with_logistic(CATEGORY, "category", 0.3), with_logistic(LOCAL, "category", 0.5)],
    ids=["plain", "local", "mixed", "mixed local"],
)
@pytest.mark.parametrize("most", [1, 50])
def test_pieces_sum_to_the_log_odds(bundle: ModelBundle, most: int) -> None:
    for row in ROWS[:6]:
        batch, terms = one(row)
        reasons = explain_head(bundle, "category", batch, terms, "art", "tech")
        found = pieces(reasons, most)
        assert sum(value for _, value in found) == pytest.approx(reasons.log_odds, abs=2e-4)
        words = [name for name, _ in found if name.startswith("“")]
        assert len(words) == min(most, sum(one.logistic is not None for one in reasons.words.words))


def test_a_plot_has_a_bar_a_piece_and_reads_no_word_as_a_formula() -> None:
    bundle = with_logistic(CATEGORY, "category", 0.3)
    batch, _ = one(ROWS[1])
    names = [f"$\\frac{{{term}$" for term in ROWS[1][2]]
    figure = contributions_plot(explain_head(bundle, "category", batch, names, "art", "tech"), 5)
    (axes,) = figure.axes
    assert len(axes.patches) == len(pieces(explain_head(bundle, "category", batch, names, "art", "tech"), 5))
    figure.canvas.draw()
