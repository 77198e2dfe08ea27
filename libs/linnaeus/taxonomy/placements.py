"""Contents that were placed in one version of the tree, as they are placed in another whose nodes took others over."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables

UNPLACED = "unplaced"  # a reason of gold.topic_assignments
_HEIR, _IS_MOVED = "heir", "is_moved"


def moved_assignments(
    assignments: DataFrame, heirs: Mapping[str, str], known: Collection[str], version: int
) -> DataFrame:
    """Rows of gold.topic_assignments in `version`, the tree of which has the nodes `known`.

    A content whose node is among `heirs` is at the heir, with the probability of both; its cosine is null, as it was
    to another centroid. Whose node is neither among them nor known is unplaced. Probabilities by node go the same way.
    """
    moved = _with_heirs(assignments, heirs, known)
    lost = F.col(c.NODE_ID).isNotNull() & F.col(_HEIR).isNull()
    entries = _moved_entries(heirs, known)
    rows = moved.withColumn(c.PROBABILITIES, F.when(F.col(c.PROBABILITIES).isNotNull(), entries))
    both = F.coalesce(F.col(c.PROBABILITIES)[F.col(_HEIR)], F.col(c.PROBABILITY))
    rows = (
        rows.withColumn(c.PROBABILITY, F.when(F.col(_IS_MOVED), both).otherwise(F.col(c.PROBABILITY)).cast("float"))
        .withColumn(c.SIMILARITY, F.when(~F.col(_IS_MOVED) & ~lost, F.col(c.SIMILARITY)))
        .withColumn(c.REASON, F.when(lost, UNPLACED).otherwise(F.col(c.REASON)))
        .withColumn(c.NODE_ID, F.col(_HEIR))
        .withColumn(c.VERSION, F.lit(version).cast("long"))
    )
    return rows.select(*tables.TOPIC_ASSIGNMENTS.columns)


def moved_representatives(
    representatives: DataFrame, heirs: Mapping[str, str], known: Collection[str], version: int, most: int
) -> DataFrame:
    """Rows of gold.topic_representatives in `version`: of a node that took others over the `most` best of all of them,
    by rank, its own before theirs."""
    rows = _with_heirs(representatives, heirs, known).where(F.col(_HEIR).isNotNull())
    rows = rows.withColumn(c.NODE_ID, F.col(_HEIR))
    own_first = [F.col(c.RANK), F.col(_IS_MOVED), F.col(c.CONTENT_ID)]
    once = Window.partitionBy(c.NODE_ID, c.CONTENT_ID).orderBy(*own_first)
    rows = rows.withColumn("copy", F.row_number().over(once)).where(F.col("copy") == 1)
    place = F.row_number().over(Window.partitionBy(c.NODE_ID).orderBy(*own_first))
    rows = rows.withColumn(c.SIMILARITY, F.when(~F.col(_IS_MOVED), F.col(c.SIMILARITY)))
    rows = rows.withColumn(c.RANK, place.cast("long")).where(F.col(c.RANK) <= most)
    rows = rows.withColumn(c.VERSION, F.lit(version).cast("long"))
    return rows.select(*tables.TOPIC_REPRESENTATIVES.columns)


def _with_heirs(rows: DataFrame, heirs: Mapping[str, str], known: Collection[str]) -> DataFrame:
    """The rows with the node that each is at now (null for none), and whether that is another."""
    places = [(node, node, False) for node in sorted(known) if node not in heirs]
    places += [(node, heir, True) for node, heir in sorted(heirs.items()) if heir in known]
    schema = f"{c.NODE_ID} string, {_HEIR} string, {_IS_MOVED} boolean"
    found = rows.join(F.broadcast(rows.sparkSession.createDataFrame(places, schema)), c.NODE_ID, "left")
    return found.withColumn(_IS_MOVED, F.coalesce(F.col(_IS_MOVED), F.lit(False)))


def _moved_entries(heirs: Mapping[str, str], known: Collection[str]) -> Column:
    """The map of probabilities by heir, those of one heir summed."""
    # One literal of those that moved, however many: Spark looks through a map's keys one by one, row by row.
    by_node = F.from_json(F.lit(json.dumps(dict(sorted(heirs.items())))), "map<string,string>")

    def now(node: Column) -> Column:
        return F.coalesce(by_node[node], node)

    places_now = F.array_distinct(F.transform(F.map_keys(c.PROBABILITIES), now))
    distinct = F.filter(places_now, lambda node: node.isin(sorted(known)))

    def of(node: Column) -> Column:
        there = F.filter(F.map_entries(c.PROBABILITIES), lambda entry: now(entry["key"]) == node)
        return F.aggregate(there, F.lit(0.0).cast("float"), lambda so_far, entry: so_far + entry["value"])

    return F.map_from_arrays(distinct, F.transform(distinct, of))
