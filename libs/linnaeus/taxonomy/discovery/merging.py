"""Prototypes merged upward: to topics, and topics to the tiers above them.

By group averages (Sokal and Michener, 1958, UPGMA): the distance of two clusters is the mean over all pairs of their
contents, which the formula of Lance and Williams (1967) keeps up from merge to merge. Averages alone let one cluster
grow over all others where contents shade off (two thirds of the podcasts of tests/benchmarks/discovery.md in one of
twelve topics), so a merge of large ones costs a little more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linnaeus.taxonomy.discovery.vectors import Directions, Doubles, Places, Whole, cosines

BALANCE = 0.1  # of sizes in what a merge costs
Merges = tuple[tuple[int, int], ...]  # places of the two that are merged: the first stays, the second is gone


def distances(prototypes: Directions, weights: sparse.csr_matrix | None, term_share: float) -> Doubles:
    """Distances (n, n) of prototypes: one less their cosine, and by `term_share` one less that of their words' c-TF-IDF
    (n, terms), where there is one."""
    by_vectors = 1.0 - cosines(prototypes, prototypes)
    if weights is None or weights.shape[1] == 0 or term_share == 0:
        return by_vectors
    norms = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).reshape(-1))
    units = sparse.diags(1 / np.where(norms > 0, norms, 1.0)) @ weights
    by_terms = 1.0 - np.asarray((units @ units.T).todense())
    return (1 - term_share) * by_vectors + term_share * by_terms


def merged_upward(apart: Doubles, sizes: Whole, balance: float = BALANCE) -> Merges:
    """All merges of n clusters of these sizes, the nearest two first, the first pair of equally near ones.

    What is near counts times (a b / (a + b))^balance for sizes a and b: 0 is plain group averages, 1 as Ward's method
    weighs sizes.
    """
    n, weight = len(sizes), sizes.astype(np.float64)
    work = apart.astype(np.float64, copy=True)
    np.fill_diagonal(work, np.inf)
    cost = work * (weight[:, None] * weight[None] / (weight[:, None] + weight[None])) ** balance
    found = []
    for _ in range(n - 1):
        left, right = sorted(divmod(int(cost.argmin()), n))
        joint = (weight[left] * work[left] + weight[right] * work[right]) / (weight[left] + weight[right])
        joint[left] = np.inf
        weight[left] += weight[right]
        costs = joint * (weight[left] * weight / (weight[left] + weight)) ** balance
        for matrix, row in ((work, joint), (cost, costs)):
            matrix[left], matrix[:, left] = row, row
            matrix[right], matrix[:, right] = np.inf, np.inf
        found.append((left, right))
    return tuple(found)


def cut(merges: Merges, n: int, clusters: int) -> Places:
    """The cluster (n,) of each of n places when so many are left, numbered by their first place."""
    heir = np.arange(n)
    for left, right in merges[: max(0, n - clusters)]:
        heir[heir == right] = left
    clusters_of: Places = np.unique(heir, return_inverse=True)[1].astype(np.int32)
    return clusters_of


@dataclass(frozen=True, eq=False)
class Cut:
    """Topics of prototypes: each prototype's topic (n,), -1 where it belongs to a cluster too small to be one."""

    topics: Places

    @property
    def n(self) -> int:
        """How many topics there are."""
        return int(self.topics.max(initial=-1)) + 1


def cut_to(merges: Merges, sizes: Whole, topics: int, least: int) -> Cut:
    """The cut with as many clusters of at least `least` contents as `topics`, or the most below that there are.

    The first such cut from the top: clusters of a few contents far from all are left aside there, not made topics.
    """
    n = len(sizes)
    best = Cut(np.zeros(n, np.int32))
    for clusters in range(1, n + 1):
        one = _without_small(cut(merges, n, clusters), sizes, least)
        if one.n > best.n:
            best = one
        if best.n >= topics:
            break
    return best


def _without_small(clusters: Places, sizes: Whole, least: int) -> Cut:
    totals = np.bincount(clusters, weights=sizes)
    is_large = totals >= least
    numbers = np.where(is_large, np.cumsum(is_large) - 1, -1)
    return Cut(numbers[clusters].astype(np.int32))


def tiers(apart: Doubles, sizes: Whole, counts: Sequence[int]) -> list[Places]:
    """Clusters (n,) of n topics for each of `counts`, the fewest first; each lies within one of the count before."""
    merges = merged_upward(apart, sizes)
    return [cut(merges, len(sizes), count) for count in counts]


def tier_counts(topics: int, most: int) -> list[int]:
    """How many nodes each tier above the topics has, the fewest first: a geometric row, where it is worth one.

    With `most` tiers, the topics' own among them. A tier has at least two nodes, and half as many as the next at most.
    """
    found: list[int] = []
    for above in range(1, most):
        count = round(topics ** (above / most))
        if count >= max(2, 2 * (found[-1] if found else 1)) and 2 * count <= topics:
            found.append(count)
    return found


def silhouette(sample: Directions, centres: Directions) -> float:
    """How much nearer (by one less the cosine) rows are to their own centre than to the next, on average, -1 to 1.

    The simplified silhouette of Hruschka, de Castro and Campello (2004): to centres and not to all other rows. 0 where
    there is one centre only.
    """
    if len(centres) < 2:
        return 0.0
    ordered = np.sort(cosines(sample, centres), axis=1)
    own, next_best = 1 - ordered[:, -1], 1 - ordered[:, -2]
    return float(np.mean((next_best - own) / np.maximum(next_best, 1e-9)))


def sums_by(places: npt.NDArray[np.integer], values: Whole, k: int) -> Whole:
    """Sums (k, ...) of rows by their place; those at -1 are left out."""
    found = np.zeros((k, *values.shape[1:]), np.int64)
    np.add.at(found, places[places >= 0], values[places >= 0])
    return found
