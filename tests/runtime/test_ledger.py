"""Runs as transactions: done once, refused for other input, finished after they were cut off, told from each other."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.contracts.errors import ConfigurationError, UnfitError
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.ledger import (
    FINISHED,
    OVERTAKEN,
    SETTINGS,
    STARTED,
    Done,
    Inputs,
    Ledger,
    inputs_hash,
    table_inputs,
    versions_of,
)
from tests.conftest import MakeConfig

READ, WRITTEN = tables.CREATORS, tables.GOLD_LABELS
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


class Killed(BaseException):
    """In the place of a process that ends."""


class Scene:
    """A lake with creators, and a job that makes a label of each."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig) -> None:
        self.make_config = make_config
        self.lake = Lake(spark, make_config())
        self.calls: list[Inputs] = []
        self.before: Callable[[], object] = lambda: None  # what happens when a run has read and has not written
        self.after: Callable[[], object] = lambda: None  # and when it has written and not ended

    def creators(self, **names: str) -> None:
        rows = [(one, name, None, None, NOW) for one, name in names.items()]
        self.lake.merge(self.lake.session.createDataFrame(rows, READ.schema), READ)

    def run(self, batch: str | None = None, settings: str = "s1") -> Done:
        config = self.make_config(*([f"run.batch={batch}"] if batch else []), "lake.merge_retries=2")
        ledger = Ledger.open(self.lake, config, "label_creators")

        def write(lake: Lake, given: Inputs) -> int:
            self.calls.append(given)
            rows = lake.snapshot([READ], versions_of(given)).read(READ)
            made = rows.selectExpr("creator_id AS item_id", "'category' AS facet", "name AS label", "ingested_at")
            self.before()
            written = lake.merge(lake.session.createDataFrame(made.collect(), WRITTEN.schema), WRITTEN).written
            self.after()
            return written

        return ledger.transact([WRITTEN], lambda: table_inputs(self.lake, [READ]) | {SETTINGS: settings}, write)

    def labels(self) -> dict[str, str]:
        return {row["item_id"]: row["label"] for row in self.lake.read(WRITTEN).collect()}

    def entries(self) -> list[dict[str, Any]]:
        return [row.asDict() for row in self.lake.read(tables.LEDGER).orderBy("batch").collect()]


@pytest.fixture
def scene(spark: SparkSession, make_config: MakeConfig) -> Scene:
    made = Scene(spark, make_config)
    made.creators(a="ann", b="bob")
    return made


def raises() -> None:
    raise Killed


def test_a_batch_is_done_once_and_refused_for_other_input(scene: Scene) -> None:
    assert scene.run("1") == Done(2)
    (entry,) = scene.entries()
    inputs = {"bronze.creators": "1", SETTINGS: "s1"}
    named = {key: entry[key] for key in ("application", "batch", "table_name", "status", "inputs", "rows")}
    assert named == {
        "application": "label_creators",
        "batch": "1",
        "table_name": "bronze.gold_labels",
        "status": FINISHED,
        "inputs": inputs,
        "rows": 2,
    }
    assert entry["inputs_hash"] == inputs_hash(inputs) and entry["version_before"] is None
    assert entry["started_at"] <= entry["finished_at"]
    notes = [json.loads(commit.note) for commit in scene.lake.commits(WRITTEN, None) if commit.note]
    expected = {"application": "label_creators", "batch": "1", "run": entry["run_id"], "inputs": inputs}
    assert notes == [expected]

    written = scene.lake.version(WRITTEN), scene.lake.version(tables.LEDGER)
    assert scene.run("1") == Done(0, "batch 1 of label_creators is finished: there is nothing to do")
    assert (scene.lake.version(WRITTEN), scene.lake.version(tables.LEDGER)) == written
    assert len(scene.calls) == 1

    scene.creators(c="cal")
    with pytest.raises(ConfigurationError) as error:
        scene.run("1")
    assert str(error.value) == (
        "run.batch: 1 of label_creators was finished with other input (bronze.creators 1, now 2); give this run a "
        "batch of its own"
    )
    assert len(scene.calls) == 1 and scene.entries() == [entry]
    assert scene.run("2") == Done(1)
    assert scene.run() == Done(0)  # without a batch: what is due, which is nothing
    assert [one["batch"] for one in scene.entries()] == ["1", "2"]


@pytest.mark.slow
def test_a_run_that_was_killed_is_finished_with_what_it_had_begun_to_read(scene: Scene) -> None:
    scene.before = raises
    with pytest.raises(Killed):
        scene.run("1")
    assert [entry["status"] for entry in scene.entries()] == [STARTED]
    scene.creators(a="amy", c="cal")
    scene.before = lambda: None
    with pytest.raises(ConfigurationError, match=r"was started with other input \(settings s1, now s2\)"):
        scene.run("1", settings="s2")
    assert scene.run("1") == Done(2)
    assert scene.labels() == {"a": "ann", "b": "bob"}

    scene.after = raises
    with pytest.raises(Killed):
        scene.run("2")
    calls = len(scene.calls)
    scene.after = lambda: None
    assert scene.run("2").nothing_to_do == "batch 2 of label_creators is finished: there is nothing to do"
    assert len(scene.calls) == calls, "its commit is found by its note"
    assert scene.labels() == {"a": "amy", "b": "bob", "c": "cal"}
    assert [(entry["status"], entry["rows"]) for entry in scene.entries()] == [(FINISHED, 2), (FINISHED, None)]


@pytest.mark.slow
def test_a_killed_run_does_not_bring_back_what_another_has_overtaken(scene: Scene) -> None:
    scene.before = raises
    with pytest.raises(Killed):
        scene.run("1")
    scene.before = lambda: None
    scene.creators(a="amy")
    assert scene.run() == Done(2)
    assert scene.run("1") == Done(0, "batch 1 of label_creators is overtaken: there is nothing to do")
    assert scene.labels()["a"] == "amy"
    assert [(entry["status"], entry["rows"]) for entry in scene.entries()] == [(OVERTAKEN, None)]
    assert scene.run("1").nothing_to_do is not None


@pytest.mark.slow
def test_what_a_killed_run_read_may_be_gone(scene: Scene) -> None:
    scene.before = raises
    with pytest.raises(Killed):
        scene.run("1")
    scene.before = lambda: None
    scene.creators(a="amy", b="bea")
    scene.lake.vacuum([READ], 0)
    with pytest.raises(ConfigurationError, match="1 of label_creators was cut off, and what it read is not there any"):
        scene.run("1")
    assert scene.run("2") == Done(2)


@pytest.mark.slow
def test_a_run_that_fails_by_itself_leaves_its_batch_to_be_begun_anew(scene: Scene) -> None:
    def unfit() -> None:
        raise UnfitError("features are lacking")

    scene.before = unfit
    with pytest.raises(UnfitError):
        scene.run("1")
    assert scene.entries() == []
    scene.creators(c="cal")
    scene.before = lambda: None
    assert scene.run("1", settings="s2") == Done(3)


def test_two_runs_at_once_end_as_one_after_the_other(scene: Scene) -> None:
    """The other begins when this one has read, and has written when this one writes what is older."""
    others: list[Done] = []

    def other() -> None:
        scene.before = lambda: None
        scene.creators(a="amy", c="cal")
        others.append(scene.run())

    scene.before = other
    assert scene.run() == Done(1 + 1)  # the older name of a, and then the newer
    assert others == [Done(3)]
    assert [given["bronze.creators"] for given in scene.calls] == ["1", "2", "2"]
    assert scene.labels() == {"a": "amy", "b": "bob", "c": "cal"}


@pytest.mark.slow
def test_a_batch_undoes_nothing_that_another_run_has_made_of_something_newer(scene: Scene) -> None:
    """Both have read, the other newer rows; it has written when the batch writes the older ones."""

    def other() -> None:
        scene.before = lambda: None
        scene.creators(a="amy", c="cal")
        scene.run()

    scene.before = other
    assert scene.run("1") == Done(1 + 1)
    assert scene.labels() == {"a": "amy", "b": "bob", "c": "cal"}
    (entry,) = scene.entries()
    assert (entry["status"], entry["inputs"]["bronze.creators"]) == (FINISHED, "1")


@pytest.mark.slow
def test_of_two_that_begin_the_same_batch_one_says_what_is_read(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    insert_new = Lake.insert_new

    def late(lake: Lake, *arguments: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Lake, "insert_new", insert_new)
            scene.before = raises
            with pytest.raises(Killed):
                scene.run("1")
            scene.before = lambda: None
        scene.creators(c="cal")
        insert_new(lake, *arguments)

    scene.lake.insert_new(scene.lake.session.createDataFrame([], tables.LEDGER.schema), tables.LEDGER)
    monkeypatch.setattr(Lake, "insert_new", late)
    assert scene.run("1") == Done(2)
    assert [given["bronze.creators"] for given in scene.calls] == ["1", "1"]
    assert len(scene.entries()) == 1


def test_a_table_that_was_not_there_is_read_as_if_it_were_not(scene: Scene) -> None:
    inputs = table_inputs(scene.lake, [tables.VOTES]) | {SETTINGS: "s1"}
    assert versions_of(inputs) == {"bronze.votes": None}
    vote = [("i", "category", "ann", "sport", None, NOW)]
    scene.lake.merge(scene.lake.session.createDataFrame(vote, tables.VOTES.schema), tables.VOTES)
    snapshot = scene.lake.snapshot([tables.VOTES], versions_of(inputs))
    assert snapshot.read(tables.VOTES).count() == 0 and snapshot.versions == {}


@pytest.mark.parametrize(
    ("given", "batch"), [("2026-01-02", "2026-01-02"), ("7", "7"), ("night one", "night one"), ("null", None)]
)
def test_names_of_batches(given: str, batch: str | None) -> None:
    assert load_config("local", [f"run.batch={given}"]).run.batch == batch
