"""How many workers fit a facet: as many as its rows are worth, whatever the machine has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jobs import _train
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN
from tests.conftest import MakeConfig


@pytest.mark.parametrize(
    ("n_train", "setting", "expected"),
    [(90, "null", 1), (900, "null", 1), (901, "null", 2), (100_000, "null", 4), (90, "3", 3)],
)
def test_rows_decide_up_to_the_slots(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, n_train: int, setting: str, expected: int
) -> None:
    monkeypatch.setattr(_train, "slots", lambda session: 4)
    config = make_config("training.rows_a_worker=1000", f"training.workers={setting}")
    facet: Any = SimpleNamespace(by_part={TRAIN: n_train, CALIBRATION: 100, HELD_OUT: 10**9})
    lake: Any = SimpleNamespace(session=None)
    assert _train._workers(lake, config, facet) == expected
