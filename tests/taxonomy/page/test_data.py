"""What the page is made of: rows in any order, weeks without gaps, changes in words."""

from __future__ import annotations

import datetime
import random

import numpy as np

from linnaeus.taxonomy.changes import BIRTH, DEATH, MERGE, MOVE, RENAME, SPLIT, Change
from linnaeus.taxonomy.page.data import LONGEST_TITLE, MOST_WEEKS, About, Content, Point, Week, Words, page_data
from linnaeus.taxonomy.tree import Node, Tree
from tests.taxonomy.page.examples import (
    ABOUT,
    BEFORE,
    CHANGES,
    MONDAY,
    REPRESENTATIVES,
    TREE,
    WEEKS,
    example,
    points,
)


def said(sentence: tuple[Words, ...]) -> str:
    """A sentence with the ids of nodes; of those that are not there any more in brackets."""
    told = [one.text if one.node_id is None else f"{one.text} {_shown(one.node_id, one.is_there)}" for one in sentence]
    return "".join(told)


def _shown(node_id: str, is_there: bool) -> str:
    return node_id if is_there else f"({node_id})"


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [list(one) for one in (CHANGES, points(), WEEKS)]
    for one in rows:
        random.Random(4).shuffle(one)
    again = page_data(ABOUT, TREE, BEFORE, rows[0], rows[1], REPRESENTATIVES, rows[2])
    assert (again.data, again.changes, again.content_ids) == (example().data, example().changes, example().content_ids)


def test_points_come_first_among_the_contents_and_speak_of_nodes_by_place() -> None:
    page = example()
    drawn, nodes = page.data["points"], page.data["nodes"]
    assert [one["id"] for one in nodes] == ["sport", "t-1", "t-2", "t-3", "t-4"]
    assert [one["parent"] for one in nodes] == [-1, 0, 0, -1, 3]
    assert len(drawn["x"]) == len(drawn["y"]) == len(drawn["node"]) == 60
    assert page.content_ids[:60] == tuple(sorted(one.content.id for one in points()))
    assert page.content_ids[60:] == ("not-drawn-1",) and len(page.data["titles"]) == 61
    by_id = {one.content.id: one for one in points()}
    for number, content_id in enumerate(page.content_ids[:60]):
        node = drawn["node"][number]
        assert by_id[content_id].node_id == (None if node == -1 else nodes[node]["id"])
        assert drawn["percent"][number] == round(100 * (by_id[content_id].probability or 0))
    assert [page.content_ids[one] for one in nodes[1]["contents"]] == ["content-008", "not-drawn-1"]
    assert nodes[0]["curated"] and not nodes[1]["curated"] and nodes[1]["creators"] == 0.25


def test_what_can_not_be_drawn_is_left_out() -> None:
    good = np.array([0.5, 0.5], dtype=np.float32)
    given = [
        Point(Content("good"), "t-1", None, good),
        Point(Content("far"), None, 0.1, 3 * good),
        Point(Content("none"), "t-1", 1.0, None),
        Point(Content("zero"), "t-1", 1.0, 0 * good),
        Point(Content("nan"), "t-1", 1.0, good * np.float32("nan")),
        Point(Content("of another tree"), "gone", 1.0, good),
    ]
    page = page_data(ABOUT, TREE, points=given)
    assert page.content_ids == ("far", "good") and page.data["points"]["percent"] == [10, -1]
    assert page_data(ABOUT, TREE).data["points"] == {"x": [], "y": [], "node": [], "percent": []}


def test_titles_are_one_short_line() -> None:
    titles = ["x" * 80, "x" * 81, "a\n b\tc", None, "broken \ud800 half"]
    given = [Point(Content(f"{n}", one), None, 1.0, np.ones(2, np.float32)) for n, one in enumerate(titles)]
    shown = page_data(ABOUT, TREE, points=given).data["titles"]
    assert shown == ["x" * 80, "x" * (LONGEST_TITLE - 1) + "…", "a b c", "", "broken ? half"]


def test_weeks_have_no_gap_and_there_are_not_too_many() -> None:
    data = example().data
    assert data["weeks"] == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert data["nodes"][0]["weeks"] == {"n": [6, 0, 4], "share": [6000, -1, 4123]}
    assert data["nodes"][1]["weeks"] == {"n": [3, 0, 0], "share": [3000, -1, 0]}
    assert data["nodes"][2]["weeks"] is None
    many = [Week(MONDAY + datetime.timedelta(weeks=n), "t-1", n, 0.5) for n in range(300)]
    data = page_data(ABOUT, TREE, weeks=many).data
    assert len(data["weeks"]) == MOST_WEEKS and data["weeks"][-1] == many[-1].week.isoformat()
    assert data["nodes"][1]["weeks"]["n"] == list(range(300 - MOST_WEEKS, 300))


def test_changes_in_words() -> None:
    told = {kind: [said(one) for one in sentences] for kind, sentences in example().changes.items()}
    assert list(told) == [BIRTH, DEATH, SPLIT, MERGE, RENAME, MOVE]
    assert told[BIRTH][0] == "Sport sport is new, at the top"
    assert told[BIRTH][1].endswith(" t-4 is new, below Café & <b>bars</b> t-3")
    assert told[DEATH] == ["Chess (t-9) is gone"]
    assert told[SPLIT] == ["Football t-1 was split into Football t-1 and Tennis t-2"]
    assert told[MERGE] == ["Pubs (t-8) and Chess (t-9) were merged into Café & <b>bars</b> t-3"]
    assert told[RENAME] == ["Games sport is now called Sport sport"]
    assert told[MOVE] == ["Football t-1 moved from the top to below Sport sport"]
    # From below a node that is no more; and where the tree before is not known.
    before = Tree.of([Node("t-7", "Old"), Node("t-1", "Football", "t-7")])
    moved = page_data(ABOUT, TREE, before, [Change.of(MOVE, ("t-1",), ("t-1",))]).changes
    assert said(moved[MOVE][0]) == "Football t-1 moved from below Old (t-7) to below Sport sport"
    moved = page_data(ABOUT, TREE, None, [Change.of(MOVE, ("t-1",), ("t-1",))]).changes
    assert said(moved[MOVE][0]) == "Football t-1 moved to below Sport sport"
    assert page_data(ABOUT, TREE, before).changes == {}


def test_shares_of_what_is_unplaced() -> None:
    now = datetime.datetime(2026, 1, 1)
    assert ABOUT.n_contents == 50 and ABOUT.unplaced_share == 0.16
    assert About(1, "import", now).unplaced_share == 0.0
