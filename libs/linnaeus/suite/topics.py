"""The tree of topics as a notebook shows it: names, keywords and sizes, branch by branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import path_of
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.text import text
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite import pictures
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.pictures import Picture
from linnaeus.suite.rich_html import Shown, as_html

_MOST_WORDS = 6
_BEGINS = 90  # characters of a text


@dataclass(frozen=True, eq=False, repr=False)
class Topics(Shown):
    """A version of the tree: `nodes` has a row a node in the tree's order, `changes` what the version changed,
    `examples` the beginnings of contents by node id."""

    version: int
    about: Mapping[str, Any]
    nodes: pd.DataFrame
    changes: pd.DataFrame
    examples: Mapping[str, list[str]]

    @property
    def title(self) -> str:
        """Which version, and what made it."""
        return f"Topics, version {self.version} (made by {self.about[c.MADE_BY]})"

    def sections(self) -> Sequence[Section]:
        """The tree, and what has changed."""
        rows = [
            (
                "  " * (int(one.level) - 1) + str(one.name),
                str(one.node_id),
                int(one.size),
                str(one.words),
                str(one.origin),
            )
            for one in self.nodes.itertuples(index=False)
        ]
        tree = Section("Tree", (), (Grid(("name", "id", "contents", "keywords", "origin"), rows),))
        if self.changes.empty:
            return [tree]
        told = [tuple(map(str, row)) for row in self.changes[[c.KIND, c.DETAIL]].to_numpy()]
        return [tree, Section("What this version changed", (), (Grid(("kind", "what"), told),))]

    def _repr_html_(self) -> str:
        largest = max(int(self.nodes[c.SIZE].max()) if len(self.nodes) else 0, 1)
        rows = [
            {**row, "share": row[c.SIZE] / largest, "examples": self.examples.get(row[c.NODE_ID], [])}
            for row in self.nodes.to_dict("records")
        ]
        changes = self.changes.to_dict("records")
        return as_html("topics.html.j2", title=self.title, nodes=rows, changes=changes, note=self.about.get("note"))

    def picture(self) -> Picture:
        """The leaves by size, with their keywords, coloured by what stands at the top above them."""
        parents = set(self.nodes[c.PARENT_ID].dropna())
        leaves = self.nodes[~self.nodes[c.NODE_ID].isin(parents)].copy()
        leaves[c.KEYWORDS] = leaves["words"]
        return pictures.topics(leaves.sort_values(["root", c.SIZE], ascending=[True, False], kind="stable"))


def topics_of(context: Context, version: int | None = None, examples: int = 3) -> Topics:
    """A version of the tree, the newest where none is given. Raises ConfigurationError where there is no such one."""
    rows = context.read(tables.TAXONOMY_VERSIONS).orderBy(F.desc(c.VERSION)).collect()  # few: one a version
    known = {row[c.VERSION]: row.asDict() for row in rows}
    wanted = version if version is not None else next(iter(known), None)
    if wanted is None or wanted not in known:
        there = (
            f"there are {', '.join(map(str, sorted(known)))}" if known else "suite.run('discover_taxonomy') makes one"
        )
        raise ConfigurationError(f"gold.taxonomy_versions has no version {version}; {there}")
    is_of = F.col(c.VERSION) == wanted
    nodes = fetched(context.read(tables.TAXONOMY_NODES).where(is_of).drop(c.CENTROID))  # few: one a node
    changes = context.read(tables.TAXONOMY_CHANGES).where(is_of).orderBy(c.KIND, c.DETAIL)
    told = fetched(changes.select(c.KIND, c.DETAIL))  # few: some a node
    return Topics(wanted, known[wanted], _in_order(nodes), told, _examples(context, wanted, examples))


def _in_order(nodes: pd.DataFrame) -> pd.DataFrame:
    """Rows so that what stands below a node follows it, the largest first; with `root` (a name) and `words`."""
    parents = {row.node_id: row.parent_id if isinstance(row.parent_id, str) else None for row in nodes.itertuples()}
    size, name = (
        dict(zip(nodes[c.NODE_ID], nodes[c.SIZE], strict=True)),
        dict(zip(nodes[c.NODE_ID], nodes[c.NAME], strict=True)),
    )
    paths = {node: path_of(node, parents) for node in parents}
    place = {node: [(-int(size.get(one, 0)), one) for one in path] for node, path in paths.items()}
    words = [", ".join(list(one)[:_MOST_WORDS]) if one is not None else "" for one in nodes[c.KEYWORDS]]
    told = nodes.assign(root=[name.get(paths[one][0]) for one in nodes[c.NODE_ID]], words=words)
    order = sorted(range(len(told)), key=lambda at: place[told[c.NODE_ID].iloc[at]])
    return told.iloc[order].reset_index(drop=True)


def _examples(context: Context, version: int, most: int) -> dict[str, list[str]]:
    wanted = context.read(tables.TOPIC_REPRESENTATIVES).where((F.col(c.VERSION) == version) & (F.col(c.RANK) <= most))
    content = context.read(tables.CONTENT).select(c.CONTENT_ID, F.substring(text(), 1, _BEGINS).alias(c.TEXT))
    found: dict[str, list[str]] = {}
    rows = content.join(F.broadcast(wanted.select(c.CONTENT_ID, c.NODE_ID, c.RANK)), c.CONTENT_ID)
    for row in rows.orderBy(c.NODE_ID, c.RANK).collect():  # few: `most` a node
        found.setdefault(row[c.NODE_ID], []).append(" ".join(str(row[c.TEXT]).split()))
    return found
