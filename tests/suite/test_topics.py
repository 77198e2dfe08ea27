"""The tree of topics as a notebook shows it."""

from __future__ import annotations

import pandas as pd

from linnaeus.suite.topics import Topics, _in_order

NODES = pd.DataFrame(
    [
        ("t-2", None, "Small", 1, 3, ["x"], "discovered"),
        ("t-4", "t-1", "<i>Deep</i>", 2, 4, ["a", "b"], "discovered"),
        ("t-1", None, "Large", 1, 9, None, "curated"),
        ("t-3", "t-1", "Deeper", 2, 5, ["c"], "discovered"),
    ],
    columns=["node_id", "parent_id", "name", "level", "size", "keywords", "origin"],
)
CHANGES = pd.DataFrame({"kind": ["rename"], "detail": ["t-1: A to <b>Large</b>"]})


def topics() -> Topics:
    about = {"made_by": "curation", "note": "by ann"}
    return Topics(2, about, _in_order(NODES), CHANGES, {"t-3": ["<script>one"]})


def test_what_stands_below_a_node_follows_it_the_largest_first() -> None:
    nodes = topics().nodes
    assert nodes["node_id"].tolist() == ["t-1", "t-3", "t-4", "t-2"]
    assert nodes["root"].tolist() == ["Large", "Large", "Large", "Small"]
    assert nodes["words"].tolist() == ["", "c", "a, b", "x"]


def test_all_is_shown_and_escaped() -> None:
    html = topics()._repr_html_()
    assert "Topics, version 2 (made by curation)" in html and "by ann" in html
    assert "&lt;i&gt;Deep&lt;/i&gt;" in html and "<i>Deep" not in html and "<script" not in html
    assert "rename: t-1: A to &lt;b&gt;Large&lt;/b&gt;" in html
    assert html.count("curated</span>") == 1
    assert "    <i>Deep</i>" not in html and "Deeper" in repr(topics())


def test_the_picture_shows_leaves_alone() -> None:
    found = topics().picture()
    assert found.data["node_id"].tolist() == ["t-2", "t-3", "t-4"] or found.data["node_id"].tolist() == [
        "t-3",
        "t-4",
        "t-2",
    ]
    assert found.says == "3 topics, the largest of 5"
