"""Directions as whole numbers, so that sums and similarities are exact: no order of the rows, no partitioning and no
shape of a batch changes a bit of them.

A direction is a vector of norm one times `scale(width)`, rounded: whole numbers whose norm is below 2^12. By Cauchy and
Schwarz every part of the sum in a product of two of them is below 2^24, and float32 holds each of those whole numbers:
a matrix product in float32 is exact, however its library cuts it up. The angle is off by 0.002 at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, BooleanType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import vector_matrix

Directions = npt.NDArray[np.int16]  # (n, width)
Whole = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int32]
Batches = Iterable[pa.RecordBatch]

DIRECTION = "direction"
_BYTES = 2  # of an int16
_NORM = 1 << 12  # below which a direction's norm lies
_FINE = 1 << 20  # steps that a vector's largest number is cut into before it is brought to length one


def scale(width: int) -> int:
    """The norm of a direction before it is rounded: 2^12, less what rounding may add."""
    return _NORM - math.ceil(math.sqrt(width) / 2) - 1


def directions(vectors: npt.NDArray[Any]) -> tuple[Directions, npt.NDArray[np.bool_]]:
    """Directions (n, width) of vectors (n, width), and which of them have one: not those with NaN, infinity or zeros
    alone, whose rows are zero.

    Each step is of single numbers, rounded as IEEE 754 says, or a sum of whole ones: of no batch's shape.
    """
    given = np.asarray(vectors, dtype=np.float64)
    largest = np.abs(given).max(axis=1, initial=0.0)
    is_there = np.isfinite(largest) & (largest > 0)
    safe = np.where(is_there, largest, 1.0)[:, None]
    return of_whole(np.rint(np.where(is_there[:, None], given, 0.0) / safe * _FINE).astype(np.int64)), is_there


def of_whole(sums: Whole) -> Directions:
    """Directions of vectors of whole numbers; of zeros, zeros. Numbers may be as large as sums over 2^31 rows are."""
    most = np.abs(sums).max(axis=1, initial=0)
    # Shifted below 2^25, so that the sum of 2^12 squares fits 64 bits.
    shift = np.maximum(np.frexp(most.astype(np.float64))[1].astype(np.int64) - 25, 0)
    small = sums >> shift[:, None]
    norm = np.sqrt((small * small).sum(axis=1, dtype=np.int64).astype(np.float64))
    width = sums.shape[1]
    found: Directions = np.rint(small / np.where(norm > 0, norm, 1.0)[:, None] * scale(width)).astype(np.int16)
    return found


def products(left: Directions, right: Directions) -> npt.NDArray[np.float32]:
    """Whole numbers (n, m): exact products of directions (n, width) and (m, width)."""
    return np.asarray(left.astype(np.float32) @ right.astype(np.float32).T)


def cosines(left: Directions, right: Directions) -> Doubles:
    """Cosines (n, m) of directions."""
    return products(left, right).astype(np.float64) / scale(left.shape[1]) ** 2


def unit(given: Directions) -> npt.NDArray[np.float32]:
    """Directions as vectors (n, width) of norm one."""
    numbers = given.astype(np.float64)
    norms = np.linalg.norm(numbers, axis=1, keepdims=True)
    found: npt.NDArray[np.float32] = (numbers / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return found


def as_matrix(column: pa.Array, width: int) -> Directions:
    """A binary column of directions as (rows, width), not copied."""
    ends = np.frombuffer(column.buffers()[1], dtype="<i4")[column.offset : column.offset + len(column) + 1]
    if len(column) == 0:
        return np.empty((0, width), np.int16)
    count = int(ends[-1] - ends[0]) // _BYTES
    return np.frombuffer(column.buffers()[2], dtype="<i2", offset=int(ends[0]), count=count).reshape(-1, width)


def as_column(given: Directions) -> pa.Array:
    """Directions as a binary column."""
    n, width = given.shape
    ends = np.arange(0, (n + 1) * width * _BYTES, width * _BYTES, dtype="<i4")
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(given, dtype="<i2"))]
    return pa.Array.from_buffers(pa.binary(), n, buffers, null_count=0)


def with_directions(rows: DataFrame, dimension: int, projection: Directions | None = None) -> DataFrame:
    """Rows with `direction` (binary, int16) in the place of `vector` (binary float32 or array<float>), and `is_there`:
    false where the vector is null, zero or not finite, the direction zero.

    With a `projection` (width, dimension) directions are of its `width`. Raises ValueError in the workers for a vector
    of another length than `dimension`.
    """
    kept = [field for field in rows.schema.fields if field.name != c.VECTOR]
    schema = StructType([*kept, StructField(DIRECTION, BinaryType()), StructField("is_there", BooleanType())])

    def run(batches: Batches) -> Batches:
        for batch in batches:
            found, is_there = directions(vector_matrix(batch.column(c.VECTOR), dimension, np.nan))
            if projection is not None:
                found = projected(found, projection)
            columns = [*[batch.column(field.name) for field in kept], as_column(found), pa.array(is_there)]
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    return rows.mapInArrow(run, schema)


def projected(given: Directions, projection: Directions) -> Directions:
    """Directions (n, width) of directions (n, dimension) under a projection (width, dimension)."""
    return of_whole(products(given, projection).astype(np.int64))
