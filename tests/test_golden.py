"""Golden lakes are made once and copied whole, MLflow's paths among them."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from linnaeus.runtime.tracking import Tracking
from tests.golden import Golden, copied
from tests.runtime.test_tracking import BUNDLE, config_in, register, same


def test_a_lake_is_made_once_and_after_a_failure_anew(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(root: Path) -> None:
        assert not list(root.iterdir())
        (root / "lake").touch()
        calls.append(root)
        if len(calls) == 1:
            raise KeyError

    with pytest.raises(KeyError):
        Golden(tmp_path).made("one", make)
    found = [Golden(tmp_path).made("one", make) for _ in range(2)]
    assert found == [tmp_path / "one"] * 2 and len(calls) == 2
    Golden(tmp_path).made("other", make)
    assert len(calls) == 3


def test_a_model_of_a_copy_is_the_copys(tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    try:
        version = register(Tracking(config_in(tmp_path / "golden")), BUNDLE, "aa")
        times = {file.stat().st_mtime for file in (tmp_path / "golden").rglob("bundle.json")}
        copied(tmp_path / "golden", tmp_path / "copy")
        os.rename(tmp_path / "golden", tmp_path / "gone")
        tracking = Tracking(config_in(tmp_path / "copy"))
        assert tracking.versions(version.model) == [version]
        assert same(tracking.load(version), BUNDLE)
        second = register(tracking, BUNDLE, "bb")
        assert second.number == "2" and same(tracking.load(second), BUNDLE)
        assert times <= {file.stat().st_mtime for file in (tmp_path / "copy").rglob("bundle.json")}
        assert not (tmp_path / "golden").exists()
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)
