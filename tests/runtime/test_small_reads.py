"""Small tables read as files: the rows of each version are those of Spark's Delta, which reads what is not small."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.errors import SchemaError
from linnaeus.runtime import small_reads
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.runtime.things import SCHEMA, THINGS, Steps, thing

BY_DELTA = "org.apache.spark.sql.delta"


@pytest.fixture
def lake(spark: SparkSession, make_config: MakeConfig) -> Lake:
    return Lake(spark, make_config())


def is_by_delta(rows: DataFrame) -> bool:
    """Whether Delta's index of files is behind a frame."""
    relations = rows._jdf.queryExecution().analyzed().collectLeaves()
    found = [relations.apply(place) for place in range(relations.size())]
    return any(one.getClass().getSimpleName() == "LogicalRelation" and BY_DELTA in location(one) for one in found)


def location(relation: Any) -> str:
    return str(relation.relation().location().getClass().getName())


def values(rows: DataFrame) -> list[str]:
    """Rows as texts, maps by their entries, so that NaN is equal to itself."""
    return sorted(map(repr, rows.withColumn("shares", F.array_sort(F.map_entries("shares"))).collect()))


@pytest.mark.parametrize("seed", [4, pytest.param(5, marks=pytest.mark.slow)])
def test_random_histories_read_as_delta_reads_them(spark: SparkSession, lake: Lake, seed: int) -> None:
    drawn = Steps(seed)
    lake.merge(drawn.rows(10), THINGS)
    for _ in range(8):
        drawn.step()(spark, lake)
    newest = lake.version(THINGS)
    assert newest is not None and newest > 3
    for version in range(newest + 1):
        ours, delta = lake.rows(THINGS, version), lake._stored(THINGS, version)
        assert not is_by_delta(ours) and is_by_delta(delta)
        assert ours.schema == delta.schema
        assert values(ours) == values(delta), version
    assert values(lake.read(THINGS)) == values(lake._stored(THINGS))


def test_a_frame_shows_the_version_that_was_the_newest(lake: Lake) -> None:
    lake.merge([thing(1)], THINGS)
    before = lake.read(THINGS)
    lake.merge([thing(1, "two"), thing(2)], THINGS)
    assert [row["name"] for row in before.collect()] == ["one"]
    assert sorted(row["name"] for row in lake.read(THINGS).collect()) == ["one", "two"]


def test_what_is_not_small_or_not_plain_is_delta_s(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.merge([thing(number) for number in range(3)], THINGS)
    assert not is_by_delta(lake.read(THINGS))
    for bound in ("MOST_FILES", "MOST_TABLE_BYTES"):
        with monkeypatch.context() as patched:
            patched.setattr(small_reads, bound, 0)
            assert is_by_delta(lake.read(THINGS))
    spark.sql(f"ALTER TABLE delta.`{lake.place(THINGS)}` SET TBLPROPERTIES (delta.enableDeletionVectors = true)")
    spark.sql(f"DELETE FROM delta.`{lake.place(THINGS)}` WHERE number = 1")
    rows = lake.read(THINGS)
    assert is_by_delta(rows) and sorted(row["number"] for row in rows.collect()) == [0, 2]


def test_tables_with_partitions_are_delta_s(spark: SparkSession, lake: Lake) -> None:
    frame = spark.createDataFrame([thing(1), thing(2, kind="b")], SCHEMA)
    frame.write.format("delta").partitionBy("kind").save(lake.place(THINGS))
    rows = lake.read(THINGS)
    assert is_by_delta(rows) and sorted(row["kind"] for row in rows.collect()) == ["a", "b"]


def test_a_table_without_rows(lake: Lake) -> None:
    lake.merge([thing(1)], THINGS)
    lake.delete([thing(1)], THINGS)
    assert lake.read(THINGS).count() == 0 and lake.read(THINGS).schema.names == SCHEMA.names
    assert lake.read(THINGS, version=0).count() == 0 and lake.read(THINGS, version=1).count() == 1


def test_a_column_of_another_type_is_refused_and_one_that_is_new_is_null(lake: Lake, spark: SparkSession) -> None:
    frame = spark.createDataFrame([thing(1)], SCHEMA)
    frame.drop("share").write.format("delta").save(lake.place(THINGS))
    assert [row["share"] for row in lake.read(THINGS).collect()] == [None]
    wrong = frame.withColumn("share", F.lit("much")).write.format("delta").mode("overwrite")
    wrong.option("overwriteSchema", "true").save(lake.place(THINGS))
    with pytest.raises(SchemaError, match="share is string, declared as float"):
        lake.read(THINGS)


@pytest.mark.parametrize("name", ["a lake", "läke {x,y}", "k=v", "a*b?", "100% sure", "100%25", "[x]"])
def test_folders_are_taken_by_their_names(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, name: str
) -> None:
    lake = Lake(spark, make_config(root=tmp_path / name))
    lake.merge([thing(1)], THINGS)
    rows = lake.read(THINGS)
    # delta-rs takes some for something else: Spark writes and reads there.
    assert is_by_delta(rows) == (name in ("100%25", "[x]"))
    assert [row["number"] for row in rows.collect()] == [1]


def test_times_before_1900_are_read_from_files_of_either(spark: SparkSession, lake: Lake) -> None:
    old = datetime.datetime(1583, 1, 2, tzinfo=datetime.timezone.utc)
    lake.merge([(*thing(1)[:-1], old)], THINGS)
    frame = spark.createDataFrame([(*thing(2)[:-1], old)], SCHEMA)
    frame.write.format("delta").mode("append").save(lake.place(THINGS))
    assert len(DeltaTable(lake.place(THINGS)).file_uris()) == 2
    seconds = [row[0] for row in lake.read(THINGS).select(F.unix_seconds("seen_at")).collect()]
    assert seconds == [int(old.timestamp())] * 2
