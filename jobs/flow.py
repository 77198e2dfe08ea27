"""Runs the graph that databricks.yml declares, in order, on this machine and in one Spark session."""

from __future__ import annotations

import graphlib
import importlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable

from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import execute, guard, parser

_LOG_WIDTH = 140


@dataclass
class _Row:
    """A line of the live table."""

    job: str
    state: str = "waits"
    summary: dict[str, Any] = field(default_factory=dict)


def read_graph(path: Path) -> list[str]:
    """Entry points of the bundle's wheel tasks, each after those it depends on, in the file's order where free.

    Raises ConfigurationError for a file that is not there, a task that is unknown, or a cycle.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file; the flow takes its graph from databricks.yml") from error
    entries: dict[str, str] = {}
    above: dict[str, list[str]] = {}
    for job in document["resources"]["jobs"].values():
        for task in job["tasks"]:
            entries[task["task_key"]] = task["python_wheel_task"]["entry_point"]
            above[task["task_key"]] = [one["task_key"] for one in task.get("depends_on", [])]
    unknown = {one for needed in above.values() for one in needed} - set(entries)
    if unknown:
        raise ConfigurationError(f"{path}: depends_on names {sorted(unknown)[0]!r}, which is no task")
    try:
        graphlib.TopologicalSorter(above).prepare()
    except graphlib.CycleError as error:
        raise ConfigurationError(f"{path}: the tasks depend on each other in a circle: {error.args[1]}") from error
    ordered: list[str] = []
    while len(ordered) < len(entries):
        ready = next(key for key in entries if key not in ordered and set(above[key]) <= set(ordered))
        ordered.append(ready)
    return [entries[key] for key in ordered]


def choose(jobs: list[str], only: str | None, first: str | None) -> list[str]:
    """The jobs to run: those named in `only` (comma-separated), and none before `first`. Raises ConfigurationError."""
    wanted = [name.strip() for name in only.split(",")] if only else jobs
    for name in [*wanted, *([first] if first else [])]:
        if name not in jobs:
            raise ConfigurationError(f"there is no job {name!r} in the graph; known: {', '.join(jobs)}")
    start = jobs.index(first) if first else 0
    return [job for job in jobs[start:] if job in wanted]


def run(config: Config, jobs: list[str], console: Console) -> dict[str, object]:
    """Run the jobs and return the sum of their summaries. The first failure ends the flow."""
    rows = [_Row(job) for job in jobs]
    clock = time.monotonic()
    with Live(_table(rows, clock), console=console, refresh_per_second=2, transient=False) as live:
        try:
            for row in rows:
                row.state = "runs"
                live.update(_table(rows, clock))
                module = importlib.import_module(f"jobs.{row.job}")
                row.summary = execute(row.job, module.main, config)
                row.state = "done"
                live.update(_table(rows, clock))
        except BaseException:
            row.state = "failed"
            live.update(_table(rows, clock))
            raise
    versions: dict[str, int] = {}
    for row in rows:
        versions |= row.summary["table_versions"]
    totals = {
        name: sum(row.summary[name] for row in rows) for name in ("rows_read", "rows_written", "rows_quarantined")
    }
    return {"job": "flow", "seconds": round(time.monotonic() - clock, 3), **totals, "table_versions": versions}


def _console() -> Console:
    """A terminal's own width; wide enough to be read where the output goes to a file or a log."""
    console = Console()
    return console if console.is_terminal else Console(width=_LOG_WIDTH)


def _table(rows: list[_Row], clock: float) -> RichTable:
    table = RichTable(title=None, caption=f"{time.monotonic() - clock:.0f} s so far", expand=False)
    for name in ("job", "state"):
        table.add_column(name)
    for name in ("read", "written", "quarantined", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("what it says", overflow="fold", ratio=1)
    for row in rows:
        summary = row.summary
        style = {"done": "green", "runs": "bold yellow", "failed": "bold red"}.get(row.state, "dim")
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
    options = made.parse_args(arguments)

    def action() -> None:
        config = load_config(options.env, options.set)
        graph = read_graph((repository() or Path.cwd()) / "databricks.yml")
        summary = run(config, choose(graph, options.only, options.first), _console())
        print(json.dumps(summary), flush=True)

    return guard("flow", action)


def command() -> None:
    """Entry point of the wheel."""
    status = main()
    if status != 0:
        raise SystemExit(status)


if __name__ == "__main__":
    command()
