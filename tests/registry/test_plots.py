"""The forest plot: what is drawn of each check."""

from __future__ import annotations

import io

import pytest

from linnaeus.registry.gate import Check
from linnaeus.registry.plots import gains_plot

PASSED = Check("risk.spam", "overall", "pr_auc", 0.8, 0.7, 0.05, 0.15, 0.0, True, 900, 80)
FAILED = Check("risk.spam", "language=en", "pr_auc", 0.7, 0.7, -0.05, 0.05, 0.03, False, 400, 40)
UNKNOWN = Check("risk.spam", "x" * 80, "pr_auc", 0.7, 0.7, float("-inf"), float("inf"), 0.03, False, 400, 1)


def test_gains_with_their_bounds() -> None:
    figure = gains_plot([FAILED, UNKNOWN, PASSED])
    (axes,) = figure.axes
    points = [(line.get_xdata(), line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert [(x[0], y[0]) for x, y in points] == [(0.0, 0), (0.0, 1), (pytest.approx(0.1), 2)]
    bounds = [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 1.6]
    assert bounds == [(-0.05, 0.05), (0.05, 0.15)]
    assert [tuple(line.get_xdata()) for line in axes.lines if line.get_linestyle() == ":"] == [
        (-0.03, -0.03),
        (-0.03, -0.03),
        (0.0, 0.0),
    ]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "risk.spam · language=en · pr_auc" and names[1].endswith("…") and len(names[1]) == 46
    figure.savefig(io.BytesIO(), format="svg")
