"""Term counts and TF-IDF against scikit-learn; Arrow columns as matrices against plain lists."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from linnaeus.contracts.lexical import (
    binary_array,
    known_counts,
    linear_scores,
    list_array,
    places_of,
    term_counts,
    terms_of,
    unit_tf_idf,
    vector_matrix,
    vector_scores,
    with_constant,
)
from tests.oracles import vector_bytes

BUCKETS = 16
Rows = list[list[int]]
rows_of_terms = st.lists(st.lists(st.integers(0, BUCKETS - 1), max_size=12), max_size=8)


def counts_of(rows: Rows) -> sparse.csr_matrix:
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    terms = np.array([term for row in rows for term in row], dtype=np.int32)
    terms.setflags(write=False)
    offsets.setflags(write=False)
    return term_counts(terms, offsets, BUCKETS)


@settings(max_examples=40)
@given(rows_of_terms)
def test_counts_are_bincounts(rows: Rows) -> None:
    counts = counts_of(rows)
    assert counts.shape == (len(rows), BUCKETS)
    assert counts.has_canonical_format
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(counts[place].toarray()[0], np.bincount(row, minlength=BUCKETS))


@settings(max_examples=40)
@given(rows_of_terms, st.sets(st.integers(0, BUCKETS + 2)))
def test_counts_of_known_terms_are_those_of_their_columns(rows: Rows, known: set[int]) -> None:
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    terms, vocabulary = np.array([term for row in rows for term in row], np.int32), np.array(sorted(known), np.int32)
    counts = known_counts(terms, offsets, vocabulary)
    assert counts.shape == (len(rows), len(known)) and counts.has_canonical_format
    whole = np.zeros((len(rows), BUCKETS + 3))
    whole[:, :BUCKETS] = counts_of(rows).toarray()
    np.testing.assert_array_equal(counts.toarray(), whole[:, vocabulary])
    expected = [sorted(known).index(term) if term in known else -1 for term in terms.tolist()]
    assert places_of(terms, vocabulary).tolist() == expected


def test_buckets_are_numbers_modulo_their_count() -> None:
    offsets = np.array([0, 3, 4], dtype=np.int64)
    numbers = np.array([5, 5 + 3 * BUCKETS, 2**31 - 1, 7], dtype=np.int32)
    expected = term_counts(np.array([5, 5, BUCKETS - 1, 7], np.int32), offsets, BUCKETS).toarray()
    np.testing.assert_array_equal(term_counts(numbers, offsets, BUCKETS).toarray(), expected)


@settings(max_examples=40)
@given(rows_of_terms.filter(len))
def test_unit_tf_idf_is_scikit_learns(rows: Rows) -> None:
    counts = counts_of(rows)
    transformer = TfidfTransformer().fit(counts)
    unit = unit_tf_idf(counts, transformer.idf_.astype(np.float32))
    np.testing.assert_allclose(unit.toarray(), transformer.transform(counts).toarray(), atol=1e-7)
    np.testing.assert_array_equal(counts.toarray(), counts_of(rows).toarray(), "the counts stay as they were")


@pytest.mark.parametrize("rows", [[], [[]], [[], []], [[], [3], []], [[3, 3], [], [], [1]], [[0], []]])
def test_empty_rows_stay_empty(rows: Rows) -> None:
    unit = unit_tf_idf(counts_of(rows), np.full(BUCKETS, 0.5, dtype=np.float32))
    norms = np.sqrt(np.asarray(unit.multiply(unit).sum(axis=1)).ravel())
    np.testing.assert_allclose(norms, [1.0 if row else 0.0 for row in rows])


def test_terms_of_weight_zero_give_a_row_of_zeros_and_no_nan() -> None:
    unit = unit_tf_idf(counts_of([[2, 2], [1]]), np.zeros(BUCKETS, dtype=np.float32))
    np.testing.assert_array_equal(unit.toarray(), np.zeros((2, BUCKETS)))


def test_linear_scores_by_hand() -> None:
    unit = sparse.csr_matrix([[0.6, 0.8], [0.0, 0.0]])
    coefficients = np.array([[1.0, 2.0], [0.0, -1.0], [10.0, 0.0]], dtype=np.float32)
    scores = linear_scores(unit, coefficients)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [[2.2, -0.8, 6.0], [0.0, 0.0, 0.0]], rtol=1e-6)


@settings(max_examples=40)
@given(st.lists(st.none() | st.lists(st.integers(0, BUCKETS - 1), max_size=5), max_size=8), st.data())
def test_terms_of_a_column_and_of_any_slice_of_it(rows: list[list[int] | None], data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(rows)))
    length = data.draw(st.integers(0, len(rows) - begin))
    column = pa.array(rows, type=pa.list_(pa.int32())).slice(begin, length)
    terms, offsets = terms_of(column)
    found = [terms[low:high].tolist() for low, high in pairwise(offsets)]
    assert found == [row or [] for row in rows[begin : begin + length]]
    assert offsets[0] == 0 and offsets[-1] == len(terms)


def test_vectors_of_a_column() -> None:
    column = pa.array([[9.0, 9.0], [1.0, 2.0], None, [3.0, 4.0]], type=pa.list_(pa.float32()))
    np.testing.assert_array_equal(vector_matrix(column, 2, np.nan)[1:], [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(vector_matrix(column.slice(1, 2), 2, 0.0), [[1, 2], [0, 0]])
    np.testing.assert_array_equal(with_constant(column.slice(2), 2), [[0, 0, 1], [3, 4, 1]])
    assert vector_matrix(column.slice(2, 1), 2, 0.0).shape == (1, 2)
    assert vector_matrix(column.slice(0, 0), 2, 0.0).shape == (0, 2)


@pytest.mark.parametrize("rows", [[[1.0, 2.0], [1.0]], [[1.0, 2.0, 3.0], [4.0]], [[]]])
def test_a_vector_of_another_width_is_refused(rows: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="2 expected"):
        vector_matrix(pa.array(rows, type=pa.list_(pa.float32())), 2, 0.0)


def test_vector_scores_take_nan_as_zero() -> None:
    vectors = np.array([[1.0, 2.0], [np.nan, np.nan]], dtype=np.float32)
    coefficients = np.array([[3.0, 4.0, 0.5], [0.0, 1.0, -1.0]], dtype=np.float32)
    np.testing.assert_allclose(vector_scores(vectors, coefficients), [[11.5, 1.0], [0.5, -1.0]])


@pytest.mark.parametrize("shape", [(3, 2), (1, 4), (0, 2), (2, 1)])
def test_list_array(shape: tuple[int, int]) -> None:
    matrix = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = list_array(matrix)
    assert found.type == pa.list_(pa.float32())
    assert found.to_pylist() == matrix.tolist()


vectors = st.lists(
    st.one_of(st.none(), st.lists(st.floats(width=32, allow_nan=False), min_size=3, max_size=3)), max_size=9
)


@settings(max_examples=60)
@given(vectors, st.integers(0, 9), st.integers(0, 9))
def test_binary_vectors_are_the_lists(rows: list[list[float] | None], start: int, length: int) -> None:
    stored = pa.array([vector_bytes(row) for row in rows], pa.binary()).slice(start, length)
    lists = pa.array(rows, pa.list_(pa.float32())).slice(start, length)
    matrix = vector_matrix(stored, 3, np.nan)
    np.testing.assert_array_equal(matrix, vector_matrix(lists, 3, np.nan))
    absent = np.array([row is None for row in rows][start : start + length], dtype=bool)
    made = binary_array(matrix, absent)
    made.validate(full=True)
    assert made.to_pylist() == stored.to_pylist()


@pytest.mark.parametrize("wrong", [b"", b"12345678", b"123456789012345678", b"12345678901234567"])
def test_a_binary_vector_of_another_length(wrong: bytes) -> None:
    column = pa.array([b"123456789012", None, wrong], pa.binary())
    with pytest.raises(ValueError, match="3 expected"):
        vector_matrix(column, 3, np.nan)
    assert vector_matrix(column.slice(0, 2), 3, np.nan).shape == (2, 3)


def test_bytes_under_a_null_do_not_count() -> None:
    whole = pa.array([vector_bytes([1.0, 2.0]), vector_bytes([9.0, 9.0]), vector_bytes([3.0, 4.0])], pa.binary())
    valid = pa.array([True, False, True]).buffers()[1]
    column = pa.Array.from_buffers(pa.binary(), 3, [valid, *whole.buffers()[1:]])
    np.testing.assert_array_equal(vector_matrix(column, 2, -1.0), [[1.0, 2.0], [-1.0, -1.0], [3.0, 4.0]])
