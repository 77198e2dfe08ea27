"""Spherical k-means (Dhillon and Modha, 2001, Concept decompositions for large sparse text data using clustering) over
directions: begun on a sample on the driver, gone on with over all rows on the workers.

Similarities and sums are whole numbers (vectors.py), ties go to the first prototype, prototypes stand in the order of
their numbers: the same rows give the same prototypes to the bit, in any order and on any partitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, StructField, StructType
from scipy import sparse

from linnaeus.taxonomy.discovery.vectors import (
    DIRECTION,
    Batches,
    Directions,
    Places,
    Whole,
    as_matrix,
    of_whole,
    products,
)

_PASSES_ON_SAMPLE = 100
_GAIN = 1e-4  # of the mean similarity, from which on another pass is worth it
_FAN_IN = 8  # partial sums that one task adds up
_ROWS = 4096  # compared at a time, so that similarities stay small
_SUMS = StructType([StructField("sums", BinaryType())])


@dataclass(frozen=True, eq=False)
class Sums:
    """Of each prototype's rows: the sum of their directions (k, width) and how many they are (k,); and the sum of all
    rows' similarities to their prototypes."""

    sums: Whole
    sizes: Whole
    similarity: int

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.sums + other.sums, self.sizes + other.sizes, self.similarity + other.similarity)

    @staticmethod
    def none(k: int, width: int) -> Sums:
        """Of no rows."""
        return Sums(np.zeros((k, width), np.int64), np.zeros(k, np.int64), 0)

    def to_bytes(self) -> bytes:
        """Whole numbers, behind one another."""
        return np.concatenate([self.sums.reshape(-1), self.sizes, [self.similarity]]).astype("<i8").tobytes()

    @staticmethod
    def from_bytes(content: bytes, k: int) -> Sums:
        """What `to_bytes` made of k prototypes' sums."""
        numbers = np.frombuffer(content, "<i8").astype(np.int64)
        return Sums(numbers[: -k - 1].reshape(k, -1), numbers[-k - 1 : -1], int(numbers[-1]))

    def prototypes(self) -> Directions:
        """The directions of the prototypes that have rows, in the order of their numbers, each once."""
        return in_order(of_whole(self.sums[self.sizes > 0]))


def in_order(prototypes: Directions) -> Directions:
    """Distinct directions in the order of their numbers, from the left; those of zeros are left out."""
    return np.unique(prototypes[prototypes.any(axis=1)], axis=0)


def nearest(given: Directions, prototypes: Directions) -> tuple[Places, npt.NDArray[np.float32]]:
    """The most similar prototype of each row (the first of equal ones), and the product with it: a whole number."""
    found = [_nearest(given[start : start + _ROWS], prototypes) for start in range(0, max(1, len(given)), _ROWS)]
    return np.concatenate([places for places, _ in found]), np.concatenate([values for _, values in found])


def _nearest(given: Directions, prototypes: Directions) -> tuple[Places, npt.NDArray[np.float32]]:
    similar = products(given, prototypes)
    places = similar.argmax(axis=1)
    return places.astype(np.int32), similar[np.arange(len(given)), places]


def sums_of(given: Directions, prototypes: Directions) -> Sums:
    """The sums over rows, each counted for its most similar prototype."""
    places, values = nearest(given, prototypes)
    return Sums(
        grouped(given, places, len(prototypes)),
        np.bincount(places, minlength=len(prototypes)),
        int(values.astype(np.int64).sum()),
    )


def grouped(given: Directions, places: Places, k: int) -> Whole:
    """Sums (k, width) of directions by their place."""
    ones = np.ones(len(places), np.int64)
    by_place = sparse.csr_matrix((ones, (places, np.arange(len(places)))), shape=(k, len(places)))
    return np.asarray(by_place @ given.astype(np.int64))


def begin(sample: Directions, k: int, seed: int) -> Directions:
    """At most k rows to begin with, chosen by k-means++ (Arthur and Vassilvitskii, 2007, k-means++: the advantages of
    careful seeding): each with a chance by its distance to those already chosen.

    The sample's order counts: give it in one that follows from the contents (by a hash of their ids).
    """
    rng = np.random.default_rng(seed)
    whole = sample.astype(np.float32)  # once: `products` would do it for each prototype
    chosen = [int(rng.integers(len(sample)))]
    best = whole @ whole[chosen[0]]
    norms = (sample.astype(np.int64) ** 2).sum(axis=1)
    while len(chosen) < k:
        far = np.maximum(norms - best.astype(np.int64), 0)  # whole numbers: their running sums are exact
        running = np.cumsum(far)
        if running[-1] == 0:  # nothing is left that differs from what was chosen
            break
        chosen.append(int(np.searchsorted(running, int(rng.integers(running[-1])), side="right")))
        best = np.maximum(best, whole @ whole[chosen[-1]])
    return in_order(sample[chosen])


def fit_sample(sample: Directions, k: int, seed: int, tries: int = 3) -> Directions:
    """Prototypes, at most k, of a sample (n, width): those of the best of some tries."""
    found = [_fit(sample, begin(sample, k, seed + one)) for one in range(tries)]
    return max(found, key=lambda one: one[0])[1]  # the first of equal ones


def _fit(sample: Directions, prototypes: Directions) -> tuple[int, Directions]:
    best = -1
    for _ in range(_PASSES_ON_SAMPLE):
        summed = sums_of(sample, prototypes)
        if not _gains(summed.similarity, best):
            break
        best, prototypes = summed.similarity, summed.prototypes()
    return sums_of(sample, prototypes).similarity, prototypes


def fit(rows: DataFrame, partitions: int, prototypes: Directions, passes: int) -> tuple[Directions, int]:
    """Prototypes after further passes over rows with `direction` (on so many partitions), until they gain little, and
    how many passes there were."""
    best = -1
    for done in range(passes):
        summed = sums_over(rows, partitions, prototypes)
        if not _gains(summed.similarity, best):
            return prototypes, done
        best, prototypes = summed.similarity, summed.prototypes()
    return prototypes, passes


def _gains(similarity: int, best: int) -> bool:
    return similarity > best + _GAIN * abs(best) if best >= 0 else True


def sums_over(rows: DataFrame, partitions: int, prototypes: Directions) -> Sums:
    """`sums_of` all rows with `direction`."""
    k, width = prototypes.shape
    shared = rows.sparkSession.sparkContext.broadcast(prototypes)

    def run(batches: Batches) -> Batches:
        found = Sums.none(k, width)
        for batch in batches:
            found = found + sums_of(as_matrix(batch.column(0), width), shared.value)
        yield as_sums_batch(found)

    total = added(rows.select(DIRECTION), run, partitions, k, width)
    shared.unpersist()
    return total


def added(rows: DataFrame, partial_sums: Callable[[Batches], Batches], partitions: int, k: int, width: int) -> Sums:
    """The sum of the partial sums (see `as_sums_batch`) of so many partitions, added up by a tree of tasks."""

    def add(batches: Batches) -> Batches:
        found = Sums.none(k, width)
        for batch in batches:
            for one in batch.column(0):
                found = found + Sums.from_bytes(one.as_py(), k)
        yield as_sums_batch(found)

    partial = rows.mapInArrow(partial_sums, _SUMS)
    while partitions > _FAN_IN:
        partitions = -(-partitions // _FAN_IN)
        partial = partial.repartition(partitions).mapInArrow(add, _SUMS)
    total = Sums.none(k, width)
    for row in partial.collect():  # few: at most `_FAN_IN` partial sums
        total = total + Sums.from_bytes(row["sums"], k)
    return total


def as_sums_batch(found: Sums) -> pa.RecordBatch:
    """Sums as one row."""
    return pa.RecordBatch.from_arrays([pa.array([found.to_bytes()], pa.binary())], names=_SUMS.names)
