"""Who becomes champion: by the gate, by a person, back again by a person; with a real registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from mlflow.tracking._model_registry.client import ModelRegistryClient
from pyspark.sql import SparkSession
from sqlalchemy.exc import OperationalError

from jobs import approve_model, promote_model, roll_back_model, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, TrackingError
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION, PASSED
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking, Version
from linnaeus.training.evaluation import Figure
from tests.conftest import MakeConfig, local_config
from tests.oracles import random_bundle
from tests.runtime.test_tracking import register_as

MODEL = "linnaeus_category"
BY = "decision.by=ann"


class Registry:
    """A registry of category models, each of which has the quality that it is made with."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.make_config = make_config
        self.tracking = Tracking(make_config())
        self.lake = Lake(spark, make_config())
        self.quality: dict[bytes, float] = {}
        monkeypatch.setattr(promote_model, "held_out_figures", self.figures)

    def figures(self, lake: Lake, config: Config, bundle: ModelBundle) -> dict[str, list[Figure]]:
        noise = np.append(0.0, np.random.default_rng(0).normal(scale=0.01, size=200))
        quality = self.quality[bundle.heads["category"].booster]
        return {"category": [Figure("overall", "macro_f1", quality + noise, 100)]}

    def candidate(self, quality: float, **changes: object) -> Version:
        """A candidate of the features in force, but for changes of its manifest."""
        manifest = dataclasses.replace(manifest_in_force(self.make_config()), **({"buckets": 64} | changes))
        bundle = random_bundle("category", {"category": ("a", "b", "c")}, manifest, seed=len(self.quality))
        self.quality[bundle.heads["category"].booster] = quality
        version = register_as(self.tracking, MODEL, bundle, Path(served_model.__file__))
        self.tracking.point(MODEL, CANDIDATE, version)
        return version

    def promote(self, *overrides: str) -> str:
        return promote_model.main(self.make_config(*overrides)).details["category"]

    def approve(self, *overrides: str) -> str:
        return approve_model.main(self.make_config(f"decision.model={MODEL}", BY, *overrides)).details[MODEL]

    def roll_back(self, *overrides: str) -> str:
        return roll_back_model.main(self.make_config(f"decision.model={MODEL}", BY, *overrides)).details[MODEL]

    def champion(self) -> str | None:
        found = self.tracking.version_at(MODEL, CHAMPION)
        return found.number if found else None

    def pages(self) -> list[str]:
        """The reports by the time that they were written."""
        folder = self.make_config().reports_folder / "promotions"
        return [
            page.read_text("utf-8") for page in sorted(folder.glob("*.html"), key=lambda page: page.stat().st_mtime)
        ]

    def attached(self, version: Version) -> list[str]:
        """The names of the reports beside a version's run."""
        client = MlflowClient(tracking_uri=self.make_config().tracking.uri)
        return [one.path for one in client.list_artifacts(version.run_id, "promotions")]

    def decisions(self) -> list[tuple[str, str | None, str]]:
        rows = self.lake.read(tables.PROMOTIONS).orderBy("decided_at").collect()
        return [(row["candidate"], row["champion"], row["promoted"]) for row in rows]


@pytest.fixture
def registry(spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    yield Registry(spark, make_config, monkeypatch)
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def settled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A champion and a worse candidate, for tests that change nothing."""
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patched:
        registry = Registry(spark, partial(local_config, tmp_path_factory.mktemp("settled")), patched)
        registry.candidate(0.7)
        registry.promote()
        registry.candidate(0.1)
    yield registry
    mlflow.set_tracking_uri(before)


def test_the_gate_promotes_what_is_better_and_a_person_takes_it_back(registry: Registry) -> None:
    assert registry.promote() == "there is no candidate"
    registry.candidate(0.7)
    assert "promoted: there was no champion" in registry.promote()
    registry.candidate(0.7)
    assert "refused: not better" in registry.promote()
    assert registry.champion() == "1"
    registry.candidate(0.8)
    assert "promoted: better" in registry.promote()
    assert registry.promote() == f"{MODEL}/3 is the champion already"

    assert "1 is in force again" in registry.roll_back("decision.version=1")
    assert registry.champion() == "1"
    assert "was rolled back by ann" in registry.promote()  # it is still the candidate, and still better
    assert registry.champion() == "1"
    assert registry.approve("decision.version=3") == f"{MODEL}/3 approved"
    assert registry.champion() == "3"
    registry.roll_back("decision.version=1")
    decided = [("1", None, "yes"), ("2", "1", "no"), ("3", "1", "yes"), ("1", "3", "yes"), ("3", "1", "yes")]
    assert registry.decisions() == [*decided, ("1", "3", "yes")]


def test_by_hand_what_passes_waits(registry: Registry) -> None:
    registry.candidate(0.7)
    assert "passed, waits for approval" in registry.promote("promotion.approval=by_hand")
    assert registry.champion() is None
    assert "has passed and waits" in registry.promote("promotion.approval=by_hand")
    assert registry.decisions() == [("1", None, "no")]
    assert registry.approve() == f"{MODEL}/1 approved"
    assert registry.champion() == "1"
    assert registry.tracking.version_at(MODEL, PASSED) is None
    with pytest.raises(ConfigurationError, match="no version of linnaeus_category waits"):
        registry.approve()
    assert registry.approve("decision.version=1") == f"{MODEL}/1 is the champion already"


def test_what_was_approved_does_not_wait_any_more(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the approval was cut off after the alias had moved: else the next one would put it in force once more."""
    registry.candidate(0.7)
    registry.promote("promotion.approval=by_hand")
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "delete_registered_model_alias", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            registry.approve()
    assert registry.champion() == "1"
    assert registry.approve() == f"{MODEL}/1 is the champion already"
    assert registry.tracking.version_at(MODEL, PASSED) is None


def test_a_decision_that_was_interrupted_is_repeated_as_one(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.candidate(0.7)
    registry.promote()
    registry.candidate(0.8)

    def gone(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Tracking, "point", gone)
        for decide in (registry.promote, lambda: registry.approve("decision.version=2")):
            with pytest.raises(ConnectionError):
                decide()
    assert registry.champion() == "1"
    registry.approve("decision.version=2")
    assert registry.champion() == "2"
    assert registry.decisions() == [("1", None, "yes"), ("2", "1", "yes"), ("2", "1", "yes")]  # the gate's, and ann's


@pytest.mark.parametrize(
    ("job", "said", "expected"),
    [
        (approve_model, [BY], "decision.model: None is no model of ours"),
        (approve_model, [BY, "decision.model=other"], "decision.model: 'other' is no model of ours"),
        (approve_model, [f"decision.model={MODEL}"], "decision.by is not set"),
        (approve_model, [f"decision.model={MODEL}", BY, "decision.version=9"], "has no version 9"),
        (roll_back_model, [f"decision.model={MODEL}", BY], "decision.version is not set"),
        (roll_back_model, [f"decision.model={MODEL}", BY, "decision.version=9"], "has no version 9"),
        (roll_back_model, [f"decision.model={MODEL}", BY, "decision.version=2"], "is newer than the champion"),
    ],
)
def test_what_is_not_said_or_not_there(settled: Registry, job: object, said: list[str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        job.main(settled.make_config(*said))  # type: ignore[attr-defined]
    assert settled.champion() == "1"
    assert len(settled.decisions()) == 1


def test_every_decision_has_a_page_of_its_own(registry: Registry) -> None:
    first = registry.candidate(0.7)
    registry.promote()
    second = registry.candidate(0.6)
    for _ in range(2):  # the same decision again: the same page
        registry.promote()
    registry.approve("decision.version=2")
    registry.roll_back("decision.version=1")
    promoted, refused, approved, back = registry.pages()
    assert f"{MODEL}/1 is promoted: there was no champion" in promoted and "There was no champion." in promoted
    assert f"{MODEL}/2 is refused: not better: category, overall: macro_f1 0.6000" in refused
    assert 'class="marked"' in refused and "1 of 1 checks failed." in refused and "image/svg+xml" in refused
    assert f"{MODEL}/2 is in force: approved by ann." in approved
    assert "Earlier decisions" in approved and "there was no champion" in approved and "not better" in approved
    assert f"{MODEL}/1 is in force again: rolled back from version 2 by ann." in back
    assert [len(registry.attached(version)) for version in (first, second)] == [2, 2]
    assert not any(mark in page for page in registry.pages() for mark in ("http://", "https://", "<script"))


def test_a_decision_by_hand_is_reported_as_one_that_waits(registry: Registry) -> None:
    registry.candidate(0.7)
    registry.promote("promotion.approval=by_hand")
    (page,) = registry.pages()
    assert f"{MODEL}/1 is passed, waits for approval" in page and "a person has the last word" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embedder": "old@1"}, "embedder old@1, not "),
        ({"tokenizer": "old"}, "tokenizer old, not "),
        ({"statistics": ("n_words", "n_smiles")}, "the statistics n_smiles, which this code does not make"),
    ],
)
def test_a_candidate_of_other_features_is_refused_and_says_which(
    registry: Registry, changes: dict[str, object], said: str
) -> None:
    """Its figures would be those of a model that is given nothing, however good it is."""
    registry.candidate(0.9, **changes)
    found = registry.promote()
    assert f"refused: {MODEL}/1 wants other features than those in force" in found and said in found
    assert "train it anew" in found and "\n" not in found
    assert registry.champion() is None
    assert registry.decisions() == [("1", None, "no")]


@pytest.mark.parametrize("changes", [{"embedder": "old@1"}, {"tokenizer": "old"}])
def test_a_champion_of_features_that_are_gone_is_compared_by_what_was_recorded(
    registry: Registry, changes: dict[str, object]
) -> None:
    """What it would make of the contents now, 0.1, is not its fault; when it was trained it was 0.8."""
    champion = registry.candidate(0.1, **changes)
    registry.tracking.point(MODEL, CHAMPION, champion)
    row = (MODEL, champion.number, "category", "overall", "macro_f1", 0.8, 0.7, 0.9, 100)
    registry.lake.merge(
        registry.lake.session.createDataFrame([row], schemas.MODEL_EVALUATIONS), tables.MODEL_EVALUATIONS
    )
    registry.candidate(0.7)
    assert "refused: not better: category, overall: macro_f1 0.7000 against the champion's 0.8000" in registry.promote()
    registry.candidate(0.9)
    assert "promoted: better" in registry.promote()
    assert all("are no longer there" in page for page in registry.pages())


def test_a_candidate_that_has_unlearnt_an_area_is_refused(registry: Registry) -> None:
    """Though its mean over what it knows is higher."""
    config, served_by = registry.make_config(), Path(served_model.__file__)
    model, manifest = config.registry.risk_model, dataclasses.replace(manifest_in_force(config), buckets=64)
    areas = config.read_risk().ids[:1]
    other = random_bundle("risk", {areas[0]: ("no", "yes")}, manifest)
    registry.tracking.point(model, CHAMPION, register_as(registry.tracking, model, other, served_by))
    gone = dataclasses.replace(other, heads={"else": other.heads[areas[0]]})
    registry.tracking.point(model, CANDIDATE, register_as(registry.tracking, model, gone, served_by))
    said = promote_model.main(config).details["risk"]
    assert f"refused: {model}/2 knows nothing of {areas[0]}, which the champion does" in said


@pytest.mark.slow
@pytest.mark.parametrize("step", ["version_at", "load", "attach", "point"])
def test_a_registry_that_is_lost_in_the_middle_moves_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    registry.candidate(0.7)
    registry.promote()
    registry.candidate(0.8)
    calls = {
        "version_at": "get_model_version_by_alias",
        "load": "get_model_version_download_uri",
        "attach": "log_text",
        "point": "set_registered_model_alias",
    }

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE", {}, ConnectionError("the server closed\nthe connection"))

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient if step != "load" else ModelRegistryClient, calls[step], lost)
        with pytest.raises(TrackingError, match=r"the server closed the connection.*run the job again"):
            registry.promote()
    assert registry.champion() == "1"
    assert "promoted: better" in registry.promote()
    assert registry.champion() == "2"
    assert registry.decisions() == [("1", None, "yes"), ("2", "1", "yes")]
