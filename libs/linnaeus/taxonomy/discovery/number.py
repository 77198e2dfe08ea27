"""How many topics: as many as are asked for, or as the criterion says between two bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linnaeus.contracts.config import Discovery

_TRIED = 16  # numbers of topics, at most


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest number of topics, and how many contents each has at least."""

    least: int
    most: int
    contents: int


def bounds(settings: Discovery, n: int) -> Bounds:
    """Bounds for n contents: the configured ones, fewer topics and smaller ones where there are few contents."""
    if settings.topics is not None:
        least = most = min(settings.topics, n)
    else:
        most = min(settings.most_topics, max(settings.least_topics, n // settings.least_contents), n)
        least = min(settings.least_topics, most)
    return Bounds(least, most, max(1, min(settings.least_contents, n // (4 * most))))


def candidates(found: Bounds) -> list[int]:
    """Numbers of topics that are tried: about a geometric row between the bounds."""
    row = np.geomspace(found.least, found.most, min(_TRIED, found.most - found.least + 1))
    return sorted({round(float(one)) for one in row})


def best_of(tried: list[int], score: Callable[[int], float]) -> tuple[int, float]:
    """The number with the greatest score, the least of equal ones, and that score."""
    scored = [(one, round(score(one), 9)) for one in tried]
    return max(scored, key=lambda pair: (pair[1], -pair[0]))
