"""Plots of agreement: annotators, disagreement by item, what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

_BLUE, _GREY = "#2f6db5", "#9aa5b1"


def annotators_plot(
    n_votes: Sequence[int],
    accuracy: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    spammer_score: Sequence[float | None],
) -> Figure:
    """Accuracy with its interval by number of votes, coloured by the spammer score (grey where there is none)."""
    figure = Figure(figsize=(5.6, 3.6))
    axes = figure.subplots()
    middle = np.asarray(accuracy)
    spread = np.abs(np.array([middle - np.asarray(lower), np.asarray(upper) - middle]))
    axes.errorbar(n_votes, middle, yerr=spread, fmt="none", ecolor=_GREY, elinewidth=0.8, alpha=0.6, zorder=1)
    scores = np.array([np.nan if one is None else one for one in spammer_score], dtype=float)
    known = ~np.isnan(scores)
    x = np.asarray(n_votes)
    axes.scatter(x[~known], middle[~known], color=_GREY, s=16, zorder=2)
    drawn = axes.scatter(x[known], middle[known], c=scores[known], cmap="RdYlBu", vmin=0, vmax=1, s=22, zorder=3)
    if known.any():
        figure.colorbar(drawn, ax=axes, label="spammer score (0: spammer)")
    axes.set(xscale="log", xlabel="votes", ylabel="agreement with the labels", ylim=(-0.03, 1.03))
    axes.grid(alpha=0.25)
    return figure


def entropy_plot(shares: Mapping[float, float]) -> Figure:
    """Share of items by the entropy of their votes; keys are the lower ends of bins of a tenth of a bit."""
    figure = Figure(figsize=(4.6, 3.6))
    axes = figure.subplots()
    axes.bar([low + 0.05 for low in shares], list(shares.values()), width=0.09, color=_BLUE)
    axes.set(xlabel="entropy of an item's votes, bits", ylabel="share of the items", xlim=(-0.02, None))
    axes.grid(alpha=0.25, axis="y")
    return figure


def confusion_plot(labels: Sequence[str], counts: npt.NDArray[np.float64]) -> Figure:
    """Share of the answers (columns) by the label that counts as true (rows)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    side = max(3.4, 0.5 * len(labels) + 2.0)
    figure = Figure(figsize=(side + 0.8, side))
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [name if len(name) <= 18 else name[:17] + "…" for name in labels]
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="answer", ylabel="label")
    for row, column in np.ndindex(*shares.shape):
        share = shares[row, column]
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color="w" if share > 0.6 else "k")
    figure.colorbar(drawn, ax=axes, fraction=0.046)
    return figure
