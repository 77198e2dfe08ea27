"""Neighbours by two embedders, beside a slow and obvious count."""

from __future__ import annotations

import numpy as np
import pandas as pd

from linnaeus.suite.embedders import EmbedderComparison, _nearest, _same_label, _short_names


def test_neighbours_are_the_nearest_others() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(700, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = _nearest(rows, 4)
    for place in (0, 1, 511, 512, 699):
        cosines = rows @ rows[place]
        others = [one for one in np.argsort(-cosines) if one != place]
        assert found[place].tolist() == others[:4]


def test_labels_of_neighbours() -> None:
    labels = pd.Series(["a", "a", "b", None], dtype=object)
    near = np.array([[1, 2], [0, 3], [3, 0], [0, 1]])
    shares = _same_label(labels, near)
    assert shares[:3] == [0.5, 1.0, 0.0] and np.isnan(shares[3])


def test_names() -> None:
    assert _short_names("a@0123456789ab.0123456789abcdef", "b@0123456789ab.0123456789abcdef") == ("a", "b")
    assert _short_names("a@0123456789ab.0123456789abcdef", "a@0123456789ab.0123456789ab0000") == (
        "a (cdef)",
        "a (0000)",
    )


def test_the_gain_is_of_pairs() -> None:
    rows = pd.DataFrame({"first": [0.2, 0.4, np.nan], "second": [0.4, 0.6, 1.0], "shared": [1, 2, 3]})
    rows = rows.assign(content_id=["x", "y", "z"], label=["a", "a", None], text=["one", "two", "three"])
    near = np.array([[1, 2], [0, 2], [0, 1]])
    made = EmbedderComparison(("one", "other"), 2, "category", rows, (near, near[:, ::-1]))
    mean, low, high = made.gain
    assert (round(mean, 6), round(low, 6), round(high, 6)) == (0.2, 0.2, 0.2)
    near_x = made.neighbours("x")
    assert near_x.header == ("rank", "one", "other") and near_x.title == "Nearest to a: one"
    assert near_x.cells == ((1, "a: two", "–: three"), (2, "–: three", "a: two"))
    assert "+20.0%" in made._repr_html_()
