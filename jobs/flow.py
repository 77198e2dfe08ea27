"""Runs the graph that databricks.yml declares on this machine, in one Spark session.

There it is that of two scheduled jobs, whose tasks wait for each other by their schedules; here it is one, whose tasks
start when those that they depend on are done, beside others that can run.
"""

from __future__ import annotations

import contextlib
import graphlib
import importlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable

from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import strict_yaml
from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.check import Check
from linnaeus.runtime.command import FULL, Finished, guard, parser, perform, record, record_unchanged
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking

_LOG_WIDTH = 140
_UP_TO_DATE = "up to date"
_STYLES = {"done": "green", _UP_TO_DATE: "green", "runs": "bold yellow", "failed": "bold red"}
_LONG_TASKS = {"build_embeddings"}
_USE_REGISTRY = {"train_category", "train_risk", "promote_model", "score_content"}

# Jobs, each with those it comes after; every job stands after all of them.
Graph = dict[str, frozenset[str]]

# Jobs of databricks.yml whose tasks a flow runs; the others are started by people, or keep their own time.
BUNDLE_JOBS = ("nightly", "training")
# What a task of one of them comes after that is a task of another, which on Databricks the schedules see to.
BETWEEN_BUNDLE_JOBS: Mapping[str, tuple[str, ...]] = {
    "train_category": ("build_tokens", "build_embeddings", "aggregate_labels"),
    "train_risk": ("build_tokens", "build_embeddings", "aggregate_labels"),
    "score_content": ("promote_model",),
}


@dataclass
class _Row:
    """A line of the live table."""

    job: str
    state: str = "waits"
    summary: dict[str, Any] = field(default_factory=dict)


def read_graph(path: Path, between: Mapping[str, tuple[str, ...]] = BETWEEN_BUNDLE_JOBS) -> Graph:
    """The graph of a flow: entry points of the tasks of `BUNDLE_JOBS`, each with those it comes after.

    `between` adds to what `depends_on` says. What follows from other dependencies is left out; the order is the file's
    where it is free. Raises ConfigurationError for a file or a job that is not there, a task that is unknown or stands
    twice, or a circle.
    """
    entries: dict[str, str] = {}
    above: dict[str, set[str]] = {}
    for task in _tasks(path):
        key = task["task_key"]
        if key in entries:
            raise ConfigurationError(f"{path}: there are two tasks {key!r}; a flow runs {' and '.join(BUNDLE_JOBS)}")
        entries[key] = task["python_wheel_task"]["entry_point"]
        above[key] = {one["task_key"] for one in task.get("depends_on", [])} | set(between.get(key, ()))
    unknown = {one for needed in above.values() for one in needed} - set(entries)
    if unknown:
        raise ConfigurationError(f"{path}: depends_on names {sorted(unknown)[0]!r}, which is no task")
    if lacking := sorted(set(between) - set(entries)):
        raise ConfigurationError(f"{path}: there is no task {lacking[0]!r}; a flow runs {' and '.join(BUNDLE_JOBS)}")
    try:
        graphlib.TopologicalSorter(above).prepare()
    except graphlib.CycleError as error:
        raise ConfigurationError(f"{path}: the tasks depend on each other in a circle: {error.args[1]}") from error
    graph: Graph = {}
    while len(graph) < len(entries):
        key = next(key for key in entries if key not in graph and above[key] <= graph.keys())
        graph[key] = frozenset(above[key] - frozenset[str]().union(*[_before(graph, one) for one in above[key]]))
    return {entries[key]: frozenset(entries[one] for one in needed) for key, needed in graph.items()}


def _tasks(path: Path) -> list[dict[str, Any]]:
    """Tasks of `BUNDLE_JOBS`, in the order of both."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file; the flow takes its graph from databricks.yml") from error
    document = strict_yaml.read(text, str(path))
    jobs = document["resources"]["jobs"]
    lacking = [name for name in BUNDLE_JOBS if name not in jobs]
    if lacking:
        raise ConfigurationError(f"{path}: there is no job {lacking[0]!r}; a flow runs {' and '.join(BUNDLE_JOBS)}")
    return [task for name in BUNDLE_JOBS for task in jobs[name]["tasks"]]


def choose(graph: Graph, only: str | None = None, first: str | None = None) -> Graph:
    """The jobs named in `only` (comma-separated), and none before `first`; each after all it would come after.

    Raises ConfigurationError for a job that is not in the graph.
    """
    jobs = list(graph)
    wanted = [name.strip() for name in only.split(",")] if only else jobs
    for name in [*wanted, *([first] if first else [])]:
        if name not in jobs:
            raise ConfigurationError(f"there is no job {name!r} in the graph; known: {', '.join(jobs)}")
    chosen = [job for job in jobs[jobs.index(first) if first else 0 :] if job in wanted]
    return {job: _before(graph, job) & set(chosen) for job in chosen}


def _before(graph: Graph, job: str) -> frozenset[str]:
    """All that a job depends on, at whatever distance."""
    return graph[job].union(*[_before(graph, one) for one in graph[job]])


@dataclass(frozen=True)
class _Unchanged:
    """A job that has nothing to do, as a run on record says."""

    check: Check
    seconds: float


def run(config: Config, graph: Graph, console: Console, at_once: int | None = None) -> dict[str, object]:
    """Run the jobs, at most `at_once` side by side, and return the sum of their summaries.

    A job whose dependencies are as an earlier run left them is not run; where all are, no session is started. After a
    failure no job is started, those that run are waited for, and the first failure is raised. Where a job will need the
    registry it is asked first: that it can't be reached, or has to be made, is not left to the last hour.
    """
    rows = {job: _Row(job) for job in graph}
    clock = time.monotonic()
    with Live(_table(rows, clock), console=console, refresh_per_second=2, transient=False) as live:

        def show() -> None:
            live.update(_table(rows, clock))

        left = _without_unchanged(config, graph, rows, show)
        if left:
            session = _prepare(config, left)
            with ThreadPoolExecutor(max(1, at_once or len(graph))) as pool:
                try:
                    _run_all(config, left, rows, pool, show)
                except KeyboardInterrupt:
                    session.sparkContext.cancelAllJobs()
                    raise
    summaries = [row.summary for row in rows.values()]
    versions: dict[str, int] = {}
    for summary in summaries:
        versions |= summary["table_versions"]
    totals = {name: sum(one[name] for one in summaries) for name in ("rows_read", "rows_written", "rows_quarantined")}
    return {"job": "flow", "seconds": round(time.monotonic() - clock, 3), **totals, "table_versions": versions}


def _without_unchanged(config: Config, graph: Graph, rows: dict[str, _Row], show: Callable[[], None]) -> Graph:
    """The graph without the jobs that have nothing to do and come after no other job that has."""
    left: Graph = {}
    for job in graph:
        found = None if _before(graph, job) & left.keys() else _unchanged(job, config)
        if isinstance(found, _Unchanged):
            _record(config, rows[job], found)
            rows[job].state = _UP_TO_DATE
        else:
            left[job] = graph[job] & left.keys()
        show()
    return left


def _unchanged(job: str, config: Config) -> _Unchanged | Check | None:
    """That a job has nothing to do; else the check to be ended after its run, where there is one."""
    clock = time.monotonic()
    check = Check.of(job, DEPENDENCIES.get(job), config)
    if check is None or check.earlier_run() is None:
        return check
    return _Unchanged(check, time.monotonic() - clock)


def _prepare(config: Config, graph: Graph) -> SparkSession:
    """Start the session and, while the JVM comes up, import the jobs and ask the registry, which imports its store:
    threads that import at once can fail, or wait for each other for ever."""
    # PySpark wants distutils, for which setuptools imports itself while the interpreter holds its import lock. The fork
    # that launches the JVM takes logging's lock and then that one: beside each other neither would end.
    with contextlib.suppress(ImportError):
        importlib.import_module("distutils.version")
    with ThreadPoolExecutor(1) as early:
        session = early.submit(build_session, config)
        for job in graph:
            importlib.import_module(f"jobs.{job}")
        if _USE_REGISTRY & graph.keys():
            Tracking(config)
        return session.result()


def _run_all(config: Config, graph: Graph, rows: dict[str, _Row], pool: Executor, show: Callable[[], None]) -> None:
    waiting = graphlib.TopologicalSorter(graph)
    waiting.prepare()
    ready: list[str] = []
    running: dict[Future[Finished | _Unchanged], str] = {}
    recording: set[Future[None]] = set()
    failure: BaseException | None = None
    while True:
        if failure is None:
            ready = sorted([*ready, *waiting.get_ready()], key=list(graph).index)
            for job in _to_start(ready, has_company=bool(running)):
                ready.remove(job)
                running[pool.submit(_run_one, config, rows[job])] = job
        show()
        if not running and not recording:
            break
        waited: list[Future[Any]] = [*running, *recording]
        done, _ = wait(waited, timeout=0.5, return_when=FIRST_COMPLETED)
        failure = failure or next((one.exception() for one in done if one.exception()), None)
        for future in done & running.keys():
            job = running.pop(future)
            if future.exception() is None:
                # What comes after a job needs its tables, not its record: both go on side by side.
                recording.add(pool.submit(_record, config, rows[job], future.result()))
                waiting.done(job)
        recording -= done
    for row in rows.values():
        row.state = "not run" if row.state == "waits" else row.state
    show()
    if failure is not None:
        raise failure


def _to_start(ready: Sequence[str], has_company: bool) -> list[str]:
    """The jobs of those that can start which do so now; one whose tasks are long waits until no other job runs.

    Spark takes no slot away from a task. Beside long tasks each of the many small stages of a short job waits for one
    to end, and nothing is gained: both need the same processors.
    """
    short = [job for job in ready if job not in _LONG_TASKS]
    return short if short or has_company else list(ready)


def _run_one(config: Config, row: _Row) -> Finished | _Unchanged:
    """One job in its own scheduling pool, so that a job of many tasks leaves slots to those beside it."""
    row.state = "runs"
    build_session(config).sparkContext.setLocalProperty("spark.scheduler.pool", row.job)
    try:
        found = _unchanged(row.job, config)
        if isinstance(found, _Unchanged):
            row.state = _UP_TO_DATE
            return found
        done = perform(row.job, importlib.import_module(f"jobs.{row.job}").main, config, found)
    except BaseException:
        row.state = "failed"
        raise
    row.state = "done"
    return done


def _record(config: Config, row: _Row, done: Finished | _Unchanged) -> None:
    if isinstance(done, _Unchanged):
        row.summary = record_unchanged(done.check, done.seconds)
    else:
        row.summary = record(done, config)


def _console() -> Console:
    """A terminal's own width; wide enough to be read where the output goes to a file or a log."""
    console = Console()
    return console if console.is_terminal else Console(width=_LOG_WIDTH)


def _table(rows: dict[str, _Row], clock: float) -> RichTable:
    table = RichTable(title=None, caption=f"{time.monotonic() - clock:.0f} s so far", expand=False)
    for name in ("job", "state"):
        table.add_column(name)
    for name in ("read", "written", "quarantined", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("what it says", overflow="fold", ratio=1)
    for row in rows.values():
        summary = row.summary
        style = {"done": "green", _UP_TO_DATE: "green", "runs": "bold yellow", "failed": "bold red"}.get(
            row.state, "dim"
        )
        figures = (
            [f"{summary[k]:,}" for k in ("rows_read", "rows_written", "rows_quarantined")] if summary else [""] * 3
        )
        seconds = f"{summary['seconds']:.1f}" if summary else ""
        said = "\n".join(f"{k}: {v}" for k, v in summary.get("details", {}).items())
        table.add_row(row.job, f"[{style}]{row.state}[/]", *figures, seconds, re.sub(r"\[", r"\\[", said))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status of the first job that failed, or 0."""
    made = parser("flow", __name__)
    made.add_argument("--only", metavar="JOB,JOB", help="run these jobs alone")
    made.add_argument("--from", dest="first", metavar="JOB", help="leave out what comes before this job")
    made.add_argument("--full", dest="set", action="append_const", const=FULL[1], help=FULL[2])
    made.add_argument("--at-once", type=int, metavar="N", help="jobs side by side (default: all that can run)")
    options = made.parse_args(arguments)

    def action() -> None:
        config = load_config(options.env, options.set)
        graph = read_graph((repository() or Path.cwd()) / "databricks.yml")
        console = _console()
        summary = run(config, choose(graph, options.only, options.first), console, options.at_once)
        if not console.is_terminal:
            console.line()  # rich leaves the table's last line open there, and the summary is a line of its own
        print(json.dumps(summary), flush=True)

    return guard("flow", action)


def command() -> None:
    """Entry point of the wheel."""
    status = main()
    if status != 0:
        raise SystemExit(status)


if __name__ == "__main__":
    command()
