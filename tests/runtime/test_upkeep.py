"""What keeps tables in shape and forgets: deletes by key, VACUUM, OPTIMIZE, constraints, logs without their past."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from delta import exceptions
from delta.tables import DeltaTable
from deltalake import DeltaTable as OtherReader
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import FloatType, MapType, StringType, StructField, StructType

from jobs import maintain_tables
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, ConstraintError
from linnaeus.contracts.tables import Layout, Table
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig


def column(name: str, kind: Any, required: bool = False) -> StructField:
    return StructField(name, kind, True, {"comment": f"What {name} is", "required": required})


SCHEMA = StructType(
    [
        column("kind", StringType(), required=True),
        column("name", StringType(), required=True),
        column("share", FloatType()),
        column("shares", MapType(StringType(), FloatType())),
    ]
)
PARTS = Table("silver", "parts", ("kind", "name"), SCHEMA, "Parts, for tests", layout=Layout(("name",)))
CHECKED = dataclasses.replace(
    PARTS,
    checks={"share": "share >= 0 AND share <= 1", "shares": "array_max(map_values(shares)) <= 1"},
)


def parts(spark: SparkSession, *names: str, kind: str = "a", share: float | None = 0.5) -> DataFrame:
    return spark.createDataFrame([(kind, name, share, {"x": 0.25}) for name in names], SCHEMA).coalesce(1)


def names(lake: Lake, version: int | None = None) -> list[str]:
    return sorted(row["name"] for row in lake.read(PARTS, version).collect())


@pytest.fixture
def lake(spark: SparkSession, config: Config) -> Lake:
    return Lake(spark, config)


def test_rows_are_deleted_by_their_keys(spark: SparkSession, lake: Lake) -> None:
    lake.merge(parts(spark, "one", "two", "three"), PARTS)
    lake.merge(parts(spark, "one", kind="b"), PARTS)
    version = lake.version(PARTS)
    keys = lake.read(PARTS).where("name = 'one' and kind = 'a'")
    assert lake.delete(keys, PARTS) == 1, "the keys may come from the table itself, with all its columns"
    assert names(lake) == ["one", "three", "two"] and names(lake, version) == ["one", "one", "three", "two"]
    assert lake.version(PARTS) == (version or 0) + 1
    assert lake.delete(keys.where("false"), PARTS) == 0 and lake.version(PARTS) == (version or 0) + 1
    log = Path(lake.place(PARTS)) / "_delta_log" / f"{lake.version(PARTS):020d}.json"
    assert "gone.name" not in log.read_text() and '"one"' not in log.read_text().split("\n")[0]


@pytest.mark.usefixtures("spark_writes")
def test_a_delete_is_tried_again(spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.merge(parts(spark, "one", "two"), PARTS)
    waits: list[float] = []
    monkeypatch.setattr("linnaeus.runtime.lake.time", SimpleNamespace(sleep=waits.append))
    inner = lake._delta

    def busy(table: Table) -> DeltaTable:
        if len(waits) < 2:
            raise exceptions.ConcurrentDeleteReadException("another writer came between", "the stack trace")
        return inner(table)

    monkeypatch.setattr(lake, "_delta", busy)
    assert lake.delete(parts(spark, "one"), PARTS) == 1
    assert len(waits) == 2 and names(lake) == ["two"]


@pytest.mark.parametrize("by", ["delta-rs", "Spark"])
def test_what_is_gone_can_not_be_read_from_files_or_log(
    spark: SparkSession, lake: Lake, by: str, request: pytest.FixtureRequest
) -> None:
    if by == "Spark":
        request.getfixturevalue("spark_writes")
    lake.merge(parts(spark, "aaa-secret", "two"), PARTS)
    lake.delete(parts(spark, "aaa-secret"), PARTS)
    folder = Path(lake.place(PARTS))
    (folder / "part-left-by-a-killed-writer.parquet").write_bytes(b"aaa-secret")
    (folder / ".part-left-by-a-killed-writer.parquet.crc").write_bytes(b"its sum")
    (folder / "_theirs").write_bytes(b"of another program")
    version = lake.version(PARTS)
    lake.vacuum([PARTS], 0)
    assert lake.version(PARTS) == version, "nothing that compares versions takes it for a change"
    assert spark.conf.get("spark.databricks.delta.retentionDurationCheck.enabled") == "true"
    assert not list(folder.glob("*killed-writer*")) and (folder / "_theirs").exists()
    assert by == "Spark" or not list(folder.glob(".*killed-writer*"))
    holding = [one.name for one in folder.rglob("*") if one.is_file() and b"aaa-secret" in one.read_bytes()]
    assert holding and all(name.endswith((".json", ".crc")) for name in holding), "the log's statistics"
    assert lake.forget_history(PARTS) >= 2
    assert not [one for one in folder.rglob("*") if one.is_file() and b"aaa-secret" in one.read_bytes()]
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    assert names(lake) == ["two"] and lake.version(PARTS) == version
    assert OtherReader(str(folder)).to_pyarrow_table().column("name").to_pylist() == ["two"]
    with pytest.raises(ConfigurationError, match="can't be read any more"):
        lake.read(PARTS, version=0)
    # Life goes on from there.
    lake.merge(parts(spark, "three"), PARTS)
    assert names(lake) == ["three", "two"] and lake.version(PARTS) == (version or 0) + 1
    assert lake.forget_history(PARTS) == 1 and names(lake) == ["three", "two"]


def test_constraints(spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.merge(parts(spark, "one"), CHECKED)
    lake.merge(parts(spark, "empty", share=None), CHECKED)
    assert sorted(lake.constrain(CHECKED)) == ["required", "share", "shares"]
    version = lake.version(CHECKED)
    assert lake.constrain(CHECKED) == [] and lake.version(CHECKED) == version
    for wrong in (("a", "x", 1.5, None), ("a", "x", 0.5, {"x": 1.5}), (None, "x", 0.5, None)):
        rows = spark.createDataFrame([wrong], SCHEMA)
        with pytest.raises(ConstraintError, match=r"^silver\.parts: rows break a constraint of the table"):
            lake.append(rows, CHECKED)
        with monkeypatch.context() as patched, pytest.raises(Exception, match="DELTA_VIOLATE_CONSTRAINT"):
            patched.setattr("linnaeus.runtime.small_writes.MOST_ROWS", -1)
            lake.append(rows, CHECKED)
    lake.append(spark.createDataFrame([("a", "good", 1.0, {})], SCHEMA), CHECKED)
    assert names(lake) == ["empty", "good", "one"]
    other = OtherReader(lake.place(CHECKED))
    assert sorted(other.to_pyarrow_table().column("name").to_pylist()) == ["empty", "good", "one"]
    assert other.protocol().min_reader_version == 1, "who reads needs nothing new"

    # Declared anew: the old one goes. What rows break is said, and the others are there.
    stricter = dataclasses.replace(CHECKED, checks=CHECKED.checks | {"share": "share >= 0", "name": "name <> 'one'"})
    with pytest.raises(ConstraintError, match=r"^silver\.parts: there are rows that break name; none was added$"):
        lake.constrain(stricter)
    found = {k.rpartition(".")[2]: v for k, v in lake.detail(CHECKED).properties.items()}
    assert "".join(found["share"].split()) == "coalesce(share>=0,true)" and "name" not in found


@pytest.mark.slow
def test_tables_are_kept_in_shape(spark: SparkSession, make_config: MakeConfig) -> None:
    bounds = "maintain.tables={silver.labels: {spare_files: 3, file_megabytes: 0.001}}"
    config = make_config("maintain.spare_files=4", "maintain.retention_hours=0", bounds)
    lake, when = Lake(spark, config), datetime.datetime(2024, 1, 1)
    for number in range(4):
        rows = [(f"item {number} {i}", "category", "sport", 1.0, 0, "gold", None, 0.0, None) for i in range(50)]
        lake.merge(spark.createDataFrame(rows, schemas.LABELS).coalesce(1), tables.LABELS)
    for number in range(6):
        row = (f"w{number}", f"n{number}", None, when, when)
        lake.merge(spark.createDataFrame([row], schemas.CREATORS), tables.CREATORS)
    row = ("a", "category", "sport", 2.0, 0, "gold", None, 0.0, None)
    with pytest.raises(ConfigurationError, match=r"maintain\.tables: 'silver\.label' is no table; known: bronze"):
        maintain_tables.main(make_config("maintain.tables={silver.label: {spare_files: 3}}"))
    said = maintain_tables.main(config).details
    assert said["bronze.creators"].startswith("6 files of 0.0 MB; now 1; constraints required added")
    assert said["silver.labels"].startswith("4 files of 0.0 MB; constraints "), (
        "its own bounds: as large as they may be"
    )
    assert len(list(Path(lake.place(tables.CREATORS)).glob("*.parquet"))) == 1
    assert lake.read(tables.CREATORS).count() == 6 and lake.read(tables.LABELS).count() == 200
    versions = {table.full_name: lake.version(table) for table in (tables.CREATORS, tables.LABELS)}
    assert maintain_tables.main(config).details["bronze.creators"] == "1 files of 0.0 MB"
    assert {table.full_name: lake.version(table) for table in (tables.CREATORS, tables.LABELS)} == versions

    # A row that breaks what is declared, from before it was: all else is done, and it is said.
    spark.sql(f"ALTER TABLE delta.`{lake.place(tables.LABELS)}` DROP CONSTRAINT probability")
    lake.append(spark.createDataFrame([row], schemas.LABELS), tables.LABELS)
    with pytest.raises(
        ConstraintError, match=r"^silver\.labels: there are rows that break probability; none was added; "
    ):
        maintain_tables.main(config)


def test_rows_are_put_in_order_where_there_are_several_files(
    spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    inner = Lake.optimize

    def optimize(lake: Lake, table: Table, file_bytes: int, z_order: tuple[str, ...] = ()) -> None:
        asked.append(z_order)
        inner(lake, table, file_bytes, z_order)

    monkeypatch.setattr(Lake, "optimize", optimize)
    config = make_config("maintain.spare_files=2", "maintain.file_megabytes=0.2")
    lake = Lake(spark, config)
    rows = spark.range(20_000).selectExpr(
        "sha2(string(id), 256) as content_id", "'who' as creator_id", "'text' as kind", "null as title",
        "'body' as body", "null as uri", "timestamp '2024-01-01' as published_at", "'hash' as content_hash",
        "timestamp '2024-01-01' as ingested_at", "id as views",
    )  # fmt: skip
    typed = spark.createDataFrame(rows.repartition(20).rdd, schemas.CONTENT)
    lake.append(typed, tables.CONTENT)
    said = maintain_tables.main(config).details["bronze.content"]
    assert asked == [("content_id",)] and said.startswith("20 files of 1."), said
    files = OtherReader(lake.place(tables.CONTENT)).get_add_actions(flatten=True)
    found = pa.table(files).to_pylist()
    ranges = sorted((one["min.content_id"], one["max.content_id"]) for one in found)
    assert 4 <= len(ranges) <= 12
    # Delta puts a little noise between rows that its thousand ranges do not tell apart: neighbours may overlap.
    assert all(one[1] < next_but_one[0] for one, next_but_one in zip(ranges, ranges[2:], strict=False)), ranges
    maintain_tables.main(config)
    assert len(asked) == 1, "what is in shape is left alone"
