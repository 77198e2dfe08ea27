"""Sizes and centroids of a tree whose nodes took others over, from those of the tree before: no content is read.

A node's size is the sum of what is at it and below it; its centroid is the direction of the sum of centroids, each
times its size. That is the direction of the mean of its contents where topics are equally dense, and near it otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from linnaeus.taxonomy.tree import Node, Tree

_LEAST_NORM = 1e-9


@dataclass
class _Mass:
    size: int = 0
    sum: npt.NDArray[np.float64] | float = 0.0


def carried_over(before: Tree, after: Tree, heirs: Mapping[str, str]) -> Tree:
    """`after` with the sizes and centroids that follow where contents of a node of `before` are at its heir, or at
    itself where it has none. A node with the same contents as before keeps all; of the others the share of creators is
    None, which sizes do not tell."""
    places = {node.id: heirs.get(node.id, node.id) for node in before}
    at: dict[str, set[str]] = {}
    for one, place in places.items():
        for above in after.path(place) if place in after.nodes else ():
            at.setdefault(above, set()).add(one)
    was = {node.id: set(_below(before, node.id)) for node in before}
    own = {node.id: _own(before, node) for node in before}
    made = []
    for node in after:
        olds, old = at.get(node.id, set()), before.nodes.get(node.id)
        if old is not None and olds == was[node.id]:
            made.append(replace(node, size=old.size, creator_share=old.creator_share, centroid=old.centroid))
            continue
        mass = _sum([own[one] for one in sorted(olds)])
        made.append(replace(node, size=mass.size, creator_share=None, centroid=_direction(mass, old)))
    return Tree.of(made)


def _own(tree: Tree, node: Node) -> _Mass:
    """What is at a node and not below it."""
    below = [tree.nodes[one] for one in tree.children.get(node.id, ())]
    size = node.size - sum(one.size for one in below)
    if size <= 0 or node.centroid is None:
        return _Mass(max(size, 0))
    rest = node.size * np.array(node.centroid, dtype=np.float64)
    for one in below:
        if one.centroid is not None and len(one.centroid) == len(rest):
            rest = rest - one.size * np.array(one.centroid, dtype=np.float64)
    return _Mass(size, rest)


def _sum(masses: list[_Mass]) -> _Mass:
    total = _Mass()
    for one in masses:
        is_like = np.ndim(one.sum) == 0 or np.ndim(total.sum) == 0 or np.shape(one.sum) == np.shape(total.sum)
        total = _Mass(total.size + one.size, total.sum + one.sum if is_like else total.sum)
    return total


def _direction(mass: _Mass, before: Node | None) -> tuple[float, ...] | None:
    """Of norm 1; the node's own of before where nothing is known of what it has."""
    norm = float(np.linalg.norm(mass.sum))
    if np.ndim(mass.sum) == 0 or norm < _LEAST_NORM:
        return None if before is None else before.centroid
    return tuple(float(one) for one in np.asarray(mass.sum / norm, dtype=np.float32))


def _below(tree: Tree, node_id: str) -> list[str]:
    """The node and all below it."""
    found = [node_id]
    for one in tree.children.get(node_id, ()):
        found += _below(tree, one)
    return found
