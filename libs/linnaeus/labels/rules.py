"""From the probabilities of labels to one: the likeliest, in a tree the deepest that is sure, of grades the median.

A rule takes posteriors (items, labels) and the labels' names, and gives each item's label and its probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from linnaeus.contracts.config import path_of

Floats = npt.NDArray[np.float64]
Decided = tuple[npt.NDArray[np.object_], Floats]

_ROUNDING = 1e-9  # sums of probabilities that are equal differ by less


class Rule(Protocol):
    """How an item's label follows from the probabilities of all labels."""

    def decide(self, posterior: Floats, labels: Sequence[str]) -> Decided:
        """Names and probabilities, one an item."""


@dataclass(frozen=True)
class BackOff:
    """The deepest node whose probability, its descendants' included, is at least `threshold`.

    `parents` holds each node's parent (None for a root); a label that is not in it counts as a root. So a vote for a
    child counts for all of its ancestors, and where siblings share the votes the label is what they have in common. Of
    nodes as deep the likelier counts, of those the first by name; where no node is sure enough, the likeliest root.
    Without parents that is the likeliest label.
    Method: Deng, Krause, Berg and Fei-Fei (2012), Hedging your bets: optimizing accuracy-specificity trade-offs.
    """

    threshold: float = 0.5
    parents: Mapping[str, str | None] = field(default_factory=dict)

    def decide(self, posterior: Floats, labels: Sequence[str]) -> Decided:
        """Names of nodes and their probabilities, descendants included."""
        paths = [path_of(label, self.parents) for label in labels]
        depth = {node: place for path in paths for place, node in enumerate(path)}
        nodes = sorted(depth)
        within = np.array([[node in path for node in nodes] for path in paths], dtype=np.float64)
        mass = np.minimum(posterior @ within, 1.0)
        level = np.array([depth[node] for node in nodes])
        unsure = np.where(level == 0, mass, -1.0)
        # Two a level: what is deeper wins, whatever the masses; and on one level the greater mass.
        worth = np.where(mass >= self.threshold - _ROUNDING, 2.0 * (level + 1) + mass, unsure)
        best = (worth >= worth.max(axis=1, keepdims=True) - _ROUNDING).argmax(axis=1)
        return np.array(nodes, dtype=object)[best], mass[np.arange(len(mass)), best]


@dataclass(frozen=True)
class Median:
    """The median grade: of all grades the one from which the expected distance is least; its own probability.

    `order` holds the grades from the least to the greatest; the lower of two medians counts.
    """

    order: tuple[str, ...]

    def decide(self, posterior: Floats, labels: Sequence[str]) -> Decided:
        """Names of grades and their probabilities. Raises ValueError for a label that is no grade."""
        ranked = posterior[:, sorted(range(len(labels)), key=lambda place: self.order.index(labels[place]))]
        names = sorted(labels, key=self.order.index)
        place = (np.cumsum(ranked, axis=1) >= 0.5 - _ROUNDING).argmax(axis=1)
        return np.array(names, dtype=object)[place], ranked[np.arange(len(ranked)), place]


def entropy(shares: Floats) -> Floats:
    """Shannon's, in bits, of rows of shares."""
    certain = np.where(shares > 0, shares, 1.0)
    return np.asarray(np.maximum(-(certain * np.log2(certain)).sum(axis=1), 0.0))
