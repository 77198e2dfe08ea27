"""Who becomes champion: by the gate, by a person, back again by a person; with a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs import approve_model, promote_model, roll_back_model, served_model
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import CANDIDATE, CHAMPION, PASSED, Tracking, Version
from linnaeus.training.evaluation import Figure
from tests.conftest import MakeConfig
from tests.oracles import random_bundle
from tests.runtime.test_tracking import MANIFEST, register_as

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

    def candidate(self, quality: float) -> Version:
        bundle = random_bundle("category", {"category": ("a", "b", "c")}, MANIFEST, seed=len(self.quality))
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

    def decisions(self) -> list[tuple[str, str | None, str]]:
        rows = self.lake.read(tables.PROMOTIONS).orderBy("decided_at").collect()
        return [(row["candidate"], row["champion"], row["promoted"]) for row in rows]


@pytest.fixture
def registry(spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    yield Registry(spark, make_config, monkeypatch)
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
def test_what_is_not_said_or_not_there(registry: Registry, job: object, said: list[str], expected: str) -> None:
    registry.candidate(0.7)
    registry.promote()
    registry.candidate(0.1)
    with pytest.raises(ConfigurationError, match=expected):
        job.main(registry.make_config(*said))  # type: ignore[attr-defined]
    assert registry.champion() == "1"
    assert len(registry.decisions()) == 1
