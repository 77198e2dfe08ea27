"""What every job's command does around its `main`: arguments, configuration, timing, the last line, the exit status."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyspark.sql import functions as F

from linnaeus.contracts import schemas
from linnaeus.contracts.config import Config, fingerprint, load_config
from linnaeus.contracts.errors import LinnaeusError
from linnaeus.contracts.tables import BY_NAME, JOB_RUNS, Table
from linnaeus.runtime.autologging import without_autologging
from linnaeus.runtime.check import Check
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, raised_in_task
from linnaeus.runtime.up_to_date import Dependencies


@dataclass(frozen=True)
class JobResult:
    """What a job did. `tables` are those it may have written; `details` is what else it says, in words.

    `run_id` is the run's own, where its commits carry one. `answer` is what was asked for: it stands in the last line
    and nowhere else, and so may name contents and creators, whom an erasure would not find in the details of
    ops.job_runs. `is_complete` is false where the job has left work for a later run.
    """

    rows_read: int = 0
    rows_written: int = 0
    rows_quarantined: int = 0
    tables: tuple[Table, ...] = ()
    details: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    answer: Mapping[str, Any] | None = None
    is_complete: bool = True


Main = Callable[[Config], JobResult]
# Options of a command that stand for a setting: name, setting and help.
ShortForm = tuple[str, str, str]
FULL: ShortForm = ("full", "run.full=true", "do all again, not only what has changed (run.full=true)")

INPUTS = "inputs"  # among a run's details: a fingerprint of all that it read
UP_TO_DATE = "up to date"  # among the details of a run that had nothing to do


@dataclass(frozen=True)
class Finished:
    """A job that is done and not yet on record; `state` is what a run would meet that has nothing to do, if known."""

    job: str
    started_at: datetime.datetime
    seconds: float
    result: JobResult
    state: Mapping[str, str] | None = None


def execute(job: str, main: Main, config: Config, needs: Dependencies | None = None) -> dict[str, object]:
    """Run a job, write its row to ops.job_runs, and return its summary (the keys of the last line, and details).

    A job that declares what it needs is not run where an earlier run left all of it as it is now.
    """
    clock = time.monotonic()
    check = Check.of(job, needs, config)
    if check is not None and check.earlier_run() is not None:
        return record_unchanged(check, time.monotonic() - clock)
    return record(perform(job, main, config, check), config)


def perform(job: str, main: Main, config: Config, check: Check | None = None) -> Finished:
    """Run a job. An error of ours that it meets in a task of Spark's is raised as what it is."""
    started_at = datetime.datetime.now(datetime.timezone.utc)
    clock = time.monotonic()
    try:
        with without_autologging():
            result = main(config)
    except Exception as error:
        ours = raised_in_task(error)
        if ours is None:
            raise
        raise ours from error
    state = check.state_after() if check is not None and result.is_complete else None
    return Finished(job, started_at, time.monotonic() - clock, result, state)


def record(done: Finished, config: Config) -> dict[str, object]:
    """Write the row of a job's run to ops.job_runs, and return its summary."""
    lake = Lake(build_session(config), config)
    versions = {table.full_name: lake.version(table) for table in done.result.tables}
    summary = _summary(done.job, done.seconds, done.result, {name: v for name, v in versions.items() if v is not None})
    run_id = done.result.run_id or uuid.uuid4().hex
    row = summary | {"run_id": run_id, "started_at": done.started_at, "state": done.state}
    lake.append([tuple(row[name] for name in schemas.JOB_RUNS.names)], JOB_RUNS)
    return summary


def record_unchanged(check: Check, seconds: float) -> dict[str, object]:
    """Write the row of a job that had nothing to do, and return its summary."""
    result = JobResult(details={UP_TO_DATE: "nothing that it depends on has changed"})
    summary = _summary(check.job, seconds, result, check.table_versions())
    started_at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    check.append_row(summary | {"run_id": uuid.uuid4().hex, "started_at": started_at, "state": check.state})
    return summary


def last_run_of(lake: Lake, job: str, inputs: str) -> dict[str, str] | None:
    """What the job said in its newest run that had something to do, if it read these `inputs` (a fingerprint among its
    details) and its tables are still as it left them; else None."""
    had_to = (F.col("job") == job) & F.col("details").getItem(UP_TO_DATE).isNull()
    runs = lake.read(JOB_RUNS).where(had_to).orderBy(F.col("started_at").desc())
    newest = runs.select("details", "table_versions").first()
    if newest is None or (newest["details"] or {}).get(INPUTS) != inputs:
        return None
    left = {name: lake.version(BY_NAME[name]) for name in newest["table_versions"]}
    return dict(newest["details"]) if left == newest["table_versions"] else None


def fingerprint_of(lake: Lake, read: Sequence[Table], *settings: object) -> str:
    """A fingerprint of the versions of the tables that a job reads, and of the settings that count for it."""
    return fingerprint([{table.full_name: lake.version(table) for table in read}, *settings])


def execute_without_tables(job: str, main: Main, config: Config) -> dict[str, object]:
    """As `execute`, for a command that needs neither Spark nor a lake."""
    done = perform(job, main, config)
    return _summary(job, done.seconds, done.result, {})


def _summary(job: str, seconds: float, result: JobResult, versions: dict[str, int]) -> dict[str, object]:
    said: dict[str, object] = {
        "job": job,
        "seconds": round(seconds, 3),
        "rows_read": result.rows_read,
        "rows_written": result.rows_written,
        "rows_quarantined": result.rows_quarantined,
        "table_versions": versions,
        "details": result.details,
    }
    return said if result.answer is None else said | {"answer": dict(result.answer)}


Execute = Callable[[str, Main, Config], dict[str, object]]


def run_command(
    job: str,
    main: Main,
    arguments: Sequence[str] | None = None,
    how: Execute = execute,
    short_forms: Sequence[ShortForm] = (),
    section: str | None = None,
) -> int:
    """The command of one job. Returns the exit status: 0 done, 1 failed, 2 wrong configuration or unusable input.

    Settings of `section`, where one is given, may be set by their keys alone.
    """
    made = parser(job, main.__module__)
    for name, setting, meaning in short_forms:
        made.add_argument(f"--{name}", dest="set", action="append_const", const=setting, help=meaning)
    options = made.parse_args(arguments)
    given = [_in_section(one, section) for one in options.set]
    return guard(job, lambda: print_summary(how(job, main, load_config(options.env, given))))


def _in_section(override: str, section: str | None) -> str:
    """`key=value` as `section.key=value`; a section's own name stays what it is."""
    key = override.partition("=")[0].strip()
    is_whole = section is None or "." in key or key in Config.model_fields
    return override if is_whole else f"{section}.{override.lstrip()}"


def parser(job: str, module: str) -> argparse.ArgumentParser:
    """The arguments that every command takes."""
    documentation = sys.modules[module].__doc__ or ""
    made = argparse.ArgumentParser(prog=f"python -m jobs.{job}", description=documentation.strip())
    made.add_argument("--env", default="local", help="conf/<ENV>.yml overlays conf/base.yml (default: local)")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="overlays both; may stand more than once",
    )
    return made


def guard(job: str, action: Callable[[], None]) -> int:
    """Run an action; errors of ours become one line on standard error and their exit status."""
    try:
        action()
    except LinnaeusError as error:
        print(f"{job}: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{job}: interrupted", file=sys.stderr)
        return 1
    return 0


def print_summary(summary: dict[str, object]) -> None:
    """Print the details a line each, and the contract's last line: one JSON object."""
    details = summary["details"]
    assert isinstance(details, dict)
    for name, value in details.items():
        print(f"{name}: {value}")
    print(json.dumps({name: value for name, value in summary.items() if name != "details"}), flush=True)


def exit_with(
    job: str,
    main: Main,
    short_forms: Sequence[ShortForm] = (),
    section: str | None = None,
    needs: Dependencies | None = None,
) -> None:
    """Run a job's command and end the process by its status; 0 returns, as SystemExit fails a wheel task."""
    how = partial(execute, needs=needs)
    status = run_command(job, main, how=how, short_forms=short_forms, section=section)
    if status != 0:
        raise SystemExit(status)


def exit_without_tables(job: str, main: Main) -> None:
    """As `exit_with`, for a command that needs neither Spark nor a lake."""
    status = run_command(job, main, how=execute_without_tables)
    if status != 0:
        raise SystemExit(status)
