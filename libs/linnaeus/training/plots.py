"""Plots of a model's held-out contents: what is taken for what, precision and recall, how far probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from linnaeus.training.figures import BINS

Floats = npt.NDArray[np.float64]
_BLUE, _GREY, _ORANGE = "#2f6db5", "#9aa5b1", "#c0713d"
_MOST_NAMED = 40  # classes whose names fit beside a matrix


def confusion_plot(counts: Mapping[tuple[str, str], int]) -> Figure:
    """Share of the predictions (columns) by the label (rows), of counts by label and prediction."""
    names = sorted({name for pair in counts for name in pair})
    matrix = np.array([[counts.get((row, column), 0) for column in names] for row in names], dtype=float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1.0)
    side = min(14.0, max(3.4, 0.36 * len(names) + 2.0))
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="label", title=f"{int(matrix.sum()):,} held-out contents")
    if len(names) <= _MOST_NAMED:
        short = [name if len(name) <= 18 else name[:17] + "…" for name in names]
        axes.set_xticks(range(len(names)), short, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(names)), short, fontsize=8)
        for row, column in zip(*np.nonzero(shares >= 0.01), strict=True):
            share = shares[row, column]
            shown, colour = f"{100 * share:.0f}", "w" if share > 0.6 else "k"
            axes.text(column, row, shown, ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(drawn, ax=axes, fraction=0.046, label="share of the label's contents")
    return figure


def precision_recall_plot(levels: Mapping[str, Floats]) -> Figure:
    """Precision by recall of each head, of `binned` levels (n, 3); dashed: what chance would give."""
    figure = Figure(figsize=(5.0, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (name, one) in enumerate(sorted(levels.items())):
        yes, no = np.cumsum(one[:, 1]), np.cumsum(one[:, 2])
        if len(one) == 0 or yes[-1] == 0:
            continue
        colour = f"C{place}"
        axes.step(yes / yes[-1], yes / (yes + no), where="post", label=name, color=colour)
        axes.axhline(yes[-1] / (yes[-1] + no[-1]), color=colour, linestyle="--", linewidth=0.8, alpha=0.6)
    axes.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def reliability_plot(levels: Mapping[str, Floats]) -> Figure:
    """Share of positives by mean probability in bins of equal mass, of `binned` levels; on the line it holds.

    The bars say how far two standard errors of the share go.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    for place, (name, one) in enumerate(sorted(levels.items())):
        if len(one) == 0:
            continue
        mean, share, n = reliability(one)
        spread = 2 * np.sqrt(share * (1 - share) / n)
        axes.errorbar(mean, share, yerr=spread, fmt="o-", markersize=4, elinewidth=0.8, color=f"C{place}", label=name)
    axes.set(xlabel="probability", ylabel="share that is true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def reliability(levels: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean probability, share of positives and mass of each bin of equal mass that is not empty, ascending."""
    mass = levels[:, 1] + levels[:, 2]
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    place = np.minimum((middle * BINS).astype(int), BINS - 1)
    of_bins = (np.bincount(place, one, BINS) for one in (mass, levels[:, 0] * mass, levels[:, 1]))
    n, total, yes = (np.asarray(one, dtype=np.float64) for one in of_bins)
    kept = np.flatnonzero(n)[::-1]
    return total[kept] / n[kept], yes[kept] / n[kept], n[kept]
