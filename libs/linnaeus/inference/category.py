"""From class probabilities to a node of the tree: the most probable, its path, and the deepest that is sure enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from linnaeus.contracts.config import Taxonomy
from linnaeus.inference.predictor import Array


@dataclass(frozen=True, eq=False)
class CategoryTree:
    """A taxonomy's nodes laid out for a model's classes.

    Shapes: membership (classes, nodes), 1 where the node is the class or above it; thresholds (nodes,);
    path_nodes (classes, depth), node places from the root down, -1 beyond the class itself.
    """

    classes: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    nodes: tuple[str, ...]
    membership: Array
    thresholds: Array
    path_nodes: npt.NDArray[np.int64]

    @staticmethod
    def build(
        taxonomy: Taxonomy,
        classes: tuple[str, ...],
        threshold: float,
        fitted: Mapping[str, float] = MappingProxyType({}),
    ) -> CategoryTree:
        """Lay out. A class that the taxonomy no longer has is a root of its own, so that old models still score.

        A node's threshold is its own in the taxonomy, else the one chosen in training (`fitted`), else `threshold`.
        """
        known = set(taxonomy.ids)
        paths = tuple(taxonomy.path(name) if name in known else (name,) for name in classes)
        nodes = tuple(dict.fromkeys(node for path in paths for node in path))
        place = {node: i for i, node in enumerate(nodes)}
        own = {node.id: node.threshold for node in taxonomy.nodes}
        membership = np.zeros((len(classes), len(nodes)), dtype=np.float32)
        path_nodes = np.full((len(classes), max(map(len, paths), default=0)), -1, dtype=np.int64)
        for row, path in enumerate(paths):
            for depth, node in enumerate(path):
                membership[row, place[node]] = 1.0
                path_nodes[row, depth] = place[node]
        chosen = [fitted.get(node) if own.get(node) is None else own[node] for node in nodes]
        thresholds = np.array([threshold if own_one is None else own_one for own_one in chosen], dtype=np.float32)
        return CategoryTree(classes, paths, nodes, membership, thresholds, path_nodes)

    def accepted(self, probabilities: Array, best: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Places (n,) in `nodes` of the deepest node on the path of `best` that passes its threshold; -1 for none.

        A node's probability is the sum over the classes below it.
        """
        by_node = probabilities @ self.membership
        found = np.full(len(best), -1, dtype=np.int64)
        rows = np.arange(len(best))
        for depth in range(self.path_nodes.shape[1]):
            node = self.path_nodes[best, depth]
            passes = (node >= 0) & (by_node[rows, node] >= self.thresholds[node])
            found = np.where(passes, node, found)
        return found
