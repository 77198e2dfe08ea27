"""Lakes that are made once a run, however many tests and workers want them, and copied for each that changes them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from linnaeus.runtime.file_locks import locked

_MADE = "made"


class Golden:
    """The lakes of one run of the tests, each in a folder by its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def made(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder `name`, filled by `make`, which is called in one process alone. Nobody may write there later."""
        root = self._folder / name
        mark = root.with_suffix(f".{_MADE}")
        with locked(root.with_suffix(".lock")):
            if not mark.exists():
                shutil.rmtree(root, ignore_errors=True)  # of a process that failed or died while it filled it
                root.mkdir(parents=True)
                make(root)
                mark.touch()
        return root


def copied(root: Path, to: Path) -> Path:
    """Copy a lake and its MLflow into a folder, its files as old as they were; return the folder.

    Delta's paths are relative to its tables. MLflow's are absolute, in the database and beside each model: they are
    changed in the copy.
    """
    shutil.copytree(root, to, dirs_exist_ok=True)
    for database in to.rglob("mlflow.db"):
        _move_rows(database, str(root), str(to))
    for file in to.rglob("MLmodel"):
        file.write_text(file.read_text(encoding="utf-8").replace(str(root), str(to)), encoding="utf-8")
    return to


def _move_rows(database: Path, old: str, new: str) -> None:
    """Replace a path in all texts of a database."""
    connection = sqlite3.connect(database)
    with connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            for _, column, kind, *_ in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    connection.execute(
                        f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)',
                        (old, new, old),
                    )
    connection.close()
