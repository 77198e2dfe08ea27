"""Probabilities of a pandas frame of features: what MLflow's served model answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.errors import InputError
from linnaeus.contracts.lexical import Floats, terms_of, vector_matrix
from linnaeus.inference.predictor import FeatureBatch, Predictor

_NAMES = (c.EMBEDDING, c.STATISTICS, c.TERMS)


class FramePredictor:
    """A bundle's probabilities of the rows of a frame with `embedding`, `statistics` and `terms`, a list each."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._predictor = Predictor(bundle)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give a column `<head>.<class>` for each class of each head, a row for each row of the frame.

        What is null counts as in scoring: no vector, statistics of zero, no terms. No rows give no rows. Raises
        InputError for a frame without one of the columns, and for lists of other widths or of anything but numbers.
        """
        bundle = self._predictor.bundle
        columns: dict[str, object] = {}
        for head, chances in self._predictor.predict(self._features(frame)).items():
            for place, name in enumerate(bundle.heads[head].classes):
                columns[f"{head}.{name}"] = chances[:, place].astype(float)
        return pd.DataFrame(columns, index=frame.index)

    def _features(self, frame: pd.DataFrame) -> FeatureBatch:
        manifest = self._predictor.bundle.manifest
        absent = [name for name in _NAMES if name not in frame.columns]
        if absent and len(frame):
            raise InputError(
                f"model input: there is no column {', '.join(absent)}. "
                f"Give {', '.join(_NAMES)}, as features/vector.py makes them."
            )
        lists = {name: _as_lists(name, frame[name] if name in frame.columns else ()) for name in _NAMES}
        return FeatureBatch(
            _matrix(c.EMBEDDING, lists[c.EMBEDDING], manifest.dimension, np.nan),
            _matrix(c.STATISTICS, lists[c.STATISTICS], manifest.n_statistics, 0.0),
            *terms_of(_as_terms(lists[c.TERMS])),
        )


def _as_lists(name: str, values: Iterable[object]) -> pa.Array:
    """A column as lists of numbers, null where a row has none."""
    rows = [None if _is_null(value) else np.asarray(value) for value in values]
    wrong = [place for place, row in enumerate(rows) if row is not None and not _holds_numbers(row)]
    if wrong:
        raise InputError(f"model input: column {name}: row {wrong[0]}, from 0, is no list of numbers.")
    numbers = np.concatenate([np.empty(0, np.int32), *(row for row in rows if row is not None and row.size)])
    ends = np.cumsum([0, *(0 if row is None else len(row) for row in rows)], dtype=np.int32)
    absent = np.array([row is None for row in rows], dtype=bool)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(numbers), mask=pa.array(absent))


def _holds_numbers(row: npt.NDArray[Any]) -> bool:
    return row.ndim == 1 and (row.size == 0 or row.dtype.kind in "iuf")


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _matrix(name: str, lists: pa.Array, width: int, absent: float) -> Floats:
    try:
        return vector_matrix(lists, width, absent)
    except ValueError as error:
        raise InputError(f"model input: column {name}: {error}") from error


def _as_terms(lists: pa.Array) -> pa.Array:
    """Terms as they are hashed: whole numbers of 32 bits."""
    try:
        return lists.cast(pa.list_(pa.int32()))
    except pa.ArrowInvalid as error:
        raise InputError(f"model input: column {c.TERMS}: {error!s:.100}") from error
