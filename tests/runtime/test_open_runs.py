"""Whoever has a run open, an experiment chosen or autologging on finds all of it as it was, after a job too."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from mlflow.utils import autologging_utils
from sklearn.linear_model import LogisticRegression

from linnaeus.contracts.config import Config
from linnaeus.runtime.autologging import without_autologging
from linnaeus.runtime.command import JobResult, perform
from linnaeus.runtime.tracking import Tracking
from tests.runtime.test_tracking import BUNDLE, MODEL, config_in, mlflow_at, register

OWN_PARAMS, OWN_TAG = {"mine": "1"}, "of_mine"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return config_in(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another server, with an experiment of somebody's."""
    return f"sqlite:///{tmp_path_factory.mktemp('theirs') / 'mlflow.db'}"


@pytest.fixture(params=["our server", "another server"])
def uri(request: pytest.FixtureRequest, config: Config, elsewhere: str, tmp_path: Path) -> Iterator[str]:
    """The server that the process speaks to by itself."""
    Tracking(config)
    uri = config.tracking.uri if request.param == "our server" else elsewhere
    names = [name for name in os.environ if name.startswith("MLFLOW")]
    kept = {name: os.environ[name] for name in names}
    with mlflow_at(uri):
        client = MlflowClient()
        if client.get_experiment_by_name("mine") is None:
            client.create_experiment("mine", (tmp_path / "mine").as_uri())
        yield uri
        while mlflow.active_run():
            mlflow.end_run()
    mlflow.tracking.fluent._active_experiment_id = None
    for name in [name for name in os.environ if name.startswith("MLFLOW") and name not in kept]:
        del os.environ[name]
    os.environ.update(kept)


def work(config: Config) -> None:
    """All that jobs do at MLflow."""
    tracking = Tracking(config)
    version = register(tracking, BUNDLE, "aa")
    assert tracking.load(version).to_files() == BUNDLE.to_files()
    tracking.attach(version, "page.html", "<p>")
    with tracking.search("search", "a study") as log:
        log("trial", {"depth": 3}, {"loss": 0.5})
    client = MlflowClient(tracking_uri=config.tracking.uri)
    experiment = client.get_experiment_by_name(config.tracking.experiment).experiment_id
    run = client.get_run(str(version.run_id))
    assert (run.info.experiment_id, run.info.status) == (experiment, "FINISHED")
    assert "mlflow.parentRunId" not in run.data.tags and run.data.params == {"booster.rounds": "8"}
    registered = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    assert (registered.experiment_id, registered.source_run_id) == (experiment, version.run_id)
    assert {metric.key for metric in registered.metrics or []} == {"risk.spam.pr_auc"}


def in_the_environment() -> dict[str, str]:
    # What MLflow says while it moves files is set once a process.
    said = ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",)
    return {name: one for name, one in os.environ.items() if name.startswith("MLFLOW") and name not in said}


@pytest.mark.parametrize("nested", [False, True], ids=["a run", "a run in a run"])
def test_an_open_run_stays_open_and_as_it_was(config: Config, uri: str, nested: bool) -> None:
    mlflow.set_experiment("mine")
    outer = mlflow.start_run(tags={OWN_TAG: "outer"})
    run = mlflow.start_run(nested=True, tags={OWN_TAG: "inner"}) if nested else outer
    mlflow.log_params(OWN_PARAMS)
    before = in_the_environment()
    client = MlflowClient()
    known = {one.info.run_id for one in client.search_runs([run.info.experiment_id])}
    work(config)
    assert in_the_environment() == before and mlflow.get_tracking_uri() == uri
    active = mlflow.active_run()
    assert active is not None and active.info.run_id == run.info.run_id
    mlflow.log_metric("later", 1.0)
    found = client.get_run(run.info.run_id)
    assert (found.info.status, found.data.params, found.data.metrics) == ("RUNNING", OWN_PARAMS, {"later": 1.0})
    assert found.data.tags[OWN_TAG] == ("inner" if nested else "outer") and not found.outputs.model_outputs
    assert client.list_artifacts(run.info.run_id) == []
    assert {one.info.run_id for one in client.search_runs([run.info.experiment_id])} == known


def test_a_run_that_fails_leaves_the_open_one_open(config: Config, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.set_experiment("mine")
    run = mlflow.start_run()
    tracking = Tracking(config)
    with pytest.raises(ZeroDivisionError), tracking.search("search", "another study"):
        _ = 1 / 0
    with monkeypatch.context() as patch:
        patch.setattr("linnaeus.runtime.tracking.write_files", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            register(tracking, BUNDLE, "aa")
    active = mlflow.active_run()
    assert active is not None and active.info.run_id == run.info.run_id and mlflow.get_tracking_uri() == uri
    client = MlflowClient(tracking_uri=config.tracking.uri)
    ours = client.search_runs([client.get_experiment_by_name(config.tracking.experiment).experiment_id], max_results=1)
    assert ours[0].info.status == "FAILED" and ours[0].data.tags["mlflow.runName"] == MODEL


@pytest.mark.parametrize(
    "set_to",
    [
        {"MLFLOW_RUN_ID": "run"},
        {"MLFLOW_RUN_ID": "0" * 32},
        {"MLFLOW_EXPERIMENT_ID": "987654"},
        {"MLFLOW_EXPERIMENT_NAME": "never made"},
        {"MLFLOW_EXPERIMENT_NAME": "never made", "MLFLOW_EXPERIMENT_ID": "987654", "MLFLOW_RUN_ID": "run"},
    ],
    ids=["a run", "no run", "an experiment", "an experiment by name", "all"],
)
def test_what_the_environment_names_is_left_alone(
    config: Config, uri: str, monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str]
) -> None:
    client = MlflowClient()
    run = client.create_run(client.get_experiment_by_name("mine").experiment_id)
    for name, value in set_to.items():
        monkeypatch.setenv(name, run.info.run_id if value == "run" else value)
    before = in_the_environment()
    work(config)
    assert in_the_environment() == before and mlflow.active_run() is None
    found = client.get_run(run.info.run_id)
    assert (found.info.status, found.data.params, found.data.metrics) == ("RUNNING", {}, {})
    assert client.get_experiment_by_name("never made") is None
    assert MlflowClient(tracking_uri=config.tracking.uri).get_experiment_by_name("never made") is None


def test_a_process_that_has_named_no_server_has_none_afterwards(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        work(config)
        assert not mlflow.is_tracking_uri_set() and "MLFLOW_TRACKING_URI" not in os.environ
    finally:
        mlflow.set_tracking_uri(before)


def fit() -> None:
    LogisticRegression().fit(np.array([[0.0], [1.0]]), np.array([0, 1]))


def test_a_jobs_fits_are_not_logged_where_autologging_is_on(config: Config, uri: str) -> None:
    def main(_: Config) -> JobResult:
        fit()
        return JobResult()

    client = MlflowClient()
    mlflow.set_experiment("mine")
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    try:
        run = mlflow.start_run()
        perform("a job", main, config)
        assert client.get_run(run.info.run_id).data.params == {}
        with pytest.raises(ZeroDivisionError):
            perform("a job", lambda _: JobResult(rows_read=int(1 / 0)), config)
        fit()
        assert "C" in client.get_run(run.info.run_id).data.params, "it is on again"
    finally:
        mlflow.sklearn.autolog(disable=True)


def test_autologging_stays_off_until_the_last_of_several_jobs_ends() -> None:
    mlflow.sklearn.autolog(silent=True)
    try:
        first, second = ExitStack(), ExitStack()
        steps: list[Callable[[], object]] = [
            lambda: first.enter_context(without_autologging()),
            lambda: second.enter_context(without_autologging()),
            first.close,
            second.close,
        ]
        seen = []
        for step in steps:  # jobs of a flow run in threads
            thread = threading.Thread(target=step)
            thread.start()
            thread.join()
            seen.append(autologging_utils._AUTOLOGGING_GLOBALLY_DISABLED)
        assert seen == [True, True, True, False]
    finally:
        mlflow.sklearn.autolog(disable=True)
