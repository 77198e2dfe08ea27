"""Frames of features through the predictor: equal to scoring by hand, and clear about what can't be read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from linnaeus.contracts import columns as c
from linnaeus.contracts.errors import InputError
from linnaeus.inference.frames import FramePredictor
from tests.inference.test_predictor import MANIFEST, MIXED, MIXED_LOCAL
from tests.oracles import FeatureRow, predict_by_hand, random_rows

NAMES = (c.EMBEDDING, c.STATISTICS, c.TERMS)
SPAM_AND_HATE = ["spam.no", "spam.yes", "hate.no", "hate.yes"]
BARE: FeatureRow = (None, [0.0] * MANIFEST.n_statistics, [])  # nothing is known of it


def frame_of(rows: list[FeatureRow], **types: Any) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(NAMES), index=[f"content {number}" for number in range(len(rows))])
    return frame.astype(object).assign(
        **{name: [None if one is None else made(one) for one in frame[name]] for name, made in types.items()}
    )


def as_floats(numbers: list[float]) -> Any:
    return np.array(numbers, dtype=np.float32)


def as_doubles(numbers: list[float]) -> Any:
    return np.array(numbers, dtype=np.float64)


def as_longs(numbers: list[int]) -> Any:
    return np.array(numbers, dtype=np.int64)


@pytest.mark.parametrize(
    "types",
    [
        {},
        {c.EMBEDDING: as_floats, c.STATISTICS: as_floats, c.TERMS: lambda one: np.array(one, dtype=np.int32)},
        {c.EMBEDDING: as_doubles, c.STATISTICS: tuple, c.TERMS: as_longs},
    ],
    ids=["lists", "arrays of 32 bits", "arrays of 64 bits and tuples"],
)
@pytest.mark.parametrize("bundle", [MIXED, MIXED_LOCAL], ids=["risk", "category"])
def test_a_frame_is_answered_as_by_hand(bundle: Any, types: dict[str, Any]) -> None:
    rows = random_rows(40, MANIFEST, seed=5)
    found, by_hand = FramePredictor(bundle).predict(frame_of(rows, **types)), predict_by_hand(bundle, rows)
    assert list(found.index) == [f"content {number}" for number in range(40)]
    for head, expected in by_hand.items():
        columns = [f"{head}.{name}" for name in bundle.heads[head].classes]
        np.testing.assert_allclose(found[columns].to_numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("given", [frame_of([]), frame_of([BARE])[:0], pd.DataFrame(), pd.DataFrame({"other": []})])
def test_no_rows_give_no_rows_and_all_columns(given: pd.DataFrame) -> None:
    found = FramePredictor(MIXED).predict(given)
    assert (len(found), list(found.columns)) == (0, SPAM_AND_HATE)
    assert set(found.dtypes) == {np.dtype(float)}


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_a_row_of_nulls_is_a_content_of_which_nothing_is_known(nothing: Any) -> None:
    row = random_rows(2, MANIFEST, seed=6)[1]
    given = pd.DataFrame(
        {name: pd.Series([nothing, value], dtype=object) for name, value in zip(NAMES, row, strict=True)}
    )
    expected = predict_by_hand(MIXED, [BARE, row])
    found = FramePredictor(MIXED).predict(given)
    for head in MIXED.heads:
        np.testing.assert_allclose(found[[f"{head}.no", f"{head}.yes"]].to_numpy(), expected[head], atol=1e-5)
    alone = FramePredictor(MIXED).predict(given[:1])
    np.testing.assert_array_equal(alone.to_numpy(), found[:1].to_numpy())


@pytest.mark.parametrize("absent", [[c.EMBEDDING], [c.TERMS], [c.STATISTICS, c.TERMS], list(NAMES)])
def test_a_column_that_is_not_there_is_named(absent: list[str]) -> None:
    given = frame_of(random_rows(2, MANIFEST, seed=6)).drop(columns=absent)
    with pytest.raises(InputError, match=f"there is no column {', '.join(absent)}. Give embedding, statistics, terms"):
        FramePredictor(MIXED).predict(given)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (c.EMBEDDING, [0.1] * 5, "a vector of length 5; 6 expected"),
        (c.EMBEDDING, [], "a vector of length 0; 6 expected"),
        (c.STATISTICS, [0.1] * 4, "a vector of length 4; 3 expected"),
        (c.EMBEDDING, "a text", "row 1, from 0, is no list of numbers"),
        (c.EMBEDDING, 0.5, "row 1, from 0, is no list of numbers"),
        (c.STATISTICS, ["a", "b", "c"], "row 1, from 0, is no list of numbers"),
        (c.EMBEDDING, [[0.1] * 6], "row 1, from 0, is no list of numbers"),
        (c.TERMS, [0.5], "truncated"),
        (c.TERMS, [2**40], "not in range"),
        (c.TERMS, [True], "row 1, from 0, is no list of numbers"),
        (c.TERMS, [float("nan")], "truncated"),
        (c.TERMS, [2**70], "row 1, from 0, is no list of numbers"),
        (c.TERMS, [1, None], "row 1, from 0, is no list of numbers"),
        (c.EMBEDDING, [0.1, None, 0.1, 0.1, 0.1, 0.1], "row 1, from 0, is no list of numbers"),
    ],
)
def test_what_is_no_list_of_numbers_is_said_with_its_column(column: str, value: Any, said: str) -> None:
    rows = random_rows(3, MANIFEST, seed=6)[1:]
    given = frame_of(rows)
    given[column] = pd.Series([given[column].iloc[0], value], index=given.index, dtype=object)
    with pytest.raises(InputError, match=f"model input: column {column}: .*{said}") as error:
        FramePredictor(MIXED).predict(given)
    assert "\n" not in str(error.value)
