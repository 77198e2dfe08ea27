"""Jobs from a notebook: any of them by name, with a progress bar, and what it did as a table."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import functions as F

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult, execute_without_tables, perform, record
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.progress import spark_tasks, watched
from linnaeus.suite.rich_html import Shown
from linnaeus.suite.table_access import nearest

_NO_JOBS = {"flow", "served_model"}  # a graph of jobs, and what MLflow serves
_ENDLESS = {"serve_profiles"}
_WITHOUT_TABLES = {"make_sample"}
_LONGEST = 160  # characters of what a run says, in a list of runs


@dataclass(frozen=True, eq=False, repr=False)
class Ran(Shown):
    """A job that is done. `result` is its JobResult, `summary` what its command prints in its last line."""

    job: str
    result: JobResult | None
    summary: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The job and its time."""
        return f"{self.job}: done in {self.summary['seconds']:.1f} s"

    def sections(self) -> Sequence[Section]:
        """Rows, the versions of its tables, and what it says."""
        said = self.summary
        rows: list[tuple[str, str]] = [
            ("rows read", f"{said['rows_read']:,}"),
            ("rows written", f"{said['rows_written']:,}"),
            ("records set aside", f"{said['rows_quarantined']:,}"),
        ]
        rows += [(f"version of {name}", str(version)) for name, version in sorted(said["table_versions"].items())]
        rows += [(str(name), str(value)) for name, value in said["details"].items() if name != "inputs"]
        return [Section("What it did", (), (Grid(("", "value"), rows),))]


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Shown):
    """Runs of jobs, the newest first; `rows` has all that ops.job_runs says of them."""

    rows: pd.DataFrame

    @property
    def title(self) -> str:
        """How many there are."""
        return f"The newest {len(self.rows)} runs"

    def sections(self) -> Sequence[Section]:
        """A row a run."""
        header = ("started (UTC)", "job", "seconds", "read", "written", "set aside", "what it said")
        cells = [
            (
                str(row.started), str(row.job), float(row.seconds), int(row.rows_read), int(row.rows_written),
                int(row.rows_quarantined), _words(row.details),
            )
            for row in self.rows.itertuples()
        ]  # fmt: skip
        return [Section("Runs", (), (Grid(header, cells),))]


def _words(details: Mapping[str, str] | None) -> str:
    said = "; ".join(f"{name}: {value}" for name, value in (details or {}).items() if name != "inputs")
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def jobs() -> list[str]:
    """Names of the jobs that can be run here."""
    import jobs as package

    names = {one.name for one in pkgutil.iter_modules(package.__path__) if not one.name.startswith("_")}
    return sorted(names - _NO_JOBS - _ENDLESS)


def run(context: Context, job: str, config: Config) -> Ran:
    """Run a job as its command does, with a progress bar; its row goes to ops.job_runs.

    Raises ConfigurationError for a name that is no job's, and what the job itself raises.
    """
    if job in _ENDLESS:
        raise ConfigurationError(f"{job} runs for as long as it serves: start it apart, python -m jobs.{job}")
    if job not in jobs():
        raise ConfigurationError(f"there is no job {job!r}; did you mean {nearest(job, jobs())[0]!r}?")
    main = importlib.import_module(f"jobs.{job}").main
    if job in _WITHOUT_TABLES:
        return Ran(job, None, execute_without_tables(job, main, config))
    session = context.session
    with watched(job, lambda: spark_tasks(session)):
        done = perform(job, main, config)
    return Ran(job, done.result, record(done, config))


def runs_of(context: Context, job: str | None, most: int) -> Runs:
    """The newest runs on record, of one job or of all."""
    rows = context.read(tables.JOB_RUNS)
    if job is not None:
        rows = rows.where(F.col("job") == job)
    newest = rows.orderBy(F.desc("started_at")).limit(most)
    started = F.date_format("started_at", "yyyy-MM-dd HH:mm:ss").alias("started")
    return Runs(fetched(newest.select(started, "*")))  # few: `most`
