"""Contents placed at nodes by the directions of these: the nearest, the probabilities of the likeliest, and which
contents are too far from all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, FloatType, IntegerType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import list_array
from linnaeus.taxonomy.discovery.comparing import NONE, Joining
from linnaeus.taxonomy.discovery.vectors import (
    DIRECTION,
    Batches,
    Directions,
    Doubles,
    Places,
    as_matrix,
    products,
    scale,
)

NODE, PRODUCT, JOINED, LIKELY, CHANCES, CHANCE = "node", "product", "is_joined", "likely", "chances", "chance"
TOPIC, CURATED, UNPLACED = "topic", "curated", "unplaced"  # reasons of gold.topic_assignments
_DIGITS = 6  # of probabilities: beyond them they depend on how a batch was cut up
_BINS = 1 << 12  # of similarities, when those that are far are told
_DEVIATIONS = 3.0  # below the median, in spreads, from which a content is far
_LEAST_SPREAD = 0.01  # of cosines
_NORMAL = 1.4826  # a median absolute deviation times this is the standard deviation of normal numbers
_ROWS = 4096
_NEVER = -np.inf
NOWHERE = NONE  # the number of no node


@dataclass(frozen=True, eq=False)
class Anchors:
    """Directions (m, width) that contents are compared with, sorted by the node (m,) each stands for.

    Those that are `guides` (m,) are the curated nodes' own, in the order of `joining`, which says what joins them. What
    joins one is at its nearest among the directions `below` (m,) it: the place of the curated node that a direction is
    of or hangs below, or NOWHERE.
    """

    directions: Directions
    nodes: Places
    guides: npt.NDArray[np.bool_]
    below: Places
    joining: Joining
    temperature: float
    likely: int

    @property
    def n_nodes(self) -> int:
        """How many nodes there are: they are numbered from 0, and each has a direction."""
        return int(self.nodes.max(initial=-1)) + 1


def place(rows: DataFrame, anchors: Anchors, kept: tuple[str, ...] = (c.CONTENT_ID,)) -> DataFrame:
    """Rows with `direction` as rows with the columns `kept`, the `node` (int) each is nearest to, the `product` (a
    whole number as float) with its direction, whether it `is_joined` by a guide, its `chance`, and of the `likely`
    nodes (array<int>) their `chances`."""
    made = [
        StructField(NODE, IntegerType()),
        StructField(PRODUCT, FloatType()),
        StructField(JOINED, BooleanType()),
        StructField(CHANCE, FloatType()),
        StructField(LIKELY, ArrayType(IntegerType())),
        StructField(CHANCES, ArrayType(FloatType())),
    ]
    schema = StructType([*[rows.schema[name] for name in kept], *made])
    width = anchors.directions.shape[1]
    shared = rows.sparkSession.sparkContext.broadcast(anchors)

    def run(batches: Batches) -> Batches:
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                part = batch.slice(start, _ROWS)
                found = placed(as_matrix(part.column(len(kept)), width), shared.value)
                columns = [*[part.column(place) for place in range(len(kept))], *_columns(found)]
                yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    return rows.select(*kept, DIRECTION).mapInArrow(run, schema)


@dataclass(frozen=True, eq=False)
class Placed:
    """Of each row (n,): its node, the product with its direction, whether it joined a guide, its probability there; and
    the likeliest nodes (n, likely) with theirs."""

    nodes: Places
    values: npt.NDArray[np.float32]
    is_joined: npt.NDArray[np.bool_]
    chance: Doubles
    likely: Places
    chances: Doubles


def placed(given: Directions, anchors: Anchors) -> Placed:
    """Rows (n, width) at the nodes of the anchors; of equally near nodes at the first."""
    width = given.shape[1]
    similar = products(given, anchors.directions).astype(np.float64)
    joined = anchors.joining.joined(similar[:, anchors.guides])[:, None]
    is_free = joined == NONE
    # A curated node's own direction is none for what does not join it.
    similar = np.where(anchors.guides[None, :] & (anchors.below[None, :] != joined), _NEVER, similar)
    starts = np.flatnonzero(np.diff(anchors.nodes, prepend=-1))
    by_node = np.maximum.reduceat(similar, starts, axis=1)
    within = np.where(is_free | (anchors.below[None, :] == joined), similar, _NEVER)
    # Where there are guides alone, what none of them takes is nowhere.
    choice = np.maximum.reduceat(within, starts, axis=1)
    nodes = choice.argmax(axis=1)
    rows = np.arange(len(given))
    values = choice[rows, nodes]
    node_of = np.append(anchors.nodes[anchors.guides], NOWHERE)  # the last is that of what joins none
    chances = _softmax(by_node, anchors.temperature * scale(width) ** 2)
    n_likely = min(anchors.likely, by_node.shape[1])
    likely = np.argsort(-by_node, axis=1, kind="stable")[:, :n_likely]
    return Placed(
        np.where(values > _NEVER, nodes, NOWHERE).astype(np.int32),
        np.where(values > _NEVER, values, 0.0).astype(np.float32),
        ~is_free[:, 0] & (nodes == node_of[joined[:, 0]]),
        chances[rows, nodes],
        likely.astype(np.int32),
        np.take_along_axis(chances, likely, axis=1),
    )


def _softmax(values: Doubles, temperature: float) -> Doubles:
    most = values.max(axis=1, keepdims=True)
    raised = np.exp((values - np.where(np.isfinite(most), most, 0.0)) / temperature)
    chances: Doubles = np.round(raised / np.maximum(raised.sum(axis=1, keepdims=True), 1e-300), _DIGITS)
    return chances


def _columns(found: Placed) -> list[pa.Array]:
    return [
        pa.array(found.nodes, pa.int32()),
        pa.array(found.values, pa.float32()),
        pa.array(found.is_joined),
        pa.array(found.chance.astype(np.float32)),
        list_array(found.likely, kind=pa.int32()),
        list_array(found.chances.astype(np.float32)),
    ]


def floor_of(rows: DataFrame, width: int, share: float) -> float:
    """The cosine below which contents that no guide took count as unplaced: three deviations below the median of the
    cosines (by the median absolute deviation, Hampel, 1974), or lower where more than `share` of all lie below that.

    Of `place`'s rows; the cosines are counted in bins, and the floor lies between two of them.
    """
    edge = scale(width) ** 2 / _BINS
    bin_of = F.floor(F.col(PRODUCT) / F.lit(edge)).cast("int").alias("bin")
    counted = rows.groupBy(bin_of, JOINED).count().collect()  # few: at most twice the bins
    total = sum(row["count"] for row in counted)
    free = {row["bin"]: row["count"] for row in counted if not row[JOINED]}
    if not free:
        return -1.0
    bins = np.array(sorted(free))
    counts = np.array([free[one] for one in bins])
    middle = _weighted_median(bins, counts)
    apart = np.abs(bins - middle)
    order = np.argsort(apart, kind="stable")
    spread = max(_NORMAL * _weighted_median(apart[order], counts[order]), _LEAST_SPREAD * _BINS)
    below = np.cumsum(counts) - counts  # contents in lower bins
    allowed = bins[below <= share * total].max()
    return float(min(np.ceil(middle - _DEVIATIONS * spread), allowed) / _BINS)


def _weighted_median(values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> int:
    """The least value at or below which half of the counts lie; `values` are sorted."""
    return int(values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)])


def told(rows: DataFrame, width: int, floor: float) -> DataFrame:
    """`place`'s rows with their `similarity` and `reason`; the `node` of those below the floor is -1."""
    square = scale(width) ** 2
    is_placed = (F.col(NODE) >= 0) & (F.col(JOINED) | (F.col(PRODUCT) >= F.lit(floor * square)))
    similarity = (F.col(PRODUCT) / F.lit(square)).cast("float").alias(c.SIMILARITY)
    reason = F.when(~is_placed, UNPLACED).when(F.col(JOINED), CURATED).otherwise(TOPIC).alias(c.REASON)
    node = F.when(is_placed, F.col(NODE)).otherwise(NOWHERE).alias(NODE)
    made = (NODE, PRODUCT, JOINED)
    return rows.select(*[name for name in rows.columns if name not in made], node, similarity, reason)


def assignments(rows: DataFrame, ids: Sequence[str | None]) -> DataFrame:
    """Columns of gold.topic_assignments but `version`, and `creator_id` and `content_hash`, of rows with `node`,
    `chance`, `likely`, `chances`, `similarity` and `reason`: `ids` are those of the nodes by number, None for one that
    is none."""
    names = F.array(*[F.lit(one).cast("string") for one in ids])
    node_id = F.when(F.col(NODE) >= 0, F.element_at(names, F.col(NODE) + 1))  # arrays are counted from 1
    entries = F.transform(
        F.arrays_zip(LIKELY, CHANCES),
        lambda one: F.struct(F.element_at(names, one[LIKELY] + 1).alias("key"), one[CHANCES].alias("value")),
    )
    known = F.filter(entries, lambda one: one["key"].isNotNull() & (one["value"] > 0))
    return rows.select(
        c.CONTENT_ID,
        c.CREATOR_ID,
        c.CONTENT_HASH,
        node_id.alias(c.NODE_ID),
        F.col(CHANCE).alias(c.PROBABILITY),
        F.map_from_entries(known).alias(c.PROBABILITIES),
        c.SIMILARITY,
        c.REASON,
    )


def representatives(rows: DataFrame, n: int) -> DataFrame:
    """Columns of gold.topic_representatives but `version`: of each node the n nearest contents, by different creators
    and of different texts, of rows with `content_id`, `creator_id`, `content_hash`, `node_id` and `similarity`."""
    nearest: list[Column] = [F.col(c.SIMILARITY).desc_nulls_last(), F.col(c.PROBABILITY).desc(), F.col(c.CONTENT_ID)]
    placed_ones = rows.where(F.col(c.NODE_ID).isNotNull())
    for apart in (c.CONTENT_HASH, c.CREATOR_ID):
        first = F.row_number().over(Window.partitionBy(c.NODE_ID, apart).orderBy(*nearest))
        placed_ones = placed_ones.withColumn("__first", first).where(F.col("__first") == 1).drop("__first")
    rank = F.row_number().over(Window.partitionBy(c.NODE_ID).orderBy(*nearest)).cast("long")
    ranked = placed_ones.withColumn(c.RANK, rank).where(F.col(c.RANK) <= n)
    return ranked.select(c.NODE_ID, c.CONTENT_ID, c.RANK, F.col(c.SIMILARITY).cast("float").alias(c.SIMILARITY))
