"""Which topic of now is which of before: pairs by the Hungarian method, what was split, and what was merged.

Topics are compared by the contents that were placed then and are placed now. With s contents shared, a of the old
topic's among them and b of the new one's, their likeness is the mean of the Jaccard index s / (a + b - s) and the
cosine of the centroids; growth does not tell against a topic that way, as contents that are new do not count. The pairs
are those of the greatest sum of what their likeness is above a threshold (Kuhn, 1955, The Hungarian method for the
assignment problem). An heir of a split is a new topic most of whose contents were in the old one, and not few of that
one's; what was merged is an old topic most of whose contents are in one new topic (Greene, Doyle and Cunningham, 2010,
Tracking the evolution of communities in dynamic social networks, tell the same events apart by one threshold).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from linnaeus.taxonomy.tree import Node

Floats = npt.NDArray[np.float64]
_DIGITS = 6  # of likenesses: sums in another order differ beyond them, and must not decide


@dataclass(frozen=True)
class Limits:
    """From where on topics count as one, all 0 to 1.

    `least_score`: of the likeness of a pair; `least_cosine`: of a pair whose contents are all others than before, of
    which only centroids tell; `most`: of the contents that make an heir, or a topic that was merged; `least_part`: of
    an old topic's contents that an heir has at least.
    """

    least_score: float = 0.5
    least_cosine: float = 0.9
    most: float = 0.5
    least_part: float = 0.1


@dataclass(frozen=True)
class Stage:
    """Old topics (n) and new ones (m) that may be one another, in an order of what they are and not of their labels.

    `shared`: contents, n × (m + k), the last k columns those of nodes that people have curated, which may take old
    topics over and are none themselves; `old_totals` (n) and `new_totals` (m + k): contents placed then and now;
    `is_apart` (n × (m + k)): whether the two stand at one tier, or are leaves: of those no content is at two.
    """

    olds: Sequence[Node]
    news: Sequence[Node]
    shared: Floats
    old_totals: Floats
    new_totals: Floats
    is_apart: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Matched:
    """By position: the old topic of a new one, and the old topics with what they were split into and new ones (or
    curated ones) with what was merged into them, those that live on as one of these among them."""

    old_of: Mapping[int, int]
    splits: Mapping[int, tuple[int, ...]]
    merges: Mapping[int, tuple[int, ...]]


def match(stage: Stage, limits: Limits, are_centroids_comparable: bool) -> Matched:
    """Pairs, splits and merges; ties go to what stands first."""
    n_new = len(stage.news)
    of_old = _share(stage.shared, stage.old_totals[:, None])
    of_new = _share(stage.shared, stage.new_totals[None, :])
    heirs = _heirs(stage, of_old, of_new, limits)
    sources = _sources(stage, of_old, limits)
    scores = likeness(stage, limits, are_centroids_comparable)
    pairs = _forced(stage, heirs, {new: olds for new, olds in sources.items() if new < n_new}, of_old, limits)
    pairs |= _hungarian(stage, scores, pairs, limits)
    new_of = {old: new for new, old in pairs.items()}
    splits = {}
    for old, found in heirs.items():
        free = {new for new in found if pairs.get(new, old) == old}
        into = free | ({new_of[old]} if old in new_of else set())
        if len(into) > 1 and of_old[old, sorted(into)].sum() >= limits.most:
            splits[old] = tuple(sorted(into))
    heirs_by_split = {(old, new) for old, into in splits.items() for new in into}
    merges = {}
    for new, found in sources.items():
        gone = {old for old in found if old not in new_of and (old, new) not in heirs_by_split}
        if gone:
            merges[new] = tuple(sorted(gone | ({pairs[new]} if new in pairs else set())))
    return Matched(pairs, splits, merges)


def likeness(stage: Stage, limits: Limits, are_centroids_comparable: bool) -> Floats:
    """Likeness of each old topic (n) to each new one (m), 0 to 1; 0 where it would be of centroids that are too far
    from one another and of nothing else."""
    n_new = len(stage.news)
    shared, of_now = stage.shared[:, :n_new], stage.new_totals[None, :n_new]
    union = stage.old_totals[:, None] + of_now - shared
    jaccard = _share(shared, union)
    cosine = _cosines(stage.olds, stage.news) if are_centroids_comparable else np.full(jaccard.shape, np.nan)
    have_contents = union > 0
    both = np.where(np.isnan(cosine), jaccard, (jaccard + cosine) / 2)
    alone = np.where(np.nan_to_num(cosine) >= limits.least_cosine, np.nan_to_num(cosine), 0.0)
    return np.round(np.where(have_contents, both, alone), _DIGITS)


def _heirs(stage: Stage, of_old: Floats, of_new: Floats, limits: Limits) -> dict[int, list[int]]:
    """By old topic, new ones most of whose contents were in it, and not few of its own."""
    found: dict[int, list[int]] = {}
    for new in range(len(stage.news) if stage.olds else 0):
        parts = np.where(stage.is_apart[:, new], of_new[:, new], 0.0)
        old = int(np.argmax(parts))
        if parts[old] >= limits.most and of_old[old, new] >= limits.least_part:
            found.setdefault(old, []).append(new)
    return found


def _sources(stage: Stage, of_old: Floats, limits: Limits) -> dict[int, list[int]]:
    """By new topic (or curated node), old ones most of whose contents are in it."""
    found: dict[int, list[int]] = {}
    for old in range(len(stage.olds) if stage.shared.shape[1] else 0):
        parts = np.where(stage.is_apart[old], of_old[old], 0.0)
        new = int(np.argmax(parts))
        if parts[new] >= limits.most:
            found.setdefault(new, []).append(old)
    return found


def _forced(
    stage: Stage,
    heirs: Mapping[int, Sequence[int]],
    sources: Mapping[int, Sequence[int]],
    of_old: Floats,
    limits: Limits,
) -> dict[int, int]:
    """Old by new topic: the largest heir of a split keeps the id, and of what is merged the one with the most contents
    there; where the two disagree the pair that shares more."""
    wanted = set()
    for old, found in heirs.items():
        if len(found) > 1 and of_old[old, list(found)].sum() >= limits.most:
            most = max((stage.shared[old, new], -new) for new in found)
            wanted.add((old, -most[1]))
    for new, olds in sources.items():
        if len(olds) > 1:
            largest = max((stage.shared[old, new], stage.olds[old].size, -old) for old in olds)
            wanted.add((-largest[2], new))
    pairs: dict[int, int] = {}
    for old, new in sorted(wanted, key=lambda pair: (-stage.shared[pair], pair)):
        if new not in pairs and old not in pairs.values():
            pairs[new] = old
    return pairs


def _hungarian(stage: Stage, scores: Floats, taken: Mapping[int, int], limits: Limits) -> dict[int, int]:
    """Old by new topic, of those that are not taken."""
    # A little more where both stand at one tier: a node with one child has the same contents as that.
    aside = 10.0**-_DIGITS * (1.0 + stage.is_apart[:, : scores.shape[1]])
    gain = np.where(scores >= limits.least_score, scores - limits.least_score + aside, 0.0)
    gone = set(taken.values())
    rows = [old for old in range(scores.shape[0]) if old not in gone]
    columns = [new for new in range(scores.shape[1]) if new not in taken]
    if not rows or not columns:
        return {}
    open_gain = gain[np.ix_(rows, columns)]
    chosen = zip(*linear_sum_assignment(open_gain, maximize=True), strict=True)
    return {columns[new]: rows[old] for old, new in chosen if open_gain[old, new] > 0}


def _cosines(olds: Sequence[Node], news: Sequence[Node]) -> Floats:
    """n × m; NaN where either has no centroid, or one of another dimension."""
    found = np.full((len(olds), len(news)), np.nan)
    dimensions = sorted({len(one.centroid) for one in [*olds, *news] if one.centroid is not None})
    for dimension in dimensions:
        rows = [at for at, one in enumerate(olds) if one.centroid is not None and len(one.centroid) == dimension]
        columns = [at for at, one in enumerate(news) if one.centroid is not None and len(one.centroid) == dimension]
        if rows and columns:
            left, right = (
                np.array([side[at].centroid for at in places], dtype=np.float64)
                for side, places in ((olds, rows), (news, columns))
            )
            found[np.ix_(rows, columns)] = np.clip(left @ right.T, 0.0, 1.0)
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where there is nothing."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
