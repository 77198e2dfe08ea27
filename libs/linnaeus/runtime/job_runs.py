"""The rows of ops.job_runs: written after each run, and looked up by the states that a run left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyspark.sql import functions as F

from linnaeus.contracts.tables import JOB_RUNS
from linnaeus.runtime.lake import Lake

MOST = 500  # runs that are looked at, the newest; a job whose run is older runs once more
COLUMNS = ("run_id", "job", "state")


class Runs(Protocol):
    """The runs on record."""

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """The id of a run of a job that left exactly these states."""

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row, by column."""


class SparkRuns:
    """The runs of a lake that Spark alone reads and writes."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """Look through the newest rows of the job."""
        runs = self._lake.read(JOB_RUNS).where((F.col("job") == job) & F.col("state").isNotNull())
        newest = runs.orderBy(F.col("started_at").desc()).select(*COLUMNS).limit(MOST)
        return first_equal([row.asDict() for row in newest.collect()], state)  # few: see limit

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        self._lake.append([tuple(row[name] for name in JOB_RUNS.columns)], JOB_RUNS)


def first_equal(rows: Sequence[Mapping[str, Any]], state: Mapping[str, str]) -> str | None:
    """The id of the first run that left exactly these states."""
    return next((str(row["run_id"]) for row in rows if dict(row["state"]) == state), None)
