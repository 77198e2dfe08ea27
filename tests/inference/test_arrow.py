"""Arrow batches to NumPy and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linnaeus.contracts import columns as c
from linnaeus.inference.arrow import feature_batch, map_array
from linnaeus.inference.predictor import FeatureBatch
from tests.oracles import FeatureRow, vector_bytes

ROWS: list[FeatureRow] = [
    ([1.0, 2.0], [0.5], [3, 3, 1]),
    (None, [0.25], []),
    ([3.0, 4.0], [0.0], [7]),
    (None, [1.0], [2, 0]),
    ([5.0, 6.0], [2.0], []),
    ([7.0, 8.0], [3.0], [9, 9]),
]


def batch_of(rows: list[FeatureRow], **columns: pa.Array) -> pa.RecordBatch:
    made = {
        c.VECTOR: pa.array([vector_bytes(row[0]) for row in rows], pa.binary()),
        c.STATISTICS: pa.array([row[1] for row in rows], pa.list_(pa.float32())),
        c.TERMS: pa.array([row[2] for row in rows], pa.list_(pa.int32())),
    } | columns
    return pa.RecordBatch.from_arrays(list(made.values()), names=list(made))


def rows_of(batch: FeatureBatch) -> list[FeatureRow]:
    """Back to Python, a row at a time."""
    return [
        (
            None if np.isnan(batch.embeddings[i]).all() else batch.embeddings[i].tolist(),
            batch.statistics[i].tolist(),
            batch.terms[batch.offsets[i] : batch.offsets[i + 1]].tolist(),
        )
        for i in range(batch.size)
    ]


def test_rows_come_through() -> None:
    found = feature_batch(batch_of(ROWS), 2, 1)
    assert rows_of(found) == ROWS
    assert (found.embeddings.dtype, found.statistics.dtype) == (np.float32, np.float32)
    assert (found.terms.dtype, found.offsets.dtype) == (np.int32, np.int64)


@pytest.mark.parametrize(("start", "length"), [(0, 3), (1, 1), (1, 4), (2, 4), (5, 1), (3, 0), (6, 0)])
def test_a_slice_is_its_rows(start: int, length: int) -> None:
    found = feature_batch(batch_of(ROWS).slice(start, length), 2, 1)
    assert rows_of(found) == ROWS[start : start + length]
    assert found.offsets[0] == 0 and found.offsets[-1] == len(found.terms)


def test_a_slice_of_a_slice() -> None:
    assert rows_of(feature_batch(batch_of(ROWS).slice(1, 5).slice(2, 2), 2, 1)) == ROWS[3:5]


def test_absent_terms_and_statistics_are_none_and_zero() -> None:
    batch = batch_of(
        ROWS[:3],
        **{
            c.TERMS: pa.array([None, [4], None], pa.list_(pa.int32())),
            c.STATISTICS: pa.array([[1.0], None, [2.0]], pa.list_(pa.float32())),
        },
    )
    found = feature_batch(batch, 2, 1)
    assert found.offsets.tolist() == [0, 0, 1, 1]
    assert found.terms.tolist() == [4]
    assert found.statistics.tolist() == [[1.0], [0.0], [2.0]]


def test_values_under_a_null_do_not_count() -> None:
    """Arrow allows a null list to have values of its own beneath it."""
    offsets, values = pa.array([0, 2, 5, 7], pa.int32()), pa.array([1.0, 2.0, 9.0, 9.0, 9.0, 3.0, 4.0], pa.float32())
    column = pa.ListArray.from_arrays(offsets, values, mask=pa.array([False, True, False]))
    found = feature_batch(batch_of(ROWS[:3], **{c.VECTOR: column}), 2, 1)
    np.testing.assert_array_equal(found.embeddings, [[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    terms = pa.ListArray.from_arrays(
        offsets, pa.array([1, 2, 9, 9, 9, 3, 4], pa.int32()), mask=pa.array([False, True, False])
    )
    found = feature_batch(batch_of(ROWS[:3], **{c.TERMS: terms}), 2, 1)
    assert [row[2] for row in rows_of(found)] == [[1, 2], [], [3, 4]]


def test_no_vector_at_all() -> None:
    batch = batch_of(ROWS[:2], **{c.VECTOR: pa.nulls(2, pa.binary())})
    assert np.isnan(feature_batch(batch, 2, 1).embeddings).all()


@pytest.mark.parametrize("wrong", [[1.0], [1.0, 2.0, 3.0], []])
def test_another_length_is_refused(wrong: list[float]) -> None:
    vectors = pa.array([vector_bytes([1.0, 2.0]), None, vector_bytes(wrong)], pa.binary())
    batch = batch_of(ROWS[:3], **{c.VECTOR: vectors})
    with pytest.raises(ValueError, match=f"length {len(wrong)}; 2 expected"):
        feature_batch(batch, 2, 1)
    assert rows_of(feature_batch(batch.slice(0, 2), 2, 1))[0][0] == [1.0, 2.0]  # it lies outside this slice


def test_lengths_that_add_up_are_refused() -> None:
    vectors = pa.array([vector_bytes([1.0]), vector_bytes([2.0, 3.0, 4.0])], pa.binary())
    with pytest.raises(ValueError, match="length 1; 2 expected"):
        feature_batch(batch_of(ROWS[:2], **{c.VECTOR: vectors}), 2, 1)


def test_map_array() -> None:
    chances = [pa.array([0.5, 0.25, 1.0], pa.float32()), pa.array([0.0, 0.75, None], pa.float32())]
    found = map_array(("hate", "spam"), chances)
    assert found.type == pa.map_(pa.string(), pa.float32())
    assert found.to_pylist() == [
        [("hate", 0.5), ("spam", 0.0)],
        [("hate", 0.25), ("spam", 0.75)],
        [("hate", 1.0), ("spam", None)],
    ]
    assert map_array(("a",), [pa.array(["x", "y"])]).to_pylist() == [[("a", "x")], [("a", "y")]]
    assert map_array(("a", "b"), [pa.array([], pa.float32())] * 2).to_pylist() == []
    sliced = map_array(("a", "b"), [pa.array([1, 2, 3]).slice(1), pa.array([4, 5])])
    assert sliced.to_pylist() == [[("a", 2), ("b", 4)], [("a", 3), ("b", 5)]]
