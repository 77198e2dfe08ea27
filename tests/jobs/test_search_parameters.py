"""The search: bounded, as reproducible after a break as without one, and on record; with real Optuna and MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from pyspark.sql import SparkSession

from jobs import search_parameters
from jobs._train import Facet
from linnaeus.contracts.bundle import Groups
from linnaeus.contracts.config import Booster
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.training.booster import Fitted
from tests.conftest import MakeConfig


def facet_of(branchings: dict[str | None, Groups], calibration_by_class: tuple[int, ...]) -> Facet:
    """A facet without rows."""
    n = len(calibration_by_class)
    return Facet("category", None, {}, tuple("abcdef"[:n]), (9,) * n, calibration_by_class, branchings)  # type: ignore[arg-type]


class Bowl:
    """In the place of the fits: the log loss is least at depth 5 and a learning rate of 0.08."""

    def __init__(self, patch: pytest.MonkeyPatch, n_calibration: int = 500) -> None:
        self.asked: list[tuple[int, float]] = []
        self.breaks_at: int | None = None
        facet = facet_of({None: ((0,), (1,), (2,))}, (n_calibration, 0, 0))
        patch.setattr(search_parameters, "snapshot_of", lambda *_: SimpleNamespace(versions={"silver.labels": 1}))
        patch.setattr(search_parameters, "facets_to_train", lambda *_: ({"category": facet}, ["category: few"]))
        patch.setattr(search_parameters, "prepared", lambda *_: (None, None))
        patch.setattr(search_parameters, "rows_of", lambda rows, groups: rows)
        patch.setattr(search_parameters, "fit_booster", self.fit)

    def fit(
        self, rows: Any, n_classes: int, seed: int, settings: Booster, stops_early: bool, on_disk: bool = False
    ) -> Fitted:
        if self.breaks_at == len(self.asked):
            raise ConnectionError
        assert n_classes == 3 and stops_early
        self.asked.append((settings.max_depth, settings.learning_rate))
        return Fitted(b"", 0.3 + 0.01 * (settings.max_depth - 5) ** 2 + 10 * (settings.learning_rate - 0.08) ** 2)


@pytest.fixture(autouse=True)
def _tracking_uri() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


def test_a_search_that_is_cut_off_ends_where_one_without_a_break_does(
    spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, broken = Bowl(monkeypatch), tmp_path / "broken"
    first = search_parameters.main(make_config("search.trials=8"))
    assert len(whole.asked) == 8
    configured = make_config().training.booster
    assert whole.asked[0] == (configured.max_depth, configured.learning_rate)
    assert len(set(whole.asked)) == 8
    again = search_parameters.main(make_config("search.trials=8"))
    assert len(whole.asked) == 8 and again == first  # there are as many as asked for

    bowl = Bowl(monkeypatch)
    bowl.breaks_at = 3
    with pytest.raises(ConnectionError):
        search_parameters.main(make_config("search.trials=8", root=broken))
    bowl.breaks_at = None
    assert search_parameters.main(make_config("search.trials=8", root=broken)) == first
    assert bowl.asked == whole.asked

    said = first.details["category"]
    assert "the best of 8 trials" in said and "as configured" in said
    assert "--set training.booster.max_depth=" in first.details["settings"]
    search_parameters.main(make_config("search.trials=9"))
    assert len(whole.asked) == 8 and len(bowl.asked) == 9  # one more of the first lake's, by the newer bowl


def test_lakes_that_share_a_folder_share_no_trials(
    spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their tables have the same versions."""
    bowl = Bowl(monkeypatch)
    for name in ("one", "two"):
        search_parameters.main(make_config("search.trials=2", f"search.folder={tmp_path}/all", root=tmp_path / name))
    assert len(bowl.asked) == 4


def test_trials_are_nested_runs(spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    bowl = Bowl(monkeypatch)
    config = make_config("search.trials=2")
    search_parameters.main(config)
    search_parameters.main(make_config("search.trials=3"))
    client = MlflowClient(tracking_uri=config.tracking.uri)
    runs = client.search_runs([client.get_experiment_by_name(config.tracking.experiment).experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1 and parents[0].info.run_name == "search category"
    nested = {run.info.run_name: run for run in runs if run not in parents}
    assert set(nested) == {"trial 0", "trial 1", "trial 2"}
    assert {run.data.tags["mlflow.parentRunId"] for run in nested.values()} == {parents[0].info.run_id}
    assert int(nested["trial 1"].data.params["max_depth"]) == bowl.asked[1][0]
    assert nested["trial 0"].data.metrics["log_loss"] == pytest.approx(
        bowl.fit(None, 3, 0, config.training.booster, True).loss
    )


def test_nothing_to_judge_on(spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    Bowl(monkeypatch, n_calibration=99)
    with pytest.raises(ConfigurationError, match=r"no facet of category has 100 labels in the calibration part.*few"):
        search_parameters.main(make_config())
    with pytest.raises(ConfigurationError, match=r"search\.folder is not set"):
        config = make_config()
        lake = config.lake.model_copy(update={"root": None, "catalog": "main"})
        search_parameters.main(config.model_copy(update={"lake": lake}))


def test_the_loss_of_local_classifiers_is_that_of_their_product(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three hundred that judge, two hundred are below the first node and ninety below the second: too few."""
    branchings: dict[str | None, Groups] = {
        None: ((0, 1), (2, 3), (4,)),
        "first": ((0,), (1,)),
        "second": ((2,), (3,)),
    }
    facet = facet_of(branchings, (150, 50, 40, 50, 10))
    losses = {branchings[None]: 0.6, branchings["first"]: 0.3}
    monkeypatch.setattr(search_parameters, "rows_of", lambda rows, groups: groups)

    def fit(groups: Groups, n_classes: int, seed: int, settings: Booster, stops_early: bool, on_disk: bool) -> Fitted:
        assert n_classes == len(groups) and stops_early
        return Fitted(b"", losses[groups])

    monkeypatch.setattr(search_parameters, "fit_booster", fit)
    config = make_config()
    found = search_parameters._loss(config, None, facet, config.training.booster)  # type: ignore[arg-type]
    assert found == pytest.approx((300 * 0.6 + 200 * 0.3) / 300)
