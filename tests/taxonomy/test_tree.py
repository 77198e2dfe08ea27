"""The tree as a value: what is a forest, and what it says of its nodes."""

from __future__ import annotations

import pytest

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.tree import Node, Tree

FOUR = [Node("d", "D", "c"), Node("c", "C", "b"), Node("b", "B", "a"), Node("a", "A"), Node("z", "Z", "a")]


def test_what_it_says_does_not_depend_on_the_order_of_its_nodes() -> None:
    tree = Tree.of(FOUR)
    assert tree == Tree.of(FOUR[::-1])
    assert list(tree.nodes) == ["a", "b", "c", "d", "z"]
    assert tree.path("d") == ("a", "b", "c", "d")
    assert [tree.level(one) for one in tree.nodes] == [1, 2, 3, 4, 2]
    assert tree.children == {None: ("a",), "a": ("b", "z"), "b": ("c",), "c": ("d",)}
    assert tree.leaves() == ("d", "z")
    with pytest.raises(KeyError):
        tree.path("nobody")


def test_centroids_do_not_count_when_nodes_are_compared() -> None:
    assert Node("a", "A", centroid=(1.0, 0.0)) == Node("a", "A", centroid=(0.0, 1.0))
    assert Node("a", "A", size=1) != Node("a", "A", size=2)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([Node("a", "A"), Node("a", "B")], "'a' stands twice"),
        ([Node("a", "A", "b")], "parent 'b', which is no node"),
        ([Node("a", "A", "b"), Node("b", "B", "a")], "its own ancestor"),
        ([Node("a", "A", "a")], "its own ancestor"),
        ([*FOUR, Node("e", "E", "d")], "'e' is at tier 5"),
    ],
)
def test_what_is_no_forest_is_refused_in_one_line(nodes: list[Node], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        Tree.of(nodes, "a file")
    assert str(raised.value).startswith("a file: ")
    assert "\n" not in str(raised.value)
