"""Directions as whole numbers: exact products and sums, whatever a batch's shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.taxonomy.discovery.vectors import (
    as_column,
    as_matrix,
    cosines,
    directions,
    of_whole,
    products,
    projected,
    scale,
    unit,
)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 700), st.integers(1, 60))
def test_products_are_those_of_whole_numbers(seed: int, width: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = (directions(rng.normal(size=(m, width)) ** 3)[0] for m in (n, 17))
    assert (products(left, right) == left.astype(np.int64) @ right.astype(np.int64).T).all()


@pytest.mark.parametrize("width", [1, 2, 3, 384, 1024])
def test_no_product_leaves_what_float32_counts_exactly(width: int) -> None:
    # The numbers of one row are alike or one is all: the norms that rounding makes longest.
    rows = np.vstack([np.ones(width), np.eye(width)[0], np.linspace(0.1, 1, width)])
    found = directions(rows)[0].astype(np.int64)
    assert np.abs(found).max() <= scale(width)
    assert (np.abs(found) @ np.abs(found).T).max() < 1 << 24


def test_directions_are_of_no_batch() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(501, 384)).astype(np.float32)
    whole, _ = directions(rows)
    for cut in (1, 7, 250):
        parts = np.vstack([directions(rows[start : start + cut])[0] for start in range(0, len(rows), cut)])
        assert (parts == whole).all()


def test_a_direction_is_near_its_vector_and_of_its_length() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 384))
    truth = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found, is_there = directions(1e-20 * rows)
    assert is_there.all()
    assert np.abs(unit(found) - truth).max() < 2e-4
    assert np.abs(cosines(found, found) - truth @ truth.T).max() < 0.005


def test_what_has_no_direction_is_told_and_is_zero() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [-np.inf, 0.0]])
    found, is_there = directions(rows)
    assert is_there.tolist() == [True, False, False, False, False]
    assert not found[1:].any()


def test_large_sums_have_the_direction_of_small_ones() -> None:
    small = np.array([[3, -4, 12]], np.int64)
    assert (of_whole(small) == of_whole(small * (1 << 50))).all()
    assert of_whole(np.zeros((2, 3), np.int64)).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_column_of_directions_comes_back_as_it_was_also_when_sliced() -> None:
    rows = directions(np.random.default_rng(1).normal(size=(9, 5)))[0]
    column = as_column(rows)
    assert (as_matrix(column, 5) == rows).all()
    assert (as_matrix(column.slice(3, 4), 5) == rows[3:7]).all()
    assert as_matrix(column.slice(0, 0), 5).shape == (0, 5)


def test_a_projection_keeps_angles_and_does_not_go_by_the_batch() -> None:
    rng = np.random.default_rng(5)
    rows = directions(rng.normal(size=(40, 6)) @ rng.normal(size=(6, 64)))[0]
    basis = directions(np.linalg.svd(rows.astype(float), full_matrices=False)[2][:6])[0]
    found = projected(rows, basis)
    assert np.abs(cosines(found, found) - cosines(rows, rows)).max() < 0.02
    assert (np.vstack([projected(rows[[at]], basis) for at in range(40)]) == found).all()
