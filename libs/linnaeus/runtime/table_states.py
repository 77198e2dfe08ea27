"""States of tables: a text that differs wherever a table differs, found without a query where tables lie in a folder.

A version's number alone names no state: a table that was deleted and made again, or a folder that was restored from a
copy, counts the same numbers again. A commit names its data files by random ids and gives its own time, so its hash
tells two versions of one number apart.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Protocol

from pyspark.sql import functions as F

from linnaeus.contracts.tables import Table
from linnaeus.runtime import own_commits
from linnaeus.runtime.history import LOG, newest_version
from linnaeus.runtime.lake import Lake

NO_TABLE = "none"


class States(Protocol):
    """What tells the states of tables."""

    def of(self, table: Table) -> str:
        """The state of a table; NO_TABLE where there is none."""

    def of_rows(self, table: Table, column: str, value: str) -> str:
        """The state of the rows of which a text column is `value`, whatever the other rows are. They are few."""

    def is_own(self, table: Table, before: str, after: str) -> bool:
        """Whether no other writer has led from one state of a table to another."""


class FolderStates:
    """States of path tables below a folder, from the files of their logs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, table: Table) -> str:
        """`version hash`: the hash is that of the newest commit, or of its checkpoint where the commit is gone."""
        log = self._folder(table) / LOG
        while (version := newest_version(log.parent)) is not None:
            commit = log / f"{version:020d}.json"
            files = [commit] if commit.is_file() else sorted(log.glob(f"{version:020d}.checkpoint*.parquet"))
            try:
                content = b"".join(file.read_bytes() for file in files)
            except FileNotFoundError:  # a newer version came and the log was cleaned: look again
                continue
            return f"{version} {_digest(content)}"
        return NO_TABLE

    def of_rows(self, table: Table, column: str, value: str) -> str:
        """A hash of the rows, in the order of the table's key."""
        if self.of(table) == NO_TABLE:
            return NO_TABLE
        # delta-rs belongs to the extra `local`, and a cluster imports this module as well.
        from linnaeus.runtime.delta_reader import StoredTable

        found = StoredTable(self._folder(table), table).where(column, [value])
        rows = found.drop_columns(list(table.stamps)).to_pylist()  # few: what one model's training measured
        return _digest("\n".join(sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)).encode())

    def is_own(self, table: Table, before: str, after: str) -> bool:
        """By the versions that this process has counted as its own."""
        first, last = _version_in(before), _version_in(after)
        if first == last:
            return before == after
        return own_commits.are_own(self._folder(table), first, last)

    def _folder(self, table: Table) -> Path:
        return self._root / table.layer / table.name


class CatalogStates:
    """States of a catalog's tables, from Delta's own metadata: two small queries a table."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def of(self, table: Table) -> str:
        """`version id time`: the id changes when a table is made again; the time is that of the newest commit."""
        return self._lake.state(table) or NO_TABLE

    def of_rows(self, table: Table, column: str, value: str) -> str:
        """A hash of the rows."""
        rows = self._lake.read(table).where(F.col(column) == value).drop(*table.stamps)
        return _digest("\n".join(sorted(rows.toJSON().collect())).encode())  # few: what one model's training measured

    def is_own(self, table: Table, before: str, after: str) -> bool:
        """By the notes that commits of a job carry; without one nobody knows, so only an unchanged table is sure."""
        return before == after


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _version_in(state: str) -> int | None:
    return None if state == NO_TABLE else int(state.partition(" ")[0])
