"""Topics as values: what was fitted, and the tree that is made of it. All of it is small: a row a topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from linnaeus.contracts.config import Discovery
from linnaeus.taxonomy.discovery.merging import distances, sums_by, tier_counts, tiers
from linnaeus.taxonomy.discovery.naming import Lexicon, Seen, Shares, named
from linnaeus.taxonomy.discovery.repeats import ONE, Repeats
from linnaeus.taxonomy.discovery.terms import c_tf_idf, weightiest
from linnaeus.taxonomy.discovery.vectors import Directions, Doubles, Places, Whole, of_whole, unit
from linnaeus.taxonomy.tree import TIERS, Node, Tree

TOPIC, ABOVE = "topic", "above"  # begin temporary ids
_CANDIDATES = 8  # terms that each keyword is chosen from


@dataclass(frozen=True, eq=False)
class Topics:
    """Topics (k): the sums of their contents' directions (k, width; width 0 where there are none), how many contents
    they were fitted to (k,), how often these have each of the terms (k, terms), and what of that is their sources'
    repeating themselves. `corpus` has all texts that were fitted to, those that no topic has among them."""

    sums: Whole
    sizes: Whole
    counts: sparse.csr_matrix
    terms: tuple[str, ...]
    repeats: Repeats | None = None
    corpus: Seen | None = None

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
        return replace(
            self,
            sums=sums_by(groups, self.sums, k),
            sizes=sums_by(groups, self.sizes, k),
            counts=(place @ self.counts).tocsr(),
            repeats=None if self.repeats is None else self.repeats.merged(place),
        )

    @property
    def having(self) -> sparse.csr_matrix:
        """How many texts (k, terms) have each term, one that is its source's in most texts once for the source."""
        return self.counts if self.repeats is None else self.counts - self.repeats.having / ONE

    def seen(self, places: Places | None = None) -> Seen:
        """The texts of the topics at these places, or of all."""
        chosen = np.arange(len(self.sizes), dtype=np.int32) if places is None else places
        repeats = None if self.repeats is None else self.repeats.of(chosen)
        return seen(self.counts[chosen], int(self.sizes[chosen].sum()), repeats)

    @property
    def lexicon(self) -> Lexicon:
        """The terms, how often all texts have them, and in which shares the topics do."""
        return Lexicon(self.terms, self.seen() if self.corpus is None else self.corpus, self._shares())

    def _shares(self) -> Shares:
        found = self.having.tocoo()
        texts = self.sizes[found.row].astype(np.float64)
        if self.repeats is not None and found.nnz > 0:
            texts -= np.asarray(self.repeats.texts[found.row, found.col]).reshape(-1) / ONE
        shares = np.where(texts > 0, found.data / np.where(texts > 0, texts, 1.0), 0.0)
        return Shares(sparse.csr_matrix((shares, (found.row, found.col)), shape=found.shape), self.sizes)

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


def seen(counts: sparse.csr_matrix, texts: int, repeats: Repeats | None) -> Seen:
    """All texts of some groups: how many there are, and by group in how many each term stands (groups, terms)."""
    having, every = _total(counts), np.full(counts.shape[1], float(texts))
    if repeats is None:
        return Seen(having, every)
    return Seen(having - _total(repeats.having) / ONE, every - _total(repeats.texts) / ONE)


def _total(counts: sparse.csr_matrix) -> Doubles:
    return np.asarray(counts.sum(axis=0), dtype=np.float64).reshape(-1)


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
    found: list[_Found] = []
    for parent in sorted(set(parents.values()), key=lambda one: (one is not None, one or "")):
        places = np.array([place for place in sorted(parents) if parents[place] == parent])
        level = 0 if parent is None else fixed.level(parent)
        if level == TIERS:  # there is no tier below: beside it
            parent, level = fixed.nodes[str(parent)].parent, level - 1
        found += _below(topics, places, parent, min(settings.tiers, TIERS - level), settings)
    tree = Tree.of([*fixed, *(node for node, _ in found)], "the topics found")
    members = {node.id: places for node, places in found}
    names = named(tree, members, topics.seen, topics.lexicon, settings.keywords)
    return Tree.of([names.get(node.id, node) for node in tree], "the topics found")


_Found = tuple[Node, Places]  # a node, and the places of the topics at it or below it


def _below(topics: Topics, places: Places, parent: str | None, most_tiers: int, settings: Discovery) -> list[_Found]:
    """Nodes of topics (at `places`), and of the tiers between them and `parent`; candidates are their keywords."""
    groups = np.full(len(topics.sizes), -1, np.int32)
    groups[places] = np.arange(len(places))
    own = topics.merged(groups, len(places))
    counts = tier_counts(len(places), most_tiers)
    above = tiers(own.apart(settings.term_share), own.sizes, counts) if counts else []
    parent_of: list[str | None] = [parent] * len(places)
    found = []
    for tier, clusters in enumerate(above):
        merged = own.merged(clusters, counts[tier])
        words = weightiest(c_tf_idf(merged.having), merged.terms, _CANDIDATES * settings.keywords)
        for cluster in range(counts[tier]):
            members = np.flatnonzero(clusters == cluster)
            if len(members) == 1 or len(members) == len(places):
                continue  # it would be the topic, or the node above, once more
            node_id = f"{ABOVE}:{parent or ''}:{tier}:{places[members[0]]}"
            found.append((_node(node_id, parent_of[members[0]], words[cluster], merged, cluster), places[members]))
            for member in members:
                parent_of[member] = node_id
    words = weightiest(c_tf_idf(topics.having), topics.terms, _CANDIDATES * settings.keywords)
    return found + [
        (_node(topic_id(place), parent_of[at], words[place], topics, place), places[[at]])
        for at, place in enumerate(places.tolist())
    ]


def _node(node_id: str, parent: str | None, words: tuple[str, ...], topics: Topics, place: int) -> Node:
    sums = topics.sums[[place]]
    centroid = tuple(unit(of_whole(sums))[0].tolist()) if sums.any() else None
    return Node(node_id, "", parent, keywords=words, size=int(topics.sizes[place]), centroid=centroid)
