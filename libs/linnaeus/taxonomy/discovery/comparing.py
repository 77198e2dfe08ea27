"""Curated nodes compared with each other: which of them a content is about, if it is about one of them at all.

A cosine says little by itself: a general word is near everything, and what a line of description is near to has a
cosine of 0.2. So a content's score at a node is its cosine less the corpus's mean cosine with that node (Suzuki, Hara,
Shimbo, Saerens and Fukumizu, 2013, Centering similarity measures to reduce hubs). A content is about the node where its
score is highest, if that is above zero, and above the next node's, by a margin in the corpus's own spread.

A name is a poor direction: each node learns from the contents that are nearest to it, and stays bound to what it was
said to be (one step of self-training: Nigam et al., 2000, Text classification from labeled and unlabeled documents
using EM).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from linnaeus.taxonomy.discovery.kmeans import grouped
from linnaeus.taxonomy.discovery.vectors import Directions, Doubles, Places, of_whole, products, scale

NONE = -1  # the place of no node
_LEARNT = 2  # parts of a node's direction that are its contents', beside one that is what it was said to be
_ROWS = 4096  # compared at a time
_LEAST_MARGIN = 1.0  # of products, which are whole numbers: equal ones decide nothing


class Joining(Protocol):
    """How contents join curated nodes (m), by their products with the directions of these."""

    @property
    def directions(self) -> Directions:
        """Those of the nodes (m, width)."""

    @property
    def takes_first(self) -> bool:
        """Whether contents join before topics are looked for, which then are of the other contents alone."""

    def joined(self, similar: Doubles) -> Places:
        """The place (n,) of the node that each row of products (n, m) joins, or NONE."""

    def near(self, similar: Doubles) -> Places:
        """The place (n,) of the node that each row counts for, where it is said what a topic hangs below, or NONE."""

    def parents(self, votes: npt.NDArray[np.int64], totals: npt.NDArray[np.int64]) -> Places:
        """The place (k,) of the node below which each of k topics hangs, or NONE, by how many of its contents count for
        each node (k, m), and how many there are (k,)."""


@dataclass(frozen=True, eq=False)
class Absolute:
    """A content joins its nearest node from the cosine `join_from` on, and counts for it from `below_from` on."""

    directions: Directions
    join_from: float
    below_from: float
    takes_first = True

    def joined(self, similar: Doubles) -> Places:
        """See Joining."""
        return self._from(similar, self.join_from)

    def near(self, similar: Doubles) -> Places:
        """See Joining."""
        return self._from(similar, self.below_from)

    def parents(self, votes: npt.NDArray[np.int64], totals: npt.NDArray[np.int64]) -> Places:
        """See Joining."""
        return np.where(2 * votes.max(axis=1, initial=0) > totals, _first_most(votes), NONE).astype(np.int32)

    def _from(self, similar: Doubles, least: float) -> Places:
        is_near = similar.max(axis=1, initial=-np.inf) >= least * scale(self.directions.shape[1]) ** 2
        return np.where(is_near, _first_most(similar), NONE).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Compared:
    """A content joins the deepest node that it is about by the margin, and counts for it.

    `means` (m,): of the corpus's products with each node; `margin`: least difference, in products; `above` (m,): the
    place of the node above each, or NONE.
    """

    directions: Directions
    means: Doubles
    margin: float
    above: Places
    takes_first = False

    @cached_property
    def within(self) -> npt.NDArray[np.bool_]:
        """Whether a node (row) is another (column) or lies below it (m, m)."""
        m = len(self.above)
        found = np.eye(m, dtype=bool)
        at = self.above.copy()
        while (at != NONE).any():
            rows = np.flatnonzero(at != NONE)
            found[rows, at[rows]] = True
            at[rows] = self.above[at[rows]]
        return found

    def joined(self, similar: Doubles) -> Places:
        """See Joining. Where siblings are too near each other it is the node above them."""
        scores = similar - self.means
        at = _first_most(scores)
        found = np.full(len(similar), NONE, np.int32)
        while (at != NONE).any():
            is_sure = (at != NONE) & (self._lead(scores, at) >= max(self.margin, _LEAST_MARGIN))
            found[is_sure] = at[is_sure]
            at = np.where((at == NONE) | is_sure, NONE, self.above[at]).astype(np.int32)
        return found

    def near(self, similar: Doubles) -> Places:
        """See Joining."""
        return self.joined(similar)

    def parents(self, votes: npt.NDArray[np.int64], totals: npt.NDArray[np.int64]) -> Places:
        """See Joining. It is the deepest node that most of a topic's contents count for or for one below it."""
        depth = self.within.sum(axis=1)
        has_most = 2 * (votes @ self.within) > totals[:, None]
        return np.where(has_most.any(axis=1), _first_most(np.where(has_most, depth, 0)), NONE).astype(np.int32)

    def _lead(self, scores: Doubles, at: Places) -> Doubles:
        """By how much the highest score (n,) is above zero and above those of the nodes that are neither above nor
        below `at` (n,)."""
        is_rival = ~(self.within | self.within.T)
        rivals = np.where(is_rival[at], scores, -np.inf).max(axis=1, initial=0.0)
        found: Doubles = scores.max(axis=1, initial=-np.inf) - rivals
        return found


def compared(sample: Directions, said: Directions, above: Places, margin: float) -> Compared:
    """Nodes that were said to have the directions `said` (m, width), compared on a sample (n, width) of the corpus; the
    margin is in standard deviations of the sample's scores."""
    if len(sample) == 0:
        return _on(sample, said, above, margin)
    # What is nearest is learnt from whatever its margin: a name that is far from all contents is ahead by little. Once:
    # each time more draws a node nearer to what no node is about (tests/benchmarks/discovery.md).
    return _on(sample, _learnt(sample, said, _on(sample, said, above, 0.0)), above, margin)


def _on(sample: Directions, nodes: Directions, above: Places, margin: float) -> Compared:
    means = sum((part.sum(axis=0) for part in _products(sample, nodes)), np.zeros(len(nodes))) / max(1, len(sample))
    # Rounded to whole numbers: beyond them they depend on how a machine adds.
    means = np.rint(means)
    squares = sum(float(((part - means) ** 2).sum()) for part in _products(sample, nodes))
    spread = np.rint(np.sqrt(squares / max(1, len(sample) * len(nodes))))
    return Compared(nodes, means, float(margin * spread), above)


def _learnt(sample: Directions, said: Directions, now: Compared) -> Directions:
    """Directions (m, width) between what each node was said to be and the contents that join it."""
    places = np.concatenate([now.joined(part) for part in _products(sample, now.directions)])
    kept = places != NONE
    learnt = of_whole(grouped(sample[kept], places[kept], len(said)))
    return of_whole(_LEARNT * learnt.astype(np.int64) + said)


def _products(sample: Directions, nodes: Directions) -> Iterator[Doubles]:
    for start in range(0, len(sample), _ROWS):
        yield products(sample[start : start + _ROWS], nodes).astype(np.float64)


def _first_most(values: npt.NDArray[Any]) -> Places:
    """The place (n,) of each row's greatest value, the first of equal ones; 0 where there are no columns."""
    if values.shape[1] == 0:
        return np.zeros(len(values), np.int32)
    found: Places = values.argmax(axis=1).astype(np.int32)
    return found
