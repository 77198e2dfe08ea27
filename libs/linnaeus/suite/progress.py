"""A line that tells how far a job is: rich's, on a terminal and in a notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyspark.sql import SparkSession
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

_SECONDS = 0.5  # between two looks
Tasks = Callable[[], tuple[int, int]]


def spark_tasks(session: SparkSession) -> tuple[int, int]:
    """Tasks of the stages that run now: how many are done, and how many there are."""
    tracker = session.sparkContext.statusTracker()
    running = [tracker.getStageInfo(one) for one in tracker.getActiveStageIds()]
    known = [one for one in running if one is not None]
    return sum(one.numCompletedTasks for one in known), sum(one.numTasks for one in known)


@contextmanager
def watched(name: str, tasks: Tasks, console: Console | None = None) -> Iterator[None]:
    """Show a bar while a block runs: the tasks of Spark's running stages, and the time. Nothing where nobody looks."""
    display = _notebook_display()
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=console,
        auto_refresh=False,
    )
    bar = shown.add_task(name, total=None, said="starts")
    if display is None and not shown.console.is_terminal:
        yield
        return
    refresh = shown.refresh if display is None else _refreshing(display, shown)
    if display is None:
        shown.start()
    over = threading.Event()
    looking = threading.Thread(target=_look, args=(shown, bar, tasks, refresh, over), daemon=True)
    looking.start()
    said = "failed"
    try:
        yield
        said = "done"
    finally:
        over.set()
        looking.join()
        shown.update(bar, total=1, completed=1 if said == "done" else 0, said=said)
        refresh()
        shown.stop()


def _look(shown: Progress, bar: TaskID, tasks: Tasks, refresh: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(_SECONDS):
        with suppress(Exception):  # a session that shows no tasks, or ends: what is shown is not what matters
            done, total = tasks()
            said = f"{done} of {total} Spark tasks" if total else "between two stages"
            shown.update(bar, total=total or None, completed=done, said=said)
        refresh()


def _notebook_display() -> Any:
    """IPython's `display` where this is a notebook, else None."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    shell = get_ipython()
    return display if shell is not None and getattr(shell, "kernel", None) is not None else None


def _refreshing(display: Any, shown: Progress) -> Callable[[], None]:
    """Draws the bar in the place where it was drawn first. (Rich itself would want ipywidgets.)"""

    def drawn() -> Table:  # which, unlike the bar as a whole, knows how a notebook shows it
        return shown.make_tasks_table(shown.tasks)

    handle = display(drawn(), display_id=True)
    return lambda: handle.update(drawn())
