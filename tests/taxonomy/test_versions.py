"""The tree as of any version, and old ids resolved to today's."""

from __future__ import annotations

import pytest

from linnaeus.contracts import tables
from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change, change_id, change_of, in_order
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from linnaeus.taxonomy.versions import difference, resolve, rows_of, taken_back, tree_as_of, tree_of

TREE = Tree.of(
    [
        Node("a", "A", description="about", origin=CURATED, size=7, creator_share=0.5),
        Node("b", "B", "a", keywords=("one", "two"), size=3, centroid=(0.6, 0.8)),
    ]
)
COLUMNS = tables.TAXONOMY_NODES.columns


def as_stored(tree: Tree, version: int) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(tree, version)]


def test_rows_say_the_tree_and_the_tree_of_a_version_is_among_those_of_others() -> None:
    rows = as_stored(TREE, 3)
    assert [(row["node_id"], row["version"], row["level"]) for row in rows] == [("a", 3, 1), ("b", 3, 2)]
    again = tree_of(rows)
    assert again == TREE
    assert again.nodes["b"].centroid == (0.6, 0.8)
    other = Tree.of([Node("a", "Other")])
    mixed = [*as_stored(other, 4), *rows]
    assert (tree_as_of(mixed, 3), tree_as_of(mixed, 4)) == (TREE, other)
    assert len(tree_as_of(mixed, 5)) == 0


HISTORY = [
    (2, Change.of(SPLIT, ["a"], ["a", "a2"])),
    (3, Change.of(MERGE, ["a2", "b"], ["b"])),
    (3, Change.of(RENAME, ["c"], ["c"])),
    (4, Change.of(DEATH, ["c"], [])),
    (4, Change.of(MOVE, ["b"], ["b"])),
    (5, Change.of(BIRTH, [], ["d"])),
]


@pytest.mark.parametrize(
    ("node_id", "version", "today"),
    [
        ("a", 1, ("a", "b")),
        ("a", 2, ("a",)),
        ("a2", 2, ("b",)),
        ("b", 1, ("b",)),
        ("c", 1, ()),
        ("c", 3, ()),
        ("d", 5, ("d",)),
    ],
)
def test_an_old_id_is_resolved_to_todays(node_id: str, version: int, today: tuple[str, ...]) -> None:
    assert resolve(node_id, version, HISTORY) == today
    assert resolve(node_id, version, HISTORY[::-1]) == today


def test_what_was_taken_back_has_not_happened_to_older_ids() -> None:
    changes = [
        (2, Change.of(MERGE, ["a", "b"], ["b"])),
        (2, Change.of(DEATH, ["c"], [])),
        (2, Change.of(BIRTH, [], ["d"])),
        (3, Change.of(SPLIT, ["b"], ["a", "b"])),
        (3, Change.of(DEATH, ["d"], [])),
        (3, Change.of(BIRTH, [], ["c"])),
    ]
    restores = {3: 1}
    assert [resolve(one, 1, changes, restores) for one in "abc"] == [("a",), ("b",), ("c",)]
    assert [resolve(one, 2, changes, restores) for one in "bd"] == [("a", "b"), ()]
    later = [*changes, (4, Change.of(MERGE, ["a", "c"], ["a"]))]
    assert [resolve(one, 1, later, restores) for one in "abc"] == [("a",), ("b",), ("a",)]


def test_the_difference_of_two_trees_leaves_out_what_is_explained() -> None:
    before = Tree.of([Node("a", "A"), Node("b", "B"), Node("c", "C", "a"), Node("d", "D")])
    after = Tree.of([Node("a", "Other"), Node("b", "B"), Node("c", "C", "b"), Node("b2", "B2"), Node("e", "E")])
    split = Change.of(SPLIT, ["b"], ["b", "b2"])
    assert difference(before, after, [split]) == (
        Change.of(BIRTH, [], ["e"]),
        Change.of(DEATH, ["d"], []),
        split,
        Change.of(RENAME, ["a"], ["a"]),
        Change.of(MOVE, ["c"], ["c"]),
    )
    assert difference(before, before) == ()


def test_changes_back_are_those_that_undo() -> None:
    then = Tree.of([Node(one, one) for one in "abcdx"])
    now = Tree.of([Node(one, one) for one in ("b", "c", "c2", "e", "y")])
    became = {"a": ["b"], "b": ["b"], "c": ["c", "c2"], "d": [], "x": ["y"]}
    assert set(taken_back(now, then, became)) == {
        Change.of(SPLIT, ["b"], ["a", "b"]),
        Change.of(MERGE, ["c", "c2"], ["c"]),
        Change.of(BIRTH, [], ["d"]),
        Change.of(DEATH, ["e"], []),
        Change.of(MERGE, ["y"], ["x"]),
    }


def test_a_change_has_an_id_of_its_version_kind_and_ids() -> None:
    change = Change.of(MERGE, ["b", "a", "a"], ["a"], "in words")
    assert (change.from_ids, change.to_ids) == (("a", "b"), ("a",))
    assert change_id(2, change) == change_id(2, Change.of(MERGE, ["a", "b"], ["a"], "in other words"))
    others = [change_id(3, change), change_id(2, Change.of(SPLIT, ["a"], ["a", "b"])), change_id(2, change)]
    assert len({len(one) for one in others}) == 1 and len(set(others)) == 3
    row = {"version": 2, "kind": "merge", "from_ids": ["a", "b"], "to_ids": ["a"], "detail": "in words"}
    assert change_of(row) == (2, change)
    assert in_order([HISTORY[3][1], HISTORY[5][1]]) == (HISTORY[5][1], HISTORY[3][1])
    with pytest.raises(ValueError, match="no kind of change"):
        Change.of("marriage", [], [])
