"""Writes of few rows to a table in a folder, by delta-rs: no Spark session, tens of milliseconds each.

Spark needs some ten queries for a MERGE, whatever its size. Here the stored keys and the columns that count are read
into Arrow, compared with the rows, and what differs is written as one version: all while the table's lock is held. What
a reader finds afterwards is what Spark would have left (tests/runtime/test_small_writes.py compares the two).

`is_small` is the one rule that says which way a write goes.
"""

from __future__ import annotations

import json
import operator
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.errors import ConfigurationError, ConstraintError
from linnaeus.contracts.tables import Table
from linnaeus.runtime import arrow_rows, history
from linnaeus.runtime.arrow_rows import STORED, MergeCounts, PlainRows, taken
from linnaeus.runtime.checksums import write_checksum
from linnaeus.runtime.history import Commit
from linnaeus.runtime.own_commits import writing_alone
from linnaeus.runtime.stored_schema import REQUIRED, commented, lacking, stored_schema

try:
    from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, write_deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError
except ImportError:  # it belongs to the extra `local`: on a cluster Spark writes everything
    IS_INSTALLED = False
else:
    IS_INSTALLED = True

MOST_ROWS = 10_000  # of one write
MOST_ROW_BYTES = 64 << 20  # of all rows of one write
MOST_TABLE_BYTES = 256 << 20  # of the table's files
_CHECKPOINT_EVERY = 10  # versions, as Spark's Delta has it
_LONGEST_WAIT = 10.0  # seconds, between two tries
_BREAKS = "failed validation check"  # in an error of delta-rs's, where rows break a constraint
_CONSTRAINT = "delta.constraints."  # before the names of constraints, among a table's properties
_REFUSED = re.compile(r"[\[\]\\^|]|%[0-9A-Fa-f]{2}")  # in paths: delta-rs takes them for something else
_NEWEST_WRITER = 3  # of Delta's protocol: what a table with constraints needs, and no table feature
_OURS, _THEIRS = "new", "stored"

_Made = TypeVar("_Made")


def is_small(n_rows: int, row_bytes: int = 0, table_bytes: int = 0) -> bool:
    """Whether a write of so many rows and bytes, to a table whose files have so many bytes, goes by delta-rs.

    A table that is not there has none. Beyond a bound Spark's own way is as fast, and needs no rows on the driver.
    """
    return n_rows <= MOST_ROWS and row_bytes <= MOST_ROW_BYTES and table_bytes <= MOST_TABLE_BYTES


@dataclass(frozen=True)
class SmallWrites:
    """The tables of a folder, to be written few rows at a time; `note` is the `userMetadata` of its commits."""

    root: Path
    retries: int
    note: str | None = None

    @staticmethod
    def of(config: Config) -> SmallWrites | None:
        """Those of a configuration; None where Spark writes all.

        That is on a catalog, where tables are made with deletion vectors, where the extra `local` is not installed, and
        where the folder has a character in its name that delta-rs takes for something else.
        """
        if config.lake.root is None or config.lake.deletion_vectors or not IS_INSTALLED:
            return None
        root = resolve(config.lake.root)
        return None if _REFUSED.search(str(root)) else SmallWrites(root, config.lake.merge_retries)

    def noting(self, note: str) -> SmallWrites:
        """The same, its commits of rows with a note."""
        return replace(self, note=note)

    def folder(self, table: Table) -> Path:
        """Where the files of a table lie."""
        return self.root / table.layer / table.name

    def version(self, table: Table) -> int | None:
        """The table's newest version, or None where there is no table."""
        return history.newest_version(self.folder(table))

    def commits(self, table: Table, after: int | None) -> list[Commit]:
        """The table's versions after one (None: all), the newest first."""
        return history.commits(self.folder(table), -1 if after is None else after)

    def takes(self, table: Table, n_rows: int = 0) -> bool:
        """Whether a table is small enough (`is_small`), of no feature that delta-rs does not write, or not there."""
        stored = self._opened(table)
        return stored is None or (is_plain(stored, table) and is_small(n_rows, table_bytes=_size(stored)))

    def takes_appends(self, table: Table, n_rows: int = 0) -> bool:
        """The same for rows that are added only: how large the table is does not matter."""
        stored = self._opened(table)
        return is_small(n_rows) and (stored is None or is_plain(stored, table))

    def takes_schema(self, table: Table) -> bool:
        """Whether the table may be made, or get columns, without Spark."""
        stored = self._opened(table)
        return stored is None or is_plain(stored, table)

    def rows(self, table: Table, equal_to: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """The few rows of a small table of which each named column has one of its values; times are in UTC."""
        stored = self._opened(table)
        if stored is None:
            return []
        lacking(schema_of(stored), table, is_strict=False)
        wanted = [pc.field(name).isin(list(values)) for name, values in equal_to.items()]
        found = _dataset(stored).to_table().filter(reduce(operator.and_, wanted))
        kept = arrow_rows.as_declared(found, table, table.columns).to_pylist(maps_as_pydicts="strict")
        return list(kept)

    def append_rows(self, rows: PlainRows, table: Table) -> None:
        """Add rows, tuples in the order of the table's columns, as one version (see `append`)."""
        self.append(arrow_rows.from_plain(rows, table), table)

    def append(self, rows: pa.Table, table: Table) -> None:
        """Add rows of a log, whose keys are unique by their making, without a look at what is stored.

        The table is made where it is not there. Raises SchemaError where the stored table is of another schema,
        ConstraintError where a row breaks a constraint.
        """

        def write(stored: DeltaTable) -> None:
            self._append(stored, rows, table)

        self._write(table, write)

    def append_new(self, rows: pa.Table, table: Table, version: int) -> bool:
        """Add rows whose keys are not stored at a version; False where the table has another one by now."""
        arrow_rows.check(rows, table)

        def write(stored: DeltaTable | None) -> bool:
            if stored is None or stored.version() != version or lacking(schema_of(stored), table):
                return False
            if rows.num_rows > 0:
                self._append(stored, rows, table)
            return True

        return self._write(table, write, is_made=False)

    def are_new(self, keys: pa.Table, table: Table) -> bool:
        """Whether none of these keys is stored."""
        return not _matches(keys, self._opened(table), table).rows

    def merge(self, rows: pa.Table, table: Table) -> MergeCounts:
        """Insert rows whose key is new and update those that differ, as `Lake.merge` does.

        A caller that has compared the rows itself has a boolean column `__stored_` beside the table's: whether the key
        is there. Raises SchemaError and ConstraintError, before anything is written.
        """
        if STORED in rows.column_names:
            return self._merge_compared(rows, table)

        def write(stored: DeltaTable | None) -> MergeCounts:
            changed, n_updated = _changed(rows, stored, table)
            arrow_rows.check(changed, table)
            self._upsert(stored, changed, n_updated, table)
            return MergeCounts(changed.num_rows - n_updated, n_updated)

        return self._write(table, write, is_made=False)

    def _merge_compared(self, rows: pa.Table, table: Table) -> MergeCounts:
        """Rows that differ, or are new. Who says that no key is there does not overwrite one that is."""
        ours = rows.drop_columns([STORED])
        arrow_rows.check(ours, table)
        n_updated = sum(bool(one) for one in rows.column(STORED).to_pylist())

        def write(stored: DeltaTable | None) -> None:
            places = _matches(ours, stored, table)
            if stored is not None and n_updated == 0:
                self._upsert(stored, taken(ours, places.unmatched), 0, table)
            else:
                self._upsert(stored, ours, len(places.rows), table)

        self._write(table, write, is_made=False)
        return MergeCounts(rows.num_rows - n_updated, n_updated)

    def insert_new(self, rows: pa.Table, table: Table) -> None:
        """Insert the rows whose key is not there yet; others stay as they are."""

        def write(stored: DeltaTable) -> None:
            self._upsert(stored, taken(rows, _matches(rows, stored, table).unmatched), 0, table)

        self._write(table, write)

    def replace(self, rows: pa.Table, table: Table) -> MergeCounts:
        """Make the table hold these rows and no others, in one version; where it does already none is written."""
        arrow_rows.check(rows, table)

        def write(stored: DeltaTable | None) -> MergeCounts:
            changed, n_updated = _changed(rows, stored, table)
            places = _matches(rows, stored, table)
            n_gone = 0 if stored is None else _count(stored) - len(set(places.stored))
            if changed.num_rows > 0 or n_gone > 0:
                self._overwrite(self._made(stored, table), rows, table)
            return MergeCounts(changed.num_rows - n_updated, n_updated)

        return self._write(table, write, is_made=False)

    def replace_part(self, rows: pa.Table, table: Table, condition: str) -> None:
        """Make a table hold these rows and no others for which a condition in SQL holds, in one version."""
        arrow_rows.check(rows, table)

        def write(stored: DeltaTable) -> None:
            part = _as_stored(rows, stored)
            write_deltalake(stored, part, mode="overwrite", predicate=condition, **self._commit())

        self._write(table, write)

    def identity(self, table: Table) -> str | None:
        """The id that the table was made with; None where there is no table."""
        stored = self._opened(table)
        return None if stored is None else str(stored.metadata().id)

    def properties(self, table: Table) -> dict[str, str]:
        """The properties of the table's newest version; none where there is no table."""
        stored = self._opened(table)
        found = {} if stored is None else stored.metadata().configuration
        return {name: value for name, value in found.items() if value is not None}

    def rows_at(self, table: Table, version: int, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Values of some columns of the few rows of an older version.

        Raises ConfigurationError where it can't be read any more.
        """
        try:
            found = _dataset(DeltaTable(str(self.folder(table)), version=version)).to_table(columns=list(names))
        except (DeltaError, OSError) as error:
            raise ConfigurationError(f"{table.full_name}: version {version} can't be read any more") from error
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def delete(self, keys: pa.Table, table: Table) -> int:
        """Delete the rows that have one of these keys, in one version; how many keys were given.

        The log names no key: the condition names columns alone, and delta-rs leaves out the keys' least and greatest
        values where it reads its source as a stream.
        """

        def write(stored: DeltaTable | None) -> None:
            if stored is None:
                return
            found = _matches(keys, stored, table).rows
            if found:
                once = taken(keys, sorted(set(found))).group_by(list(table.key)).aggregate([])
                self._merging(stored, once, table).when_matched_delete().execute()

        self._write(table, write, is_made=False)
        return int(keys.num_rows)

    def vacuum(self, table: Table) -> None:
        """Remove all files that the newest version does not name, as VACUUM does that keeps no hours.

        A writer at work has files that no version names yet: nothing else may write to the table meanwhile.
        """
        folder = self.folder(table)
        with self.alone(table):
            stored = self._opened(table)
            if stored is None:
                return
            kept = {folder / unquote(name) for name in sizes_of(stored)}
            for file in list(folder.rglob("*")):
                if file not in kept and not _is_hidden(file.relative_to(folder)) and file.is_file():
                    file.unlink()
                    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)  # Hadoop's, beside what Spark wrote

    def checkpoint(self, table: Table) -> None:
        """Write the newest version as a checkpoint."""
        with self.alone(table):
            DeltaTable(str(self.folder(table))).create_checkpoint()

    def make_ready(self, table: Table) -> None:
        """Create the table where it is not there, and add the columns that were declared after it was created."""
        self._write(table, lambda stored: None)

    def _upsert(self, stored: DeltaTable | None, rows: pa.Table, n_updated: int, table: Table) -> None:
        """Rows that are all to be written; `n_updated` of them replace stored ones."""
        if rows.num_rows == 0:
            return
        stored = self._made(stored, table)
        if n_updated == 0:
            self._append(stored, rows, table)
            return
        merging = self._merging(stored, _as_stored(rows, stored), table).when_matched_update_all()
        if rows.num_rows > n_updated:
            merging = merging.when_not_matched_insert_all()
        merging.execute()

    def _append(self, stored: DeltaTable, rows: pa.Table, table: Table) -> None:
        write_deltalake(stored, _as_stored(rows, stored), mode="append", **self._commit())

    def _overwrite(self, stored: DeltaTable, rows: pa.Table, table: Table) -> None:
        write_deltalake(stored, _as_stored(rows, stored), mode="overwrite", **self._commit())

    def _merging(self, stored: DeltaTable, rows: pa.Table, table: Table) -> Any:
        matching = [f'({_THEIRS}."{name}" IS NOT DISTINCT FROM {_OURS}."{name}")' for name in table.key]
        # Read as a stream, the source leaves no least and greatest values of its keys in the log.
        return stored.merge(rows, " AND ".join(matching), _OURS, _THEIRS, streamed_exec=True, **self._commit())

    def _commit(self) -> dict[str, Any]:
        """What goes with each commit. Another writer's version in between is a conflict: all is compared again then."""
        said = {} if self.note is None else {history.NOTE: self.note}
        return {
            "commit_properties": CommitProperties(custom_metadata=said, max_commit_retries=0),
            "post_commithook_properties": _no_hooks(),
        }

    def _write(self, table: Table, write: Callable[[Any], _Made], is_made: bool = True) -> _Made:
        """Call `write` with the newest version of a table, again where another program came between.

        Where `is_made` the table is made first, else `write` gets None where there is none. Programs that do not take
        the lock are others than ours.
        """
        for attempt in range(self.retries + 1):
            try:
                with self.alone(table):
                    before, stored = self.version(table), self._opened(table)
                    done = write(self._made(stored, table) if is_made else stored)
                    _keep_up(self.folder(table), before)
                    return done
            except CommitFailedError:
                if attempt == self.retries:
                    raise
                time.sleep(min(0.2 * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))
            except DeltaError as error:
                if not isinstance(error, DeltaProtocolError) and _BREAKS not in str(error):
                    raise
                # What delta-rs says shows some of the rows, which may be somebody's texts.
                raise ConstraintError(f"{table.full_name}: rows break a constraint of the table. Mend them.") from None
        raise AssertionError("unreachable")

    def alone(self, table: Table) -> AbstractContextManager[None]:
        """While it is held no other process of ours on this machine commits to the table."""
        return writing_alone(self.root, table)

    def _opened(self, table: Table) -> DeltaTable | None:
        """The newest version of a table, or None where there is none."""
        if self.version(table) is None:
            return None
        try:
            return DeltaTable(str(self.folder(table)))
        except TableNotFoundError:
            return None

    def opened_at(self, table: Table, version: int | None) -> DeltaTable | None:
        """A version of a table (None: the newest), or None where it can't be opened."""
        try:
            return self._opened(table) if version is None else DeltaTable(str(self.folder(table)), version=version)
        except (DeltaError, OSError):
            return None

    def _made(self, stored: DeltaTable | None, table: Table) -> DeltaTable:
        """The table with all its declared columns. Raises SchemaError where it has others."""
        if stored is None:
            schema = Schema.from_json(stored_schema(table).json())
            folder = str(self.folder(table))
            return DeltaTable.create(
                folder, schema, description=table.description, post_commithook_properties=_no_hooks()
            )
        found = lacking(schema_of(stored), table)
        if found:
            added = Schema.from_json(StructType([commented(field) for field in found]).json())
            stored.alter.add_columns(list(added.fields), post_commithook_properties=_no_hooks())
        return stored


def _no_hooks() -> PostCommitHookProperties:
    """Checkpoints are written by `_keep_up`, as often as Spark writes them."""
    return PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def is_plain(stored: DeltaTable, table: Table) -> bool:
    """Whether a table is of the kind that delta-rs and Spark write alike.

    It has no partitions, no table feature, and no constraint but those declared: others may be in words of Spark's own.
    """
    protocol, metadata = stored.protocol(), stored.metadata()
    is_old = protocol.min_reader_version == 1 and protocol.min_writer_version <= _NEWEST_WRITER
    constraints = {name.removeprefix(_CONSTRAINT) for name in metadata.configuration if name.startswith(_CONSTRAINT)}
    is_declared = constraints <= {*table.checks, REQUIRED}
    return is_old and is_declared and not metadata.partition_columns


def sizes_of(stored: DeltaTable) -> dict[str, int]:
    """Bytes of a table's files, by their paths below its folder (percent-encoded, as the log has them)."""
    return dict(stored._table.get_add_file_sizes())


def files_of(stored: DeltaTable) -> list[str]:
    """Paths of a table's files."""
    folder = Path(unquote(urlparse(stored.table_uri).path))
    return [str(folder / unquote(name)) for name in sizes_of(stored)]


def _size(stored: DeltaTable) -> int:
    return sum(sizes_of(stored).values())


def _count(stored: DeltaTable) -> int:
    return int(_dataset(stored).count_rows())


def schema_of(stored: DeltaTable) -> StructType:
    """The columns of a table as Spark has them."""
    return StructType.fromJson(json.loads(stored.schema().to_json()))


def _as_stored(rows: pa.Table, stored: DeltaTable) -> pa.Table:
    """Rows with their columns in the stored order."""
    return rows.select([field.name for field in stored.schema().fields])


def _read(stored: DeltaTable | None, table: Table, names: Sequence[str], beside: pa.Table) -> pa.Table:
    """Some columns of a table's rows: of all whose key is that of one of the rows `beside`, and maybe of others.

    Rows are filtered once they are read: of files that delta-rs writes pyarrow can't compare the bounds of texts.
    """
    if stored is None:
        return pa.schema([arrow_rows.arrow_schema(table).field(name) for name in names]).empty_table()
    lacking(schema_of(stored), table, is_strict=False)
    there = {field.name for field in stored.schema().fields}
    columns, first = [name for name in names if name in there], table.key[0]
    wanted = beside.column(first).combine_chunks().unique()
    batches = _dataset(stored).to_batches(columns=columns)
    found = [batch.filter(pc.is_in(batch.column(first), value_set=wanted)) for batch in batches]
    schema = pa.schema([to_arrow_schema(schema_of(stored)).field(name) for name in columns])
    return arrow_rows.as_declared(pa.Table.from_batches(found, schema), table, names)


def _dataset(stored: DeltaTable) -> ds.Dataset:
    """The files of a table; where the schema has a column that a file has not, it is null."""
    return ds.dataset(files_of(stored), schema=to_arrow_schema(schema_of(stored)), format="parquet")


def _matches(rows: pa.Table, stored: DeltaTable | None, table: Table) -> arrow_rows.Matches:
    known = arrow_rows.key_values(_read(stored, table, table.key, rows), table.key)
    return arrow_rows.matches(arrow_rows.key_values(rows, table.key), known)


def _changed(rows: pa.Table, stored: DeltaTable | None, table: Table) -> tuple[pa.Table, int]:
    """Rows that differ from the stored ones, then those that are new; how many of them differ."""
    known = _read(stored, table, table.key + table.compared, rows)
    found = arrow_rows.matches(arrow_rows.key_values(rows, table.key), arrow_rows.key_values(known, table.key))
    places = arrow_rows.differing(taken(rows, found.rows), taken(known, found.stored), table.compared)
    updated = [found.rows[place] for place in places]
    return taken(rows, updated + found.unmatched), len(updated)


def _is_hidden(file: Path) -> bool:
    """Whether VACUUM passes a file over: the log, and what others keep in a table's folder."""
    return any(part.startswith(("_", ".")) for part in file.parts)


def _keep_up(folder: Path, before: int | None) -> None:
    """After the versions that were just written: their checksums, and a checkpoint, from which readers begin."""
    newest, log = history.newest_version(folder), folder / history.LOG
    written = range(0 if before is None else before + 1, 0 if newest is None else newest + 1)
    for version in written:
        write_checksum(log, version)
    if any(version > 0 and version % _CHECKPOINT_EVERY == 0 for version in written):
        DeltaTable(str(folder)).create_checkpoint()
