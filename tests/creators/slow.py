"""Creator profiles a creator and a content at a time, in plain Python: what the roll-up has to come to."""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Creators, Taxonomy


@dataclass
class One:
    """A scored content: `nodes` are its category's probabilities, of which the largest is the category."""

    content_id: str
    creator_id: str
    nodes: dict[str, float] | None = None
    risk: dict[str, float] | None = None
    kind: str | None = "text"
    published_at: datetime.datetime | None = None
    views: int | None = None
    is_map_stored: bool = True  # else only the largest is, as in rows of before the others were kept
    model: str = "category/1"
    taxonomy_version: str = "t"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, float]:
        if not self.nodes or self.is_map_stored:
            return self.nodes or {}
        best = max(self.nodes, key=lambda node: self.nodes[node])  # type: ignore[index]
        return {best: self.nodes[best]}


def recencies(contents: list[One], half_life: float | None) -> list[float]:
    days = [None if one.published_at is None else int(one.published_at.timestamp() // 86400) for one in contents]
    newest = max((day for day in days if day is not None), default=0)
    known = [None if day is None else 0.5 ** ((newest - day) / half_life) if half_life else 1.0 for day in days]
    dated = [one for one in known if one is not None]
    return [(float(np.mean(dated)) if dated else 1.0) if one is None else one for one in known]


def reaches(contents: list[One], weight: float) -> list[float]:
    known = [None if one.views is None else 1 + weight * math.log1p(max(0, one.views)) for one in contents]
    told = [one for one in known if one is not None]
    return [(float(np.mean(told)) if told else 1.0) if one is None else one for one in known]


def kish(weights: list[float]) -> float:
    squares = sum(one * one for one in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def profile(contents: list[One], settings: Creators, taxonomy: Taxonomy) -> dict[str, Any]:
    """Shares, intervals, acceptance and modality of one creator's contents."""
    d, r = recencies(contents, settings.half_life_days), reaches(contents, settings.reach_weight)
    w = [one * other for one, other in zip(d, r, strict=True)]
    mass: dict[str, float] = defaultdict(float)
    modality: dict[str, float] = defaultdict(float)
    for weight, one in zip(w, contents, strict=True):
        rest = 1.0
        for node, chance in one.stored.items():
            mass[node] += weight * chance
            path = taxonomy.path(node) if node in taxonomy.ids else (node,)
            named = settings.modality.nodes.get(str(one.kind), {})
            own = [named[above] for above in path if above in named]
            if own:
                modality[own[-1]] += weight * chance
                rest -= chance
        if one.kind in settings.modality.kinds:
            modality[settings.modality.kinds[one.kind]] += weight * rest
    scored = [weight for weight, one in zip(w, contents, strict=True) if one.nodes]
    total = sum(mass.values())
    found: dict[str, Any] = {c.N_CONTENT: len(contents), c.N_EFFECTIVE: kish(scored)}
    found[c.MODALITY_SHARES] = {k: v / sum(modality.values()) for k, v in modality.items() if v > 0} or None
    if not scored:
        return found
    unallocated = 1 - total / sum(scored)
    n = kish(scored) * (1 - unallocated)
    shares = {node: one / total for node, one in mass.items()}
    ends = {node: _interval(share, n, settings.interval) for node, share in shares.items()}
    best = max(shares, key=lambda node: shares[node])
    accepted = None
    for above in taxonomy.path(best) if best in taxonomy.ids else (best,):
        branch = sum(s for node, s in shares.items() if node == above or above in _path(taxonomy, node))
        if _interval(branch, n, settings.interval)[0] > settings.accept_share:
            accepted = above
    is_few = kish(scored) < settings.least_contents - 1e-6
    return found | {
        c.CATEGORY: best,
        c.CATEGORY_SHARES: shares,
        c.CATEGORY_LOWER: {node: one[0] for node, one in ends.items()},
        c.CATEGORY_UPPER: {node: one[1] for node, one in ends.items()},
        c.CATEGORY_UNALLOCATED: unallocated,
        c.CATEGORY_ACCEPTED: None if is_few else accepted,
        c.ABSTAINED: "few_contents" if is_few else None if accepted else "no_node_large_enough",
    }


def _path(taxonomy: Taxonomy, node: str) -> tuple[str, ...]:
    return taxonomy.path(node) if node in taxonomy.ids else (node,)


def _interval(share: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's: the rates p with |share - p| = z · sqrt(p · (1 - p) / n)."""
    share, z = min(1.0, share), float(stats.norm.ppf(0.5 + confidence / 2))
    low, high = sorted(np.roots([1 + z * z / n, -2 * share - z * z / n, share * share]).real)
    return max(0.0, float(low)), min(1.0, float(high))


def prior(by_creator: dict[str, list[float]], settings: Creators) -> tuple[float, float]:
    """Mean and strength of the Beta that creators' rates are drawn from, two significant digits each."""
    groups = [np.array(one) for one in by_creator.values() if one]
    everything = np.concatenate(groups)
    n_all, n_groups = len(everything), len(groups)
    mu = min(1 - 1e-4, max(1e-4, float(np.mean([one.mean() for one in groups]))))
    strength = settings.risk.prior_posts
    if n_groups >= settings.risk.least_creators and n_all > n_groups:
        between = sum(len(one) * (one.mean() - everything.mean()) ** 2 for one in groups) / (n_groups - 1)
        within = sum(((one - one.mean()) ** 2).sum() for one in groups) / (n_all - n_groups)
        size = (n_all - sum(len(one) ** 2 for one in groups) / n_all) / (n_groups - 1)
        strength = min(1000.0, max(0.5, mu * (1 - mu) / max(1e-12, (between - within) / size) - 1))
    return float(f"{mu:.1e}"), float(f"{strength:.1e}")


def risk(
    contents: list[One], area: str, fitted: tuple[float, float], settings: Creators
) -> tuple[float, float, float] | None:
    """Mean, shrunken rate and the chance of at least k of the next n posts; None where no content was scored."""
    d = recencies(contents, settings.half_life_days)
    chances = [(w, one.risk[area]) for w, one in zip(d, contents, strict=True) if one.risk and area in one.risk]
    if not chances:
        return None
    mean, strength = fitted
    n = kish([w for w, _ in chances])
    rate = sum(w * x for w, x in chances) / sum(w for w, _ in chances)
    a, b = mean * strength + n * rate, (1 - mean) * strength + n * (1 - rate)
    k = settings.risk.at_least_in.get(area, settings.risk.at_least)
    tail = float(stats.betabinom.sf(k - 1, settings.risk.next_posts, a, b))
    return float(np.mean([x for _, x in chances])), a / (a + b), tail
