"""The tree of topics as a value: nodes by id, checked. A tree has some thousand nodes at most, not a row a content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

from linnaeus.contracts.config import path_of
from linnaeus.contracts.errors import ConfigurationError

TIERS = 4
CURATED, DISCOVERED = "curated", "discovered"


@dataclass(frozen=True)
class Node:
    """A node; `centroid` (float32, norm 1) does not count when two are compared."""

    id: str
    name: str
    parent: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    size: int = 0
    origin: str = DISCOVERED
    creator_share: float | None = None
    centroid: tuple[float, ...] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Tree:
    """Nodes by id, in the order of their ids. Raises ConfigurationError where it is made of nodes that are no forest:
    an id that stands twice, a parent that is no node, a cycle, more than `TIERS` tiers."""

    nodes: Mapping[str, Node]

    @classmethod
    def of(cls, nodes: Iterable[Node], where: str = "the taxonomy") -> Tree:
        """Checked; `where` is what an error names."""
        given = sorted(nodes, key=lambda one: one.id)
        _check_ids(given, where)
        tree = cls(MappingProxyType({one.id: one for one in given}))
        for node_id in tree.nodes:
            _check_path(node_id, tree.parents, where)
        return tree

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def parents(self) -> dict[str, str | None]:
        """The parent of each node; None for a root."""
        return {one.id: one.parent for one in self}

    @cached_property
    def children(self) -> dict[str | None, tuple[str, ...]]:
        """Ids of the children by parent, sorted; the roots by None. Leaves are not among the keys."""
        found: dict[str | None, list[str]] = {}
        for one in self:
            found.setdefault(one.parent, []).append(one.id)
        return {parent: tuple(ids) for parent, ids in found.items()}

    def path(self, node_id: str) -> tuple[str, ...]:
        """Ids from the root to `node_id`. Raises KeyError for an id that is no node."""
        self.nodes[node_id]
        return path_of(node_id, self.parents)

    def level(self, node_id: str) -> int:
        """Its tier: 1 for a root."""
        return len(self.path(node_id))

    def leaves(self) -> tuple[str, ...]:
        """Ids of nodes without children, sorted."""
        return tuple(one for one in self.nodes if one not in self.children)


def _check_ids(nodes: list[Node], where: str) -> None:
    ids = [one.id for one in nodes]
    twice = next((one for one, other in pairwise(ids) if one == other), None)
    if twice is not None:
        raise ConfigurationError(f"{where}: node id {twice!r} stands twice; give each node an id of its own")
    known = set(ids)
    for one in nodes:
        if one.parent is not None and one.parent not in known:
            raise ConfigurationError(
                f"{where}: node {one.id!r} names the parent {one.parent!r}, which is no node; add it, or name another"
            )


def _check_path(node_id: str, parents: Mapping[str, str | None], where: str) -> None:
    seen, current = [node_id], parents[node_id]
    while current is not None:
        if current in seen:
            raise ConfigurationError(f"{where}: node {current!r} is its own ancestor; one of its parents has to change")
        seen.append(current)
        current = parents[current]
    if len(seen) > TIERS:
        raise ConfigurationError(f"{where}: node {node_id!r} is at tier {len(seen)}; {TIERS} tiers are the most")
