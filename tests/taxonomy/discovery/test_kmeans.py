"""Spherical k-means: the same prototypes in any order, and those that are there to be found."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from linnaeus.taxonomy.discovery.kmeans import (
    Sums,
    begin,
    fit,
    fit_sample,
    grouped,
    in_order,
    nearest,
    sums_of,
    sums_over,
)
from linnaeus.taxonomy.discovery.vectors import DIRECTION, Directions, cosines, directions
from tests.taxonomy.discovery.planted import centres, planted


def rows_of(sizes: tuple[int, ...], noise: float = 0.08) -> Directions:
    return directions(np.stack([one.vector for one in planted(sizes, noise)]))[0]


def test_sums_are_those_of_a_loop_and_add_up_in_any_order() -> None:
    rows, prototypes = rows_of((20, 30, 11), 0.4), in_order(rows_of((3, 2, 4)))
    found = sums_of(rows, prototypes)
    truth = np.zeros_like(found.sums)
    for row in rows.astype(np.int64):
        truth[(prototypes.astype(np.int64) @ row).argmax()] += row
    assert (found.sums == truth).all()
    rng = np.random.default_rng(1)
    for _ in range(5):
        parts = np.array_split(rows[rng.permutation(len(rows))], rng.integers(1, 9))
        total = Sums.none(*prototypes.shape)
        for part in parts:
            total = Sums.from_bytes((total + sums_of(part, prototypes)).to_bytes(), len(prototypes))
        assert (total.sums == found.sums).all()
        assert (total.sizes == found.sizes).all()
        assert total.similarity == found.similarity


def test_of_equally_near_prototypes_the_first_is_taken() -> None:
    prototypes = directions(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))[0]
    rows = directions(np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.1, 1.0, 0.0]]))[0]
    assert nearest(rows, prototypes)[0].tolist() == [0, 0, 1]


def test_planted_directions_are_found() -> None:
    rows = rows_of((40, 30, 20, 10))
    found = fit_sample(rows, 4, seed=17)
    assert cosines(directions(centres(4))[0], found).max(axis=1).min() > 0.98
    assert len(found) == 4


def test_permuted_prototypes_are_the_same_ones() -> None:
    found = fit_sample(rows_of((40, 30, 20, 10), 0.3), 6, seed=3)
    assert (in_order(found[::-1]) == found).all()


def test_fewer_rows_than_prototypes_are_a_prototype_each_and_equal_ones_are_one() -> None:
    rows = rows_of((3,), 0.5)
    assert len(fit_sample(rows, 10, seed=0)) == 3
    assert len(fit_sample(np.repeat(rows[:1], 50, axis=0), 10, seed=0)) == 1
    assert len(begin(np.repeat(rows[:1], 50, axis=0), 10, seed=0)) == 1


def test_sums_by_place_are_those_of_a_loop() -> None:
    rows, places = rows_of((6,)), np.array([2, 0, 2, 2, 0, 2], np.int32)
    found = grouped(rows, places, 4)
    assert (found[2] == rows[places == 2].astype(np.int64).sum(axis=0)).all()
    assert not found[[1, 3]].any()


@pytest.mark.parametrize("partitions", [1, 3, 11])
def test_passes_over_partitions_give_what_one_matrix_gives(spark: SparkSession, partitions: int) -> None:
    rows = rows_of((90, 60, 40), 0.5)
    begun = fit_sample(rows[::10], 5, seed=1)
    order = np.random.default_rng(partitions).permutation(len(rows))
    frame = spark.createDataFrame([(rows[at].tobytes(),) for at in order.tolist()], f"{DIRECTION} binary")
    frame = frame.repartition(partitions)
    found, truth = sums_over(frame, partitions, begun), sums_of(rows, begun)
    assert (found.sums == truth.sums).all()
    assert found.similarity == truth.similarity
    after = truth.prototypes()
    assert (fit(frame, partitions, begun, 1)[0] == after).all()
