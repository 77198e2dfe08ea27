"""A small version of a taxonomy with all that its page can hold, and texts that try to break out of it."""

from __future__ import annotations

import datetime

import numpy as np

from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change
from linnaeus.taxonomy.page.data import About, Content, PageData, Point, Week, page_data
from linnaeus.taxonomy.tree import CURATED, Node, Tree

EVIL = "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\"> & ' \u2028"
ODD_IDS = ("alone", "7", "a b/c", "<i>&amp;é\"'", "post-0001", "Größe 1")  # as a platform may name its contents
MONDAY = datetime.date(2026, 1, 5)

TREE = Tree.of(
    [
        Node("sport", "Sport", description="All games", keywords=("match", "team"), size=30, origin=CURATED),
        Node("t-1", "Football", "sport", None, ("goal", "penalty kick"), 20, creator_share=0.25),
        Node("t-2", "Tennis", "sport", None, ("racket",), 10),
        Node("t-3", "Café & <b>bars</b>", None, None, ("espresso",), 12),
        Node("t-4", EVIL, "t-3", None, (EVIL,), 5),
    ]
)
BEFORE = Tree.of([Node("sport", "Games"), Node("t-1", "Football"), Node("t-8", "Pubs"), Node("t-9", "Chess")])
CHANGES = (
    Change.of(MOVE, ("t-1",), ("t-1",)),
    Change.of(RENAME, ("sport",), ("sport",)),
    Change.of(MERGE, ("t-8", "t-9"), ("t-3",)),
    Change.of(SPLIT, ("t-1",), ("t-1", "t-2")),
    Change.of(DEATH, ("t-9",), ()),
    Change.of(BIRTH, (), ("t-4",)),
    Change.of(BIRTH, (), ("sport",)),
)
ABOUT = About(
    7, "take_back", datetime.datetime(2026, 11, 26, 9, 5), "minilm:1:2", 5, "Ann & Bob", n_placed=42, n_unplaced=8
)


def points(n: int = 60, dimension: int = 8) -> list[Point]:
    """Contents around four topics' directions, each eighth unplaced; those of `ODD_IDS` among them."""
    rng, at = np.random.default_rng(5), ("t-1", "t-2", "t-3", "t-4")
    middles = rng.normal(size=(len(at), dimension))
    made = []
    for number in range(n):
        topic = None if number % 8 == 7 else at[number % 4]
        vector = middles[number % 4] + 0.3 * rng.normal(size=dimension)
        name = ODD_IDS[number] if number < len(ODD_IDS) else f"content-{number:03d}"
        title = EVIL if number == 0 else f"Title of {number}" if number != 1 else None
        made.append(Point(Content(name, title), topic, 0.5 + number / 200, vector.astype(np.float32)))
    return made


REPRESENTATIVES = {"t-1": [Content("content-008", "Title of 8"), Content("not-drawn-1", EVIL)], "gone": [Content("x")]}
WEEKS = [
    Week(MONDAY, "sport", 6, 0.6),
    Week(MONDAY, "t-1", 3, 0.3),
    Week(MONDAY + datetime.timedelta(weeks=2), "sport", 4, 0.41234),
    Week(MONDAY, "gone", 1, 0.1),
]


def example() -> PageData:
    """All of it."""
    return page_data(ABOUT, TREE, BEFORE, CHANGES, points(), REPRESENTATIVES, WEEKS)
