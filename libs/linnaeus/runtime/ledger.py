"""Runs as transactions: what a batch reads is written down before it begins, and what it wrote carries its name.

A run that has a batch (`run.batch`) leaves a row of ops.ledger for each table that it writes: `started`, with the
versions of all that it reads, and then `finished`. By that row a run that comes after knows that there is nothing to
do, that it is asked for the same batch with other input, or that it has to finish what was cut off: it reads then what
the one before had begun to read. A run without a batch has no row; it brings its tables up to date.

Commits of either carry a note (application, batch, run and inputs), so that a table's history says which run made each
version and from what, and a run sees what others have written beside it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, LinnaeusError
from linnaeus.contracts.schemas import LEDGER as SCHEMA
from linnaeus.contracts.tables import BY_NAME, LEDGER, Table
from linnaeus.runtime.lake import Lake

STARTED, FINISHED, OVERTAKEN = "started", "finished", "overtaken"
SETTINGS = "settings"  # among the inputs: a fingerprint of those that count
NONE = "none"  # in the place of a version: there is no table, or no model
Inputs = Mapping[str, str]
Write = Callable[[Lake, Inputs], int]
_Entry = dict[str, Any]  # a row of ops.ledger
_Note = dict[str, Any]  # application, batch, run and inputs of a commit


@dataclass(frozen=True)
class Done:
    """What became of a transaction: rows written, and why there was nothing to do (None: there was)."""

    rows: int
    nothing_to_do: str | None = None


@dataclass(frozen=True)
class _Begun:
    """A transaction: what it reads, its rows of the ledger (none without a batch), whether another run wrote these."""

    inputs: Inputs
    entries: tuple[_Entry, ...] = ()
    is_another: bool = False


def table_inputs(lake: Lake, read: Sequence[Table]) -> dict[str, str]:
    """The newest versions of tables, as inputs."""
    versions = {table.full_name: lake.version(table) for table in read}
    return {name: NONE if version is None else str(version) for name, version in versions.items()}


def versions_of(inputs: Inputs) -> dict[str, int | None]:
    """The versions of tables that inputs name, as `Lake.snapshot` takes them."""
    named = {name: version for name, version in inputs.items() if name in BY_NAME}
    return {name: None if version == NONE else int(version) for name, version in named.items()}


def inputs_hash(inputs: Inputs) -> str:
    """SHA-256 (hex) of inputs."""
    return hashlib.sha256(json.dumps(dict(inputs), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Ledger:
    """The transactions of one run of a job; `tries` is how often at most one of them writes."""

    lake: Lake
    application: str
    batch: str | None
    tries: int
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @staticmethod
    def open(lake: Lake, config: Config, job: str) -> Ledger:
        """That of a run which begins now."""
        return Ledger(lake, config.run.application or job, config.run.batch, config.lake.merge_retries + 1)

    def transact(self, tables: Sequence[Table], inputs: Callable[[], Inputs], write: Write) -> Done:
        """Write tables from inputs (by name: Delta versions of tables, models, `settings`) as one transaction.

        `write` is given the lake to write to and the inputs, and returns how many rows it wrote; the last of the tables
        is the one that it commits to last. Where another run has committed to that one meanwhile `write` is called
        again: a run ends when its tables are what it makes of them, so that two at once end as one after the other.
        Raises ConfigurationError for a batch that was begun or done with other input.
        """
        last = tables[-1]
        begun = self._begin(tables, inputs())
        if begun.is_another and (status := self._status(last, begun)) is not None:
            self._finish(begun, None, status)
            return Done(0, f"batch {self.batch} of {self.application} is {status}: there is nothing to do")
        try:
            rows = self._write_until_alone(last, begun.inputs, inputs, write)
        except LinnaeusError:
            self._withdraw(tables, begun)
            raise
        self._finish(begun, rows, FINISHED)
        return Done(rows)

    def _write_until_alone(self, last: Table, given: Inputs, inputs: Callable[[], Inputs], write: Write) -> int:
        rows = 0
        for _ in range(self.tries):
            before = self.lake.version(last)
            rows += write(self.lake.noting(self._note(given)), given)
            others = [note for note in self._notes(last, before) if note["run"] != self.run_id]
            if not others:
                break
            # A batch stays with what it has read, unless it may have undone what another made of something newer.
            newer = [note["inputs"] for note in others if _is_as_new(note["inputs"], given)]
            given = inputs() if self.batch is None else next(iter(newer), given)
        return rows

    def _begin(self, tables: Sequence[Table], inputs: Inputs) -> _Begun:
        if self.batch is None:
            return _Begun(inputs)
        entries = self._stored(tables)
        if not entries:
            own = [self._entry(table, inputs) for table in tables]
            self._write(own, self.lake.insert_new)
            entries = self._stored(tables)  # another run of the batch may have come first
            if all(one["run_id"] == self.run_id for one in entries):
                return _Begun(inputs, entries)
        self._check_same(entries[0], inputs)
        return _Begun(entries[0]["inputs"], entries, is_another=True)

    def _check_same(self, entry: _Entry, inputs: Inputs) -> None:
        """Raise ConfigurationError where a batch stands for other input; one that was cut off is finished on its own,
        but for settings, which are what they are now."""
        stored = entry["inputs"]
        counts = inputs.keys() | stored.keys() if entry["status"] == FINISHED else {SETTINGS}
        differing = sorted(name for name in counts if stored.get(name) != inputs.get(name))
        if differing:
            said = ", ".join(f"{name} {stored.get(name, NONE)}, now {inputs.get(name, NONE)}" for name in differing)
            raise ConfigurationError(
                f"run.batch: {self.batch} of {self.application} was {entry['status']} with other input ({said}); give "
                "this run a batch of its own"
            )

    def _status(self, table: Table, begun: _Begun) -> str | None:
        """What has become of a batch that another run began: it is done; it was cut off when the table had its commit,
        or when that of another run came before that had read what is as new; None: it is still to be written.

        Raises ConfigurationError where it is and what it read can't be read any more.
        """
        entry = next(one for one in begun.entries if one["table_name"] == table.full_name)
        if entry["status"] != STARTED:
            return str(entry["status"])
        notes = self._notes(table, entry["version_before"])
        if any((note["application"], note["batch"]) == (self.application, self.batch) for note in notes):
            return FINISHED
        if any(_is_as_new(note["inputs"], entry["inputs"]) for note in notes):
            return OVERTAKEN
        versions = versions_of(begun.inputs)
        try:
            self.lake.snapshot([BY_NAME[name] for name in versions], versions)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"run.batch: {self.batch} of {self.application} was cut off, and what it read is not there any more "
                f"({error}); give this run a batch of its own"
            ) from error
        return None

    def _notes(self, table: Table, after: int | None) -> list[_Note]:
        """Those of the runs that have committed to a table since a version."""
        found = (_note_of(one.note) for one in self.lake.commits(table, after))
        return [note for note in found if note is not None]

    def _note(self, inputs: Inputs) -> str:
        said = {"application": self.application, "batch": self.batch, "run": self.run_id, "inputs": dict(inputs)}
        return json.dumps(said)

    def _finish(self, begun: _Begun, rows: int | None, status: str) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        entries = [one | {"status": status, "rows": rows, "finished_at": now} for one in begun.entries]
        if any(one["status"] == STARTED for one in begun.entries):
            self._write(entries, self.lake.merge)

    def _withdraw(self, tables: Sequence[Table], begun: _Begun) -> None:
        """Take back what a run has begun that failed before it wrote anything: its input may be mended."""
        befores = {one["table_name"]: one["version_before"] for one in begun.entries}
        own = (self.application, self.batch)
        for table in tables if begun.entries else ():
            notes = self._notes(table, befores[table.full_name])
            if any((note["application"], note["batch"]) == own for note in notes):
                return
        self._write(begun.entries, self.lake.delete)

    def _stored(self, tables: Sequence[Table]) -> tuple[_Entry, ...]:
        names = [table.full_name for table in tables]
        own: dict[str, list[Any]] = {"application": [self.application], "batch": [self.batch], "table_name": names}
        return tuple(self.lake.look_up(LEDGER, own))  # few: one a table

    def _entry(self, table: Table, inputs: Inputs) -> _Entry:
        return {
            "application": self.application,
            "batch": self.batch,
            "table_name": table.full_name,
            "status": STARTED,
            "inputs": dict(inputs),
            "inputs_hash": inputs_hash(inputs),
            "version_before": self.lake.version(table),
            "run_id": self.run_id,
            "rows": None,
            "started_at": datetime.datetime.now(datetime.timezone.utc),
            "finished_at": None,
        }

    def _write(self, entries: Sequence[_Entry], how: Callable[..., object]) -> None:
        if not entries:
            return
        how([tuple(one[name] for name in SCHEMA.names) for one in entries], LEDGER)


def _note_of(text: str | None) -> _Note | None:
    """A commit's note, where a run of ours has written it."""
    try:
        note = json.loads(text or "null")
    except json.JSONDecodeError:
        return None
    return note if isinstance(note, dict) and note.keys() >= {"application", "batch", "run", "inputs"} else None


def _is_as_new(inputs: Inputs, others: Inputs) -> bool:
    """Whether the versions of tables among inputs are those of others or later ones."""
    versions, before = versions_of(inputs), versions_of(others)

    def number(version: int | None) -> int:
        return -1 if version is None else version

    return versions.keys() == before.keys() and all(number(versions[one]) >= number(before[one]) for one in versions)
