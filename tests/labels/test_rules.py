"""Rules from posteriors to labels, against cases by hand and an oracle that walks the tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.contracts.config import path_of
from linnaeus.labels.rules import BackOff, Median, entropy

TREE = {"arts": None, "music": "arts", "jazz": "music", "rock": "music", "film": "arts", "sport": None}


def decided(rule: BackOff | Median, labels: list[str], *rows: list[float]) -> list[tuple[str, float]]:
    names, probabilities = rule.decide(np.array(rows), labels)
    return [(name, round(float(p), 6)) for name, p in zip(names, probabilities, strict=True)]


def test_what_siblings_share_is_the_label_where_neither_is_sure() -> None:
    labels = ["film", "jazz", "rock", "sport"]
    found = decided(
        BackOff(0.6, TREE),
        labels,
        [0.0, 0.7, 0.3, 0.0],  # sure of jazz
        [0.0, 0.5, 0.5, 0.0],  # music, whichever
        [0.4, 0.3, 0.3, 0.0],  # all that is sure is arts; music is at its threshold
        [0.5, 0.2, 0.2, 0.1],
        [0.3, 0.1, 0.1, 0.5],  # nothing is sure: the likeliest root, by name of equals
    )
    assert found == [("jazz", 0.7), ("music", 1.0), ("music", 0.6), ("arts", 0.9), ("arts", 0.5)]


def test_a_vote_for_a_parent_does_not_hide_its_child() -> None:
    assert decided(BackOff(0.5, TREE), ["jazz", "music"], [0.5, 0.5]) == [("jazz", 0.5)]
    assert decided(BackOff(0.6, TREE), ["jazz", "music"], [0.5, 0.5]) == [("music", 1.0)]


def test_without_parents_it_is_the_likeliest_the_first_by_name_of_equals() -> None:
    found = decided(BackOff(0.5), ["b", "a", "c"], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2], [0.0, 0.5, 0.5])
    assert found == [("c", 0.6), ("a", 0.4), ("a", 0.5)]


def test_the_median_grade_is_no_outliers_and_knows_the_order() -> None:
    order = ("1", "2", "10")
    labels = ["1", "10", "2"]
    found = decided(Median(order), labels, [0.4, 0.4, 0.2], [0.5, 0.5, 0.0], [0.1, 0.8, 0.1])
    assert found == [("2", 0.2), ("1", 0.5), ("10", 0.8)]
    with pytest.raises(ValueError):
        decided(Median(order), ["yes", "no"], [0.5, 0.5])


def test_entropy_in_bits() -> None:
    rows = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(entropy(rows), [1.0, 0.0, 1.5])
    assert not np.signbit(entropy(rows)).any()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any), st.sampled_from([0.3, 0.5, 0.6, 0.9]))
def test_against_a_walk_over_all_nodes(weights: list[int], threshold: float) -> None:
    labels = ["film", "jazz", "rock", "sport"]
    posterior = np.array(weights) / sum(weights)

    def mass(node: str) -> float:
        return sum(p for label, p in zip(labels, posterior, strict=True) if node in path_of(label, TREE))

    sure = [node for node in TREE if mass(node) >= threshold - 1e-9]
    among = sure or [node for node in TREE if TREE[node] is None]
    best = max(among, key=lambda node: (len(path_of(node, TREE)), round(mass(node), 9), [-ord(x) for x in node]))
    ((name, probability),) = decided(BackOff(threshold, TREE), labels, list(posterior))
    assert (name, probability) == (best, pytest.approx(mass(best), abs=1e-5))
