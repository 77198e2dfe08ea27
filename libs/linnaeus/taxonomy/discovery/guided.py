"""Nodes that a person decides of, as directions, with which contents are compared (comparing.py).

What a node is about is said by contents that are labelled with it beside its name and description, else by the
direction that it has in the tree in force, else by its name and description alone, else by texts that have its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.comparing import NONE
from linnaeus.taxonomy.discovery.kmeans import Sums, added, as_sums_batch, grouped
from linnaeus.taxonomy.discovery.vectors import (
    DIRECTION,
    Batches,
    Directions,
    Places,
    Whole,
    as_matrix,
    directions,
    of_whole,
)
from linnaeus.taxonomy.tree import Node

_PLACE = "place"
_WORD_LENGTH = 3  # characters of a word that says something
_NEEDED = 2  # of a node's words that a text must have, where there are so many
_READ_COUNTS = 2  # labelled examples that a node's name and description count as much as
EXAMPLES, IN_FORCE, WORDS = "labelled examples", "the tree in force", "texts with its words"
READ = "name and description"


@dataclass(frozen=True, eq=False)
class Guides:
    """Nodes with a direction (n, width), by id, sorted, and what each direction is from."""

    ids: tuple[str, ...]
    directions: Directions
    sources: tuple[str, ...]

    @staticmethod
    def none(width: int) -> Guides:
        """No node."""
        return Guides((), np.zeros((0, width), np.int16), ())


def sums_by_node(labelled: DataFrame, ids: Sequence[str], partitions: int, width: int) -> tuple[Whole, Whole]:
    """Sums (n, width) of the directions of rows with `direction` and `node_id`, by node, and how many each has (n,)."""
    numbers = labelled.sparkSession.createDataFrame(list(enumerate(ids)), f"{_PLACE} int, {c.NODE_ID} string")
    rows = labelled.join(F.broadcast(numbers), c.NODE_ID).select(DIRECTION, _PLACE)
    k = len(ids)

    def run(batches: Batches) -> Batches:
        found = Sums.none(k, width)
        for batch in batches:
            given, places = as_matrix(batch.column(0), width), np.asarray(batch.column(1), dtype=np.int32)
            found = found + Sums(grouped(given, places, k), np.bincount(places, minlength=k), 0)
        yield as_sums_batch(found)

    total = added(rows, run, partitions, k, width)
    return total.sums, total.sizes


def words_of(texts: Sequence[str]) -> list[str]:
    """The distinct words of a node's name, description and examples that say something, sorted."""
    split = (word.strip(".,;:!?()[]\"'").lower() for text in texts for word in text.replace("/", " ").split())
    return sorted({word for word in split if len(word) >= _WORD_LENGTH and word not in ("and", "the", "for")})


def has_words(words: Mapping[str, Sequence[str]]) -> Column:
    """Ids (array<string>) of the nodes of whose words a row's `tokens` have two, or the only one."""

    def of(node: str, its_words: Sequence[str]) -> Column:
        found = F.size(F.array_intersect(F.col(c.TOKENS), F.array(*[F.lit(word) for word in its_words])))
        return F.when(found >= min(_NEEDED, len(its_words)), F.lit(node))

    return F.array_compact(F.array(*[of(node, its_words) for node, its_words in sorted(words.items()) if its_words]))


def guides_of(
    by_examples: tuple[Whole, Whole],
    in_force: Mapping[str, Sequence[float]],
    read: Mapping[str, Directions],
    by_words: tuple[Whole, Whole],
    ids: Sequence[str],
    least: int,
) -> Guides:
    """Of the nodes `ids` those that have a direction, by the first of the four that gives one. `read`: directions
    (width,) of names and descriptions; examples are taken together with them."""
    width = by_examples[0].shape[1]
    found: list[tuple[str, Directions, str]] = []
    for place, node in enumerate(ids):
        if by_examples[1][place] >= least:
            said = read.get(node, np.zeros(width, np.int16)).astype(np.int64)
            found.append((node, of_whole((by_examples[0][place] + _READ_COUNTS * said)[None]), EXAMPLES))
        elif len(in_force.get(node, ())) == width:
            found.append((node, directions(np.array([in_force[node]]))[0], IN_FORCE))
        elif node in read:
            found.append((node, read[node][None], READ))
        elif by_words[1][place] >= least:
            found.append((node, of_whole(by_words[0][[place]]), WORDS))
    found = [one for one in found if one[1].any()]
    if not found:
        return Guides.none(width)
    return Guides(
        tuple(node for node, _, _ in found), np.vstack([one for _, one, _ in found]), tuple(how for _, _, how in found)
    )


def above_of(ids: Sequence[str], nodes: Sequence[Node]) -> Places:
    """The place (m,) in `ids` of the next node above each that is among them, or NONE."""
    parents, places = {node.id: node.parent for node in nodes}, {one: place for place, one in enumerate(ids)}
    found = []
    for one in ids:
        above = parents.get(one)
        while above is not None and above not in places:
            above = parents.get(above)
        found.append(NONE if above is None else places[above])
    return np.array(found, dtype=np.int32)
