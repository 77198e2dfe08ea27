"""Pictures: titles, names of axes, legends, and what they say where they are not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linnaeus.suite import pictures
from linnaeus.suite.pictures import Picture

LABELS = pd.DataFrame({"facet": ["category", "risk.spam"], "label": ["sport", "$y_{es}$"], "count": [3, 2]})
MADE = {
    "histogram": lambda: pictures.histogram(
        pd.DataFrame({"level": [0, 1, 3], "count": [1, 5, 2]}), "How long?", "tokens", "contents"
    ),
    "ranking": lambda: pictures.ranking(
        pd.DataFrame({"language": ["en", "de"], "count": [9, 1]}), "language", "L", "n"
    ),
    "over_time": lambda: pictures.over_time(
        pd.DataFrame({"month": ["2026-01", "2026-02"], "kind": ["text", "image"], "count": [2, 3]})
    ),
    "duplicates": lambda: pictures.duplicates(pd.DataFrame({"copy": ["original", "exact copy"], "count": [9, 1]}), 0.8),
    "coverage": lambda: pictures.coverage(
        pd.DataFrame({"facet": ["category", "category"], "source": ["gold", "crowd"], "count": [1, 2]}), 10
    ),
    "labels": lambda: pictures.labels(LABELS),
    "scattered": lambda: pictures.scattered(np.zeros((3, 2)), ["a", "b", None], "category", 0.5),
    "creators_by_share": lambda: pictures.creators_by_share(
        pd.DataFrame({"category": ["a", "a", "b"], "share": [0.9, 0.4, 0.6], "accepted": [True, False, True]})
    ),
    "risks": lambda: pictures.risks({"spam": np.array([0.1, 0.9])}, {"spam": (0.3, 0.7)}),
    "neighbour_agreement": lambda: pictures.neighbour_agreement(
        pd.DataFrame({"first": [0.5, 1.0], "second": [1.0, np.nan], "shared": [1, 2]}), ("one", "other"), 2
    ),
    "topics": lambda: pictures.topics(
        pd.DataFrame({"name": ["a", "b"], "root": ["r", "q"], "size": [3, 1], "keywords": ["x, y", "$z$"]})
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_a_picture_says_what_it_is(name: str, tmp_path: Path) -> None:
    made: Picture = MADE[name]()
    assert made._repr_png_().startswith(b"\x89PNG")
    for axes in made.figure.axes:
        assert axes.get_title(loc="left")
        assert axes.get_xlabel() or axes.get_ylabel()
    assert len(made.says) > 20 and repr(made) == f"Picture: {made.says}" and len(made.data)
    assert made.save(tmp_path / "picture.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("histogram", "most have 1–2 (5)"),
        ("ranking", "en is the most frequent, 90% of 10"),
        ("duplicates", "1 of 10 contents (10.0%) are copies"),
        ("coverage", "category 30%"),
        ("creators_by_share", "67% of 3 creators make at least half of one category"),
        ("neighbour_agreement", "75% of the 2 nearest neighbours are the same by one and other"),
    ],
)
def test_the_numbers_are_right(name: str, said: str) -> None:
    assert said in MADE[name]().says


def test_colours_come_with_names() -> None:
    assert [one.get_text() for one in MADE["labels"]().figure.axes[0].get_legend().texts] == ["category", "risk.spam"]
    assert [one.get_text() for one in MADE["scattered"]().figure.axes[0].get_legend().texts] == [
        "a (1)",
        "b (1)",
        "(none) (1)",
    ]


def test_no_rows_no_failure() -> None:
    assert pictures.histogram(pd.DataFrame({"level": [], "count": []}), "T", "x", "y").says == "T: none"
    assert pictures.labels(LABELS[:0]).says == "Contents by label of no facet"
