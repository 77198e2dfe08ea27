"""How many topics are tried, and which number is taken."""

from __future__ import annotations

import pytest

from linnaeus.contracts.config import load_config
from linnaeus.taxonomy.discovery.number import best_of, bounds, candidates


@pytest.mark.parametrize(
    ("topics", "n", "expected"),
    [
        ("null", 100_000, (5, 100, 10)),
        ("null", 300, (5, 30, 2)),
        ("null", 3, (3, 3, 1)),
        ("null", 1, (1, 1, 1)),
        ("20", 100_000, (20, 20, 10)),
        ("20", 7, (7, 7, 1)),
    ],
)
def test_bounds_go_by_what_is_asked_and_by_how_many_contents_there_are(
    topics: str, n: int, expected: tuple[int, int, int]
) -> None:
    settings = load_config("local", [f"discovery.topics={topics}"]).discovery
    found = bounds(settings, n)
    assert (found.least, found.most, found.contents) == expected


def test_candidates_begin_and_end_at_the_bounds() -> None:
    found = candidates(bounds(load_config("local").discovery, 100_000))
    assert (found[0], found[-1]) == (5, 100)
    assert len(found) <= 16
    assert found == sorted(set(found))


def test_the_least_of_equally_good_numbers_is_taken() -> None:
    assert best_of([2, 4, 8], {2: 0.1, 4: 0.3, 8: 0.3}.__getitem__) == (4, 0.3)
