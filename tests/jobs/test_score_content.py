"""What score_content scores: what is due, so much of it as a run may, in order, or all again; and as a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from pyspark.sql import SparkSession

from jobs import score_content, served_model
from jobs._models import content_features, manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.command import JobResult
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import MakeConfig
from tests.jobs import lakes
from tests.oracles import random_bundle
from tests.runtime.test_tracking import register_as

MODEL = "linnaeus_category"


class Scene:
    """A lake of contents c0, c1, … and champions of it."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig) -> None:
        self.make_config = make_config
        self.config = self.of()
        self.lake, self.tracking = Lake(spark, self.config), Tracking(self.config)
        self.contents(range(6), "sport")
        self.champion(1)

    def of(self, *more: str) -> Config:
        return self.make_config("features.hash_buckets=64", *more)

    def contents(self, numbers: range, label: str) -> None:
        rows = [(f"c{i}", "ann") for i in numbers]
        lakes.fill(self.lake, self.config, rows, {name: label for name, _ in rows}, c.CATEGORY_FACET)

    def champion(self, seed: int) -> None:
        bundle = random_bundle("category", {"category": ("a", "b", "c")}, manifest_in_force(self.config), seed=seed)
        version = register_as(self.tracking, MODEL, bundle, Path(served_model.__file__), f"seed {seed}")
        self.tracking.point(MODEL, CHAMPION, version)

    def run(self, *more: str) -> JobResult:
        return score_content.main(self.of(*more))

    def models(self) -> dict[str, str]:
        """The version of the model of each row."""
        rows = self.lake.read(tables.CONTENT_PROFILES).collect()
        return {row[c.CONTENT_ID]: row[c.CATEGORY_MODEL].rpartition("/")[2] for row in rows}


@pytest.fixture
def scene(spark: SparkSession, make_config: MakeConfig) -> Iterator[Scene]:
    before = mlflow.get_tracking_uri()
    yield Scene(spark, make_config)
    mlflow.set_tracking_uri(before)


def test_what_is_due_is_scored_as_far_as_a_run_may(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scene.run().rows_written == 6
    read: list[int] = []

    def features(*given: Any) -> Any:
        found = content_features(*given)
        read.append(found.count())
        return found

    monkeypatch.setattr(score_content, "content_features", features)
    before = scene.lake.version(tables.CONTENT_PROFILES)
    assert scene.run().rows_written == 0 and read == []
    assert scene.lake.version(tables.CONTENT_PROFILES) == before

    # Two contents with other texts, one new, and another champion for all.
    scene.contents(range(2), "business")
    scene.contents(range(6, 7), "sport")
    scene.champion(2)
    views = {"c4": 50, "c2": 7, "c0": 1}
    rows = [row.asDict() for row in scene.lake.read(tables.CONTENT).collect()]
    viewed = [tuple((row | {c.VIEWS: views.get(row[c.CONTENT_ID])}).values()) for row in rows]
    scene.lake.merge(scene.lake.session.createDataFrame(viewed, tables.CONTENT.schema), tables.CONTENT)
    first = scene.run("scoring.rows_a_run=4")
    assert (first.rows_read, first.rows_written) == (4, 4)
    assert first.details == {"scored with": f"{MODEL}/2", "scored with, later": "3 contents (scoring.rows_a_run)"}
    by_first = {"c0": "2", "c1": "2", "c2": "1", "c3": "1", "c4": "2", "c5": "1", "c6": "2"}
    assert scene.models() == by_first, "changed and new ones, and then the most viewed"
    monkeypatch.setattr(score_content, "_FEW", 1)  # ids that are not sent to where the rows are
    assert scene.run("scoring.rows_a_run=2").rows_written == 2
    assert scene.models() == by_first | {"c2": "2", "c3": "2"}
    assert scene.run().details == {"scored with": f"{MODEL}/2"}
    assert set(scene.models().values()) == {"2"}
    assert read == [4, 2, 1], "features of what is scored, and of nothing else"

    again = scene.run("run.full=true", "scoring.rows_a_run=2")
    assert (again.rows_read, again.rows_written, read.pop()) == (7, 0, 7)


class Killed(BaseException):
    """In the place of a process that ends."""


@pytest.mark.slow
def test_a_batch_that_was_killed_goes_on_with_its_models(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "merge", dies)
        with pytest.raises(Killed):
            scene.run("run.batch=1")
    scene.champion(2)
    scene.contents(range(6, 8), "sport")
    finished = scene.run("run.batch=1")
    assert (finished.rows_written, finished.details["scored with"]) == (6, f"{MODEL}/1")
    assert scene.models() == dict.fromkeys([f"c{i}" for i in range(6)], "1")
    with pytest.raises(ConfigurationError, match=r"run.batch: 1 of score_content was finished with other input \(bron"):
        scene.run("run.batch=1")
    assert scene.run("run.batch=2").rows_written == 8
    assert scene.run("run.batch=2").details == {
        "scored with": "batch 2 of score_content is finished: there is nothing to do"
    }
    (entry,) = scene.lake.read(tables.LEDGER).where("batch = '2'").collect()
    assert entry["inputs"]["model.category"] == f"{MODEL}/2" and entry["inputs"]["model.risk"] == "none"
