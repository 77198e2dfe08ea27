"""Shares and sizes of topics, by hand and against loops over a few contents."""

from __future__ import annotations

import datetime
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.taxonomy.shares import shares_by_creator, shares_by_week, sizes, with_ancestors

UTC = datetime.timezone.utc
PARENTS = {"sport": None, "ball": "sport", "tennis": "ball", "arts": None, "music": "arts", "empty": "arts"}


class One(NamedTuple):
    content_id: str
    node: str | None
    creator: str
    published: datetime.datetime | None


def frames(spark: SparkSession, contents: Sequence[One]) -> tuple[DataFrame, DataFrame]:
    """Rows of gold.topic_assignments and of bronze.content."""
    placed = [(one.content_id, one.node, 0.9, 3, None, None, "topic") for one in contents]
    told = [
        (one.content_id, one.creator, "text", None, "", None, one.published, "h", datetime.datetime(2026, 1, 1), None)
        for one in contents
    ]
    return spark.createDataFrame(placed, schemas.TOPIC_ASSIGNMENTS), spark.createDataFrame(told, schemas.CONTENT)


def above(node: str | None) -> list[str]:
    """The node and all above it; none where the tree does not have it."""
    return [node, *above(PARENTS[node])] if node in PARENTS else []


def slow_shares(pairs: Sequence[tuple[Any, str | None]]) -> dict[tuple[Any, str], tuple[int, float]]:
    """(group, node) → contents, and their share of the group's placed ones."""
    placed: dict[Any, list[str]] = defaultdict(list)
    for group, node in pairs:
        if node in PARENTS:
            placed[group].append(node)
    found = {}
    for group, nodes in placed.items():
        counts = Counter(one for node in nodes for one in above(node))
        found |= {(group, node): (n, n / len(nodes)) for node, n in counts.items()}
    return found


def monday(at: datetime.datetime) -> datetime.datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - datetime.timedelta(days=day.weekday())


def drawn(seed: int, n: int) -> list[One]:
    rng = random.Random(seed)
    nodes = ["sport", "ball", "tennis", "tennis", "arts", "music", None, "gone"]
    start = datetime.datetime(1969, 12, 1, tzinfo=UTC)
    return [
        One(
            f"c{place}",
            rng.choice(nodes),
            f"k{rng.randrange(6)}",
            None if rng.random() < 0.2 else start + datetime.timedelta(seconds=rng.randrange(70 * 24 * 3600)),
        )
        for place in range(n)
    ]


def collected(found: DataFrame, group: str) -> dict[tuple[Any, str], tuple[int, float]]:
    rows = found.collect()
    assert {row[c.VERSION] for row in rows} <= {3}
    made = {(row[group], row[c.NODE_ID]): (row[c.N], pytest.approx(row[c.SHARE], abs=1e-6)) for row in rows}
    assert len(made) == len(rows)
    return made


def types(found: DataFrame) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in found.schema]


def test_against_loops(spark: SparkSession) -> None:
    contents = drawn(seed=4, n=120)
    assignments, bronze = frames(spark, contents)
    by_week = shares_by_week(assignments, bronze, PARENTS, 3)
    by_creator = shares_by_creator(assignments, bronze, PARENTS, 3)
    assert types(by_week) == types(spark.createDataFrame([], schemas.TOPIC_SHARES_BY_WEEK))
    assert types(by_creator) == types(spark.createDataFrame([], schemas.TOPIC_SHARES_BY_CREATOR))
    weeks = [(monday(one.published).replace(tzinfo=None), one.node) for one in contents if one.published]
    assert collected(by_week.withColumn(c.WEEK, by_week[c.WEEK].cast("string")), c.WEEK) == {
        (str(week), node): told for (week, node), told in slow_shares(weeks).items()
    }
    creators = [(one.creator, one.node) for one in contents]
    assert collected(by_creator, c.CREATOR_ID) == slow_shares(creators)
    everyone = {one.creator for one in contents if one.node in PARENTS}
    placed = [(one.creator, node) for one in contents for node in above(one.node)]
    found = sizes(assignments, bronze, PARENTS).collect()
    assert {row[c.NODE_ID]: (row[c.SIZE], row[c.CREATOR_SHARE]) for row in found} == {
        node: (
            sum(one == node for _, one in placed),
            pytest.approx(len({creator for creator, one in placed if one == node}) / len(everyone), abs=1e-6),
        )
        for node in PARENTS
    }


def test_a_week_begins_on_monday_in_utc_whatever_the_session_says(spark: SparkSession) -> None:
    sunday = datetime.datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    contents = [
        One("1", "tennis", "ann", sunday),
        One("2", "music", "ann", sunday + datetime.timedelta(microseconds=1)),
        One("3", "music", "bob", None),
    ]
    assignments, bronze = frames(spark, contents)
    spark.conf.set("spark.sql.session.timeZone", "Pacific/Auckland")
    try:
        rows = shares_by_week(assignments, bronze, PARENTS, 3)
        seconds = {row[0]: row[1] for row in rows.selectExpr("node_id", "unix_seconds(week)").collect()}
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    first, second = datetime.datetime(2026, 2, 23, tzinfo=UTC), datetime.datetime(2026, 3, 2, tzinfo=UTC)
    early, late = int(first.timestamp()), int(second.timestamp())
    assert seconds == {"sport": early, "ball": early, "tennis": early, "arts": late, "music": late}


def test_each_content_stands_once_at_its_node_and_once_at_each_above(spark: SparkSession) -> None:
    assignments, _ = frames(spark, [One("1", "tennis", "a", None), One("2", None, "a", None), One("3", "x", "a", None)])
    found = with_ancestors(assignments, PARENTS)
    assert found.columns == assignments.columns
    assert sorted((row[c.CONTENT_ID], row[c.NODE_ID], row[c.REASON]) for row in found.collect()) == [
        ("1", "ball", "topic"),
        ("1", "sport", "topic"),
        ("1", "tennis", "topic"),
    ]


def test_where_nothing_is_placed_all_sizes_are_nought(spark: SparkSession) -> None:
    assignments, bronze = frames(spark, [One("1", None, "a", None)])
    assert {tuple(row) for row in sizes(assignments, bronze, PARENTS).collect()} == {(node, 0, 0.0) for node in PARENTS}
    assert sizes(assignments, bronze, {}).count() == 0
