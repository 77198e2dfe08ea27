"""The tree as of any version, and what has become of an old id since.

All of it is over the rows of one tree or over changes: some thousands, never a row a content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change, in_order
from linnaeus.taxonomy.tree import Node, Tree

_NONE_RESTORED: Mapping[int, int] = MappingProxyType({})
_NODE_COLUMNS = tables.TAXONOMY_NODES.columns


def rows_of(tree: Tree, version: int) -> list[tuple[Any, ...]]:
    """Rows of gold.taxonomy_nodes, their columns in the table's order."""
    return [tuple(_row(node, tree.level(node.id), version)[name] for name in _NODE_COLUMNS) for node in tree]


def tree_of(rows: Iterable[Mapping[str, Any]], where: str = "gold.taxonomy_nodes") -> Tree:
    """The tree that rows of one version of gold.taxonomy_nodes say. Raises ConfigurationError where they are none."""
    return Tree.of([_node(row) for row in rows], where)


def tree_as_of(rows: Iterable[Mapping[str, Any]], version: int) -> Tree:
    """The tree of a version, from rows of any versions; without a node where there is no such version."""
    return tree_of([row for row in rows if row[c.VERSION] == version], f"version {version} of the taxonomy")


def resolve(
    node_id: str,
    version: int,
    changes: Iterable[tuple[int, Change]],
    restores: Mapping[int, int] = _NONE_RESTORED,
) -> tuple[str, ...]:
    """What a node of `version` is in the newest version: itself, its heirs after splits and merges, or none; sorted.

    `changes` are those of all later versions (others do not count), with the version that brought each, in any order.
    `restores` says of a version that took another's tree up again which one: what came between did not happen to ids
    of the earlier ones.
    """
    by_version: dict[int, list[Change]] = {}
    for brought_by, change in changes:
        by_version.setdefault(brought_by, []).append(change)
    newest = max([version, *by_version, *restores])
    current, at = {node_id}, version
    while at < newest:
        again = [later for later, restored in restores.items() if restored == at and later > at]
        if again:
            at = max(again)
            continue
        at += 1
        heirs = _heirs(by_version.get(at, ()))
        current = {heir for one in current for heir in heirs.get(one, {one})}
    return tuple(sorted(current))


def taken_back(now: Tree, then: Tree, became: Mapping[str, Collection[str]]) -> tuple[Change, ...]:
    """Changes from a tree back to an earlier one, where `became` says what each node of that one is now.

    What was merged is split, what was split is merged; what was born or has died since dies or is born.
    """
    sources: dict[str, set[str]] = {}
    for old, heirs in became.items():
        for heir in heirs:
            sources.setdefault(heir, set()).add(old)
    explained = [
        Change.of(SPLIT, (one,), olds, f"{one} is {', '.join(sorted(olds))} again")
        for one, olds in sources.items()
        if len(olds) > 1
    ]
    explained += [
        Change.of(MERGE, heirs, (old,), f"{', '.join(sorted(heirs))} is {old} again")
        for old, heirs in became.items()
        if len(heirs) > 1 or (len(heirs) == 1 and old not in heirs and all(len(sources[one]) == 1 for one in heirs))
    ]
    return difference(now, then, explained)


def difference(before: Tree, after: Tree, explained: Sequence[Change] = ()) -> tuple[Change, ...]:
    """What tells two trees apart, by ids: births, deaths, renames and moves. `explained` are changes that are known,
    splits and merges above all: they are among what is returned, and who is born or dies by one of them is not said to
    be born or to die beside it."""
    born_by = {node for one in explained if one.kind in (BIRTH, SPLIT, MERGE) for node in one.to_ids}
    dead_by = {node for one in explained if one.kind in (DEATH, SPLIT, MERGE) for node in one.from_ids}
    born = [n for n in after if n.id not in before.nodes and n.id not in born_by]
    dead = [n for n in before if n.id not in after.nodes and n.id not in dead_by]
    found = list(explained)
    found += [Change.of(BIRTH, (), (n.id,), f"{n.name!r} is new") for n in born]
    found += [Change.of(DEATH, (n.id,), (), f"{n.name!r} is gone") for n in dead]
    for node in after:
        if (old := before.nodes.get(node.id)) is not None:
            found += _own_changes(old, node)
    return in_order(found)


def _own_changes(old: Node, new: Node) -> list[Change]:
    found = []
    if old.name != new.name:
        found.append(Change.of(RENAME, (old.id,), (new.id,), f"{old.name!r} is called {new.name!r}"))
    if old.parent != new.parent:
        places = [f"below {one!r}" if one is not None else "a root" for one in (old.parent, new.parent)]
        found.append(Change.of(MOVE, (old.id,), (new.id,), f"{new.name!r} was {places[0]}, is {places[1]}"))
    return found


def _heirs(changes: Iterable[Change]) -> dict[str, set[str]]:
    """By id of the version before: what it is after it; ids that only live on are not among the keys."""
    heirs: dict[str, set[str]] = {}
    for change in changes:
        if change.kind in (SPLIT, MERGE):
            for node in change.from_ids:
                heirs.setdefault(node, set()).update(change.to_ids)
        elif change.kind == DEATH:
            for node in change.from_ids:
                heirs.setdefault(node, set())
    return heirs


def _row(node: Node, level: int, version: int) -> dict[str, Any]:
    return {
        c.NODE_ID: node.id,
        c.VERSION: version,
        c.PARENT_ID: node.parent,
        c.NAME: node.name,
        c.LEVEL: level,
        c.KEYWORDS: list(node.keywords),
        c.SIZE: node.size,
        c.DESCRIPTION: node.description,
        c.ORIGIN: node.origin,
        c.CREATOR_SHARE: node.creator_share,
        c.CENTROID: None if node.centroid is None else [float(one) for one in node.centroid],
    }


def _node(row: Mapping[str, Any]) -> Node:
    return Node(
        id=row[c.NODE_ID],
        name=row[c.NAME],
        parent=row[c.PARENT_ID],
        description=row[c.DESCRIPTION],
        keywords=tuple(row[c.KEYWORDS] or ()),
        size=int(row[c.SIZE]),
        origin=row[c.ORIGIN],
        creator_share=row[c.CREATOR_SHARE],
        centroid=None if row[c.CENTROID] is None else tuple(row[c.CENTROID]),
    )
