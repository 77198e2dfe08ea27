"""Which files of a source a lake has taken in: the list (bronze.source_files), and whether it still counts.

A run commits the rows that it sets aside, the rows that it keeps, and its list of files, in this order. At last it
marks the table of the kept rows: a property holds a fingerprint of the list. The list counts as long as the mark is
there. A property belongs to a table's version as rows do. Where a table is restored, deleted, made anew or put back
from a copy, the mark goes with the rows, and all files are read again. It stands in checkpoints, so that it outlives
the log (a commit's note does not; Delta's transaction identifiers do, but a RESTORE leaves them as they are). With the
mark stands which quarantine there was.

A run that dies before the end leaves the mark of the list before, which an older version of bronze.source_files has:
the files of that list count, those of the run are read again. Rows that others deleted by hand come back as well, as
long as the log has the commit that took them.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from linnaeus.contracts import columns as c
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.tables import QUARANTINE, SOURCE_FILES, Table
from linnaeus.runtime.history import Commit
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.source_files import SourceFile

Hashes = Mapping[str, str]  # SHA-256 of bytes by SHA-256 of path
_MARK = "source_files."  # before the name of a source: the property that is its mark, as JSON
_VERSIONS = 4  # of the record that are looked through for a marked list
# What takes rows from a table and is no job of ours: ours merge.
_TAKES_ROWS = ("DELETE", "UPDATE", "TRUNCATE", "RESTORE", "REPLACE", "CREATE OR REPLACE", "CLONE")


@dataclass(frozen=True)
class TakenIn:
    """Files of a source whose rows are committed: all that it has, and what else decides what becomes of a record."""

    source: str
    table: Table
    files: Sequence[SourceFile]
    rules: str

    @property
    def hashes(self) -> dict[str, str]:
        """The list."""
        return {file_id(one): one.sha256 for one in self.files}


def file_id(file: SourceFile) -> str:
    """What stands for a file's path in the record."""
    return hashlib.sha256(file.path.encode("utf-8", "surrogateescape")).hexdigest()


def is_as_listed(file: SourceFile) -> bool:
    """Whether size and time of a file are still those it was listed with."""
    try:
        state = os.stat(file.path)
    except OSError:
        return False
    return file.is_delta or (state.st_size, state.st_mtime_ns) == (file.size, file.modified_ns)


class FileRecord:
    """The record of one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._read: dict[int, dict[str, dict[str, str]]] = {}  # lists by source, by version of the record

    def known(self, source: str, table: Table, rules: str) -> Hashes | None:
        """The list of a source that counts; empty where none does, or `rules` were others; None without any mark."""
        if _MARK + source not in self._lake.properties(table):
            return None
        mark = self._mark(source, table)
        return next((one for one in self._lists(source) if _fingerprint(one, rules) == mark), {})

    def write(self, taken: Sequence[TakenIn]) -> None:
        """Put the lists of sources on record and mark the tables of their rows, which are committed before.

        A source without a table (nothing was ever kept) gets no mark: its files are read again.
        """
        newest = next(self._newest(), {})
        changed = [one for one in taken if newest.get(one.source, {}) != one.hashes]
        if changed:
            self._replace(changed)
        for one in taken:
            fingerprint = _fingerprint(one.hashes, one.rules)
            if self._lake.exists(one.table) and self._mark(one.source, one.table) != fingerprint:
                self._set_mark(one, fingerprint)

    def _mark(self, source: str, table: Table) -> str | None:
        """The fingerprint that a table is marked with; None where it has none, or where rows were lost since."""
        said = self._lake.properties(table).get(_MARK + source)
        if said is None:
            return None
        mark = json.loads(said)
        is_whole = self._is_whole(table, mark["version"]) and self._has_quarantine(*mark["quarantine"])
        return str(mark["files"]) if is_whole else None

    def _has_quarantine(self, identity: str | None, version: int | None) -> bool:
        """Whether the quarantine is the one that there was, if there was one."""
        if identity is None or version is None:
            return True
        return self._lake.identity(QUARANTINE) == identity and self._is_whole(QUARANTINE, version)

    def _is_whole(self, table: Table, version: int) -> bool:
        """Whether a table has lost no rows since a version, as far as its log tells."""
        newest = self._lake.version(table)
        return (
            newest is not None and newest >= version and not any(map(_takes_rows, self._lake.commits(table, version)))
        )

    def _set_mark(self, taken: TakenIn, fingerprint: str) -> None:
        quarantine = [self._lake.identity(QUARANTINE), self._lake.version(QUARANTINE)]
        mark = {"files": fingerprint, "version": self._lake.version(taken.table), "quarantine": quarantine}
        self._lake.set_properties(taken.table, {_MARK + taken.source: json.dumps(mark)})

    def _lists(self, source: str) -> Iterator[Hashes]:
        """The lists of a source, the newest first."""
        return (one.get(source, {}) for one in self._newest())

    def _newest(self) -> Iterator[dict[str, dict[str, str]]]:
        """The lists by source of the newest versions of the record, as far back as they can be read."""
        newest = self._lake.version(SOURCE_FILES)
        for version in range(-1 if newest is None else newest, -1, -1)[:_VERSIONS]:
            try:
                yield self._read.get(version) or self._read.setdefault(version, self._at(version))
            except ConfigurationError:  # VACUUM has removed its files
                return

    def _at(self, version: int) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for source, file, sha256 in self._lake.few_rows_at(SOURCE_FILES, version, (c.SOURCE, c.FILE, c.SHA256)):
            found.setdefault(source, {})[file] = sha256
        return found

    def _replace(self, taken: Sequence[TakenIn]) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = [
            (one.source, file_id(file), file.sha256, file.size, _time(file.modified_ns), now)
            for one in taken
            for file in one.files
        ]
        sources = ", ".join(f"'{one.source}'" for one in taken)
        self._lake.replace_part(rows, SOURCE_FILES, f"{c.SOURCE} IN ({sources})")


def _fingerprint(hashes: Hashes, rules: str) -> str:
    return hashlib.sha256(json.dumps([sorted(hashes.items()), rules]).encode()).hexdigest()


def _takes_rows(commit: Commit) -> bool:
    return commit.operation.startswith(_TAKES_ROWS) or commit.mode == "Overwrite"


def _time(nanoseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(nanoseconds // 1000 / 1e6, datetime.timezone.utc)
