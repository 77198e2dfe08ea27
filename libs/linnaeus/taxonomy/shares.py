"""How much of a week's content, or of a creator's, is at each topic, and how large each topic is.

A content counts at its node and at all above it. `parents` is the tree (`Tree.parents`); a content at a node that it
does not have counts as unplaced, as one that `contents` does not have. Contents are counted by node first, and the
counts are carried upward: nothing is as long as contents times tiers.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import path_of

_PATH, _TOTAL, _CREATORS, _NODES = "path", "total", "creators", "nodes"
_ALL = ""  # above all roots; no node has such an id
_WEEK_SECONDS = 7 * 24 * 3600
_FIRST_MONDAY = 4 * 24 * 3600  # 1970 began on a Thursday


def with_ancestors(assignments: DataFrame, parents: Mapping[str, str | None]) -> DataFrame:
    """Rows of `assignments` (any with a `node_id`), each once for its node and once for each node above it, which
    stands in `node_id`. Rows without a node, or at one that `parents` does not have, are left out."""
    known = [(node, list(path_of(node, parents))) for node in parents]
    paths = assignments.sparkSession.createDataFrame(known, f"{c.NODE_ID} string, {_PATH} array<string>")
    # A hash of the few nodes, not a map column: Spark looks through a map's keys one by one, row by row.
    found = assignments.join(F.broadcast(paths), c.NODE_ID)
    at_each = [F.explode(_PATH).alias(c.NODE_ID) if name == c.NODE_ID else F.col(name) for name in assignments.columns]
    return found.select(*at_each)


def shares_by_week(
    assignments: DataFrame, contents: DataFrame, parents: Mapping[str, str | None], version: int
) -> DataFrame:
    """Rows of gold.topic_shares_by_week, from `content_id`, `node_id` and `content_id`, `published_at`.

    The share is of all placed contents of the week; contents without `published_at` are left out.
    """
    dated = contents.where(F.col(c.PUBLISHED_AT).isNotNull())
    weeks = dated.select(c.CONTENT_ID, _week(F.col(c.PUBLISHED_AT)).alias(c.WEEK))
    return _shares(assignments, weeks, c.WEEK, parents, version).select(*tables.TOPIC_SHARES_BY_WEEK.columns)


def shares_by_creator(
    assignments: DataFrame, contents: DataFrame, parents: Mapping[str, str | None], version: int
) -> DataFrame:
    """Rows of gold.topic_shares_by_creator, from `content_id`, `node_id` and `content_id`, `creator_id`.

    The share is of all placed contents of the creator.
    """
    creators = contents.select(c.CONTENT_ID, c.CREATOR_ID)
    found = _shares(assignments, creators, c.CREATOR_ID, parents, version)
    return found.select(*tables.TOPIC_SHARES_BY_CREATOR.columns)


def sizes(assignments: DataFrame, contents: DataFrame, parents: Mapping[str, str | None]) -> DataFrame:
    """A row for each node of `parents`: `node_id`, `size` (contents at it or below it) and `creator_share` (of all
    creators with a placed content, those with one at it or below it; 0 where there is none)."""
    under_one: dict[str, str | None] = {node: _ALL if parent is None else parent for node, parent in parents.items()}
    counts = _counts(_placed(assignments, parents), contents.select(c.CONTENT_ID, c.CREATOR_ID), c.CREATOR_ID)
    by_creator = _carried_up(counts, c.CREATOR_ID, under_one | {_ALL: None})
    by_node = by_creator.groupBy(c.NODE_ID).agg(F.sum(c.N).alias(c.SIZE), F.count(F.lit(1)).alias(_CREATORS))
    # As many as the tree has nodes: one row of all of them, so that each can be held against the one above all.
    everyone = F.max(F.when(F.col(c.NODE_ID) == _ALL, F.col(_CREATORS))).alias(_TOTAL)
    gathered = by_node.groupBy().agg(F.collect_list(F.struct(c.NODE_ID, c.SIZE, _CREATORS)).alias(_NODES), everyone)
    found = gathered.select(F.inline(_NODES), _TOTAL)
    nodes = assignments.sparkSession.createDataFrame([(node,) for node in parents], f"{c.NODE_ID} string")
    share = F.coalesce(F.col(_CREATORS) / F.col(_TOTAL), F.lit(0.0)).cast("float").alias(c.CREATOR_SHARE)
    size = F.coalesce(F.col(c.SIZE), F.lit(0).cast("long")).alias(c.SIZE)
    return nodes.join(F.broadcast(found), c.NODE_ID, "left").select(c.NODE_ID, size, share)


def _shares(
    assignments: DataFrame, groups: DataFrame, group: str, parents: Mapping[str, str | None], version: int
) -> DataFrame:
    """`group`, `node_id`, `version`, `n`, `share` of a group's contents; `groups` says of each content which it is."""
    counts = _counts(_placed(assignments, parents), groups, group)
    with_total = counts.withColumn(_TOTAL, F.sum(c.N).over(Window.partitionBy(group)))
    found = _carried_up(with_total, group, parents)
    share = (F.col(c.N) / F.col(_TOTAL)).cast("float").alias(c.SHARE)
    return found.select(group, c.NODE_ID, F.lit(version).cast("long").alias(c.VERSION), c.N, share)


def _placed(assignments: DataFrame, parents: Mapping[str, str | None]) -> DataFrame:
    """Contents at a node of the tree."""
    return assignments.select(c.CONTENT_ID, c.NODE_ID).where(F.col(c.NODE_ID).isin(list(parents)))


def _counts(placed: DataFrame, groups: DataFrame, group: str) -> DataFrame:
    """`group`, `node_id`, `n`: contents at the node itself."""
    return placed.join(groups, c.CONTENT_ID).groupBy(group, c.NODE_ID).agg(F.count(F.lit(1)).alias(c.N))


def _carried_up(counts: DataFrame, group: str, parents: Mapping[str, str | None]) -> DataFrame:
    """`group`, `node_id`, `n` at the node or below it, and the group's total where `counts` has one."""
    own = [F.first(name).alias(name) for name in counts.columns if name == _TOTAL]
    return with_ancestors(counts, parents).groupBy(group, c.NODE_ID).agg(F.sum(c.N).alias(c.N), *own)


def _week(at: Column) -> Column:
    """The Monday, 00:00 UTC, of the week; whatever the session's time zone, which `date_trunc` would go by."""
    seconds = F.unix_seconds(at)
    return F.timestamp_seconds(seconds - F.pmod(seconds - F.lit(_FIRST_MONDAY), F.lit(_WEEK_SECONDS)))
