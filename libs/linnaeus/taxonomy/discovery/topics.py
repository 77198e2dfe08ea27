"""Topics as values: what was fitted, and the tree that is made of it. All of it is small: a row a topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from linnaeus.contracts.config import Discovery
from linnaeus.taxonomy.discovery.merging import distances, sums_by, tier_counts, tiers
from linnaeus.taxonomy.discovery.terms import c_tf_idf, keywords, name_of
from linnaeus.taxonomy.discovery.vectors import Directions, Doubles, Places, Whole, of_whole, unit
from linnaeus.taxonomy.tree import CURATED, TIERS, Node, Tree

TOPIC, ABOVE = "topic", "above"  # begin temporary ids


@dataclass(frozen=True, eq=False)
class Topics:
    """Topics (k): the sums of their contents' directions (k, width; width 0 where there are none), how many contents
    they were fitted to (k,), and how often these have each of the terms (k, terms)."""

    sums: Whole
    sizes: Whole
    counts: sparse.csr_matrix
    terms: tuple[str, ...]

    @property
    def directions(self) -> Directions:
        """(k, width)."""
        return of_whole(self.sums)

    def merged(self, groups: Places, k: int) -> Topics:
        """Topics of groups (k) of these; those at -1 belong to none."""
        inside = groups >= 0
        place = sparse.csr_matrix(
            (np.ones(int(inside.sum()), np.int64), (groups[inside], np.flatnonzero(inside))), shape=(k, len(groups))
        )
        counts = (place @ self.counts).tocsr()
        return Topics(sums_by(groups, self.sums, k), sums_by(groups, self.sizes, k), counts, self.terms)

    def apart(self, term_share: float) -> Doubles:
        """Distances (k, k): by their words alone where there are no directions."""
        weights = c_tf_idf(self.counts)
        if self.sums.shape[1] == 0:
            return distances(np.ones((len(self.sizes), 1), np.int16), weights, 1.0)
        return distances(self.directions, weights, term_share)

    def in_order(self) -> Topics:
        """By size, the largest first, then by the numbers of their directions and words."""
        rank = np.lexsort([*self.sums.T[::-1], -self.sizes])
        return self.merged(np.argsort(rank).astype(np.int32), len(self.sizes))


def topic_id(place: int) -> str:
    """The temporary id of a topic."""
    return f"{TOPIC}:{place}"


def tree_of(
    topics: Topics,
    parents: Mapping[int, str | None],
    curated: Sequence[Node],
    settings: Discovery,
) -> Tree:
    """The topics in `parents` (by place, below these curated nodes or none) under tiers of their own, and the curated
    nodes. Ids of what is discovered are temporary; sizes are 0."""
    fixed = Tree.of([replace(one, size=0, creator_share=None) for one in curated], "the curated nodes")
    nodes = [*fixed]
    for parent in sorted(set(parents.values()), key=lambda one: (one is not None, one or "")):
        places = np.array([place for place in sorted(parents) if parents[place] == parent])
        level = 0 if parent is None else fixed.level(parent)
        if level == TIERS:  # there is no tier below: beside it
            parent, level = fixed.nodes[str(parent)].parent, level - 1
        nodes += _below(topics, places, parent, min(settings.tiers, TIERS - level), settings)
    return Tree.of(_named(nodes, settings), "the topics found")


def _below(topics: Topics, places: np.ndarray, parent: str | None, most_tiers: int, settings: Discovery) -> list[Node]:
    """Nodes of topics (at `places`), and of the tiers between them and `parent`."""
    groups = np.full(len(topics.sizes), -1, np.int32)
    groups[places] = np.arange(len(places))
    own = topics.merged(groups, len(places))
    counts = tier_counts(len(places), most_tiers)
    above = tiers(own.apart(settings.term_share), own.sizes, counts) if counts else []
    parent_of: list[str | None] = [parent] * len(places)
    nodes = []
    for tier, clusters in enumerate(above):
        merged = own.merged(clusters, counts[tier])
        words = keywords(c_tf_idf(merged.counts), merged.terms, settings.keywords)
        for cluster in range(counts[tier]):
            members = np.flatnonzero(clusters == cluster)
            if len(members) == 1 or len(members) == len(places):
                continue  # it would be the topic, or the node above, once more
            node_id = f"{ABOVE}:{parent or ''}:{tier}:{places[members[0]]}"
            nodes.append(_node(node_id, parent_of[members[0]], words[cluster], merged, cluster))
            for member in members:
                parent_of[member] = node_id
    words = keywords(c_tf_idf(topics.counts), topics.terms, settings.keywords)
    return nodes + [
        _node(topic_id(place), parent_of[at], words[place], topics, place) for at, place in enumerate(places.tolist())
    ]


def _node(node_id: str, parent: str | None, words: tuple[str, ...], topics: Topics, place: int) -> Node:
    sums = topics.sums[[place]]
    centroid = tuple(unit(of_whole(sums))[0].tolist()) if sums.any() else None
    return Node(node_id, "", parent, keywords=words, size=int(topics.sizes[place]), centroid=centroid)


def _named(nodes: Sequence[Node], settings: Discovery) -> list[Node]:
    """The nodes with names from their keywords, each once; curated ones keep theirs. The larger topic chooses first."""
    taken = {node.name for node in nodes if node.origin == CURATED}
    found = [node for node in nodes if node.origin == CURATED]
    discovered = (one for one in nodes if one.origin != CURATED)
    for node in sorted(discovered, key=lambda one: (one.id.startswith(ABOVE), -one.size)):
        name = name_of(node.keywords, taken)
        taken.add(name)
        found.append(replace(node, name=name))
    return found
