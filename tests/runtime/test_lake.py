"""The lake: what a merge writes and leaves, what it refuses, what other readers see, and writers side by side."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from delta import exceptions
from delta.tables import DeltaTable
from deltalake import DeltaTable as OtherReader
from deltalake import QueryBuilder
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    FloatType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, SchemaError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.history import Commit
from linnaeus.runtime.lake import _CONCURRENT, Lake, MergeCounts
from linnaeus.runtime.spark import detached
from tests.conftest import MakeConfig
from tests.runtime.things import column

SCHEMA = StructType(
    [
        column("kind", StringType(), required=True),
        column("number", LongType(), required=True),
        column("name", StringType(), required=True),
        column("size", LongType()),
        column("shares", MapType(StringType(), FloatType())),
        column("seen_at", TimestampType(), required=True),
    ]
)
THINGS = Table("silver", "things", ("kind", "number"), SCHEMA, "Things, for the tests of the lake", ("seen_at",))
MONDAY, TUESDAY = datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2)
Thing = tuple[Any, ...]


def things(spark: SparkSession, *rows: Thing) -> DataFrame:
    return spark.createDataFrame(list(rows), SCHEMA).coalesce(1)


def stored(lake: Lake) -> list[Thing]:
    return sorted((tuple(row) for row in lake.read(THINGS).collect()), key=lambda row: row[:2])


@pytest.fixture
def lake(spark: SparkSession, config: Config) -> Iterator[Lake]:
    made = Lake(spark, config)
    yield made
    assert spark._jsparkSession.sharedState().cacheManager().isEmpty(), "a merge leaves nothing cached"


def test_a_table_that_was_never_made(lake: Lake) -> None:
    assert not lake.exists(THINGS) and lake.version(THINGS) is None
    assert lake.read(THINGS).schema == SCHEMA and lake.read(THINGS).isEmpty()


def _either_way(way: str, request: pytest.FixtureRequest) -> None:
    if way == "spark":
        request.getfixturevalue("spark_writes")


WAYS = pytest.mark.parametrize("way", ["small", "spark"])


@WAYS
def test_replacing_a_table(spark: SparkSession, lake: Lake, way: str, request: pytest.FixtureRequest) -> None:
    _either_way(way, request)
    first = [("a", 1, "one", None, {"x": 0.25}, MONDAY), ("a", 2, "two", 2, None, MONDAY)]
    assert lake.replace(things(spark, *first), THINGS) == MergeCounts(inserted=2, updated=0)
    version = lake.version(THINGS)
    assert lake.replace(things(spark, *[(*row[:5], TUESDAY) for row in first]), THINGS) == MergeCounts(0, 0)
    assert lake.version(THINGS) == version, "the same rows: no version"
    other = [("a", 2, "two", 3, None, TUESDAY), ("b", 1, "three", 3, None, TUESDAY)]
    assert lake.replace(things(spark, *other), THINGS) == MergeCounts(inserted=1, updated=1)
    assert stored(lake) == other, "what is not among the rows is gone"
    assert lake.replace(things(spark, other[1]), THINGS) == MergeCounts(0, 0)
    assert stored(lake) == [other[1]], "where rows only go, too"
    with pytest.raises(SchemaError, match="stand twice"):
        lake.replace(things(spark, other[1], other[1]), THINGS)
    assert lake.replace(things(spark), THINGS) == MergeCounts(0, 0)
    assert stored(lake) == [] and lake.read(THINGS, version).count() == 2


@WAYS
def test_merges(spark: SparkSession, lake: Lake, way: str, request: pytest.FixtureRequest) -> None:
    _either_way(way, request)
    first = [
        ("a", 1, "one", None, {"x": 0.25, "y": 0.75}, MONDAY),
        ("a", 2, "two", 2, None, MONDAY),
        ("b", 1, "three", 3, {}, MONDAY),
        ("b", 2, "four", 4, {"x": float("nan")}, MONDAY),
    ]
    assert lake.merge(things(spark, *first), THINGS) == MergeCounts(inserted=4, updated=0)
    assert [row[:4] for row in stored(lake)] == [row[:4] for row in first]
    version = lake.version(THINGS)

    # The same again: later stamps and another order of a map's entries are no difference.
    same = [(*row[:5], TUESDAY) for row in first]
    same[0] = ("a", 1, "one", None, {"y": 0.75, "x": 0.25}, TUESDAY)
    assert lake.merge(things(spark, *same), THINGS) == MergeCounts(0, 0)
    assert lake.version(THINGS) == version

    # Another value in a map, a value where there was none, none where there was a value, a new key.
    changed = [
        ("a", 1, "one", 0, {"x": 0.25, "y": 0.5}, TUESDAY),
        ("a", 2, "two", None, None, TUESDAY),
        ("b", 1, "three", 3, {}, TUESDAY),
        ("c", 1, "five", 5, {"z": 1.0}, TUESDAY),
    ]
    assert lake.merge(things(spark, *changed), THINGS) == MergeCounts(inserted=1, updated=2)
    assert lake.version(THINGS) == (version or 0) + 1
    after = stored(lake)
    assert after[0] == changed[0] and after[1] == changed[1] and after[4] == changed[3]
    assert after[2] == first[2], "what is the same keeps its stamp"
    assert after[3][:4] == first[3][:4], "what the rows do not name stays"
    assert lake.read(THINGS, version).count() == 4, "older versions can be read"

    # No change at all, by no rows.
    assert lake.merge(things(spark).where("false"), THINGS) == MergeCounts(0, 0)
    assert lake.version(THINGS) == (version or 0) + 1
    _check_other_reader(lake, after)


def _check_other_reader(lake: Lake, expected: list[Thing]) -> None:
    """delta-rs reads the same rows, the comments and the description."""
    other = OtherReader(lake.place(THINGS))
    utc = datetime.timezone.utc
    rows = []
    for row in other.to_pyarrow_table().to_pylist():
        shares = None if row["shares"] is None else dict(row["shares"])
        rows.append((*(row[name] for name in SCHEMA.names[:4]), shares, row["seen_at"].astimezone(utc)))
    rows.sort(key=lambda row: row[:2])
    assert repr(rows) == repr([(*row[:5], row[5].replace(tzinfo=utc)) for row in expected])
    assert other.metadata().description == THINGS.description
    comments = {field.name: field.metadata["comment"] for field in other.schema().fields}
    assert comments == {name: f"What {name} is" for name in SCHEMA.names}
    assert {f.name: f.metadata["comment"] for f in lake.read(THINGS).schema.fields} == comments
    assert all(field.nullable for field in other.schema().fields)


GOOD = ("a", 1, "one", None, None, MONDAY)
NULLS = [(None, *GOOD[1:]), ("a", 1, None, None, None, MONDAY), (*GOOD[:5], None)]


@pytest.mark.usefixtures("spark_writes")
@pytest.mark.parametrize("small", [0, 1 << 40])
def test_merges_of_many_rows(spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    """More than are sent to all executors by their number: by their size they are, or they are sorted by their keys."""
    monkeypatch.setattr("linnaeus.runtime.lake._FEW", 1)
    monkeypatch.setattr("linnaeus.runtime.lake._SMALL", small)
    lake.merge(things(spark, *[("a", n, "old", None, None, MONDAY) for n in range(4)]), THINGS)
    rows = [("a", n, "old" if n == 1 else "new", None, None, TUESDAY) for n in range(1, 6)]
    assert lake.merge(things(spark, *rows), THINGS) == MergeCounts(inserted=2, updated=2)
    assert [(row[1], row[2]) for row in stored(lake)] == [
        (0, "old"), (1, "old"), (2, "new"), (3, "new"), (4, "new"), (5, "new"),
    ]  # fmt: skip


def test_a_derived_column_does_not_make_a_row_differ(spark: SparkSession, lake: Lake) -> None:
    table = dataclasses.replace(THINGS, derived=("size",))
    row = ("a", 1, "old", 10, None, MONDAY)
    lake.merge(things(spark, row), table)
    assert lake.merge(things(spark, ("a", 1, "old", 11, None, TUESDAY)), table) == MergeCounts(0, 0)
    assert lake.merge(things(spark, ("a", 1, "new", 12, None, TUESDAY)), table) == MergeCounts(0, 1)
    assert [row["size"] for row in lake.read(table).collect()] == [12]


@WAYS
def test_rows_that_their_caller_has_compared(
    spark: SparkSession, lake: Lake, way: str, request: pytest.FixtureRequest
) -> None:
    _either_way(way, request)
    lake.merge(things(spark, ("a", 1, "old", 10, None, MONDAY)), THINGS)
    new = things(spark, ("a", 1, "mine", 11, None, MONDAY), ("b", 2, "mine", 12, None, MONDAY))
    assert lake.merge(new, THINGS, stored=F.lit(False)) == MergeCounts(2, 0)
    # Another writer's row of the same key stands: who says that none is there does not overwrite one.
    assert {row["number"]: row["name"] for row in lake.read(THINGS).collect()} == {1: "old", 2: "mine"}
    assert lake.merge(new, THINGS, stored=F.lit(True)) == MergeCounts(0, 2)
    assert {row["number"]: row["name"] for row in lake.read(THINGS).collect()} == {1: "mine", 2: "mine"}
    with pytest.raises(SchemaError, match="stand twice"):
        lake.merge(new.union(new), THINGS, stored=F.lit(True))


@pytest.mark.parametrize("is_there", [False, True])
def test_rows_that_are_updated_are_marked_where_that_is_asked(
    spark: SparkSession, make_config: MakeConfig, is_there: bool
) -> None:
    """A table that is made with deletion vectors, and one that was there without."""
    lake = Lake(spark, make_config("lake.deletion_vectors=true"))
    first = things(spark, *[("a", number, "old", number, None, MONDAY) for number in range(50)])
    (Lake(spark, make_config()) if is_there else lake).merge(first, THINGS)
    before = lake.files(THINGS)
    lake.merge(things(spark, ("a", 7, "new", 7, None, TUESDAY), ("a", 50, "new", 50, None, TUESDAY)), THINGS)
    assert before < lake.files(THINGS), "no file was rewritten"
    engine = QueryBuilder().register("t", OtherReader(lake.place(THINGS)))
    rows = pa.table(engine.execute("SELECT number, name FROM t")).to_pydict()
    expected = dict.fromkeys(range(50), "old") | {7: "new", 50: "new"}
    assert dict(zip(rows["number"], rows["name"], strict=True)) == expected and len(rows["number"]) == 51
    lake.purge_deletion_vectors(THINGS)
    assert not before & lake.files(THINGS)
    assert {row["number"]: row["name"] for row in lake.read(THINGS).collect()} == expected


def test_versions_and_notes_are_those_of_the_history(spark: SparkSession, lake: Lake) -> None:
    for number in range(10):  # Delta writes a checkpoint after ten commits
        noting = lake.noting(f"number {number}") if number % 4 == 3 else lake
        noting.merge(things(spark, ("a", number, "one", 1, None, MONDAY)), THINGS)
    log = Path(lake.place(THINGS)) / "_delta_log"
    assert list(log.glob("*.checkpoint*.parquet"))
    history = DeltaTable.forPath(spark, lake.place(THINGS)).history().collect()
    newest = history[0]["version"]
    assert lake.version(THINGS) == newest >= 10
    expected = [Commit(row["version"], row["operation"], row["userMetadata"]) for row in history]
    assert lake.commits(THINGS, None) == expected
    assert [one.note for one in expected if one.note] == ["number 7", "number 3"]
    assert lake.commits(THINGS, newest - 2) == expected[:2] and lake.commits(THINGS, newest) == []

    (log / f"{newest + 1:020d}.crc").touch()
    (log / f".{newest + 1:020d}.json.tmp").touch()
    assert lake.version(THINGS) == newest
    (log / f"{newest - 3:020d}.json").unlink()  # as Delta tidies a log up, all before it being gone
    assert lake.commits(THINGS, None) == expected[:3]
    (log / f"{newest:020d}.json").unlink()
    (log / f"{newest:020d}.checkpoint.0000000001.0000000002.parquet").touch()  # what is left of a log in the end
    assert lake.version(THINGS) == newest and lake.commits(THINGS, None) == []


def test_detached_rows_stay_as_they_were_when_their_table_is_written(spark: SparkSession, lake: Lake) -> None:
    lake.merge(things(spark, ("a", 1, "old", 10, None, MONDAY)), THINGS)
    kept = detached(lake.read(THINGS)).cache()
    try:
        lake.merge(things(spark, ("a", 1, "new", 10, None, MONDAY), ("b", 2, "new", 1, None, MONDAY)), THINGS)
        assert [row["name"] for row in kept.collect()] == ["old"]
        assert kept.schema == lake.read(THINGS).schema
    finally:
        kept.unpersist()


@WAYS
def test_rows_that_break_the_contract_are_refused_before_anything_is_written(
    spark: SparkSession, lake: Lake, way: str, request: pytest.FixtureRequest
) -> None:
    _either_way(way, request)
    for bad in NULLS:
        with pytest.raises(SchemaError, match=r"silver\.things: 1 rows with a null in a required column"):
            lake.merge(things(spark, ("b", 2, "fine", 1, None, MONDAY), bad), THINGS)
    with pytest.raises(SchemaError, match=r"silver\.things: 1 keys \(kind, number\) stand twice"):
        lake.merge(things(spark, GOOD, ("a", 1, "other", None, None, MONDAY)), THINGS)
    assert not lake.exists(THINGS)


def test_other_schemas_are_refused(spark: SparkSession, lake: Lake) -> None:
    rows = things(spark, GOOD)
    others = {
        "lack [size bigint] and bring []": rows.drop("size"),
        "lack [] and bring [more int]": rows.withColumn("more", F.lit(1)),
        "lack [size bigint] and bring [size int]": rows.withColumn("size", F.lit(1)),
        "lack [name string] and bring [title string]": rows.withColumnRenamed("name", "title"),
        "stand in another order: seen_at, kind": rows.select("seen_at", "kind", "number", "name", "size", "shares"),
    }
    for words, frame in others.items():
        for write in (lake.merge, lake.append):
            with pytest.raises(SchemaError) as caught:
                write(frame, THINGS)
            assert words in str(caught.value) and "silver.things" in str(caught.value)
    assert not lake.exists(THINGS)


def test_times_of_any_year_are_kept(spark: SparkSession, lake: Lake) -> None:
    """Spark refuses, unless told otherwise, to write times before 1900; delta-rs must read them as well."""
    years = [1, 1582, 1899, 2024, 9999]
    rows = things(spark, *[("a", year, "x", None, None, MONDAY) for year in years])
    moved = rows.withColumn("seen_at", F.expr("make_timestamp(int(number), 2, 3, 4, 5, 6.000007)"))
    lake.append(moved, THINGS)
    found = OtherReader(lake.place(THINGS)).to_pyarrow_table().to_pylist()
    expected = {year: (year, 2, 3, 4, 5, 6, 7) for year in years}
    times = {row["number"]: row["seen_at"] for row in found}
    assert {
        number: (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
        for number, at in times.items()
    } == expected
    as_text = {
        row["number"]: row["at"] for row in lake.read(THINGS).selectExpr("number", "string(seen_at) as at").collect()
    }
    assert as_text == {year: f"{year:04}-02-03 04:05:06.000007" for year in years}


def _side_by_side(*writes: Callable[[], Any]) -> list[str]:
    """Start all at once; what failed, in words."""
    failures: list[str] = []
    barrier = threading.Barrier(len(writes))

    def start(write: Callable[[], Any]) -> None:
        try:
            barrier.wait(30)
            write()
        except BaseException as error:
            failures.append(str(error))

    threads = [threading.Thread(target=start, args=(write,)) for write in writes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failures


@WAYS
def test_writers_side_by_side_all_land(
    spark: SparkSession, lake: Lake, way: str, request: pytest.FixtureRequest
) -> None:
    """Two threads make the table at once, then change different rows of the same file at once."""
    _either_way(way, request)

    def side_by_side(*batches: DataFrame) -> list[str]:
        return _side_by_side(*[lambda batch=batch: lake.merge(batch, THINGS) for batch in batches])

    def batch(kind: str, name: str) -> DataFrame:
        return things(spark, *[(kind, number, name, None, None, MONDAY) for number in range(3)])

    assert side_by_side(batch("a", "old"), batch("b", "old")) == []
    assert [row[:3] for row in stored(lake)] == [(kind, number, "old") for kind in "ab" for number in range(3)]
    DeltaTable.forPath(spark, lake.place(THINGS)).optimize().executeCompaction()  # one file: every change conflicts
    assert side_by_side(batch("a", "new"), batch("b", "new")) == []
    assert [row[:3] for row in stored(lake)] == [(kind, number, "new") for kind in "ab" for number in range(3)]


class _Busy(Lake):
    """A lake where another writer comes between, `times` times."""

    times = 0
    tries = 0
    error = exceptions.ConcurrentAppendException

    def _delta(self, table: Table) -> DeltaTable:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error("another writer came between", "the stack trace")
        return super()._delta(table)


@pytest.mark.usefixtures("spark_writes")
def test_a_merge_is_tried_again_as_often_as_configured(
    spark: SparkSession, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("linnaeus.runtime.lake.time", SimpleNamespace(sleep=waits.append))
    busy = _Busy(spark, config.model_copy(update={"lake": config.lake.model_copy(update={"merge_retries": 2})}))
    busy._create(THINGS)  # a table that is not there is made with its rows, without a merge
    busy.merge(things(spark, GOOD), THINGS)
    changed = ("a", 1, "changed", *GOOD[3:])
    busy.times, busy.tries = 3, 0
    with pytest.raises(exceptions.ConcurrentAppendException):
        busy.merge(things(spark, changed), THINGS)
    assert busy.tries == 3 and waits == sorted(waits) and len(waits) == 2
    assert stored(busy) == [GOOD]
    busy.times, busy.tries = 2, 0
    busy.error = exceptions.ConcurrentDeleteReadException
    assert busy.merge(things(spark, changed), THINGS) == MergeCounts(0, 1)
    assert stored(busy) == [changed]


class _Overtaken(Lake):
    """A lake where another writer brings rows of its own after ours were compared with the stored ones."""

    theirs: DataFrame
    was_overtaken = False

    def _overtake(self, config: Config) -> None:
        if not self.was_overtaken:
            self.was_overtaken = True
            Lake(self.session, config).merge(self.theirs, THINGS)

    def __init__(self, session: SparkSession, config: Config, theirs: DataFrame) -> None:
        super().__init__(session, config)
        self.config, self.theirs = config, theirs

    def _fill(self, rows: DataFrame, table: Table) -> bool:
        if not self.exists(table):
            self._overtake(self.config)
        return super()._fill(rows, table)

    def _delta(self, table: Table) -> DeltaTable:
        if not self.was_overtaken:
            self._overtake(self.config)
            raise exceptions.ConcurrentAppendException("they came between", "the stack trace")
        return super()._delta(table)


@pytest.mark.usefixtures("spark_writes")
def test_rows_are_not_lost_where_another_writer_brings_the_same_keys_first(spark: SparkSession, config: Config) -> None:
    """Once while the table is made, once while it grows: ours come last, so ours are there."""
    for number in (1, 2):
        ours, theirs = (("a", number, whose, None, None, MONDAY) for whose in ("ours", "theirs"))
        _Overtaken(spark, config, things(spark, theirs)).merge(things(spark, ours), THINGS)
        assert [row[1:3] for row in stored(Lake(spark, config))] == [(n, "ours") for n in range(1, number + 1)]


WIDER = Table(
    "silver",
    "things",
    ("kind", "number"),
    StructType(
        [
            *SCHEMA.fields[:4],
            StructField("windows", LongType(), True, {"comment": "It's said how many \\ there are", "required": False}),
            *SCHEMA.fields[4:],
            column("terms", ArrayType(StructType([StructField("word", StringType())]))),
        ]
    ),
    THINGS.description,
    ("seen_at",),
)


def wider(spark: SparkSession, *rows: Thing) -> DataFrame:
    return spark.createDataFrame(list(rows), WIDER.schema).coalesce(1)


def test_a_column_that_is_declared_later_is_null_until_it_is_written(spark: SparkSession, lake: Lake) -> None:
    lake.merge(things(spark, GOOD, ("a", 2, "two", 2, {"x": 0.5}, MONDAY)), THINGS)
    read = lake.read(WIDER)
    assert [field.name for field in read.schema.fields] == WIDER.schema.names
    assert [(f.dataType, f.metadata["comment"]) for f in read.schema.fields] == [
        (f.dataType, f.metadata["comment"]) for f in WIDER.schema.fields
    ]
    old = sorted(tuple(row) for row in read.collect())
    assert old == [("a", 1, "one", None, None, None, MONDAY, None), ("a", 2, "two", 2, None, {"x": 0.5}, MONDAY, None)]

    # The same rows again, the new columns null: nothing to write, so nothing to add.
    assert lake.merge(wider(spark, *old), WIDER) == MergeCounts(0, 0)
    assert lake.version(WIDER) == 1 and lake._stored(WIDER).columns == SCHEMA.names

    new = ("a", 2, "two", 2, 7, {"x": 0.5}, TUESDAY, [("word",)])
    assert lake.merge(wider(spark, new, old[0]), WIDER) == MergeCounts(0, 1)
    assert sorted(tuple(row) for row in lake.read(WIDER).collect()) == [old[0], new]
    assert lake.read(WIDER).columns == lake.read(WIDER, 1).columns == WIDER.schema.names
    assert sorted(tuple(row) for row in lake.read(WIDER, 1).collect()) == old
    stored_fields = {field.name: field for field in lake._stored(WIDER).schema.fields}
    assert stored_fields["windows"].metadata == {"comment": "It's said how many \\ there are"}
    other = OtherReader(lake.place(WIDER))
    found = {row["number"]: (row["windows"], row["terms"]) for row in other.to_pyarrow_table().to_pylist()}
    assert found == {1: (None, None), 2: (7, [{"word": "word"}])}
    comments = {field.name: field.metadata["comment"] for field in other.schema().fields}
    assert comments == {field.name: field.metadata["comment"] for field in WIDER.schema.fields}

    # Who does not know the new columns must not write: the update would make them null.
    with pytest.raises(SchemaError, match=r"silver\.things: .*windows is not declared; terms is not declared"):
        lake.merge(things(spark, ("b", 1, "three", 3, None, MONDAY)), THINGS)
    assert [tuple(row)[:3] for row in lake.read(THINGS).orderBy("number").collect()] == [("a", 1, "one"), new[:3]]


def test_appending_adds_columns_too(spark: SparkSession, lake: Lake) -> None:
    lake.append(things(spark, GOOD), THINGS)
    lake.append(wider(spark, ("a", 2, "two", 2, 7, None, MONDAY, None)), WIDER)
    found = lake.read(WIDER).select("number", "windows").orderBy("number").collect()
    assert [tuple(row) for row in found] == [(1, None), (2, 7)]


def test_a_stored_table_of_another_type_is_refused(spark: SparkSession, lake: Lake) -> None:
    def altered(change: dict[str, Any], *more: StructField) -> Table:
        fields = [change.get(field.name, field) for field in SCHEMA.fields]
        return dataclasses.replace(THINGS, schema=StructType([field for field in fields if field] + list(more)))

    lake.merge(things(spark, GOOD), THINGS)
    typed = altered({"size": column("size", StringType())})
    required = altered({}, column("owner", StringType(), required=True))
    removed = altered({"size": None})
    for table, words in (
        (typed, "size is bigint, declared as string"),
        (required, "owner, which is required, is not there"),
        (removed, "size is not declared"),
    ):
        rows = spark.createDataFrame([], table.schema)
        if table is not removed:
            with pytest.raises(SchemaError, match=f"silver.things: the stored table is of another schema: {words}"):
                lake.read(table)
            with pytest.raises(SchemaError, match=words):
                lake.merge(rows, table)
        with pytest.raises(SchemaError, match=words):
            lake.append(rows, table)
    assert lake.version(THINGS) == 1 and stored(lake) == [GOOD]


def test_writers_that_widen_a_table_side_by_side_all_land(spark: SparkSession, lake: Lake) -> None:
    """Four at once, each with the new columns."""
    lake.merge(things(spark, GOOD), THINGS)
    rows = [("b", number, "new", None, number, None, MONDAY, None) for number in range(4)]
    failures = _side_by_side(
        *[lambda row=row: lake.merge(wider(spark, row), WIDER) for row in rows[:3]],
        lambda: lake.append(wider(spark, rows[3]), WIDER),
    )
    assert failures == []
    assert sorted(lake._stored(WIDER).columns) == sorted(WIDER.schema.names)
    found = sorted(tuple(row) for row in lake.read(WIDER).where("kind = 'b'").collect())
    assert found == rows


def test_a_table_is_read_as_it_was(spark: SparkSession, lake: Lake) -> None:
    """By version and by time; and all that can't be read is said in a line."""
    before = datetime.datetime.now(datetime.timezone.utc)
    times = []
    for name in ("one", "two", "three"):
        lake.merge(things(spark, ("a", 1, name, None, None, MONDAY)), THINGS)
        time.sleep(0.05)
        times.append(datetime.datetime.now(datetime.timezone.utc))
        time.sleep(0.05)
    newest = lake.version(THINGS)
    assert newest == 3  # the first merge makes the table, then adds its rows

    def name_at(**when: Any) -> str:
        (row,) = lake.read(THINGS, **when).collect()
        return str(row["name"])

    assert [name_at(timestamp=at) for at in times] == ["one", "two", "three"]
    assert [lake.version_at(THINGS, at) for at in times] == [1, 2, 3]
    assert lake.version_at(THINGS, times[0].replace(tzinfo=None)) == 1, "a time without a zone is in UTC"
    assert [name_at(version=version) for version in (1, 2, 3)] == ["one", "two", "three"]

    snapshot = lake.snapshot([THINGS], {"silver.things": 1}, times[1])
    assert snapshot.versions == {"silver.things": 1} and snapshot.read(THINGS).first()["name"] == "one"
    assert lake.snapshot([THINGS], {"silver.others": 1}, times[1]).versions == {"silver.things": 2}
    now = lake.snapshot([THINGS])
    lake.merge(things(spark, ("a", 1, "four", None, None, MONDAY)), THINGS)
    assert now.versions == {"silver.things": 3} and now.read(THINGS).first()["name"] == "three"

    other = dataclasses.replace(THINGS, name="others")
    assert lake.snapshot([other]).versions == {} and lake.snapshot([other]).read(other).isEmpty()
    tomorrow = times[2] + datetime.timedelta(days=1)
    for table, when, words in (
        (THINGS, {"version": 5}, r"there is no version 5; its newest is 4, its first 0"),
        (THINGS, {"version": -1}, r"there is no version -1; its newest is 4"),
        (THINGS, {"timestamp": before}, r"is before its first version, of 20\d\d-.*Z"),
        (THINGS, {"timestamp": tomorrow}, r"is yet to come; give a time that is past"),
        (other, {"version": 0}, r"there is no table to read version 0 of"),
        (other, {"timestamp": times[0]}, r"there is no table to read as of 20"),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            lake.read(table, **when)
        assert str(caught.value).startswith(f"{table.full_name}: ") and "\n" not in str(caught.value)


def test_a_version_whose_files_or_log_are_gone_is_refused_in_a_line(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path
) -> None:
    lake = Lake(spark, make_config(root=tmp_path / "a [lake] 100% {full}"))
    for name in ("one", "two", "three"):
        lake.merge(things(spark, ("a", 1, name, None, None, MONDAY), ("b", 1, "same", None, None, MONDAY)), THINGS)
    assert [lake.read(THINGS, version=version).count() for version in (0, 1, 2, 3)] == [0, 2, 2, 2]
    kept = spark.conf.get("spark.databricks.delta.retentionDurationCheck.enabled")
    spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    try:
        DeltaTable.forPath(spark, lake.place(THINGS)).vacuum(0)
    finally:
        spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", kept)
    newest = lake.version(THINGS)
    for read in (lambda: lake.read(THINGS, version=2), lambda: lake.snapshot([THINGS], {"silver.things": 2})):
        with pytest.raises(ConfigurationError, match=r"^silver\.things: VACUUM has removed files of version 2; .*\)$"):
            read()
    assert [row["name"] for row in lake.read(THINGS, newest).orderBy("kind").collect()] == ["three", "same"]

    OtherReader(lake.place(THINGS)).create_checkpoint()  # with which entries before it may go
    for entry in sorted((Path(lake.place(THINGS)) / "_delta_log").glob("*.json"))[:2]:
        entry.unlink()
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    with pytest.raises(ConfigurationError, match=r"^silver\.things: version 1 can't be read any more: ") as caught:
        lake.read(THINGS, version=1)
    assert "\n" not in str(caught.value)


def test_an_older_version_lacks_what_was_declared_since(spark: SparkSession, lake: Lake) -> None:
    lake.merge(things(spark, GOOD), THINGS)
    lake.merge(wider(spark, (*GOOD[:4], 7, None, TUESDAY, None)), WIDER)
    assert [row["windows"] for row in lake.snapshot([WIDER], {"silver.things": 1}).read(WIDER).collect()] == [None]
    assert [row["windows"] for row in lake.snapshot([WIDER]).read(WIDER).collect()] == [7]


class _WidenedMeanwhile(Lake):
    """A lake whose table another writer widens once, just after it was found to lack columns."""

    overtake = False

    def _stored(self, table: Table, version: int | None = None) -> DataFrame:
        found = super()._stored(table, version)
        if self.overtake:
            self.overtake = False
            super()._add_columns(table)
        return found


def test_columns_that_another_writer_adds_first_are_as_good(spark: SparkSession, config: Config) -> None:
    lake = _WidenedMeanwhile(spark, config)
    lake.merge(things(spark, GOOD), THINGS)
    lake.overtake = True
    lake._add_columns(WIDER)
    assert not lake.overtake and lake.version(WIDER) == 2
    assert lake._stored(WIDER).columns == [*SCHEMA.names, "windows", "terms"]


def test_every_conflict_that_delta_tells_apart_is_one() -> None:
    told = {
        value
        for value in vars(exceptions).values()
        if isinstance(value, type) and issubclass(value, CapturedException) and value.__module__ == exceptions.__name__
    }
    assert set(_CONCURRENT) == told


def test_places(spark: SparkSession, config: Config) -> None:
    assert Lake(spark, config).place(THINGS) == f"{config.lake.root}/silver/things"
    catalog = config.lake.model_copy(update={"root": None, "catalog": "main"})
    named = Lake(spark, config.model_copy(update={"lake": catalog}))
    assert named.place(THINGS) == "`main`.`silver`.`things`"


@pytest.mark.parametrize("given", [(), ("lake.deletion_vectors=true",)], ids=["delta-rs", "Spark"])
def test_a_part_of_a_table_is_replaced_in_one_commit(
    spark: SparkSession, make_config: MakeConfig, given: tuple[str, ...]
) -> None:
    lake = Lake(spark, make_config(*given))
    first = [("a", 1, "one", None, {"x": 0.5}, MONDAY), ("a", 2, "two", 7, None, MONDAY), ("b", 1, "b", 1, {}, MONDAY)]
    lake.replace_part(first, THINGS, "kind = 'a' OR kind = 'b'")
    before = lake.version(THINGS)
    lake.replace_part([("a", 3, "three", 7, {"y": 1.0}, TUESDAY)], THINGS, "kind = 'a'")
    assert lake.version(THINGS) == (before or 0) + 1
    rows = {(row["kind"], row["number"]): row for row in lake.read(THINGS).collect()}
    assert set(rows) == {("a", 3), ("b", 1)}
    assert (rows["a", 3]["shares"], rows["a", 3]["seen_at"]) == ({"y": 1.0}, TUESDAY)
    lake.replace_part([], THINGS, "kind = 'a'")
    assert [row["kind"] for row in lake.read(THINGS).collect()] == ["b"]
    assert lake.few_rows_at(THINGS, (before or 0) + 1, ("kind", "number")) in (
        [("a", 3), ("b", 1)],
        [("b", 1), ("a", 3)],
    )
    assert lake.few_rows_at(THINGS, (before or 0) + 2, ("kind",)) == [("b",)]
    with pytest.raises(ConfigurationError):
        lake.few_rows_at(THINGS, 99, ("kind",))


def test_properties_and_identity_of_a_table(spark: SparkSession, config: Config) -> None:
    lake = Lake(spark, config)
    assert lake.properties(THINGS) == {} and lake.identity(THINGS) is None
    lake.replace_part([("a", 1, "one", None, {}, MONDAY)], THINGS, "kind = 'a'")
    identity = lake.identity(THINGS)
    lake.set_properties(THINGS, {"a.b": 'it\'s "so"', "c": "1"})
    assert lake.properties(THINGS) == {"a.b": 'it\'s "so"', "c": "1"} and lake.identity(THINGS) == identity
    assert lake.read(THINGS).count() == 1


@pytest.mark.parametrize("given", [(), ("lake.deletion_vectors=true",)], ids=["delta-rs", "Spark"])
def test_rows_that_were_compared_are_added_only_where_nobody_came_between(
    spark: SparkSession, make_config: MakeConfig, given: tuple[str, ...]
) -> None:
    lake = Lake(spark, make_config(*given))

    def rows(*numbers: int, name: str = "new") -> DataFrame:
        return spark.createDataFrame([("a", one, name, None, {}, MONDAY) for one in numbers], SCHEMA)

    lake.merge(rows(1, name="old"), THINGS)
    compared = lake.compared_with(lake.version(THINGS))
    assert compared.merge(rows(2), THINGS, stored=F.lit(False)).inserted == 1
    assert lake.commits(THINGS, 0)[0].operation == "WRITE", "added without a look at the others"
    compared.merge(rows(2, 3, name="late"), THINGS, stored=F.lit(False))
    stored = {row["number"]: row["name"] for row in lake.read(THINGS).collect()}
    assert stored == {1: "old", 2: "new", 3: "late"}
    if not given:
        assert lake.are_new(rows(4, 5).persist(), THINGS) and not lake.are_new(rows(3, 4).persist(), THINGS)
