"""Hashed terms as sparse rows: the arithmetic that training and scoring must do alike, to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

Floats = npt.NDArray[np.float32]


def terms_of(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Bucket numbers of all rows in a row, and where each row's begin (n + 1), of a list<int> column; null: none."""
    lists = column.fill_null([]) if column.null_count else column
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    return np.asarray(lists.values, dtype=np.int32)[offsets[0] : offsets[-1]], offsets - offsets[0]


def term_counts(terms: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], buckets: int) -> sparse.csr_matrix:
    """Counts (rows, buckets) of each row's terms."""
    ones = np.ones(len(terms), dtype=np.float64)
    # Arrow's buffers are read-only, and sorting is done in place: hence the copy.
    counts = sparse.csr_matrix((ones, terms.copy(), offsets), shape=(len(offsets) - 1, buckets))
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
