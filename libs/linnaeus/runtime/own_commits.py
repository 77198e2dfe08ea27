"""Versions of path tables that this process has committed, so that those of other writers can be told apart."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linnaeus.contracts.tables import Table
from linnaeus.runtime.file_locks import locked
from linnaeus.runtime.history import newest_version

_GUARD = threading.Lock()
_COMMITTED: dict[Path, set[int]] = defaultdict(set)


@contextmanager
def writing_alone(root: Path, table: Table) -> Iterator[None]:
    """Hold the lock of a table below a folder while a block runs, and count what is committed as this process's own.

    No other process of linnaeus on this machine commits to the table meanwhile.
    """
    with locked(root / ".locks" / table.full_name), _counted(root / table.layer / table.name):
        yield


@contextmanager
def _counted(folder: Path) -> Iterator[None]:
    before = _number(folder)
    try:
        yield
    finally:
        after = _number(folder)
        if after > before:
            with _GUARD:
                _COMMITTED[folder].update(range(before + 1, after + 1))


def are_own(folder: Path, after: int | None, until: int | None) -> bool:
    """Whether this process has committed every version after one (None: no table) until another."""
    first, last = (-1 if version is None else version for version in (after, until))
    with _GUARD:
        return first <= last and _COMMITTED[folder].issuperset(range(first + 1, last + 1))


def _number(folder: Path) -> int:
    newest = newest_version(folder)
    return -1 if newest is None else newest
