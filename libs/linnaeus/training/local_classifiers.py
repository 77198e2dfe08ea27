"""Local classifiers per parent node: at each inner node of a tree one over its children, whose chances are multiplied.

The chance of a class is the product of the conditional chances on its path (Koller and Sahami, 1997, Hierarchically
classifying documents using very few words). Silla and Freitas (2011), A survey of hierarchical classification across
different application domains, set such methods in order and gave this one its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts.bundle import Groups
from linnaeus.contracts.config import path_of
from linnaeus.training.examples import CLASS


def flat(classes: Sequence[str]) -> dict[str | None, Groups]:
    """The one classifier over all classes, as `branchings` gives it for a tree without inner nodes."""
    return {None: tuple((place,) for place in range(len(classes)))}


def branchings(classes: Sequence[str], parents: Mapping[str, str | None]) -> dict[str | None, Groups]:
    """By node where classes part, from the top down (None: above all roots), the groups of classes it tells apart.

    A group holds the places of the classes in one child's subtree, in order; a class that is the node itself is a group
    of its own, since contents may stop there. A node below which all classes go on to the same child tells nothing
    apart, and is left out. A class that is no node of the tree is a root.
    """
    paths = [path_of(name, parents) for name in classes]
    found: dict[str | None, Groups] = {}
    # Nodes by their depth: each with the places of the classes at it or below it.
    open_nodes: dict[str | None, list[int]] = {None: list(range(len(classes)))}
    for depth in range(max(map(len, paths), default=0) + 1):
        below: dict[str | None, list[int]] = {}
        for node, places in open_nodes.items():
            groups = _groups(paths, places, depth)
            if len(groups) > 1:
                found[node] = tuple(map(tuple, groups.values()))
            below |= {child: group for child, group in groups.items() if len(group) > 1}
        open_nodes = below
    return found


def _groups(paths: Sequence[tuple[str, ...]], places: Sequence[int], depth: int) -> dict[str | None, list[int]]:
    """Places of classes by the node of their path at a depth; of one that ends before it, by None."""
    groups: dict[str | None, list[int]] = {}
    for place in places:
        child = paths[place][depth] if depth < len(paths[place]) else None
        groups.setdefault(child, []).append(place)
    return groups


def rows_of(rows: DataFrame, groups: Groups) -> DataFrame:
    """The rows of the groups' classes, `class_index` now the place of their group."""
    place = {one: at for at, group in enumerate(groups) for one in group}
    by_class = F.array(*[F.lit(place.get(one, -1)) for one in range(max(place) + 1)])
    return rows.withColumn(CLASS, F.get(by_class, F.col(CLASS))).where(F.col(CLASS) >= 0)
