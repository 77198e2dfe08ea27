"""A facet with more training labels than are wanted: a sample is trained on, and it is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import _train
from linnaeus.contracts import columns as c
from linnaeus.training.examples import label_counts
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN
from tests.conftest import MakeConfig

PARTS = (TRAIN, TRAIN, TRAIN, CALIBRATION, HELD_OUT)
COUNTS = {(part, label): PARTS.count(part) * 50 for part in set(PARTS) for label in (c.NO, c.YES)}


@pytest.fixture
def rows(spark: SparkSession) -> Iterator[DataFrame]:
    made = [(f"c{i}", PARTS[i % 5], (c.NO, c.YES)[i % 2]) for i in range(500)]
    yield spark.createDataFrame(made, f"{c.CONTENT_ID} string, {c.PART} string, {c.LABEL} string")


@pytest.mark.parametrize("setting", ["training.max_rows=null", "training.max_rows=300"])
def test_what_is_not_too_much_is_left_as_it_is(
    rows: DataFrame, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """Without a query."""
    monkeypatch.delattr(_train, "label_counts")
    drawn, counts, notes = _train._drawn(make_config(setting), "risk.spam", rows, COUNTS)
    assert drawn is rows and counts is COUNTS and notes == []


def test_a_sample_of_the_training_labels_is_drawn_and_said(rows: DataFrame, make_config: MakeConfig) -> None:
    assert label_counts(rows) == COUNTS
    drawn, counts, notes = _train._drawn(make_config("training.max_rows=60"), "risk.spam", rows, COUNTS)
    assert label_counts(drawn) == counts
    assert {key: n for key, n in counts.items() if key[0] != TRAIN} == {
        key: n for key, n in COUNTS.items() if key[0] != TRAIN
    }
    n_drawn = sum(n for (part, _), n in counts.items() if part == TRAIN)
    assert 40 <= n_drawn <= 80  # 60 of 300, a standard deviation of 7
    assert notes == [f"risk.spam: {300 - n_drawn} of 300 training labels, by a draw of contents (training.max_rows)"]
