"""Class probabilities to nodes of a tree of three levels."""

from __future__ import annotations

import numpy as np
import pytest

from linnaeus.contracts.config import Node, Taxonomy
from linnaeus.inference.category import CategoryTree

TAXONOMY = Taxonomy(
    nodes=(
        Node(id="cup", name="Cups", parent="football"),  # a child may stand before its parents
        Node(id="sport", name="Sport", threshold=0.8),
        Node(id="football", name="Football", parent="sport"),
        Node(id="league", name="Leagues", parent="football", threshold=0.9),
        Node(id="tennis", name="Tennis", parent="sport"),
        Node(id="tech", name="Technology"),
        Node(id="unused", name="Nobody's", parent="tech"),
    )
)
# An inner node (football), leaves of two depths, a root, and a class that the taxonomy no longer has.
CLASSES = ("cup", "football", "gone", "league", "tech", "tennis")
TREE = CategoryTree.build(TAXONOMY, CLASSES, threshold=0.5)


def accepted(probabilities: dict[str, float], tree: CategoryTree = TREE) -> str | None:
    row = np.array([[probabilities.get(name, 0.0) for name in tree.classes]], dtype=np.float32)
    (place,) = tree.accepted(row, row.argmax(axis=1))
    return None if place < 0 else tree.nodes[place]


def test_paths_run_from_the_root() -> None:
    assert dict(zip(TREE.classes, TREE.paths, strict=True)) == {
        "cup": ("sport", "football", "cup"),
        "football": ("sport", "football"),
        "gone": ("gone",),
        "league": ("sport", "football", "league"),
        "tech": ("tech",),
        "tennis": ("sport", "tennis"),
    }


def test_membership_is_the_class_and_all_above_it() -> None:
    assert sorted(TREE.nodes) == ["cup", "football", "gone", "league", "sport", "tech", "tennis"]
    for row, name in enumerate(TREE.classes):
        members = {TREE.nodes[place] for place in np.flatnonzero(TREE.membership[row])}
        assert members == set(TREE.paths[row]), name
    assert set(np.unique(TREE.membership)) == {0.0, 1.0}


def test_path_nodes_lead_down_and_end_with_minus_one() -> None:
    assert TREE.path_nodes.shape == (len(CLASSES), 3)
    for row, path in enumerate(TREE.paths):
        named = [TREE.nodes[place] for place in TREE.path_nodes[row, : len(path)]]
        assert tuple(named) == path
        assert (TREE.path_nodes[row, len(path) :] == -1).all()


def test_thresholds_are_a_nodes_own_or_the_default() -> None:
    found = dict(zip(TREE.nodes, TREE.thresholds.tolist(), strict=True))
    assert found == pytest.approx(
        {"cup": 0.5, "football": 0.5, "gone": 0.5, "league": 0.9, "sport": 0.8, "tech": 0.5, "tennis": 0.5}
    )


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"cup": 0.6, "tech": 0.4}, "cup"),
        ({"cup": 0.5, "tech": 0.5}, "cup"),  # the threshold itself is enough
        ({"cup": 0.4, "football": 0.2, "league": 0.1, "tech": 0.3}, "football"),  # 0.7 by the classes below it
        ({"cup": 0.3, "tennis": 0.29, "football": 0.15, "league": 0.11, "tech": 0.15}, "football"),
        ({"cup": 0.3, "tennis": 0.29, "football": 0.15, "tech": 0.26}, None),  # sport has 0.74 of the 0.8 it needs
        ({"tennis": 0.45, "cup": 0.4, "tech": 0.15}, "sport"),
        ({"league": 0.85, "tech": 0.15}, "football"),
        ({"league": 0.9, "tech": 0.1}, "league"),
        ({"football": 1.0}, "football"),
        ({"tech": 0.49, "cup": 0.3, "tennis": 0.21}, None),
        ({"tech": 1.0}, "tech"),
        ({"gone": 0.9, "tech": 0.1}, "gone"),
        ({"gone": 0.45, "tech": 0.3, "cup": 0.25}, None),
    ],
)
def test_the_deepest_node_that_passes_is_accepted(probabilities: dict[str, float], expected: str | None) -> None:
    assert accepted(probabilities) == expected


def test_a_path_may_pass_below_a_node_that_does_not() -> None:
    """Sport needs 0.8 and has 0.6; the cup needs 0.5 and has it."""
    assert accepted({"cup": 0.6, "tech": 0.2, "gone": 0.2}) == "cup"


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, "cup"), (1.0, None)])
def test_the_default_threshold(threshold: float, expected: str | None) -> None:
    tree = CategoryTree.build(TAXONOMY, CLASSES, threshold)
    assert accepted({"cup": 0.4, "tech": 0.35, "gone": 0.25}, tree) == expected


def test_many_rows_at_once_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(len(CLASSES), 0.3), 500).astype(np.float32)
    best = probabilities.argmax(axis=1)
    found = TREE.accepted(probabilities, best)
    thresholds = dict(zip(TREE.nodes, TREE.thresholds, strict=True))
    seen = set()
    for row, place in enumerate(found):
        passing = [
            node
            for node in TREE.paths[best[row]]
            if sum(probabilities[row, i] for i, path in enumerate(TREE.paths) if node in path) >= thresholds[node]
        ]
        expected = passing[-1] if passing else None
        assert (TREE.nodes[place] if place >= 0 else None) == expected
        seen.add(expected)
    assert len(seen) > 5


def test_one_class_of_a_flat_taxonomy() -> None:
    tree = CategoryTree.build(Taxonomy(nodes=(Node(id="a", name="A"),)), ("a", "b"), 0.5)
    assert tree.paths == (("a",), ("b",))
    assert accepted({"a": 0.7, "b": 0.3}, tree) == "a"
