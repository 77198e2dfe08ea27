"""Tables: read, create, merge. Path tables under a folder, or three-level names on Unity Catalog; the rest is alike."""

from __future__ import annotations

import copy
import datetime
import operator
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

import pyarrow as pa
from delta.exceptions import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
    MetadataChangedException,
    ProtocolChangedException,
)
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StructField

from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.errors import ConfigurationError, ConstraintError, SchemaError
from linnaeus.contracts.tables import Table
from linnaeus.runtime import history
from linnaeus.runtime.arrow_rows import STORED, MergeCounts, PlainRows, from_batches, from_plain
from linnaeus.runtime.history import NOTE, Commit
from linnaeus.runtime.noted_sessions import merging_session, noted_session
from linnaeus.runtime.own_commits import writing_alone
from linnaeus.runtime.small_reads import read_small
from linnaeus.runtime.small_writes import SmallWrites, is_small
from linnaeus.runtime.spark import cached_apart, side_by_side, slots
from linnaeus.runtime.stored_schema import (
    REQUIRED,
    as_declared,
    check_schema,
    lacking,
    listed,
    pairs,
    quoted,
    stored_schema,
)

Rows = DataFrame | PlainRows  # many rows or few

_WEEK = 168.0  # hours, which VACUUM keeps at least unless it is told otherwise
_SESSION_CATALOG = "spark_catalog"
_TAG = "linnaeus."  # before the names of tags, where they are properties of a table
_LONGEST_WAIT = 10.0  # seconds, between two tries
_FEW = 5_000  # rows that are sent to all executors to be merged, however large they are
_SMALL = 64 << 20  # bytes of rows that are, however many they are
_SETTING = threading.Lock()
_DELETION_VECTORS = "delta.enableDeletionVectors"
# In Python these are no subclasses of the first, as they are in Scala.
_CONCURRENT = (
    DeltaConcurrentModificationException,
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
    ConcurrentWriteException,
    MetadataChangedException,
    ProtocolChangedException,
)
# Times of any year, in a form that every reader understands: by default Spark refuses to write those before 1900, and
# to read them from files that another program has written.
_FILES = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
}


@dataclass(frozen=True)
class TableDetail:
    """Files of a table's newest version, their bytes, its properties, and the features that its protocol names."""

    files: int
    size: int
    properties: Mapping[str, str]
    features: tuple[str, ...]


class Reader(Protocol):
    """What gives a table's rows: a lake as it is, or as it was (see `Lake.snapshot`)."""

    def read(self, table: Table) -> DataFrame:
        """A table's rows."""


class Lake:
    """The tables of one environment."""

    def __init__(self, session: SparkSession, config: Config) -> None:
        self.session = session
        self._root = resolve(config.lake.root) if config.lake.root is not None else None
        self._catalog = config.lake.catalog
        self._prefix = config.lake.schema_prefix or ""
        self._small = SmallWrites.of(config)
        self._retries = config.lake.merge_retries
        self._properties = {_DELETION_VECTORS: "true"} if config.lake.deletion_vectors else {}
        self._note: str | None = None
        self._compared: int | None = None  # the version that rows were compared with, which are to be merged
        for key, value in _FILES.items():
            session.conf.set(key, value)

    @property
    def marks_rows(self) -> bool:
        """Whether tables are made with deletion vectors."""
        return bool(self._properties)

    def noting(self, note: str) -> Lake:
        """This lake, its commits of rows with a note: the `userMetadata` of the tables' history."""
        noting = copy.copy(self)
        noting._note, noting._small = note, self._small.noting(note) if self._small is not None else None
        return noting

    def compared_with(self, version: int | None) -> Lake:
        """This lake, for a merge of rows whose caller has compared them with a table as of a version.

        Where that is still the newest one, rows that are all new are added without another look at what is stored.
        """
        compared = copy.copy(self)
        compared._compared = version
        return compared

    def place(self, table: Table) -> str:
        """Where a table is: a path, or `catalog.schema.name`, the schema being the layer with the prefix before it."""
        if self._root is not None:
            return str(self._root / table.layer / table.name)
        return f"{self._schema(table)}.`{table.name}`"

    def _schema(self, table: Table) -> str:
        return f"`{self._catalog}`.`{self._prefix}{table.layer}`"

    def folder(self, table: Table) -> Path | None:
        """Where the files of a table lie; None on Unity Catalog, where they are the catalog's."""
        return self._root / table.layer / table.name if self._root is not None else None

    def files(self, table: Table) -> frozenset[Path]:
        """Data files of the newest version of a table in a folder."""
        if not self.exists(table):
            return frozenset()
        return frozenset(Path(unquote(urlparse(file).path)) for file in self._stored(table).inputFiles())

    def exists(self, table: Table) -> bool:
        """Whether the table was created."""
        if (folder := self.folder(table)) is not None:
            return history.newest_version(folder) is not None
        return bool(self.session.catalog.tableExists(self.place(table)))

    def version(self, table: Table) -> int | None:
        """The table's newest Delta version, or None where there is no table."""
        if (folder := self.folder(table)) is not None:
            return history.newest_version(folder)
        if not self.exists(table):
            return None
        newest = self._delta(table).history(1).select("version").first()
        return int(newest["version"]) if newest is not None else None

    def state(self, table: Table) -> str | None:
        """A catalog's table as `version id time`, which no other table or version has; None where there is none."""
        if not self.exists(table):
            return None
        newest = self._delta(table).history(1).select("version", F.col("timestamp").cast("string")).first()
        made = self._delta(table).detail().select("id").first()
        assert newest is not None and made is not None
        return f"{newest[0]} {made[0]} {newest[1]}"

    def commits(self, table: Table, after: int | None) -> list[Commit]:
        """The table's versions after one (None: all), the newest first, as far as its log goes back."""
        first = -1 if after is None else after
        if (folder := self.folder(table)) is not None:
            return history.commits(folder, first)
        newest = self.version(table)
        if newest is None or newest <= first:
            return []
        mode = F.col("operationParameters")["mode"].alias("mode")
        found = self._delta(table).history(newest - first).select("version", "operation", NOTE, mode)
        rows = found.collect()  # few: the commits of one run's time
        return [Commit(row["version"], row["operation"], row[NOTE], row["mode"]) for row in rows]

    def read(self, table: Table, version: int | None = None, timestamp: datetime.datetime | None = None) -> DataFrame:
        """A table's rows, as of a version or a time where one is given; no rows where it was never created.

        A column that was declared after the table (or that version) was written is null. Raises SchemaError where a
        stored column has another type, or a required one is not there; ConfigurationError where the table can't be
        read as of then (see `version_at`): it was not there, or VACUUM has removed its files.
        """
        if timestamp is not None:
            version = self.version_at(table, timestamp)
        if version is not None:
            return self.snapshot([table], {table.full_name: version}).read(table)
        if not self.exists(table):
            return self.session.createDataFrame([], table.schema)
        return as_declared(self.rows(table), table)

    def snapshot(
        self,
        wanted: Iterable[Table],
        versions: Mapping[str, int | None] | None = None,
        as_of: datetime.datetime | None = None,
    ) -> Snapshot:
        """Tables to be read at versions that are fixed now, whatever is written meanwhile.

        By table: the version in `versions` (keys are full names; None: as if there were no table), else the newest at
        the time `as_of`, else the newest now. Raises ConfigurationError where a table can't be read as of then.
        """
        fixed: dict[str, int | None] = {}
        given = versions or {}
        for table in wanted:
            newest, asked = self.version(table), given.get(table.full_name)
            if asked is None and table.full_name in given:
                fixed[table.full_name] = None
                continue
            if asked is None and as_of is not None:
                asked = self.version_at(table, as_of)
            if asked is not None and asked != newest:
                self._check_readable(table, asked, newest)
            fixed[table.full_name] = newest if asked is None else asked
        return Snapshot(self, fixed)

    def version_at(self, table: Table, at: datetime.datetime) -> int:
        """The newest version that was there at a time (in UTC where it says no zone).

        Times are those of the commits, on the writer's clock; where a lake was copied as files, those of the copy.
        Raises ConfigurationError for a time before the table's first version (that its log still holds), and for one
        that is yet to come: what is written until then is not known.
        """
        at = at if at.tzinfo is not None else at.replace(tzinfo=datetime.timezone.utc)
        if at > datetime.datetime.now(datetime.timezone.utc):
            raise ConfigurationError(f"{table.full_name}: {at.isoformat()} is yet to come; give a time that is past")
        if not self.exists(table):
            raise ConfigurationError(f"{table.full_name}: there is no table to read as of {at.isoformat()}")
        found = (
            self._delta(table)
            .history()
            .agg(
                F.max(F.when(F.col("timestamp") <= F.lit(at), F.col("version"))).alias("version"),
                F.date_format(F.min("timestamp"), "yyyy-MM-dd'T'HH:mm:ss.SSSXXX").alias("first"),
            )
        )
        row = found.first()  # few: one row
        assert row is not None
        if row["version"] is None:
            raise ConfigurationError(
                f"{table.full_name}: {at.isoformat()} is before its first version, of {row['first']}; give a later time"
            )
        return int(row["version"])

    def _check_readable(self, table: Table, version: int, newest: int | None) -> None:
        """Raise ConfigurationError unless an older version's log and files are there."""
        name = table.full_name
        if newest is None:
            raise ConfigurationError(f"{name}: there is no table to read version {version} of")
        if not 0 <= version <= newest:
            raise ConfigurationError(f"{name}: there is no version {version}; its newest is {newest}, its first 0")
        try:
            old = set(self._stored(table, version).inputFiles())
        except AnalysisException as error:
            raise ConfigurationError(
                f"{name}: version {version} can't be read any more: {_first_line(error)}"
            ) from error
        if self._root is None:  # on Unity Catalog files are the catalog's own: a read says what it lacks
            return
        left_out = old - set(self._stored(table).inputFiles())  # all that VACUUM may have removed
        if not all(Path(file.removeprefix("file:")).exists() for file in left_out):
            raise ConfigurationError(
                f"{name}: VACUUM has removed files of version {version}; give a later one (the newest is {newest})"
            )

    def rows(self, table: Table, version: int | None = None) -> DataFrame:
        """Rows of a table that is there, with the columns that it has."""
        if self._small is not None and (found := read_small(self.session, self._small, table, version)) is not None:
            return found
        return self._stored(table, version)

    def _stored(self, table: Table, version: int | None = None) -> DataFrame:
        """The same as Spark's Delta reads them."""
        reader = self.session.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.place(table)) if self._root is not None else reader.table(self.place(table))

    def merge(self, rows: Rows, table: Table, stored: Column | None = None) -> MergeCounts:
        """Insert rows whose key is new and update those that differ; the others are not touched.

        Few rows may be tuples of Python values, in the order of the table's columns, as for all that writes here.
        A caller that has compared the rows itself says of each by `stored`, a condition over the rows (which may have
        columns for it that the table has not), whether its key is there; those that are there differ.
        Where nothing differs no version is written. Stamps (when a row was written) do not count as a difference.
        Raises SchemaError, before anything is written, for another schema, a null in a required column or a key that
        stands twice.
        """
        if not isinstance(rows, DataFrame):
            if (small := self._small_for(table, len(rows))) is not None:
                return small.merge(from_plain(rows, table), table)
            rows = self._frame(rows, table)
        if stored is None:
            check_schema(rows, table)
            given = rows
        else:
            given = rows.withColumn(STORED, stored).select(*table.schema.names, STORED)
            check_schema(given.drop(STORED), table)
        with ExitStack() as until:
            if self._compared is not None and (counts := self._append_new(given, table, until)) is not None:
                return counts
            if (small := self._small_for(table)) is None:
                return self._merge_by_spark(given, table, until)
            kept = cached_apart(given, until)
            if (few := _collected(kept)) is not None:
                return small.merge(few, table)
            return self._merge_by_spark(kept, table, until, is_cached=True)

    def _append_new(self, given: DataFrame, table: Table, until: ExitStack) -> MergeCounts | None:
        """Add few rows that were all new when they were compared; None where they are many, some are not, or the table
        has another version by now."""
        small = self._small_for(table, is_append=True)
        if small is None or self._compared is None or STORED not in given.columns:
            return None
        few = _collected(cached_apart(given, until))
        if few is None or any(few.column(STORED).to_pylist()):
            return None
        rows = few.drop_columns([STORED])
        return MergeCounts(rows.num_rows, 0) if small.append_new(rows, table, self._compared) else None

    def are_new(self, keys: DataFrame, table: Table) -> bool:
        """Whether no key of these rows is stored, where that can be told without a query: of few rows, in a folder."""
        small = self._small_for(table, is_append=True)
        few = _collected(keys) if small is not None else None
        return small is not None and few is not None and small.are_new(few, table)

    def _merge_by_spark(self, given: DataFrame, table: Table, until: ExitStack, is_cached: bool = False) -> MergeCounts:
        """Rows that differ are cached, unless they are all that is given."""
        is_new = not self.exists(table)
        differing = given if STORED in given.columns else self._changed(given, table)
        is_given = is_cached and (is_new or differing is given)
        changed = differing if is_given else cached_apart(differing, until)
        counts = _check_rows(changed, table)
        if counts.written > 0 and not self._fill(changed.select(*table.schema.names), table):
            self._make_ready(table)
            known = MergeCounts(counts.written, counts.written) if is_new else counts
            self._merge_with_retries(changed.select(*table.schema.names), table, known)
        return counts

    def insert_new(self, rows: Rows, table: Table) -> None:
        """Insert the few rows whose key is not there yet, whoever else does the same now; others stay as they are."""
        if not isinstance(rows, DataFrame):
            if (small := self._small_for(table, len(rows))) is not None:
                small.insert_new(from_plain(rows, table), table)
                return
            rows = self._frame(rows, table)
        check_schema(rows, table)
        with ExitStack() as until:
            kept = cached_apart(rows, until)
            if (small := self._small_for(table)) is not None and (few := _collected(kept)) is not None:
                small.insert_new(few, table)
                return
            if self._fill(kept, table):
                return
            self._make_ready(table)
            matches = " AND ".join(f"stored.`{name}` <=> new.`{name}`" for name in table.key)

            def insert(attempt: int) -> None:
                merging = self._delta(table).alias("stored").merge(F.broadcast(kept).alias("new"), matches)
                merging.whenNotMatchedInsertAll().execute()

            self._with_retries(table, insert)

    def replace(self, rows: DataFrame, table: Table) -> MergeCounts:
        """Make the table hold these rows and no others, in one commit; where it does already none is written.

        The counts are of rows that are new or differ. Raises SchemaError as `merge` does.
        """
        check_schema(rows, table)
        with ExitStack() as until:
            wanted = cached_apart(rows, until)
            if (small := self._small_for(table)) is not None and (few := _collected(wanted)) is not None:
                return small.replace(few, table)
            # Once each, by the same check as a merge's: those that are as they were count as stored.
            _check_rows(wanted.withColumn(STORED, F.lit(False)), table)
            counts = _check_rows(self._changed(wanted, table), table)
            if self._fill(wanted.select(*table.schema.names), table):
                return counts
            gone = self.read(table).join(wanted.select(*table.key), list(table.key), "left_anti")
            if counts.written > 0 or not gone.isEmpty():
                self._make_ready(table)
                self._overwrite(wanted, table)
            return counts

    def _overwrite(self, rows: DataFrame, table: Table) -> None:
        rows = rows.select(*self._stored(table).schema.names)
        if self._root is not None:
            writer = self._writer(rows).mode("overwrite")
            self._with_retries(table, lambda attempt: writer.save(self.place(table)))
            return
        # By `saveAsTable` the table would be replaced by one of the same name, which takes other rights and other care.
        named = rows.writeTo(self.place(table))
        named = named if self._note is None else named.option(NOTE, self._note)
        self._with_retries(table, lambda attempt: named.overwrite(F.lit(True)))

    def _writer(self, rows: DataFrame) -> DataFrameWriter:
        writer = rows.write.format("delta")
        return writer if self._note is None else writer.option(NOTE, self._note)

    def _fill(self, rows: DataFrame, table: Table) -> bool:
        """Make a path table and add its first rows, far cheaper than a MERGE into an empty one.

        False where the table is there, or where another writer made it at the same time: then a MERGE is due.
        """
        if self._root is None or self.exists(table):
            return False
        with self._alone(table):
            if self.exists(table):
                return False
            self._create(table)
            self._writer(rows.select(*table.schema.names)).mode("append").save(self.place(table))
            return True

    def append(self, rows: Rows, table: Table) -> None:
        """Add rows of a log, whose keys are unique by their making: one commit, no look at what is stored."""
        small = self._small_for(table, is_append=True)
        if not isinstance(rows, DataFrame):
            if small is not None and small.takes_appends(table, len(rows)):
                small.append_rows(rows, table)
                return
            rows = self._frame(rows, table)
        check_schema(rows, table)
        with ExitStack() as until:
            kept = rows if small is None else cached_apart(rows, until)
            if small is not None and (few := _collected(kept)) is not None:
                small.append(few, table)
                return
            self._make_ready(table)
            writer = self._writer(kept).mode("append")
            if self._root is not None:
                self._with_retries(table, lambda attempt: writer.save(self.place(table)))
            else:
                self._with_retries(table, lambda attempt: writer.saveAsTable(self.place(table)))

    def delete(self, keys: Rows, table: Table) -> int:
        """Delete the rows that have one of these keys (the columns of the table's key); how many keys there were.

        One commit, none where there are no keys. What is deleted stands in the log by no value: the condition names
        columns alone. Older versions still have the rows, until VACUUM. Keys as tuples are whole rows of the table.
        """
        if not isinstance(keys, DataFrame):
            if (small := self._small_for(table, len(keys))) is not None:
                return small.delete(from_plain(keys, table).select(list(table.key)), table)
            keys = self._frame(keys, table)
        with ExitStack() as until:
            wanted = cached_apart(keys.select(*table.key), until)
            n_keys = wanted.count()
            if n_keys == 0:
                return 0
            if (small := self._small_for(table, n_keys)) is not None:
                return small.delete(_as_arrow(wanted), table)
            wanted = F.broadcast(wanted) if n_keys <= _FEW else wanted
            matches = " AND ".join(f"stored.`{name}` <=> gone.`{name}`" for name in table.key)

            def delete(attempt: int) -> None:
                deleting = self._delta(table).alias("stored").merge(wanted.alias("gone"), matches)
                deleting.whenMatchedDelete().execute()

            self._with_retries(table, delete)
            return n_keys

    def look_up(self, table: Table, equal_to: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """The few rows of which each named column has one of its values, as dictionaries.

        Of a small table in a folder they are read without Spark. Times are in UTC there, and local ones else.
        """
        if (small := self._small_for(table)) is not None:
            return small.rows(table, equal_to)
        same = [F.col(name).isin(list(values)) for name, values in equal_to.items()]
        found = self.read(table).where(reduce(operator.and_, same)).collect()  # few: rows of the named values
        return [row.asDict(True) for row in found]

    def few_rows_at(self, table: Table, version: int, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Values of some columns of a small table's rows at a version.

        Raises ConfigurationError where it can't be read any more.
        """
        if (small := self._small_for(table)) is not None:
            return small.rows_at(table, version, names)
        found = self.read(table, version).select(*names).collect()  # few: a small table, as the caller knows
        return [tuple(row) for row in found]

    def _small_for(self, table: Table, n_rows: int = 0, is_append: bool = False) -> SmallWrites | None:
        """What writes so many rows to a table without Spark; None where Spark writes them (`small_writes.is_small`)."""
        small = self._small
        if small is None:
            return None
        takes = small.takes_appends if is_append else small.takes
        return small if takes(table, n_rows) else None

    def _frame(self, rows: PlainRows, table: Table) -> DataFrame:
        return self.session.createDataFrame(list(rows), table.schema).coalesce(1)

    def vacuum(self, wanted: Sequence[Table], hours: float) -> None:
        """Remove files that no version of the last `hours` needs, of several tables side by side.

        Delta refuses less than a week as writers that are at work have files that no version names yet: with less,
        nothing else may write to the tables meanwhile. Of small tables that have no hours to keep Spark is not asked.
        """
        for_spark = []
        for table in wanted:
            if hours == 0 and (small := self._small_for(table)) is not None:
                small.vacuum(table)
            else:
                for_spark.append(table)
        if for_spark:
            self._vacuum_by_spark(for_spark, hours)

    def _vacuum_by_spark(self, wanted: Sequence[Table], hours: float) -> None:
        settings = {
            # Delta lists folders by as many tasks as this says, 10,000 by default: minutes for a table of two files.
            "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(slots(self.session)),
            # It would write two versions that change no row, of which jobs that compare versions would think otherwise.
            "spark.databricks.delta.vacuum.logging.enabled": "false",
        }
        if hours < _WEEK:
            settings["spark.databricks.delta.retentionDurationCheck.enabled"] = "false"
        with _with_settings(self.session, settings):
            side_by_side(lambda table: self._delta(table).vacuum(hours), wanted)

    def forget_history(self, table: Table) -> int:
        """Remove all entries of a table's log before the newest version; how many versions went.

        A catalog's log is the catalog's: none goes. Nothing else may write to the table meanwhile. Raises LinnaeusError
        where the newest version can't be written as a checkpoint.
        """
        if (folder := self.folder(table)) is None:
            return 0
        if (small := self._small_for(table)) is not None:
            return history.forget_history(folder, lambda: small.checkpoint(table))
        return history.forget_history(folder, lambda: history.checkpoint_by_spark(self.session, folder))

    def purge_deletion_vectors(self, table: Table) -> None:
        """Rewrite files of which rows are marked as deleted and still there; nothing where the table has no marks."""
        if "deletionVectors" in self.detail(table).features:
            purge = f"REORG TABLE {self._sql_name(table)} APPLY (PURGE)"
            self._with_retries(table, lambda attempt: self.session.sql(purge))

    def detail(self, table: Table) -> TableDetail:
        """What Delta says of a table that is there."""
        row = self._delta(table).detail().select("numFiles", "sizeInBytes", "properties", "tableFeatures").first()
        assert row is not None
        return TableDetail(row["numFiles"], row["sizeInBytes"], row["properties"], tuple(row["tableFeatures"] or ()))

    def identity(self, table: Table) -> str | None:
        """The id that the table was made with, which one made anew in its place has not; None where there is none."""
        if self._small is not None:
            return self._small.identity(table)
        row = self._delta(table).detail().select("id").first() if self.exists(table) else None
        return str(row["id"]) if row is not None else None

    def properties(self, table: Table) -> Mapping[str, str]:
        """The properties of the table's newest version; none where there is no table."""
        if self._small is not None:
            return self._small.properties(table)
        return self.detail(table).properties if self.exists(table) else {}

    def set_properties(self, table: Table, properties: Mapping[str, str]) -> None:
        """Give a table that is there properties, in one commit that changes no row."""
        settle = f"ALTER TABLE {self._sql_name(table)} SET TBLPROPERTIES ({pairs(properties)})"
        self._with_retries(table, lambda attempt: self.session.sql(settle))

    def replace_part(self, rows: PlainRows, table: Table, condition: str) -> None:
        """Make a table hold these few rows and no others for which a condition in SQL holds, in one commit.

        All rows must satisfy the condition, which stands in the log.
        """
        if (small := self._small_for(table, len(rows))) is not None:
            small.replace_part(from_plain(rows, table), table, condition)
            return
        frame = self._frame(rows, table)
        if self._fill(frame, table):
            return
        self._make_ready(table)
        if self._root is None:
            named = frame.writeTo(self.place(table))
            self._with_retries(table, lambda attempt: named.overwrite(F.expr(condition)))
        else:
            writer = self._writer(frame).mode("overwrite").option("replaceWhere", condition)
            self._with_retries(table, lambda attempt: writer.save(self.place(table)))

    def optimize(self, table: Table, file_bytes: int, z_order: tuple[str, ...] = ()) -> None:
        """Make of small files ones of about `file_bytes`; rows in the order of `z_order`, where columns are given."""
        settings = {f"spark.databricks.delta.optimize.{name}FileSize": str(file_bytes) for name in ("min", "max")}
        with _with_settings(self.session, settings):

            def optimize(attempt: int) -> None:
                builder = self._delta(table).optimize()
                if z_order:
                    builder.executeZOrderBy(*z_order)
                else:
                    builder.executeCompaction()

            self._with_retries(table, optimize)

    def constrain(self, table: Table) -> list[str]:
        """Give the stored table the constraints that are declared (`required` columns and `checks`): names of the new.

        They raise the version of the protocol that writers need (3), not that of readers. Raises ConstraintError where
        rows break one; the others are there then.
        """
        # To Delta a condition that is null is one that is broken.
        wanted = {name: f"coalesce({condition}, true)" for name, condition in table.checks.items()}
        wanted[REQUIRED] = " AND ".join(f"{name} IS NOT NULL" for name in table.required)
        stored = self.detail(table).properties
        there = {name: stored.get(f"delta.constraints.{name}") for name in wanted}
        new = [name for name, condition in wanted.items() if _packed(there[name] or "") != _packed(condition)]
        broken = [name for name in new if not self._add_constraint(table, name, wanted[name], there[name] is not None)]
        if broken:
            raise ConstraintError(f"{table.full_name}: there are rows that break {', '.join(broken)}; none was added")
        return new

    def tag(self, table: Table) -> list[str]:
        """Give a catalog's table the tags that are declared: names of those that are new or have another value.

        Tags are Unity Catalog's own and open-source Spark has no words for them. So they are properties of the table as
        well (`linnaeus.<tag>`), which any catalog has, and by which a second run sees what was set. A lake in a folder
        has none.
        """
        if self._root is not None:
            return []
        stored = self.detail(table).properties
        new = {name: value for name, value in table.tags.items() if stored.get(_TAG + name) != value}
        if new:
            place = self._sql_name(table)
            with suppress(ParseException):
                self.session.sql(f"ALTER TABLE {place} SET TAGS ({pairs(new)})")
            as_properties = pairs({_TAG + name: value for name, value in new.items()})
            settle = f"ALTER TABLE {place} SET TBLPROPERTIES ({as_properties})"
            self._with_retries(table, lambda attempt: self.session.sql(settle))
        return list(new)

    def _add_constraint(self, table: Table, name: str, condition: str, is_there: bool) -> bool:
        """False where rows break it."""
        place = self._sql_name(table)
        if is_there:
            self._with_retries(table, lambda attempt: self.session.sql(f"ALTER TABLE {place} DROP CONSTRAINT {name}"))
        try:
            add = f"ALTER TABLE {place} ADD CONSTRAINT {name} CHECK ({condition})"
            self._with_retries(table, lambda attempt: self.session.sql(add))
        except AnalysisException as error:
            if "NEW_CHECK_CONSTRAINT_VIOLATION" in str(error) or "violate" in str(error):
                return False
            raise
        return True

    def _changed(self, rows: DataFrame, table: Table) -> DataFrame:
        """Rows that are new or differ from the stored ones; `__stored_` says whether the key was there."""
        if not self.exists(table):
            return rows.withColumn(STORED, F.lit(False))
        stored = self.read(table).select(
            *[F.col(name).alias(STORED + name) for name in table.key + table.compared], F.lit(True).alias(STORED)
        )
        same_key = reduce(operator.and_, [F.col(name).eqNullSafe(F.col(STORED + name)) for name in table.key])
        joined = rows.join(stored, same_key, "left")
        differs = [~_same(table.schema[name], F.col(name), F.col(STORED + name)) for name in table.compared]
        is_changed = reduce(operator.or_, differs, F.col(STORED).isNull())
        return joined.where(is_changed).select(*rows.columns, F.coalesce(STORED, F.lit(False)).alias(STORED))

    def _merge_with_retries(self, changed: DataFrame, table: Table, counts: MergeCounts) -> None:
        """One transaction; tried again where another writer came between."""
        # To few rows Delta joins the table where its rows are, instead of sorting both by their keys.
        is_small = counts.written <= _FEW or _size(changed) <= _SMALL
        changed = F.broadcast(changed) if is_small else changed
        matches = " AND ".join(f"stored.`{name}` <=> changed.`{name}`" for name in table.key)

        def merge(attempt: int) -> None:
            # Under the lock of a table in a folder nothing can come between the look at its version and the commit.
            is_as_compared = self._compared is not None and self._compared == self.version(table)
            if counts.updated == 0 and is_as_compared and self._root is not None:
                self._writer(changed).mode("append").save(self.place(table))
                return
            merging = self._delta(table).alias("stored").merge(changed.alias("changed"), matches)
            # A merge that only inserts reads the keys and appends: Delta does not rewrite files for it. One that only
            # updates does not need the outer join of both sides. Another writer may have brought the same keys
            # meanwhile; left out as stored, ours would be lost.
            if counts.updated > 0 or attempt > 0:
                merging = merging.whenMatchedUpdateAll()
            if counts.inserted > 0 or attempt > 0:
                merging = merging.whenNotMatchedInsertAll()
            merging.execute()

        self._with_retries(table, merge)

    def _with_retries(self, table: Table, write: Callable[[int], object]) -> None:
        """Call `write` with the number of the attempt, again where another writer came between.

        Each wait is up to twice as long as the one before and part of it chance, so that writers who met once do not
        meet again (equal jitter: Brooker, 2015, Exponential Backoff and Jitter, AWS Architecture Blog).
        """
        for attempt in range(self._retries + 1):
            try:
                with self._alone(table), self._noted():
                    write(attempt)
                return
            except _CONCURRENT:
                if attempt == self._retries:
                    raise
                time.sleep(min(0.2 * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))

    def _alone(self, table: Table) -> AbstractContextManager[None]:
        """While it is held no other process of ours on this machine commits to a table in a folder.

        Delta gives a commit's file its name if it has none yet, which is one step in a cloud's storage and two on a
        local file system (HDFSLogStore, FileContext.rename): of two processes that do it at the same moment one would
        replace the other's commit. Within one process Delta sees to it itself.
        """
        if self._root is None:
            return nullcontext()
        return writing_alone(self._root, table)

    def _noted(self) -> AbstractContextManager[None]:
        """While it is held, this thread's merges carry the note."""
        return nullcontext() if self._note is None else noted_session(self.session, self._note, _FILES)

    def _delta(self, table: Table) -> DeltaTable:
        session = merging_session(self.session)
        if self._root is not None:
            return DeltaTable.forPath(session, self.place(table))
        # Delta's own class takes names of two levels, of the session's catalog; that of Databricks takes three.
        return DeltaTable.forName(session, self.place(table).removeprefix(f"`{_SESSION_CATALOG}`."))

    def _sql_name(self, table: Table) -> str:
        return self.place(table) if self._root is None else f"delta.`{self.place(table)}`"

    def _make_ready(self, table: Table) -> None:
        """Create the table where it is not there, and add the columns that were declared after it was created.

        Delta could evolve the schema while it merges (`mergeSchema`, `withSchemaEvolution`); that takes any column of
        the rows, and leaves a table that another writer widens meanwhile to chance. One ALTER TABLE is one commit, of
        metadata alone: no file is rewritten, and every reader gives null for the rows that are there.
        """
        if self._small is not None and self._small.takes_schema(table):
            self._small.make_ready(table)
            return
        self._create(table)
        self._with_retries(table, lambda attempt: self._add_columns(table))
        if self._properties and self.detail(table).properties.get(_DELETION_VECTORS) != "true":
            self._with_retries(table, lambda attempt: self._set_properties(table))

    def _set_properties(self, table: Table) -> None:
        wanted = ", ".join(f"{quoted(name)} = {quoted(value)}" for name, value in self._properties.items())
        self.session.sql(f"ALTER TABLE {self._sql_name(table)} SET TBLPROPERTIES ({wanted})")

    def _add_columns(self, table: Table) -> None:
        """Raises SchemaError where the table has a column that is not declared (any more)."""
        unknown = lacking(self._stored(table).schema, table)
        if not unknown:
            return
        try:
            self.session.sql(f"ALTER TABLE {self._sql_name(table)} ADD COLUMNS ({listed(unknown)})")
        except AnalysisException:
            if lacking(self._stored(table).schema, table):  # where none lacks now, another writer added the same
                raise

    def _create(self, table: Table) -> None:
        if self.exists(table):
            return
        try:
            if self._root is None:
                self._create_by_name(table)
            elif self._small is not None:
                self._small.make_ready(table)
            else:
                builder = DeltaTable.createIfNotExists(self.session).location(self.place(table))
                for name, value in self._properties.items():
                    builder = builder.property(name, value)
                with self._alone(table):
                    builder.addColumns(stored_schema(table)).comment(table.description).execute()
        except _CONCURRENT:
            if not self.exists(table):  # where it is there now, another writer made the same
                raise

    def _create_by_name(self, table: Table) -> None:
        """In SQL, as Delta's builder takes names of two levels at most where it is not Databricks'."""
        # Only where it is not there: Unity Catalog asks for the right to create a schema even then.
        if not self.session.catalog.databaseExists(self._schema(table)):
            self.session.sql(f"CREATE SCHEMA IF NOT EXISTS {self._schema(table)}")
        made = f"CREATE TABLE IF NOT EXISTS {self.place(table)} ({listed(table.schema.fields)}) USING DELTA"
        self.session.sql(f"{made} COMMENT {quoted(table.description)}")


class Snapshot:
    """Tables of a lake at fixed versions (see `Lake.snapshot`)."""

    def __init__(self, lake: Lake, fixed: Mapping[str, int | None]) -> None:
        self._lake, self._fixed = lake, fixed

    @property
    def versions(self) -> dict[str, int]:
        """The versions by full name, of the tables that there are."""
        return {name: version for name, version in self._fixed.items() if version is not None}

    def read(self, table: Table) -> DataFrame:
        """A table's rows at its version; none where there was no table. Raises KeyError for a table of no version."""
        version = self._fixed[table.full_name]
        if version is None:
            return self._lake.session.createDataFrame([], table.schema)
        return as_declared(self._lake.rows(table, version), table)


def _collected(rows: DataFrame) -> pa.Table | None:
    """Rows that are cached as an Arrow table; None where they are too many, or too large."""
    n_rows = rows.count()
    return _as_arrow(rows) if is_small(n_rows) and is_small(n_rows, _size(rows.select("*"))) else None


def _as_arrow(rows: DataFrame) -> pa.Table:
    """A few rows, moved to the driver in Arrow's own format."""
    return from_batches(rows._collect_as_arrow(), rows.schema)


@contextmanager
def _with_settings(session: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Settings of the session while a block runs, one block at a time: what they set is the session's."""
    with _SETTING:
        before = [(name, session.conf.get(name, None)) for name in settings]
        for name, value in settings.items():
            session.conf.set(name, value)
        try:
            yield
        finally:
            for name, old in before:
                if old is None:
                    session.conf.unset(name)
                else:
                    session.conf.set(name, old)


def _size(rows: DataFrame) -> int:
    """Bytes of rows as Spark reckons them: of cached ones that have been read, what they take in the cache."""
    # Py4J makes an int of a BigInt that fits, and leaves it a Java object otherwise.
    return int(str(rows._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))


def _packed(condition: str) -> str:
    """Without white space: Delta sets its own between the words."""
    return "".join(condition.split())


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _check_rows(changed: DataFrame, table: Table) -> MergeCounts:
    """Count, and refuse nulls in required columns and keys that stand twice."""
    is_null = reduce(operator.or_, [F.col(name).isNull() for name in table.required], F.lit(False))
    by_key = changed.groupBy(*table.key).agg(
        F.count(F.lit(1)).alias("times"),
        F.max(F.col(STORED)).alias(STORED),
        F.max(is_null).alias("is_null"),
    )
    totals = by_key.agg(
        F.count(F.when(~F.col(STORED), 1)).alias("inserted"),
        F.count(F.when(F.col(STORED), 1)).alias("updated"),
        F.count(F.when(F.col("times") > 1, 1)).alias("twice"),
        F.count(F.when(F.col("is_null"), 1)).alias("nulls"),
    ).first()
    assert totals is not None
    if totals["nulls"]:
        raise SchemaError(f"{table.full_name}: {totals['nulls']} rows with a null in a required column")
    if totals["twice"]:
        raise SchemaError(f"{table.full_name}: {totals['twice']} keys ({', '.join(table.key)}) stand twice")
    return MergeCounts(inserted=totals["inserted"], updated=totals["updated"])


def _same(field: StructField, left: Column, right: Column) -> Column:
    """Null-safe equality, maps included (Spark can't compare maps, their sorted entries it can)."""
    if isinstance(field.dataType, MapType):
        left, right = F.array_sort(F.map_entries(left)), F.array_sort(F.map_entries(right))
    return left.eqNullSafe(right)
