"""Arrow batches to NumPy features and back, without a Python object a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import terms_of, vector_matrix
from linnaeus.inference.predictor import FeatureBatch


def feature_batch(batch: pa.RecordBatch, dimension: int, n_statistics: int) -> FeatureBatch:
    """Features of a batch with `vector` (binary, may be null), `statistics` and `terms` (list<int>).

    Raises ValueError where a vector has another length than `dimension`.
    """
    return FeatureBatch(
        vector_matrix(batch.column(c.VECTOR), dimension, np.nan),
        vector_matrix(batch.column(c.STATISTICS), n_statistics, 0.0),
        *terms_of(batch.column(c.TERMS)),
    )


def map_array(keys: tuple[str, ...], columns: list[pa.Array]) -> pa.Array:
    """Rows as map<string, ...>: the same keys in every row, `columns` their values."""
    n, width = len(columns[0]), len(keys)
    offsets = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32))
    names = pa.array(np.tile(np.arange(width, dtype=np.int32), n))
    interleaved = np.arange(n * width).reshape(width, n).T.reshape(-1)
    items = pa.concat_arrays(columns).take(pa.array(interleaved))
    return pa.MapArray.from_arrays(offsets, pa.array(keys).take(names), items)


def sparse_map(keys: tuple[str, ...], values: npt.NDArray[np.float32], is_kept: npt.NDArray[np.bool_]) -> pa.Array:
    """Rows as map<string, float> of the values (rows, keys) that are kept, by their keys' order."""
    offsets = np.concatenate([[0], is_kept.sum(axis=1).cumsum()]).astype(np.int32)
    places = pa.array(np.nonzero(is_kept)[1])
    return pa.MapArray.from_arrays(
        pa.array(offsets), pa.array(keys, pa.string()).take(places), pa.array(values[is_kept])
    )
