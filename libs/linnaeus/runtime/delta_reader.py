"""Tables read by delta-rs, without Spark: whole, by key, or a page in the order of a column; and watched for changes.

The engine is DataFusion (inside delta-rs). It passes over the files whose statistics exclude what is asked for, then
over the row groups and the pages (of some 20,000 rows, as Spark and delta-rs write them), and reads the other columns
only where the asked one matches. So a look-up costs as many pages as may hold the value: one, where rows are clustered
by the column, and all where they are not.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, TypeVar

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.errors import ConfigurationError, ReadError, SchemaError
from linnaeus.contracts.tables import Table

_log = logging.getLogger(__name__)
View = TypeVar("View")


def folder_of(table: Table, config: Config) -> Path:
    """Where a table lies. Raises ConfigurationError on Unity Catalog, which is not read from here."""
    if config.lake.root is None:
        raise ConfigurationError(
            f"lake.catalog: tables of Unity Catalog ({config.lake.catalog}) are read by Spark alone; set lake.root to "
            "a folder that holds them or a copy (DEEP CLONE), at <lake.root>/<layer>/<name>, and lake.catalog to null"
        )
    return resolve(config.lake.root) / table.layer / table.name


class StoredTable:
    """One version of a table. It stays as it is whatever is written; its files go with VACUUM.

    Columns are the declared ones in their order: those that were declared after the table was written are null, others
    that it has are passed over. May be used from several threads.
    """

    def __init__(self, folder: Path, table: Table) -> None:
        """Open the newest version. Raises SchemaError where it can't be read as it is declared."""
        delta = DeltaTable(str(folder))
        self.table, self.version = table, int(delta.version())
        self.identity = str(delta.metadata().id)
        stored = StructType.fromJson(json.loads(delta.schema().to_json()))
        self._there = _declared_columns(stored, table)
        self._schema = to_arrow_schema(table.schema)
        self._query = QueryBuilder().register("t", delta)
        self._run_statement(f"SET datafusion.execution.target_partitions = {_threads()}")

    def all(self) -> pa.Table:
        """All rows, sorted by the key."""
        return self._run(f"SELECT {self._columns()} FROM t ORDER BY {_names(self.table.key)}")

    def where(self, column: str, values: Sequence[str]) -> pa.Table:
        """Rows of which a text column is one of `values`, one at least, in no order. Raises ReadError."""
        wanted = ", ".join(map(_literal, values))
        return self._run(f"SELECT {self._columns()} FROM t WHERE {self._name(column)} IN ({wanted})")

    def page(self, column: str, value: str, order: str, after: str | None, limit: int) -> pa.Table:
        """The first `limit` rows of which `column` is `value`, by the text column `order`, those after `after`.

        Order is that of the code points. Raises ReadError.
        """
        beyond = "" if after is None else f" AND {self._name(order)} > {_literal(after)}"
        return self._run(
            f"SELECT {self._columns()} FROM t WHERE {self._name(column)} = {_literal(value)}{beyond} "
            f"ORDER BY {self._name(order)} LIMIT {int(limit)}"
        )

    def _run(self, query: str) -> pa.Table:
        try:
            return self._as_declared(self._run_statement(query))
        except Exception as error:
            raise ReadError(f"{self.table.full_name}, version {self.version}: {_in_a_line(error)}") from error

    def _run_statement(self, statement: str) -> pa.Table:
        return pa.table(self._query.execute(statement))

    def _as_declared(self, rows: pa.Table) -> pa.Table:
        columns = [
            rows.column(field.name).cast(field.type)
            if field.name in self._there
            else pa.nulls(rows.num_rows, field.type)
            for field in self._schema
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _columns(self) -> str:
        return _names(self._there)

    def _name(self, column: str) -> str:
        """A column as it stands in a query. Raises KeyError for one that the stored table does not have."""
        if column not in self._there:
            raise KeyError(column)
        return _names([column])


def _declared_columns(stored: StructType, table: Table) -> list[str]:
    """Declared columns that are stored. Raises SchemaError where one is of another type, or a required one lacks."""
    found = {field.name: field.dataType.simpleString() for field in stored.fields}
    declared = {field.name: field.dataType.simpleString() for field in table.schema.fields}
    differing = [name for name, kind in declared.items() if found.get(name, kind) != kind]
    wrong = [f"{name} is {found[name]}, declared as {declared[name]}" for name in differing]
    wrong += [f"{name}, which is required, is not there" for name in table.required if name not in found]
    if wrong:
        raise SchemaError(f"{table.full_name}: the stored table is of another schema: {'; '.join(wrong)}")
    return [name for name in declared if name in found]


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _literal(text: str) -> str:
    """A text as a literal of SQL: the hex digits of its bytes, so that nothing in it can be read as SQL."""
    return f"arrow_cast(X'{text.encode().hex()}', 'Utf8')"


def _threads() -> int:
    """How many a query may use: half of the cores, so that the others go on answering what needs no query."""
    return max(1, (os.cpu_count() or 1) // 2)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


@dataclass(frozen=True)
class Current(Generic[View]):
    """What is made of one version of a table."""

    view: View
    version: int
    identity: str


class Watched(Generic[View]):
    """What `build` makes of a table's newest version: made anew, then put in place of the old one by one assignment.

    Whoever holds the old one may go on with it. Where a newer version can't be read the old one stays, and `problem`
    says why.
    """

    def __init__(self, table: Table, config: Config, build: Callable[[StoredTable], View]) -> None:
        """Nothing is read before `refresh`. Raises ConfigurationError on Unity Catalog."""
        self.table = table
        self.current: Current[View] | None = None
        self.problem: str | None = f"{table.full_name} was not read yet"
        self._folder, self._build = folder_of(table, config), build
        self._refreshing = threading.Lock()

    def refresh(self) -> None:
        """Look for another version and take it. Raises nothing: what went wrong is said in `problem` and logged."""
        with self._refreshing:
            try:
                self.current, self.problem = self._newest()
            except Exception as error:  # whatever it is, the service goes on with what it has
                self._say(f"{self.table.full_name} can't be read: {_in_a_line(error)}")

    def _newest(self) -> tuple[Current[View] | None, str | None]:
        if not DeltaTable.is_deltatable(str(self._folder)):
            return None, f"{self.table.full_name} does not exist yet; the job that writes it has not run"
        stored, old = StoredTable(self._folder, self.table), self.current
        # A table that was deleted and made anew may have an older version than the one that was read.
        if old is not None and (old.identity, old.version) == (stored.identity, stored.version):
            return old, None
        return Current(self._build(stored), stored.version, stored.identity), None

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem


class Refreshed(Protocol):
    """What a refresher keeps current."""

    def refresh(self) -> None:
        """Take the newest version."""


class Refresher:
    """Refreshes at once when it is entered, then every `seconds` in a thread of its own until it is left."""

    def __init__(self, watched: Sequence[Refreshed], seconds: float) -> None:
        self._watched, self._seconds = watched, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)

    def __enter__(self) -> Refresher:
        self._refresh()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._refresh()

    def _refresh(self) -> None:
        for one in self._watched:
            one.refresh()
