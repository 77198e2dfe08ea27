"""Features as matrices: the arithmetic that training and scoring must do alike, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute
from scipy import sparse

Floats = npt.NDArray[np.float32]
Terms = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
_BYTES = 4  # of a float32
_NUMBERS = 1 << 30  # as many as int32 can hold, and count


def term_space(buckets: int) -> int:
    """How many numbers terms are hashed into: the greatest multiple of `buckets` up to 2^30, so that all are int32.

    A term's bucket is its number modulo `buckets`, whatever else the number is used for.
    """
    return _NUMBERS // buckets * buckets


def terms_of(column: pa.Array) -> tuple[Terms, Offsets]:
    """Numbers of all rows' terms in a row, and where each row's begin (n + 1), of a list<int> column; null: none."""
    lists = column.fill_null([]) if column.null_count else column
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    return np.asarray(lists.values, dtype=np.int32)[offsets[0] : offsets[-1]], offsets - offsets[0]


def term_counts(terms: Terms, offsets: Offsets, buckets: int) -> sparse.csr_matrix:
    """Counts (rows, buckets) of each row's terms, by their numbers modulo `buckets`."""
    return _counts(terms % buckets, offsets, buckets)


def known_counts(terms: Terms, offsets: Offsets, vocabulary: Terms) -> sparse.csr_matrix:
    """Counts (rows, n) of each row's terms that the vocabulary (n,) has, by their places in it."""
    places = places_of(terms, vocabulary)
    is_known = places >= 0
    n_before = np.concatenate([[0], np.cumsum(is_known)])
    return _counts(places[is_known], n_before[offsets], len(vocabulary))


def places_of(terms: Terms, vocabulary: Terms) -> Terms:
    """Where in the vocabulary (n,) each term is; -1 where it has none."""
    # By a hash table: of 60 terms a row 2 microseconds instead of 9 by binary search (np.searchsorted).
    found = compute.index_in(pa.array(terms, pa.int32()), value_set=pa.array(vocabulary, pa.int32()))
    return np.asarray(found.fill_null(-1), dtype=np.int32)


def _counts(columns: Terms, offsets: Offsets, width: int) -> sparse.csr_matrix:
    """Counts (rows, width) of each row's columns, which are sorted in place."""
    ones = np.ones(len(columns), dtype=np.float64)
    counts = sparse.csr_matrix((ones, columns, offsets), shape=(len(offsets) - 1, width))
    counts.sum_duplicates()
    return counts


def unit_tf_idf(counts: sparse.csr_matrix, idf: Floats) -> sparse.csr_matrix:
    """TF-IDF (rows, buckets), each row of Euclidean norm one (or zero where it has no terms)."""
    weighted = counts.copy()
    weighted.data = weighted.data * idf.astype(np.float64)[weighted.indices]
    squares = np.add.reduceat(np.append(weighted.data**2, 0.0), weighted.indptr[:-1]) * (np.diff(weighted.indptr) > 0)
    norms = np.sqrt(squares)
    norms[norms == 0] = 1.0
    weighted.data = weighted.data / np.repeat(norms, np.diff(weighted.indptr))
    return weighted


def linear_scores(unit: sparse.csr_matrix, coefficients: Floats) -> Floats:
    """Scores (rows, n_scores) of unit TF-IDF rows under coefficients (n_scores, buckets)."""
    return np.asarray(unit @ coefficients.T.astype(np.float64)).astype(np.float32)


def vector_matrix(column: pa.Array, width: int, absent: float) -> Floats:
    """A column of list<float>, or of binary little-endian float32, as (rows, width); null rows hold `absent`.

    A binary column without nulls is not copied. Raises ValueError for a vector of another width.
    """
    values, lengths = _values_of(column)
    present = np.asarray(column.is_valid())
    wrong = present & (lengths != width)
    if wrong.any():
        raise ValueError(f"a vector of length {lengths[wrong][0]:g}; {width} expected")
    if column.null_count == 0:
        return values.reshape(-1, width)
    matrix = np.full((len(column), width), absent, dtype=np.float32)
    matrix[present] = values.reshape(-1, width)
    return matrix


def _values_of(column: pa.Array) -> tuple[Floats, npt.NDArray[np.floating[Any]]]:
    """The numbers of all rows that are not null in a row, and how many each row has."""
    if not pa.types.is_binary(column.type):
        return np.asarray(column.flatten(), dtype=np.float32), np.diff(np.asarray(column.offsets)).astype(float)
    lengths = np.diff(_ends(column)) / _BYTES
    column = column.drop_null() if column.null_count else column  # a null may have bytes beneath it
    ends = _ends(column)
    count = int(ends[-1] - ends[0]) // _BYTES
    if count == 0:
        return np.empty(0, np.float32), lengths
    return np.frombuffer(column.buffers()[2], dtype="<f4", offset=int(ends[0]), count=count), lengths


def _ends(column: pa.Array) -> npt.NDArray[np.int32]:
    """Where each row of a binary column begins in its bytes, and where the last ends."""
    if len(column) == 0:
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(column.buffers()[1], dtype="<i4")[column.offset : column.offset + len(column) + 1]


def binary_array(matrix: Floats, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Rows of a matrix (rows, width) as a binary column of little-endian float32, null where `absent`."""
    absent = np.zeros(len(matrix), dtype=bool) if absent is None else absent
    values = np.ascontiguousarray(matrix[~absent], dtype="<f4")
    ends = np.concatenate([[0], np.cumsum(~absent)]) * (matrix.shape[1] * _BYTES)
    valid = pa.array(~absent).buffers()[1]
    buffers = [valid, pa.py_buffer(ends.astype("<i4")), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.binary(), len(matrix), buffers, null_count=int(absent.sum()))


def list_array(
    matrix: npt.NDArray[np.number[Any]],
    absent: npt.NDArray[np.bool_] | None = None,
    kind: pa.DataType = pa.float32(),  # noqa: B008 (a constant)
) -> pa.Array:
    """Rows of a matrix as lists (of floats, if no other kind is asked for), null where `absent`."""
    n, width = matrix.shape
    offsets = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32)) if width else pa.array([0] * (n + 1))
    mask = None if absent is None else pa.array(absent)
    return pa.ListArray.from_arrays(offsets, pa.array(matrix.reshape(-1), type=kind), mask=mask)


def with_constant(column: pa.Array, width: int) -> Floats:
    """A column of vectors (see `vector_matrix`) as (rows, width + 1), zeros for null rows, the last column one."""
    matrix = vector_matrix(column, width, 0.0)
    return np.hstack([matrix, np.ones((len(matrix), 1), dtype=np.float32)])


def vector_scores(vectors: Floats, coefficients: Floats) -> Floats:
    """Scores (rows, n_scores) of vectors (rows, width), NaN as zero, under coefficients (n_scores, width + 1)."""
    weights, constant = coefficients[:, :-1].astype(np.float64), coefficients[:, -1].astype(np.float64)
    return (np.nan_to_num(vectors).astype(np.float64) @ weights.T + constant).astype(np.float32)
