"""A training whose MLflow is lost at any of its calls: said in a line, nothing half-registered, no alias moved, and the
next one registers exactly one version."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
from mlflow.tracking import MlflowClient

from jobs import _train
from jobs._models import Judgement, manifest_in_force
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import TrackingError
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.tracking import FINGERPRINT, Tracking
from linnaeus.training.evaluation import Figure
from tests.conftest import MakeConfig
from tests.oracles import random_bundle
from tests.running.unity_catalog import unity_catalog

STORES = (TrackingStore, RegistryStore, LocalArtifactRepository)
CHANGES = ("create", "set", "log", "update", "finalize")  # how calls begin that change something at the server


class Line:
    """The line to MLflow: what is asked through it, in order, and from which call on it is dead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.dies_at: str | None = None
        self.after = False  # whether the server still does what it was asked last, and only the answer is lost
        self.is_dead = self._is_inside = False
        for store in STORES:
            for name, method in inspect.getmembers(store, inspect.isfunction):
                if not name.startswith("_") and name != "get_artifact_uri":
                    monkeypatch.setattr(store, name, self._through(f"{store.__name__}.{name}", method, store))

    def _through(self, name: str, method: Callable[..., Any], store: type) -> Callable[..., Any]:
        place = name if store is not RegistryStore else f"registry {name}"

        def call(*arguments: Any, **named: Any) -> Any:
            if self._is_inside:  # a store's own calls of itself are no requests
                return method(*arguments, **named)
            if self.is_dead:
                raise self._gone()
            self.asked.append(place)
            if place == self.dies_at and not self.after:
                self.is_dead = True
                raise self._gone()
            self._is_inside = True
            try:
                answer = method(*arguments, **named)
            finally:
                self._is_inside = False
            if place == self.dies_at:
                self.is_dead = True
                raise self._gone()
            return answer

        return call

    @staticmethod
    def _gone() -> MlflowException:
        return MlflowException("API request failed:\nconnection refused")

    def mend(self) -> list[str]:
        """Bring the line back; what was asked until now."""
        asked, self.asked, self.dies_at, self.is_dead = self.asked, [], None, False
        return asked


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    before = mlflow.get_tracking_uri()
    yield Line(monkeypatch)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def train(make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Config, Callable[[], Any]]]:
    """A training of a model by name, all but what speaks to MLflow being a constant."""
    bundle = random_bundle("category", {"category": ("a", "b", "c")}, manifest_in_force(make_config()))
    figures = {"category": [Figure("overall", "macro_f1", np.array([0.5]), 100)]}
    facet = SimpleNamespace(name="category", rows=None, by_part={"train": 9})
    for name, answer in {
        "build_session": None,
        "Lake": None,
        "snapshot_of": SimpleNamespace(versions={"silver.labels": 3}),
        "facets_to_train": ({"category": facet}, []),
        "_mark": "the mark",
        "_inputs": "the inputs",
        "_has_figures": False,
        "_fit": bundle,
        "judgement": Judgement(figures, {("a", "b"): 3}, {}),
        "_write_figures": 1,
        "_complete_figures": 0,
    }.items():
        monkeypatch.setattr(_train, name, lambda *_, _answer=answer: _answer)

    def of(model: str, *overrides: str) -> tuple[Config, Callable[[], Any]]:
        config = make_config(f"registry.category_model={model}", f"tracking.experiment={model}", *overrides)
        return config, lambda: _train.train(config, "category", model)

    return of


Train = Callable[..., tuple[Config, Callable[[], Any]]]


def survives(line: Line, train: Train, step: str, after: bool, number: int) -> None:
    """One training that is cut off at a call, and the next one."""
    model = f"model_{number}"
    config, run = train(model)
    line.mend()
    line.dies_at, line.after = step, after
    with pytest.raises(TrackingError) as error:
        run()
    said = str(error.value)
    assert said.startswith(f"MLflow at {config.tracking.uri}: ") and "connection refused; " in said, step
    assert "\n" not in said and "run the job again" in said and len(said) < 600, step
    assert step in line.mend()
    tracking = Tracking(config)
    client = MlflowClient(tracking_uri=config.tracking.uri, registry_uri=config.tracking.uri)
    for version in client.search_model_versions(f"name = '{model}'"):
        assert version.tags[FINGERPRINT] == "the mark", f"{step}: a version without its tags"
        tracking.load(tracking.version(model, str(version.version)))  # type: ignore[arg-type]
    assert tracking.version_at(model, CHAMPION) is None
    moved = after and step.endswith("set_registered_model_alias")
    assert (tracking.version_at(model, CANDIDATE) is not None) is moved, step

    run()
    (version,) = client.search_model_versions(f"name = '{model}'")
    assert version.tags[FINGERPRINT] == "the mark" and version.tags["delta_silver_labels"] == "3"
    found = tracking.version_at(model, CANDIDATE)
    assert found is not None and found.number == "1" and tracking.load(found).heads.keys() == {"category"}


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["no call goes out", "an answer is lost"])
def test_a_line_that_dies_at_any_call(line: Line, train: Train, after: bool) -> None:
    for model in ("first", "second"):  # the first call of all makes the database
        line.mend()
        train(model)[1]()
    steps = list(dict.fromkeys(line.mend()))
    assert {one.rpartition(".")[2] for one in steps} >= {
        "create_experiment",
        "create_run",
        "log_batch",
        "log_artifact",
        "create_logged_model",
        "create_registered_model",
        "create_model_version",
        "set_registered_model_alias",
    }
    if after:
        steps = [one for one in steps if one.rpartition(".")[2].startswith(CHANGES)]
    for number, step in enumerate(steps, 1):
        survives(line, train, step, after, number)


def test_trainings_one_after_another_on_unity_catalog(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the results of a search have no tags, by which a training finds what was trained before."""
    model = "tests.models.category"
    with unity_catalog() as catalog:
        config, run = train(model, "registry.uri=databricks-uc", "registry.risk_model=tests.models.risk")
        assert "tests.models.category/1 trained" in run().details["category"]
        tracking = Tracking(config)
        tags = {name for version in catalog.models[model].versions.values() for name in version.tags}
        assert {FINGERPRINT, "delta_silver_labels"} <= tags and not [name for name in tags if "." in name]
        for number, mark in ((2, "second"), (3, "third")):
            monkeypatch.setattr(_train, "_mark", lambda *_, _mark=mark: _mark)
            assert f"{model}/{number} trained" in run().details["category"]
        monkeypatch.setattr(_train, "_mark", lambda *_: "second")
        assert f"{model}/2 was trained from exactly these rows" in run().details["category"]
        found = tracking.version_at(model, CANDIDATE)
        assert found is not None and found.number == "2" and tracking.load(found).heads.keys() == {"category"}


def test_a_registry_that_is_not_there_is_found_before_any_work(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    started: list[str] = []
    monkeypatch.setattr(_train, "build_session", lambda *_: started.append("Spark"))
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    try:
        for said in ("tracking.uri", "registry.uri"):
            config = make_config(f"{said}=http://127.0.0.1:9")
            with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9.*see that it can be reached"):
                _train.train(config, "category", "model")
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    assert started == []
