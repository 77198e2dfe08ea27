"""Plots of a comparison: by how much a candidate is better than the champion, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from linnaeus.contracts.columns import OVERALL
from linnaeus.registry.gate import Check

_BLUE, _GREY, _RED = "#2f6db5", "#9aa5b1", "#b3261e"
_LONGEST = 46


def gains_plot(checks: Sequence[Check]) -> Figure:
    """A forest plot (Lewis and Clarke, 2001): each check's gain with its bounds, and how low the lower one may lie.

    The first check is at the top. A failed one is red and hollow, so that it is told apart without colour; one that
    chance alone may have made, its bounds being none, has no line.
    """
    figure = Figure(figsize=(8.4, 1.0 + 0.3 * max(len(checks), 1)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0.0, color=_GREY, linewidth=1, zorder=1)
    for place, check in enumerate(checks):
        colour = _BLUE if check.passed else _RED
        if math.isfinite(check.at_most - check.at_least):
            axes.plot([check.at_least, check.at_most], [place, place], color=colour, linewidth=1.6, zorder=2)
        axes.plot([-check.loss] * 2, [place - 0.32, place + 0.32], color="k", linewidth=1, linestyle=":", zorder=3)
        filled = colour if check.passed else "w"
        axes.plot(check.gain, place, "o", color=colour, markerfacecolor=filled, markersize=6, zorder=4)
    axes.set_yticks(range(len(checks)), [name_of(check) for check in checks], fontsize=8)
    axes.set_ylim(len(checks) - 0.4, -0.6)
    axes.set_xlabel("gain of the candidate over the champion")
    axes.grid(alpha=0.25, axis="x")
    return figure


def name_of(check: Check) -> str:
    """What is compared, short enough to stand beside a plot."""
    parts = [check.facet, *([] if check.slice == OVERALL else [check.slice]), check.metric]
    name = " · ".join(parts)
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
