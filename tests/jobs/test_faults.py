"""Scoring and roll-up that are killed, started twice, out of disk, or lose a worker or the registry: after each, and
one plain run, every row is there once, of one model, as a run that nothing disturbed leaves it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.config import repository
from linnaeus.contracts.errors import TrackingError
from linnaeus.runtime.lake import Lake, MergeCounts
from tests.jobs import night
from tests.jobs.night import Process
from tests.jobs.test_lost_registry import Line
from tests.patience import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.soak]

BEFORE = {"score_content": "lake", "roll_up_creators": "scored"}  # folders of the lake on which a job is run
BATCH = "run.batch=night"
ROUNDS = 20


class Calm:
    """The lakes of an evening, and what runs leave that nothing disturbs."""

    def __init__(self, spark: SparkSession, base: Path) -> None:
        self.base = base
        night.prepare(spark, base)
        self.expected: dict[str, dict[str, str]] = {}
        shutil.copytree(base / "lake", base / "scored")
        self.run("score_content", base / "scored")
        self.expected["score_content"] = night.digests(base / "scored", "score_content")
        shutil.copytree(base / "scored", base / "rolled")
        self.run("roll_up_creators", base / "rolled")
        self.expected["roll_up_creators"] = night.digests(base / "rolled", "roll_up_creators")

    def run(self, job: str, lake: Path, *more: str) -> int:
        """Rows written by a run in this process."""
        return int(night.run(job, night.settings(self.base, lake, *more))["rows_written"])

    def copy(self, job: str, place: Path) -> Path:
        """The lake as it is before a job."""
        return Path(shutil.copytree(self.base / BEFORE[job], place))

    def check(self, job: str, lake: Path) -> None:
        """Every row is as it should be, and a row stands once."""
        assert night.digests(lake, job) == self.expected[job]


@pytest.fixture(scope="module")
def calm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calm]:
    before = mlflow.get_tracking_uri()
    yield Calm(spark, tmp_path_factory.mktemp("night"))
    mlflow.set_tracking_uri(before)


def test_the_evening_has_something_to_lose(calm: Calm) -> None:
    """Rows of the old model before, of the new one alone after, some of them new; and a history that grew."""
    before = [json.loads(row) for row in night.rows(calm.base / "lake", night.PROFILES)]
    after = [json.loads(row) for row in night.rows(calm.base / "scored", night.PROFILES)]
    assert len(before) == night.OLD and len(after) == night.OLD + night.NEW
    assert {row["category_model"] for row in before} == {"linnaeus_category/1"}
    assert {row["category_model"] for row in after} == {"linnaeus_category/2"}
    assert {row["risk_model"] for row in after} == {"linnaeus_risk/1"}
    assert len(night.rows(calm.base / "rolled", night.HISTORY)) > len(night.rows(calm.base / "scored", night.HISTORY))


class Pool:
    """Processes that wait for what they are told to do, so many that the next one is ready when one was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, 0
        self.waiting: list[Process] = []
        self.fill(4)

    def fill(self, n: int) -> None:
        """Start as many as lack to `n`."""
        while len(self.waiting) < n:
            self.waiting.append(Process(self._folder / f"process-{self._made}"))
            self._made += 1

    def take(self) -> Process:
        """One that is not used again; another one is started in its place."""
        taken = self.waiting.pop(0)
        self.fill(2)
        return taken


@pytest.fixture(scope="module")
def pool(calm: Calm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    made = Pool(tmp_path_factory.mktemp("processes"))
    yield made
    for process in made.waiting:
        process.end()


def test_writers_at_once(calm: Calm, pool: Pool, tmp_path: Path) -> None:
    """Two and four processes that begin at the same moment, as one batch or without."""
    for place in range(ROUNDS):
        job = list(night.POINTS)[place % 2]
        writers = pool.waiting[: 2 if place % 4 < 2 else 4]
        lake = calm.copy(job, tmp_path / f"lake-{place}")
        given = night.settings(calm.base, lake, *([BATCH] if place % 5 >= 3 else []))
        for writer in writers:
            writer.ask(job, lake, given)
        assert [writer.outcome() for writer in writers] == [night.DONE] * len(writers)
        calm.check(job, lake)


def killed_at() -> list[tuple[str, str]]:
    """All jobs and points at which they are killed."""
    return [(job, point) for job, points in night.POINTS.items() for point in points]


@pytest.mark.parametrize(("job", "point"), killed_at())
def test_killed_at(calm: Calm, pool: Pool, tmp_path: Path, job: str, point: str) -> None:
    lake = calm.copy(job, tmp_path / "lake")
    process = pool.take()
    try:
        process.ask(job, lake, night.settings(calm.base, lake, BATCH), point)
        assert process.outcome() == night.KILLED
    finally:
        process.end()
    calm.run(job, lake, BATCH)
    calm.check(job, lake)
    assert night.is_finished(lake, job)


def test_a_lost_worker(calm: Calm, tmp_path: Path) -> None:
    lake, marker = calm.copy("score_content", tmp_path / "lake"), tmp_path / "lost"
    given = night.settings(calm.base, lake, "spark.master=local[2,3]")  # a task is tried three times
    command = [sys.executable, "-m", "tests.jobs.night", "lose_worker", str(marker), *given]
    done = subprocess.run(command, cwd=repository(), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and marker.exists(), done.stdout + done.stderr
    calm.check("score_content", lake)


@pytest.mark.parametrize("small_disk", [16], indirect=True)
@pytest.mark.parametrize("job", list(BEFORE))
def test_a_disk_that_fills(calm: Calm, small_disk: Path, job: str) -> None:
    """With nothing left, and with room for some of what a run writes."""
    failures = 0
    for room in (0, 16, 48):  # kilobytes
        lake = calm.copy(job, small_disk / f"lake-{room}")  # a place that Delta has not seen yet
        left = shutil.disk_usage(small_disk).free
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(left - room * 1024))
        try:
            calm.run(job, lake, BATCH)
        except Exception:
            failures += 1
        ballast.unlink()
        calm.run(job, lake, BATCH)
        calm.check(job, lake)
        assert night.is_finished(lake, job)
        shutil.rmtree(lake)
    assert failures >= 2


def test_a_registry_that_is_lost(calm: Calm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each call of a run: it is said in a line, and nothing is written. When it scores nothing asks for it."""
    lake = calm.copy("score_content", tmp_path / "lake")
    before, merge, line = night.rows(lake, night.PROFILES), Lake.merge, Line(monkeypatch)

    class Written(BaseException):
        """Something would be."""

    def stop(*given: Any, **named: Any) -> None:
        raise Written

    def go_on_without(*given: Any, **named: Any) -> MergeCounts:
        line.is_dead = True
        return merge(*given, **named)

    monkeypatch.setattr(Lake, "merge", stop)
    with pytest.raises(Written):
        calm.run("score_content", lake)
    calls = list(dict.fromkeys(line.mend()))
    assert len(calls) >= 3
    for line.dies_at in calls:
        with pytest.raises(TrackingError):
            calm.run("score_content", lake)
        line.is_dead = False
    line.mend()
    assert night.rows(lake, night.PROFILES) == before

    monkeypatch.setattr(Lake, "merge", go_on_without)
    calm.run("score_content", lake)
    assert line.is_dead
    calm.check("score_content", lake)
