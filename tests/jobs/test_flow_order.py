"""How a flow runs its graph: what starts when, what a failure does, and what is left of the summaries."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from jobs import flow
from linnaeus.contracts.config import Config, repository
from linnaeus.contracts.errors import TrackingError
from linnaeus.runtime.command import Finished, JobResult
from tests.patience import PATIENCE

DIAMOND = {"a": frozenset[str](), "b": frozenset("a"), "c": frozenset("a"), "d": frozenset("bc")}
Work = Callable[[str], None]


@pytest.fixture
def play(spark: SparkSession, config: Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """`play(graph, work)`: run a graph whose jobs are calls of `work` with the job's name."""

    def run(graph: flow.Graph, work: Work, recorded: Work = lambda job: None, at_once: int | None = None) -> Any:
        def perform(job: str, main: object, config: Config, check: object) -> Finished:
            work(job)
            return Finished(job, datetime.datetime.now(), 0.0, JobResult(1, 2, 3))

        def record(done: Finished, config: Config) -> dict[str, object]:
            recorded(done.job)
            counts = {"rows_read": 1, "rows_written": 2, "rows_quarantined": 3}
            return counts | {"job": done.job, "seconds": 0.0, "table_versions": {done.job: 7}, "details": {}}

        monkeypatch.setattr(flow.importlib, "import_module", lambda name: SimpleNamespace(main=None))
        monkeypatch.setattr(flow, "perform", perform)
        monkeypatch.setattr(flow, "record", record)
        with open(os.devnull, "w") as nowhere:
            return flow.run(config, graph, Console(file=nowhere), at_once)

    return run


def test_a_job_of_long_tasks_waits_until_no_other_runs(
    play: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "_LONG_TASKS", {"b"})
    running: set[str] = set()
    beside: dict[str, set[str]] = {}

    def work(job: str) -> None:
        running.add(job)
        beside[job] = set(running)
        running.discard(job)

    play(DIAMOND, work)
    assert list(beside) == ["a", "c", "b", "d"] and beside["b"] == {"b"}
    assert flow._to_start(["b", "c"], has_company=False) == ["c"]
    assert flow._to_start(["b"], has_company=True) == []
    assert flow._to_start(["b"], has_company=False) == ["b"]


def test_jobs_that_do_not_depend_on_each_other_run_side_by_side(play: Callable[..., dict[str, object]]) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)  # broken, and so an error, unless b and c are there at the same time
    order: list[str] = []

    def work(job: str) -> None:
        order.append(job)
        if job in "bc":
            both.wait()

    summary = play(DIAMOND, work)
    assert order[0] == "a" and order[-1] == "d" and sorted(order) == list("abcd")
    assert [summary[name] for name in ("rows_read", "rows_written", "rows_quarantined")] == [4, 8, 12]
    assert summary["table_versions"] == dict.fromkeys("abcd", 7)


def test_one_at_a_time_is_the_graphs_order(play: Callable[..., dict[str, object]]) -> None:
    order: list[str] = []
    play(DIAMOND, order.append, at_once=1)
    assert order == list("abcd")


def test_after_a_failure_nothing_starts_and_what_runs_is_waited_for(play: Callable[..., dict[str, object]]) -> None:
    failed = threading.Event()
    order: list[str] = []

    def work(job: str) -> None:
        if job == "b":
            failed.set()
            raise ValueError("b can't")
        if job == "c":
            assert failed.wait(PATIENCE)
        order.append(job)

    with pytest.raises(ValueError, match="b can't"):
        play(DIAMOND, work)
    assert order == ["a", "c"]


def test_a_run_that_can_not_be_recorded_fails_the_flow(play: Callable[..., dict[str, object]]) -> None:
    def recorded(job: str) -> None:
        if job == "a":
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        play(DIAMOND, lambda job: None, recorded)


def test_a_registry_that_can_not_be_reached_stops_the_flow_before_its_first_job(
    play: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def unreachable(config: Config) -> None:
        raise TrackingError("nobody answers")

    monkeypatch.setattr(flow, "Tracking", unreachable)
    with pytest.raises(TrackingError, match="nobody answers"):
        play({"first": frozenset[str](), "train_category": frozenset(["first"])}, order.append)
    assert order == []
    play({"first": frozenset[str]()}, order.append)
    assert order == ["first"], "where no job needs the registry it is not asked"


def test_the_jvm_is_not_launched_beside_an_import_that_waits_for_it() -> None:
    """The launch forks with logging's lock, which setuptools takes inside the import lock to make a distutils."""
    script = """
import sys
from jobs import flow
class Launched(Exception): pass
def launch(config):
    print("distutils.version" in sys.modules, flush=True)
    raise Launched
flow.build_session = launch
try:
    flow._prepare(None, {})
except Launched:
    pass
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "True\n", done.stderr
