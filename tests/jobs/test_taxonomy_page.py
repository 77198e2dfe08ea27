"""The page from the tables: what stands in it, whatever the tables lack, and where it is not written."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import _taxonomy_page
from jobs._taxonomy_page import write_page
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.hashed_ids import ITEM, Hasher
from linnaeus.contracts.tables import Table
from linnaeus.runtime.file_search import Wanted, take_out
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.tree import Node, Tree
from linnaeus.taxonomy.versions import rows_of
from tests.conftest import MakeConfig
from tests.oracles import vector_bytes

EMBEDDER = "tiny:1:2"
TREE = Tree.of([Node("top", "Top", size=6), Node("t-1", "One", "top", size=4), Node("t-2", "Two", "top", size=2)])
BEFORE = Tree.of([Node("top", "Old top"), Node("t-1", "One", "top")])
NOW = datetime.datetime(2026, 1, 30, 12, tzinfo=datetime.timezone.utc)
MONDAY = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
PLACES = {"a": "t-1", "b": "t-1", "c": "t-1", "d": "t-1", "e": "t-2", "f": "t-2", "g": None, "vectorless": "t-1"}
TEXTS = {name: (f"Title {name}", f"text of {name}") for name in PLACES} | {"b": (" ", "</script> a body\nof two lines")}


class Rows(Lake):
    """A lake of rows that are not stored: what is tested here is how tables are read together."""

    def __init__(self, session: SparkSession, config: Config, rows: dict[Table, list[Any]]) -> None:
        super().__init__(session, config)
        self._frames = {table: session.createDataFrame(given, table.schema) for table, given in rows.items()}

    def read(self, table: Table, version: int | None = None, timestamp: datetime.datetime | None = None) -> DataFrame:
        found = self._frames.get(table)
        return self.session.createDataFrame([], table.schema) if found is None else found


def rows() -> dict[Table, list[Any]]:
    """Version 2 of a taxonomy and what is left of version 1: contents, vectors of all but one, of two embedders."""
    rng = np.random.default_rng(0)
    return {
        tables.CONTENT: [
            (name, "creator", "text", *text, None, None, f"hash of {name}", NOW, None) for name, text in TEXTS.items()
        ],
        tables.TEXT_EMBEDDINGS: [
            (f"hash of {name}", embedder, vector_bytes(rng.normal(size=4).astype(np.float32)), None, 1)
            for embedder in (EMBEDDER, "older:1:2")
            for name in PLACES
            if name != "vectorless" or embedder != EMBEDDER
        ],
        tables.TAXONOMY_NODES: [*rows_of(BEFORE, 1), *rows_of(TREE, 2)],
        tables.TAXONOMY_VERSIONS: [
            (1, "import", NOW, None, None, "inputs", "{}", None),
            (2, "discovery", NOW, None, EMBEDDER, "others", "{}", "the second one"),
        ],
        tables.TAXONOMY_CHANGES: [
            ("1", 1, "birth", [], ["top"], None, NOW),
            ("2", 2, "birth", [], ["t-2"], None, NOW),
            ("3", 2, "rename", ["top"], ["top"], None, NOW),
        ],
        tables.TOPIC_ASSIGNMENTS: [
            (name, node, 0.75, 2, None, 0.5, "topic" if node else "unplaced") for name, node in PLACES.items()
        ],
        tables.TOPIC_REPRESENTATIVES: [
            ("t-1", 2, "vectorless", 2, 0.8),
            ("t-1", 2, "b", 1, 0.9),
            ("t-1", 1, "c", 1, 0.9),
            ("t-2", 2, "gone", 1, 0.7),
        ],
        tables.TOPIC_SHARES_BY_WEEK: [
            (MONDAY, "t-1", 2, 4, 0.66667),
            (MONDAY + datetime.timedelta(weeks=2), "t-1", 2, 1, 1.0),
            (MONDAY + datetime.timedelta(weeks=3), "t-1", 1, 1, 1.0),
        ],
    }


@pytest.mark.slow
def test_a_page_of_the_tables(
    spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = make_config()
    lake = Rows(spark, config, rows())
    path = write_page(lake, config, 2)
    assert path == tmp_path / "lake" / "reports" / "taxonomy" / "taxonomy-2.html"
    html = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found is not None
    data, ids = json.loads(found[1]), re.findall(r"<i>([^<]*)</i>", html.split('<template id="contents">')[1])
    assert ids == ["a", "b", "c", "d", "e", "f", "g", "vectorless"], "what is drawn, then what is only told"
    nodes = [one["id"] for one in data["nodes"]]
    assert nodes == ["t-1", "t-2", "top"]
    assert [nodes[one] if one >= 0 else None for one in data["points"]["node"]] == [PLACES[one] for one in ids[:7]]
    assert data["titles"] == ["Title a", "</script> a body of two lines", *(f"Title {one}" for one in ids[2:])]
    assert [ids[one] for one in data["nodes"][0]["contents"]] == ["b", "vectorless"]
    assert data["nodes"][1]["contents"] == [], "a representative that is no content any more is not told"
    assert data["weeks"] == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert data["nodes"][0]["weeks"] == {"n": [4, 0, 1], "share": [6667, -1, 10000]}
    assert "Contents</dt><dd>8<" in html and "12.5%" in html and "the second one" in html and EMBEDDER in html
    assert "Births <small>1</small>" in html and "Old top" in html and "is now called" in html

    monkeypatch.setattr(_taxonomy_page, "MOST_POINTS", 3)
    few = [one.content.id for one in _taxonomy_page._points(lake, lake.read(tables.TOPIC_ASSIGNMENTS), EMBEDDER)]
    assert 2 <= len(few) <= 3 and set(few) < set(PLACES), "one of the three may have no vector"
    with pytest.raises(ConfigurationError, match="no version 3"):
        write_page(lake, config, 3)
    assert [one.name for one in path.parent.iterdir()] == ["taxonomy-2.html"]
    # What an erasure does of a content that is named nowhere but on the page.
    hasher = Hasher("salt")
    assert config.reports_folder is not None
    assert take_out(config.reports_folder, Wanted(frozenset({hasher.of(ITEM, "e")}), hasher)) == [path]


def test_no_reports_folder_no_page(make_config: MakeConfig) -> None:
    config = make_config("lake.root=null", "lake.catalog=main")
    assert config.reports_folder is None
    assert write_page(None, config, 1) is None  # type: ignore[arg-type]  # no table is asked
