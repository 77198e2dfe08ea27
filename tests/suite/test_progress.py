"""The line that tells how far a job is."""

from __future__ import annotations

import io
import itertools
import threading

import pytest
from rich.console import Console

from linnaeus.suite import progress
from linnaeus.suite.progress import watched
from tests.patience import PATIENCE


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def shown(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_tasks_are_counted_while_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.01)
    console, looks = terminal(), itertools.count(1)
    looked_twice = threading.Event()  # what was found at the first look is shown before the second

    def tasks() -> tuple[int, int]:
        if next(looks) == 2:
            looked_twice.set()
        return 3, 8

    with watched("score_content", tasks, console):
        assert looked_twice.wait(PATIENCE)
    assert "3 of 8 Spark tasks" in shown(console) and "done" in shown(console).split("\n")[-2]


def test_a_failure_is_the_blocks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.01)

    looked = threading.Event()

    def gone() -> tuple[int, int]:
        looked.set()
        raise RuntimeError("no session")

    console = terminal()
    with pytest.raises(ValueError, match="mine"), watched("job", gone, console):
        assert looked.wait(PATIENCE)
        raise ValueError("mine")
    assert "failed" in shown(console)


def test_nothing_is_said_where_nobody_looks() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with watched("job", lambda: (0, 0), console):
        pass
    assert shown(console) == ""
