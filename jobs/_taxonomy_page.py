"""The page of a version of the tree of topics, written where reports go: read from the tables, a sample of contents."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs._taxonomy import representatives_at, tree_at, version_rows
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.report import write_page as write_html
from linnaeus.taxonomy.changes import Change, change_of
from linnaeus.taxonomy.page.data import LONGEST_TITLE, MOST_WEEKS, About, Content, PageData, Point, Week, page_data
from linnaeus.taxonomy.page.html import as_html

FOLDER = "taxonomy"
MOST_POINTS = 5_000  # contents on the map
_MOST_REPRESENTATIVES = 10  # a node
_EPOCH = datetime.date(1970, 1, 1)
_DAY = 24 * 3600


def write_page(lake: Lake, config: Config, version: int) -> Path | None:
    """Write `<reports>/taxonomy/taxonomy-<version>.html`, whole or not at all; None where there is no folder for it.

    Raises ConfigurationError where there is no such version. Of one that is not in force any more the page has the tree
    and its changes, as where its contents were is not in the tables.
    """
    folder = config.reports_folder
    if folder is None:
        return None
    return write_html(folder / FOLDER, f"taxonomy-{version}", as_html(read_page(lake, version)))


def read_page(lake: Lake, version: int) -> PageData:
    """What the page of a version holds. Raises ConfigurationError where there is no such version."""
    tree = tree_at(lake, version)
    rows = {row[c.VERSION]: row for row in version_rows(lake)}
    row, before = rows[version], max((one for one in rows if one < version), default=None)
    placed = lake.read(tables.TOPIC_ASSIGNMENTS).where(F.col(c.VERSION) == version)
    is_placed = F.col(c.NODE_ID).isNotNull()
    counts = placed.agg(F.count(F.when(is_placed, 1)).alias("placed"), F.count(F.lit(1)).alias("all")).first()
    assert counts is not None
    about = About(
        version=version,
        made_by=row[c.MADE_BY],
        made_at=row[c.MADE_AT].astimezone(datetime.timezone.utc),
        embedder=row[c.EMBEDDER],
        restores=row["restores"],
        note=row["note"],
        n_placed=counts["placed"],
        n_unplaced=counts["all"] - counts["placed"],
    )
    return page_data(
        about,
        tree,
        None if before is None else tree_at(lake, before),
        _changes(lake, version),
        _points(lake, placed, row[c.EMBEDDER]),
        _representatives(lake, version),
        _weeks(lake, version),
    )


def _changes(lake: Lake, version: int) -> list[Change]:
    rows = lake.read(tables.TAXONOMY_CHANGES).where(F.col(c.VERSION) == version).collect()  # few: some a node
    return [change_of(row.asDict())[1] for row in rows]


def _points(lake: Lake, placed: DataFrame, embedder: str | None) -> Iterator[Point]:
    """Contents with the least hashes of their ids: the same ones, however the rows lie."""
    sample = placed.orderBy(F.xxhash64(c.CONTENT_ID), c.CONTENT_ID).limit(MOST_POINTS)
    named = _named(lake, sample.select(c.CONTENT_ID, c.NODE_ID, c.PROBABILITY))
    vectors = lake.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == F.lit(embedder))
    with_vector = named.join(vectors.select(c.CONTENT_HASH, c.VECTOR), c.CONTENT_HASH)
    for row in with_vector.collect():  # few: see limit
        vector = np.frombuffer(row[c.VECTOR], dtype="<f4")
        yield Point(_content(row), row[c.NODE_ID], row[c.PROBABILITY], vector)


def _representatives(lake: Lake, version: int) -> dict[str, list[Content]]:
    """By node, the nearest first."""
    wanted = representatives_at(lake, version).where(F.col(c.RANK) <= _MOST_REPRESENTATIVES)
    found: dict[str, list[Content]] = {}
    named = _named(lake, wanted.select(c.CONTENT_ID, c.NODE_ID, c.RANK))
    for row in named.orderBy(c.NODE_ID, c.RANK, c.CONTENT_ID).collect():  # few: some a node
        found.setdefault(row[c.NODE_ID], []).append(_content(row))
    return found


def _weeks(lake: Lake, version: int) -> Iterator[Week]:
    shares = lake.read(tables.TOPIC_SHARES_BY_WEEK).where(F.col(c.VERSION) == version)
    # Days since 1970: a date that the session's time zone has no part in.
    dated = shares.select(F.floor(F.unix_seconds(c.WEEK) / _DAY).alias(c.WEEK), c.NODE_ID, c.N, c.SHARE)
    last = dated.agg(F.max(c.WEEK)).first()
    if last is None or last[0] is None:
        return
    shown = dated.where(F.col(c.WEEK) > last[0] - 7 * MOST_WEEKS)
    for row in shown.collect():  # few: nodes by weeks, of which there are `MOST_WEEKS`
        yield Week(_EPOCH + datetime.timedelta(days=row[c.WEEK]), row[c.NODE_ID], row[c.N], row[c.SHARE])


def _named(lake: Lake, few: DataFrame) -> DataFrame:
    """Rows by `content_id` with `title` and `content_hash`; without those of contents that are not there any more."""
    contents = lake.read(tables.CONTENT).select(c.CONTENT_ID, _title().alias(c.TITLE), c.CONTENT_HASH)
    return contents.join(F.broadcast(few), c.CONTENT_ID)


def _title() -> Column:
    """The title, else how the text begins; null where there is neither."""
    # More than is shown: what is cut off is marked so.
    return F.substring(F.coalesce(*[_without_blanks(name) for name in (c.TITLE, c.BODY)]), 1, 2 * LONGEST_TITLE)


def _without_blanks(name: str) -> Column:
    trimmed = F.btrim(F.col(name), F.lit(" \t\r\n"))
    return F.when(trimmed != "", trimmed)


def _content(row: Row) -> Content:
    return Content(row[c.CONTENT_ID], row[c.TITLE])
