"""Tables: read, create, merge. Path tables under a folder, or three-level names on Unity Catalog; the rest is alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce

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
from pyspark import StorageLevel
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StructField, StructType

from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.errors import SchemaError
from linnaeus.contracts.tables import Table

_STORED = "__stored_"
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
# Times of any year, in a form that every reader understands: by default Spark refuses to write those before 1900.
_WRITING = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
}


@dataclass(frozen=True)
class MergeCounts:
    """Rows that a merge inserted, updated and left as they were."""

    inserted: int
    updated: int

    @property
    def written(self) -> int:
        """Rows inserted or updated."""
        return self.inserted + self.updated


class Lake:
    """The tables of one environment."""

    def __init__(self, session: SparkSession, config: Config) -> None:
        self.session = session
        self._root = resolve(config.lake.root) if config.lake.root is not None else None
        self._catalog = config.lake.catalog
        self._retries = config.lake.merge_retries
        for key, value in _WRITING.items():
            session.conf.set(key, value)

    def place(self, table: Table) -> str:
        """Where a table is: a path, or `catalog.layer.name`."""
        if self._root is not None:
            return str(self._root / table.layer / table.name)
        return f"`{self._catalog}`.`{table.layer}`.`{table.name}`"

    def exists(self, table: Table) -> bool:
        """Whether the table was created."""
        if self._root is not None:
            return bool(DeltaTable.isDeltaTable(self.session, self.place(table)))
        return bool(self.session.catalog.tableExists(self.place(table)))

    def version(self, table: Table) -> int | None:
        """The table's newest Delta version, or None where there is no table."""
        if not self.exists(table):
            return None
        newest = self._delta(table).history(1).select("version").first()
        return int(newest["version"]) if newest is not None else None

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """A table's rows, as of a version where one is given; no rows where it was never created."""
        if not self.exists(table):
            return self.session.createDataFrame([], table.schema)
        reader = self.session.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        if self._root is not None:
            return reader.load(self.place(table))
        return reader.table(self.place(table))

    def merge(self, rows: DataFrame, table: Table) -> MergeCounts:
        """Insert rows whose key is new and update those that differ; the others are not touched.

        Where nothing differs no version is written. Stamps (when a row was written) do not count as a difference.
        Raises SchemaError, before anything is written, for another schema, a null in a required column or a key that
        stands twice.
        """
        check_schema(rows, table)
        self._widen(table)
        is_new = not self.exists(table)
        changed = self._changed(rows, table).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            counts = _check_rows(changed, table)
            if counts.written > 0 and not self._fill(changed.select(*table.schema.names), table):
                self._create(table)
                self._merge_with_retries(changed.select(*table.schema.names), table, is_new or counts.updated > 0)
            return counts
        finally:
            changed.unpersist()

    def _widen(self, table: Table) -> None:
        """Add to a stored table what its schema has gained since: columns, and fields of structs; null in old rows."""
        if not self.exists(table):
            return
        lacking = _lacking(table.schema, self.read(table).schema)
        if not lacking:
            return
        place = f"delta.`{self.place(table)}`" if self._root is not None else self.place(table)
        try:
            self.session.sql(f"ALTER TABLE {place} ADD COLUMNS ({', '.join(lacking)})")
        except (AnalysisException, *_CONCURRENT):
            if _lacking(table.schema, self.read(table).schema):  # else another writer added the same
                raise

    def _fill(self, rows: DataFrame, table: Table) -> bool:
        """Make a path table with its first rows in one commit, far cheaper than a MERGE into an empty one.

        False where the table is there, or where another writer made it at the same time: then a MERGE is due.
        """
        if self._root is None or self.exists(table):
            return False
        described = [F.col(f.name).alias(f.name, metadata=f.metadata) for f in _stored_schema(table).fields]
        try:
            rows.select(described).write.format("delta").mode("errorifexists").save(self.place(table))
        except (AnalysisException, *_CONCURRENT):
            if not self.exists(table):
                raise
            return False
        description = table.description.replace("\\", "\\\\").replace("'", "\\'")
        self.session.sql(f"COMMENT ON TABLE delta.`{self.place(table)}` IS '{description}'")
        return True

    def append(self, rows: DataFrame, table: Table) -> None:
        """Add rows of a log, whose keys are unique by their making: one commit, no look at what is stored."""
        check_schema(rows, table)
        self._create(table)
        writer = rows.write.format("delta").mode("append")
        if self._root is not None:
            writer.save(self.place(table))
        else:
            writer.saveAsTable(self.place(table))

    def _changed(self, rows: DataFrame, table: Table) -> DataFrame:
        """Rows that are new or differ from the stored ones; `__stored_` says whether the key was there."""
        if not self.exists(table):
            return rows.withColumn(_STORED, F.lit(False))
        stored = self.read(table).select(
            *[F.col(name).alias(_STORED + name) for name in table.key + table.compared], F.lit(True).alias(_STORED)
        )
        same_key = reduce(Column.__and__, [F.col(name).eqNullSafe(F.col(_STORED + name)) for name in table.key])
        joined = rows.join(stored, same_key, "left")
        differs = [~_same(table.schema[name], F.col(name), F.col(_STORED + name)) for name in table.compared]
        is_changed = reduce(Column.__or__, differs, F.col(_STORED).isNull())
        return joined.where(is_changed).select(*rows.columns, F.coalesce(_STORED, F.lit(False)).alias(_STORED))

    def _merge_with_retries(self, changed: DataFrame, table: Table, has_updates: bool) -> None:
        """One transaction; tried again where another writer came between."""
        matches = " AND ".join(f"stored.`{name}` <=> changed.`{name}`" for name in table.key)
        for attempt in range(self._retries + 1):
            try:
                merge = self._delta(table).alias("stored").merge(changed.alias("changed"), matches)
                # A merge that only inserts reads the keys and appends: Delta does not rewrite files for it. Another
                # writer may have brought the same keys meanwhile; left out as stored, ours would be lost.
                merge = merge.whenMatchedUpdateAll() if has_updates or attempt > 0 else merge
                merge.whenNotMatchedInsertAll().execute()
                return
            except _CONCURRENT:
                if attempt == self._retries:
                    raise
                time.sleep(min(0.2 * 2**attempt, 10.0))

    def _delta(self, table: Table) -> DeltaTable:
        if self._root is not None:
            return DeltaTable.forPath(self.session, self.place(table))
        return DeltaTable.forName(self.session, self.place(table))

    def _create(self, table: Table) -> None:
        if self.exists(table):
            return
        builder = DeltaTable.createIfNotExists(self.session)
        if self._root is not None:
            builder = builder.location(self.place(table))
        else:
            self.session.sql(f"CREATE SCHEMA IF NOT EXISTS `{self._catalog}`.`{table.layer}`")
            builder = builder.tableName(self.place(table))
        try:
            builder.addColumns(_stored_schema(table)).comment(table.description).execute()
        except _CONCURRENT:
            if not self.exists(table):  # where it is there now, another writer made the same
                raise


def check_schema(rows: DataFrame, table: Table) -> None:
    """Raise SchemaError unless the columns are those of the table, in its order and of its types."""
    expected = [(field.name, field.dataType.simpleString()) for field in table.schema.fields]
    found = [(field.name, field.dataType.simpleString()) for field in rows.schema.fields]
    if expected == found:
        return
    lacking = [f"{name} {kind}" for name, kind in expected if (name, kind) not in found]
    surplus = [f"{name} {kind}" for name, kind in found if (name, kind) not in expected]
    raise SchemaError(
        f"{table.full_name}: the rows lack [{', '.join(lacking)}] and bring [{', '.join(surplus)}]"
        if lacking or surplus
        else f"{table.full_name}: the columns stand in another order: {', '.join(name for name, _ in found)}"
    )


def _lacking(declared: StructType, stored: StructType, within: str = "") -> list[str]:
    """What `stored` lacks of `declared`, as `ALTER TABLE ... ADD COLUMNS` takes it."""
    lacking: list[str] = []
    for field in declared.fields:
        found = stored[field.name].dataType if field.name in stored.names else None
        if found is None:
            comment = field.metadata["comment"].replace("\\", "\\\\").replace("'", "\\'")
            lacking.append(f"{within}`{field.name}` {field.dataType.simpleString()} COMMENT '{comment}'")
        elif isinstance(field.dataType, StructType) and isinstance(found, StructType):
            lacking += _lacking(field.dataType, found, f"{within}`{field.name}`.")
    return lacking


def _check_rows(changed: DataFrame, table: Table) -> MergeCounts:
    """Count, and refuse nulls in required columns and keys that stand twice."""
    is_null = reduce(Column.__or__, [F.col(name).isNull() for name in table.required], F.lit(False))
    by_key = changed.groupBy(*table.key).agg(
        F.count(F.lit(1)).alias("times"),
        F.max(F.col(_STORED)).alias(_STORED),
        F.max(is_null).alias("is_null"),
    )
    totals = by_key.agg(
        F.count(F.when(~F.col(_STORED), 1)).alias("inserted"),
        F.count(F.when(F.col(_STORED), 1)).alias("updated"),
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


def _stored_schema(table: Table) -> StructType:
    fields = [StructField(f.name, f.dataType, True, {"comment": f.metadata["comment"]}) for f in table.schema.fields]
    return StructType(fields)
