"""The logistic regression on words as it is applied: known terms alone, by numbers, against loops."""

from __future__ import annotations

import numpy as np
import pytest

from linnaeus.contracts.logistic import LogisticModel
from tests.oracles import chances_by_hand

Rows = list[list[int]]


def model(n_classes: int, space: int = 2**30) -> LogisticModel:
    rng = np.random.default_rng(n_classes)
    terms = np.array([2, 5, 65_541, 2**30 - 1] if space == 2**30 else [2, 5, 7, 8], np.int32)
    coefficients = rng.normal(size=(1 if n_classes == 2 else n_classes, 5)).astype(np.float32)
    return LogisticModel(terms, np.array([1.0, 2.0, 3.0, 1.5], np.float32), coefficients, space)


def flat(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    terms = np.array([term for row in rows for term in row], np.int32)
    return terms, np.cumsum([0, *map(len, rows)]).astype(np.int64)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("space", [2**30, 16])
def test_probabilities_by_hand(n_classes: int, space: int) -> None:
    rows = [[], [2], [2, 2, 5, 9], [65_541, 5, 2**30 - 1], [1, 3, 9], [18, 2, 21, 23]]
    found = model(n_classes, space).chances(*flat(rows))
    assert found.shape == (len(rows), n_classes)
    np.testing.assert_allclose(found, [chances_by_hand(model(n_classes, space), row) for row in rows], atol=1e-6)


def test_unknown_terms_do_not_count() -> None:
    given = model(3)
    np.testing.assert_array_equal(given.chances(*flat([[2, 5, 6, 6, 6]])), given.chances(*flat([[2, 5]])))
    np.testing.assert_array_equal(given.chances(*flat([[6, 7]])), given.chances(*flat([[]])))
    assert given.places(np.array([5, 6, 2**30 - 1], np.int32)).tolist() == [1, -1, 3]
    np.testing.assert_allclose(np.linalg.norm(given.unit(*flat([[2, 5, 6]])).toarray()), 1.0)


def test_without_a_vocabulary_there_is_the_constant() -> None:
    constants = np.log(np.array([[0.5], [0.25], [0.25]], np.float32))
    empty = LogisticModel(np.empty(0, np.int32), np.empty(0, np.float32), constants, 2**30)
    np.testing.assert_allclose(empty.chances(*flat([[1, 2], []])), [[0.5, 0.25, 0.25]] * 2, atol=1e-6)
