"""Thresholds chosen on contents that the models were not trained on: from where a risk is medium or high, and from
where a node of the taxonomy is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Levels

Floats = npt.NDArray[np.float64]
Batches = Iterable[pa.RecordBatch]
STEPS = 100  # thresholds of a node are multiples of 1 / STEPS
_ENOUGH = 30  # contents of a node that a threshold of its own is chosen on
_COUNTS = StructType([StructField("counts", BinaryType())])


def at_precision(levels: Floats, precision: float) -> float | None:
    """The least probability from which on the share of positives is at least `precision`; None where none is.

    `levels` (n, 3) holds probability, positives and negatives by descending probability (see calibration.binned).
    """
    yes, no = np.cumsum(levels[:, 1]), np.cumsum(levels[:, 2])
    reached = np.flatnonzero((yes / np.maximum(yes + no, 1) >= precision) & (yes > 0))
    return float(levels[reached[-1], 0]) if len(reached) else None


def at_recall(levels: Floats, recall: float) -> float | None:
    """The greatest probability from which on at least the share `recall` of the positives lies; None without any."""
    yes = np.cumsum(levels[:, 1])
    if len(yes) == 0 or yes[-1] == 0:
        return None
    return float(levels[np.flatnonzero(yes >= recall * yes[-1])[0], 0])


def at_capacity(levels: Floats, share: float) -> float | None:
    """The least probability from which on at most the share `share` of all contents lies; None where even the most
    probable are more."""
    mass = np.cumsum(levels[:, 1] + levels[:, 2])
    reached = np.flatnonzero(mass <= share * mass[-1]) if len(mass) else np.empty(0, dtype=int)
    return float(levels[reached[-1], 0]) if len(reached) else None


def risk_thresholds(levels: Floats, settings: Levels) -> dict[str, float]:
    """From where a risk is `medium` and `high`, each none below the floor; a level that nothing reaches is left out.

    High: at the configured precision, and no more than people can look at where a capacity is set. Medium: at the
    configured recall, and never above high.
    """
    high = at_precision(levels, settings.high_precision)
    if high is not None and settings.high_capacity is not None:
        within = at_capacity(levels, settings.high_capacity)
        high = max(high, within) if within is not None else None
    medium = at_recall(levels, settings.medium_recall)
    found = {}
    if high is not None:
        found["high"] = max(high, settings.floor)
    if medium is not None:
        found["medium"] = max(min(medium, found.get("high", 1.0)), settings.floor)
    return found


def node_counts(
    scored: DataFrame,
    column: str,
    classes: Sequence[str],
    membership: npt.NDArray[np.floating[Any]],
    paths: npt.NDArray[np.int64],
) -> Floats:
    """Counts (nodes, STEPS + 1, 2) of contents by the node predicted, its probability's step, and whether it is true.

    `scored` has `label` and `column`, probabilities of `classes`. Each content counts for every node on the path of its
    most probable class. Shapes as in inference/category.py: membership (classes, nodes), paths (classes, depth) of
    places of nodes, -1 beyond the class. A label that is no class is true of no node.
    """
    place = {name: i for i, name in enumerate(classes)}
    n_nodes = membership.shape[1]

    def run(batches: Batches) -> Batches:
        counts = np.zeros((n_nodes, STEPS + 1, 2))
        for batch in batches:
            if batch.num_rows == 0:
                continue
            chances = np.stack(batch.column(column).to_numpy(zero_copy_only=False)).astype(np.float64)
            true = np.array([place.get(one, -1) for one in batch.column(c.LABEL).to_pylist()])
            is_node = np.where(true[:, None] >= 0, membership[true] > 0, False)
            best, by_node = chances.argmax(axis=1), chances @ membership
            for depth in range(paths.shape[1]):
                node = paths[best, depth]
                rows = np.flatnonzero(node >= 0)
                step = np.minimum((by_node[rows, node[rows]] * STEPS + 1e-6).astype(int), STEPS)
                np.add.at(counts, (node[rows], step, is_node[rows, node[rows]].astype(int)), 1.0)
        yield pa.RecordBatch.from_arrays([pa.array([counts.tobytes()], pa.binary())], names=_COUNTS.names)

    total = np.zeros((n_nodes, STEPS + 1, 2))
    for row in scored.select(c.LABEL, column).mapInArrow(run, _COUNTS).collect():  # few: one a partition
        total += np.frombuffer(row["counts"]).reshape(total.shape)
    return total


def node_thresholds(nodes: Sequence[str], counts: Floats, precision: float, floor: float) -> Mapping[str, float]:
    """By node, the least probability from which it is true with the configured precision, none below the floor.

    Nodes with too few contents take that of all nodes together; where even certain ones are not as precise, 1.
    """
    shared = _least(counts.sum(axis=0), precision, floor)
    return {
        node: _least(counts[place], precision, floor) if counts[place].sum() >= _ENOUGH else shared
        for place, node in enumerate(nodes)
    }


def _least(counts: Floats, precision: float, floor: float) -> float:
    """Of counts (STEPS + 1, 2) by step of probability, false and true."""
    own = counts.sum(axis=1)
    true, every = np.cumsum(counts[::-1, 1])[::-1], np.cumsum(own[::-1])[::-1]
    reached = np.flatnonzero((own > 0) & (true >= precision * every))
    return max(float(reached[0]) / STEPS, floor) if len(reached) else 1.0
