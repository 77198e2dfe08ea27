"""Votes as numbers: what a model of annotators is fitted on, block by block of items.

A vote is the number of its pair (annotator, label): there are as many as annotators use labels, so what is estimated
of annotators grows neither with the votes nor with labels that nobody gives.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import StorageLevel, TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

Integers = npt.NDArray[np.int32]
Batches = Iterable[pa.RecordBatch]

UNKNOWN = -1  # no gold label
_VOTES_A_BLOCK = 200_000
_PAIR, _TRUTH = "pair", "truth"
_SCHEMA = "block long, item_ids array<string>, n_votes binary, pairs binary, truths binary"


@dataclass(frozen=True, eq=False)
class Numbering:
    """The pairs of annotator and label that occur, by annotator, then label.

    `labels` are the facet's, by name; `pair_annotator` and `pair_label` give each pair's annotator (its place in
    `annotators`) and label; `first_pair` is each annotator's first.
    """

    labels: tuple[str, ...]
    annotators: tuple[str, ...]
    pair_annotator: Integers
    pair_label: Integers

    @property
    def n_pairs(self) -> int:
        return len(self.pair_label)

    @functools.cached_property
    def first_pair(self) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.pair_annotator, np.arange(len(self.annotators)))

    def by_annotator(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sums over each annotator's pairs; the first axis of `values` is the pairs."""
        return np.add.reduceat(values, self.first_pair, axis=0)


@dataclass(frozen=True, eq=False)
class Block:
    """The votes on some items: the votes on one stand together; `items` is each vote's item, `truths` its gold label
    (a place in `labels`, or UNKNOWN)."""

    firsts: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    pairs: Integers
    truths: Integers

    @staticmethod
    def of(n_votes: Integers, pairs: Integers, truths: Integers) -> Block:
        """From the number of votes on each item."""
        firsts = np.concatenate([[0], np.cumsum(n_votes[:-1], dtype=np.int64)])
        return Block(firsts, np.repeat(np.arange(len(n_votes)), n_votes), pairs, truths)

    @property
    def n_items(self) -> int:
        return len(self.firsts)


@dataclass(frozen=True, eq=False)
class NumberedVotes:
    """A facet's votes as blocks, cached; `release` frees them."""

    blocks: DataFrame
    numbering: Numbering
    n_votes: int
    n_items: int

    def release(self) -> None:
        """Free the cached blocks."""
        self.blocks.unpersist()


def number_votes(votes: DataFrame, gold: DataFrame, partitions: int) -> NumberedVotes:
    """Votes (`item_id`, `annotator_id`, `label`, one an item and annotator) of one facet, with its gold labels
    (`item_id`, `label`), in blocks.

    Raises ValueError where there is no vote.
    """
    pairs = votes.groupBy(c.ANNOTATOR_ID, c.LABEL).agg(F.count(F.lit(1)).alias("n"))
    found = pairs.collect()  # few: grows with annotators and labels, not with votes
    if not found:
        raise ValueError("there are no votes")
    known = gold.select(c.LABEL).distinct().collect()  # few: a facet's labels
    labels = tuple(sorted({row[c.LABEL] for row in found} | {row[c.LABEL] for row in known}))
    annotators = tuple(sorted({row[c.ANNOTATOR_ID] for row in found}))
    place = {label: i for i, label in enumerate(labels)}
    who = {annotator: i for i, annotator in enumerate(annotators)}
    ordered = sorted((who[row[c.ANNOTATOR_ID]], place[row[c.LABEL]]) for row in found)
    numbering = Numbering(labels, annotators, *(np.array(part, dtype=np.int32) for part in zip(*ordered, strict=True)))
    numbered = [(annotators[a], labels[b], i) for i, (a, b) in enumerate(ordered)]
    session = votes.sparkSession
    pair_of = session.createDataFrame(numbered, f"{c.ANNOTATOR_ID} string, {c.LABEL} string, {_PAIR} int")
    truth_of = gold.join(
        F.broadcast(session.createDataFrame(list(place.items()), f"{c.LABEL} string, {_TRUTH} int")), c.LABEL
    ).select(c.ITEM_ID, _TRUTH)
    rows = votes.join(F.broadcast(pair_of), [c.ANNOTATOR_ID, c.LABEL]).select(c.ITEM_ID, _PAIR)
    blocks = (
        rows.repartition(partitions, c.ITEM_ID)
        .join(truth_of, c.ITEM_ID, "left")
        .sortWithinPartitions(c.ITEM_ID, _PAIR)
        .select(c.ITEM_ID, _PAIR, F.coalesce(_TRUTH, F.lit(UNKNOWN)).alias(_TRUTH))
        .mapInArrow(_pack, _SCHEMA)
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    n_items = blocks.agg(F.sum(F.size("item_ids")).alias("n")).first()
    assert n_items is not None
    return NumberedVotes(blocks, numbering, sum(row["n"] for row in found), n_items["n"])


def blocks_of(batches: Batches) -> Iterator[Block]:
    """The blocks of a partition's rows (`n_votes`, `pairs`, `truths`)."""
    for batch in batches:
        columns = (batch.column(name) for name in ("n_votes", "pairs", "truths"))
        for row in zip(*columns, strict=True):
            yield Block.of(*(np.frombuffer(value.as_buffer(), dtype=np.int32) for value in row))


def _pack(batches: Batches) -> Batches:
    """Rows by item (item_id, pair, truth) as blocks that end with an item."""
    task = TaskContext.get()
    number = (task.partitionId() if task is not None else 0) << 32
    rest: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        rest = table if rest is None else pa.concat_tables([rest, table])
        if rest.num_rows >= _VOTES_A_BLOCK:
            ids = rest.column(c.ITEM_ID).to_pandas().to_numpy()
            end = int(np.searchsorted(ids == ids[-1], True))  # the last item may go on: it waits
            if end > 0:
                yield _block(number, rest.slice(0, end))
                number, rest = number + 1, rest.slice(end)
    if rest is not None and rest.num_rows > 0:
        yield _block(number, rest)


def _block(number: int, rows: pa.Table) -> pa.RecordBatch:
    ids = rows.column(c.ITEM_ID).to_pandas().to_numpy()
    firsts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    pairs, truths = (rows.column(name).to_numpy().astype(np.int32) for name in (_PAIR, _TRUTH))
    n_votes = np.diff(np.append(firsts, len(ids))).astype(np.int32)
    packed = [[part.tobytes()] for part in (n_votes, pairs, truths[firsts])]
    arrays = [
        pa.array([number], pa.int64()),
        pa.array([list(ids[firsts])], pa.list_(pa.string())),
        *(pa.array(one, pa.binary()) for one in packed),
    ]
    return pa.RecordBatch.from_arrays(arrays, names=["block", "item_ids", "n_votes", "pairs", "truths"])
