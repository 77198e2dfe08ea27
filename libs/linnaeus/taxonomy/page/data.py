"""What the page holds, made of rows: nodes, contents of a sample, places on the map, weeks, changes in words.

Numbers that the page draws are whole ones, in the unit that is said: they are short to write, and the same everywhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linnaeus.taxonomy.changes import BIRTH, DEATH, KINDS, MERGE, MOVE, RENAME, SPLIT, Change, in_order
from linnaeus.taxonomy.page.layout import NO_TOPIC, layout
from linnaeus.taxonomy.tree import CURATED, Tree

LONGEST_TITLE = 80  # characters of a title that are shown
MOST_WEEKS = 104  # the last ones
_GRID = 10_000  # places on the map are whole numbers up to this


@dataclass(frozen=True)
class About:
    """A version: the row of gold.taxonomy_versions, and how many contents are placed in it and how many are not."""

    version: int
    made_by: str
    made_at: datetime.datetime
    embedder: str | None = None
    restores: int | None = None
    note: str | None = None
    n_placed: int = 0
    n_unplaced: int = 0

    @property
    def n_contents(self) -> int:
        """All that were looked at."""
        return self.n_placed + self.n_unplaced

    @property
    def unplaced_share(self) -> float:
        """Of all contents, 0 to 1."""
        return self.n_unplaced / self.n_contents if self.n_contents else 0.0


@dataclass(frozen=True)
class Content:
    """A content as the page names it; without a title by its text's beginning."""

    id: str
    title: str | None = None


@dataclass(frozen=True, eq=False)
class Point:
    """A content of the sample: its node (None where it is unplaced) with its probability, and its vector, if any."""

    content: Content
    node_id: str | None
    probability: float | None = None
    vector: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Week:
    """A node's share of a week's placed contents."""

    week: datetime.date
    node_id: str
    n: int
    share: float


@dataclass(frozen=True)
class Words:
    """A piece of a sentence: of a node its id, and whether it is in this version's tree, so that it can be shown."""

    text: str
    node_id: str | None = None
    is_there: bool = False


Sentence = tuple[Words, ...]


@dataclass(frozen=True, eq=False)
class PageData:
    """All that the page says. `content_ids` names each content once; `data` (JSON) speaks of them by their place."""

    about: About
    tree: Tree
    content_ids: tuple[str, ...]
    data: Mapping[str, Any]
    changes: Mapping[str, tuple[Sentence, ...]]


def page_data(
    about: About,
    tree: Tree,
    before: Tree | None = None,
    changes: Iterable[Change] = (),
    points: Iterable[Point] = (),
    representatives: Mapping[str, Sequence[Content]] | None = None,
    weeks: Iterable[Week] = (),
) -> PageData:
    """What the page of a version holds, whatever the order of the rows it is made of.

    `before` is the tree of the version that `changes` are since; `points` are a sample of the contents, as many as a
    page can hold (some thousand); `representatives` go by node, the nearest first. Points without a usable vector are
    not drawn, rows of nodes that are not in the tree are left out.
    """
    place = {node_id: number for number, node_id in enumerate(tree.nodes)}
    drawn = sorted((one for one in points if _is_drawable(one, place)), key=lambda one: one.content.id)
    shown = {node_id: given for node_id, given in (representatives or {}).items() if node_id in place}
    contents = _once(one.content for one in drawn) | _once(one for given in shown.values() for one in given)
    number = {content_id: at for at, content_id in enumerate(contents)}
    days, by_node = _by_week(week for week in weeks if week.node_id in place)
    nodes = [
        {
            "id": one.id,
            "name": one.name,
            "parent": NO_TOPIC if one.parent is None else place[one.parent],
            "size": one.size,
            "curated": one.origin == CURATED,
            "creators": None if one.creator_share is None else round(one.creator_share, 4),
            "keywords": list(one.keywords),
            "description": one.description,
            "contents": [number[content.id] for content in shown.get(one.id, ())],
            "weeks": by_node.get(one.id),
        }
        for one in tree
    ]
    data = {
        "placed": about.n_placed,
        "nodes": nodes,
        "titles": [_cut(contents[content_id].title) for content_id in contents],
        "points": _points(drawn, place),
        "weeks": days,
    }
    return PageData(about, tree, tuple(contents), data, _in_words(tree, before, changes))


def _is_drawable(point: Point, place: Mapping[str, int]) -> bool:
    vector = point.vector
    is_known = point.node_id is None or point.node_id in place
    return is_known and vector is not None and bool(np.isfinite(vector).all()) and bool(np.any(vector))


def _once(contents: Iterable[Content]) -> dict[str, Content]:
    return {one.id: one for one in contents}


def _cut(title: str | None) -> str:
    """One line of at most `LONGEST_TITLE` characters, that UTF-8 can write."""
    line = " ".join((title or "").encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


def _points(drawn: Sequence[Point], place: Mapping[str, int]) -> dict[str, list[int]]:
    """Columns: the place (up to `_GRID`, y downwards), the node's number, the probability in percent (-1: not known).

    The first columns' n-th is of the n-th content.
    """
    topics = [NO_TOPIC if one.node_id is None else place[one.node_id] for one in drawn]
    vectors = np.array([one.vector for one in drawn], dtype=np.float64)
    if len(drawn):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    places = np.rint(layout(vectors, np.array(topics, dtype=int)) * _GRID).astype(int)
    percent = [-1 if one.probability is None else round(100 * one.probability) for one in drawn]
    return {"x": places[:, 0].tolist(), "y": (_GRID - places[:, 1]).tolist(), "node": topics, "percent": percent}


def _by_week(rows: Iterable[Week]) -> tuple[list[str | None], dict[str, dict[str, list[int]]]]:
    """The days with which the last weeks begin, one a week without a gap, and by node its contents and its share (in
    hundredths of a percent; -1 in a week of which there is nothing at all)."""
    found = list(rows)
    if not found:
        return [], {}
    last = max(one.week for one in found)
    first = max(min(one.week for one in found), last - datetime.timedelta(weeks=MOST_WEEKS - 1))
    days = [first + datetime.timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]
    at = {day: number for number, day in enumerate(days)}
    known = {one.week for one in found}
    empty = [0 if day in known else -1 for day in days]
    by_node: dict[str, dict[str, list[int]]] = {}
    for one in found:
        if one.week in at:
            of_node = by_node.setdefault(one.node_id, {"n": [max(0, no) for no in empty], "share": list(empty)})
            of_node["n"][at[one.week]] = one.n
            of_node["share"][at[one.week]] = round(one.share * _GRID)
    return [day.isoformat() for day in days], by_node


def _in_words(tree: Tree, before: Tree | None, changes: Iterable[Change]) -> dict[str, tuple[Sentence, ...]]:
    """Sentences by kind of change; kinds that nothing changed by are not among them."""
    given = in_order(changes)
    said = {kind: tuple(_sentence(one, tree, before) for one in given if one.kind == kind) for kind in KINDS}
    return {kind: sentences for kind, sentences in said.items() if sentences}


def _sentence(change: Change, tree: Tree, before: Tree | None) -> Sentence:
    old, new = _listed(change.from_ids, tree, before), _listed(change.to_ids, tree, None)
    several = len(change.from_ids) > 1
    sentences: dict[str, Sentence] = {
        BIRTH: (*new, Words(" is new"), *_where(change.to_ids, tree, ", below ", ", at the top")),
        DEATH: (*old, Words(" is gone")),
        SPLIT: (*old, Words(" was split into "), *new),
        MERGE: (*old, Words(" were merged into " if several else " was merged into "), *new),
        RENAME: (*old, Words(" is now called "), *new),
        MOVE: (
            *new,
            Words(" moved"),
            *_where(change.from_ids, before, " from below ", " from the top", tree),
            *_where(change.to_ids, tree, " to below ", " to the top"),
        ),
    }
    return sentences[change.kind]


def _listed(ids: Sequence[str], tree: Tree, before: Tree | None) -> Sentence:
    """Nodes as a list, by the names that they had before where that tree is given."""
    pieces: list[Words] = []
    for node_id in ids:
        if pieces:
            pieces.append(Words(" and " if node_id == ids[-1] else ", "))
        named = before if before is not None and node_id in before.nodes else tree
        name = named.nodes[node_id].name if node_id in named.nodes else node_id
        pieces.append(Words(name, node_id, node_id in tree.nodes))
    return tuple(pieces)


def _where(ids: Sequence[str], then: Tree | None, below: str, at_top: str, now: Tree | None = None) -> Sentence:
    """Where a node stands or stood; nothing where the tree of then is not known or has no such node. `now` is today's
    tree, where that is another."""
    if then is None or not ids or ids[0] not in then.nodes:
        return ()
    parent = then.nodes[ids[0]].parent
    return (Words(at_top),) if parent is None else (Words(below), *_listed((parent,), now or then, then))
