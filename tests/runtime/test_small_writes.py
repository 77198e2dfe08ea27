"""Writes of few rows without Spark: they leave what Spark leaves, whoever else writes and whenever one is killed."""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from linnaeus.contracts import tables
from linnaeus.contracts.config import repository
from linnaeus.contracts.errors import ConfigurationError, ConstraintError, SchemaError
from linnaeus.contracts.hashed_ids import CREATOR, Hasher
from linnaeus.contracts.tables import Table
from linnaeus.runtime import small_writes
from linnaeus.runtime.arrow_rows import MergeCounts, from_plain
from linnaeus.runtime.file_search import Wanted, search_file
from linnaeus.runtime.history import LOG, Commit
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.small_writes import SmallWrites, is_small
from tests.conftest import MakeConfig
from tests.runtime.things import NOW, SCHEMA, THINGS, Row, Steps, column, thing


def writes(folder: Path, note: str | None = None) -> SmallWrites:
    return SmallWrites(folder, 3, note)


def names(small: SmallWrites, table: Table = THINGS) -> dict[int, str]:
    return {row["number"]: row["name"] for row in small.rows(table, {"kind": ["a", "b"]})}


def constrain(small: SmallWrites, table: Table) -> None:
    """Make a table with its constraints in Spark's words. (delta-rs drops the brackets where it adds one.)"""
    small.make_ready(table)
    file = small.folder(table) / LOG / f"{0:020d}.json"
    actions = [json.loads(line) for line in file.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"]["minWriterVersion"] = 3
        if "metaData" in action:
            spaced = {
                name: condition.replace("(", " ( ").replace(")", " ) ") for name, condition in table.checks.items()
            }
            checks = {f"delta.constraints.{name}": f"coalesce ( {words} , true )" for name, words in spaced.items()}
            action["metaData"]["configuration"] = checks
    file.write_text("".join(json.dumps(action) + "\n" for action in actions))
    file.with_suffix(".crc").unlink()  # which says what was there before


def test_one_rule_says_which_way_a_write_goes() -> None:
    most = (small_writes.MOST_ROWS, small_writes.MOST_ROW_BYTES, small_writes.MOST_TABLE_BYTES)
    assert is_small(*most) and is_small(0)
    for place in range(3):
        assert not is_small(*[bound + (place == other) for other, bound in enumerate(most)])


def test_tables_that_spark_alone_writes(make_config: MakeConfig, tmp_path: Path, monkeypatch: Any) -> None:
    config = make_config("lake.merge_retries=7")
    assert SmallWrites.of(config) == SmallWrites(tmp_path / "lake", 7)
    assert SmallWrites.of(make_config("lake.root=null", "lake.catalog=main")) is None
    assert SmallWrites.of(make_config("lake.deletion_vectors=true")) is None
    assert SmallWrites.of(make_config(root=tmp_path / "a [lake]")) is None
    small = SmallWrites.of(make_config(root=tmp_path / "a lake, 100% {full} é"))
    assert small is not None and small.takes(THINGS) and small.takes_appends(THINGS) and small.takes_schema(THINGS)
    small.append_rows([thing(1)], THINGS)
    assert names(small) == {1: "one"} and small.takes(THINGS)
    monkeypatch.setattr(small_writes, "MOST_TABLE_BYTES", 100)
    assert not small.takes(THINGS) and small.takes_appends(THINGS) and small.takes_schema(THINGS)

    schema = Schema.from_json(SCHEMA.json())
    parts, vectors, words = (dataclasses.replace(THINGS, name=name) for name in ("parts", "vectors", "words"))
    DeltaTable.create(str(small.folder(parts)), schema, partition_by=["kind"])
    marks = {"delta.enableDeletionVectors": "true"}
    DeltaTable.create(str(small.folder(vectors)), schema, configuration=marks)
    DeltaTable.create(str(small.folder(words)), schema).alter.add_constraint({"theirs": "number > 0"})
    for table in (parts, vectors, words):
        assert not small.takes_appends(table) and not small.takes_schema(table), table.name


def test_what_each_write_leaves_and_counts(tmp_path: Path) -> None:
    small = writes(tmp_path)

    def merge(*rows: Row) -> MergeCounts:
        return small.merge(from_plain(rows, THINGS), THINGS)

    assert small.version(THINGS) is None and small.rows(THINGS, {"kind": ["a"]}) == []
    assert merge(thing(1), thing(2)) == MergeCounts(2, 0) and small.version(THINGS) == 1
    later = (*thing(1)[:7], NOW + datetime.timedelta(days=1))
    assert merge(later, thing(2)) == MergeCounts(0, 0) and small.version(THINGS) == 1, "a stamp is no difference"
    assert merge(thing(1, "new"), thing(2), thing(3)) == MergeCounts(1, 1) and small.version(THINGS) == 2
    assert names(small) == {1: "new", 2: "one", 3: "one"}
    small.insert_new(from_plain([thing(3, "late"), thing(4)], THINGS), THINGS)
    small.insert_new(from_plain([thing(4, "late")], THINGS), THINGS)
    assert names(small) == {1: "new", 2: "one", 3: "one", 4: "one"} and small.version(THINGS) == 3
    keys = from_plain([thing(1), thing(1), thing(9)], THINGS).select(["kind", "number"])
    assert small.delete(keys, THINGS) == 3 and small.version(THINGS) == 4
    assert small.delete(keys, THINGS) == 3 and small.version(THINGS) == 4, "no key is there: no version"
    wanted = from_plain([thing(2), thing(3, "other"), thing(5)], THINGS)
    assert small.replace(wanted, THINGS) == MergeCounts(1, 1) and small.version(THINGS) == 5
    assert small.replace(wanted, THINGS) == MergeCounts(0, 0) and small.version(THINGS) == 5
    assert small.replace(wanted.slice(0, 2), THINGS) == MergeCounts(0, 0) and small.version(THINGS) == 6
    assert names(small) == {2: "one", 3: "other"}
    (row,) = small.rows(THINGS, {"kind": ["a"], "number": [3, 7]})
    assert row == dict(zip(SCHEMA.names, thing(3, "other"), strict=True)) | {
        "words": [{"word": "w", "n": 3}], "form": {"x": 0.5, "y": None},
    }  # fmt: skip


def test_rows_of_new_keys_are_added_to_the_version_they_were_compared_with(tmp_path: Path) -> None:
    made = writes(tmp_path)
    assert not made.append_new(from_plain([thing(1)], THINGS), THINGS, 0), "there is no table"
    made.append(from_plain([thing(1)], THINGS), THINGS)
    version = made.version(THINGS)
    assert version is not None
    keys = from_plain([thing(1), thing(2)], THINGS).select(list(THINGS.key))
    assert made.are_new(keys.slice(1), THINGS) and not made.are_new(keys, THINGS)
    assert made.append_new(from_plain([thing(2)], THINGS), THINGS, version)
    assert not made.append_new(from_plain([thing(2)], THINGS), THINGS, version), "another version by now"
    with pytest.raises(SchemaError, match="stand twice"):
        made.append_new(from_plain([thing(3), thing(3)], THINGS), THINGS, version + 1)
    assert sorted(made.rows_at(THINGS, version + 1, ("number", "name"))) == [(1, "one"), (2, "one")]


def test_a_part_of_a_table_is_replaced_and_older_versions_are_read(tmp_path: Path) -> None:
    made = writes(tmp_path)
    assert made.identity(THINGS) is None and made.properties(THINGS) == {}
    made.replace_part(from_plain([thing(1), thing(2, kind="b")], THINGS), THINGS, "kind IN ('a', 'b')")
    made.replace_part(from_plain([thing(3)], THINGS), THINGS, "kind = 'a'")
    made.replace_part(from_plain([], THINGS), THINGS, "kind = 'b'")
    newest = made.version(THINGS)
    assert newest is not None
    found = [sorted(made.rows_at(THINGS, version, ("kind", "number"))) for version in range(newest - 2, newest + 1)]
    assert found == [[("a", 1), ("b", 2)], [("a", 3), ("b", 2)], [("a", 3)]]
    with pytest.raises(ConfigurationError, match=f"version {newest + 1} can't be read any more"):
        made.rows_at(THINGS, newest + 1, ("kind",))
    assert made.identity(THINGS) is not None


def test_what_a_search_looks_for_is_found_in_each_file(tmp_path: Path) -> None:
    """However delta-rs writes texts: an erasure is over when a search finds nothing."""
    hasher = Hasher("salt", "secret")
    wanted = Wanted(frozenset({hasher.of(CREATOR, "creator-0042")}), hasher)
    small = writes(tmp_path)
    row = ("creator-0042", "Ann", None, None, NOW)
    small.append_rows([row], tables.CREATORS)
    small.merge(from_plain([(*row[:2], "Paints", *row[3:]), ("other", *row[1:])], tables.CREATORS), tables.CREATORS)
    small.replace(from_plain([(*row[:2], "Writes", *row[3:])], tables.CREATORS), tables.CREATORS)
    files = list(small.folder(tables.CREATORS).glob("*.parquet"))
    assert len(files) == 3
    for file in files:
        assert [hit.where for hit in search_file(file, wanted)] == ["creator_id"]


def test_rows_that_break_the_contract_leave_nothing(tmp_path: Path) -> None:
    small = writes(tmp_path)
    for rows, words in (
        ([thing(1), (None, *thing(1)[1:])], "1 rows with a null in a required column"),
        ([thing(1), thing(1, "other")], r"1 keys \(kind, number\) stand twice"),
    ):
        for write in (small.merge, small.replace):
            with pytest.raises(SchemaError, match=rf"^silver\.things: {words}$"):
                write(from_plain(rows, THINGS), THINGS)
    assert small.version(THINGS) is None
    small.append_rows([thing(1)], THINGS)
    fields = [column("size", StringType()) if field.name == "share" else field for field in SCHEMA.fields]
    other = dataclasses.replace(THINGS, schema=StructType(fields))
    with pytest.raises(SchemaError, match=r"^silver\.things: the stored table is of another schema: share is not decl"):
        small.append_rows([(*thing(2)[:3], "large", *thing(2)[4:])], other)
    assert small.version(THINGS) == 1


def test_a_note_goes_with_each_commit_of_rows(tmp_path: Path) -> None:
    small = writes(tmp_path, "by hand")
    small.append_rows([thing(1)], THINGS)
    small.merge(from_plain([thing(1, "new")], THINGS), THINGS)
    assert small.noting("anew").replace(from_plain([thing(1, "newer")], THINGS), THINGS).updated == 1
    said = [(one.operation, one.note) for one in small.commits(THINGS, None)]
    assert said == [("WRITE", "anew"), ("MERGE", "by hand"), ("WRITE", "by hand"), ("CREATE TABLE", None)]
    assert small.commits(THINGS, 2) == [Commit(3, "WRITE", "anew", "Overwrite")]


@pytest.mark.parametrize("table", [table for table in tables.ALL if table.checks], ids=lambda table: table.full_name)
def test_every_declared_constraint_is_one_that_is_enforced(tmp_path: Path, table: Table) -> None:
    """In the words in which `Lake.constrain` puts it: what can't be checked would fail each write."""
    small = writes(tmp_path)
    constrain(small, table)
    assert small.takes_appends(table)
    small.append_rows([(None,) * len(table.columns)], table)  # to a constraint a null is right
    assert small.version(table) == 1


def test_what_breaks_a_constraint_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    checked = dataclasses.replace(THINGS, checks={"share": "share >= 0 AND share <= 1"})
    small = writes(tmp_path)
    constrain(small, checked)
    small.append_rows([thing(1), thing(2, share=None)], checked)
    version = small.version(THINGS)
    for write in (
        lambda: small.append_rows([thing(3, "secret", share=1.5)], checked),
        lambda: small.merge(from_plain([thing(1, "secret", share=1.5)], checked), checked),
        lambda: small.replace(from_plain([thing(1, "secret", share=-0.5)], checked), checked),
    ):
        with pytest.raises(ConstraintError, match=r"^silver\.things: rows break a constraint of the table") as caught:
            write()
        assert "secret" not in str(caught.value)
    assert small.version(THINGS) == version and names(small) == {1: "one", 2: "one"}


def test_columns_that_are_declared_later_are_added(tmp_path: Path) -> None:
    few = [field for field in SCHEMA.fields if field.name not in ("share", "words")]
    narrow = dataclasses.replace(THINGS, schema=StructType(few))
    small = writes(tmp_path)
    row = thing(1)
    small.append_rows([(*row[:3], row[4], *row[6:])], narrow)
    same = (*row[:3], None, row[4], None, *row[6:])
    assert small.merge(from_plain([same], THINGS), THINGS) == MergeCounts(0, 0) and small.version(THINGS) == 1
    assert small.merge(from_plain([row, thing(2)], THINGS), THINGS) == MergeCounts(1, 1)
    assert small.version(THINGS) == 3, "one for the columns, one for the rows"
    stored = DeltaTable(str(small.folder(THINGS))).schema()
    assert {field.name: field.metadata["comment"] for field in stored.fields} == {
        field.name: field.metadata["comment"] for field in SCHEMA.fields
    }
    assert [one["share"] for one in small.rows(THINGS, {"kind": ["a"]})] == [0.5, 0.5]
    with pytest.raises(SchemaError, match=r"share is not declared; words is not declared"):
        small.append_rows([(*row[:3], row[4], *row[6:])], narrow)


def test_few_rows_that_are_large_are_spark_s(spark: SparkSession, make_config: MakeConfig, monkeypatch: Any) -> None:
    """They would not fit the driver."""
    lake = Lake(spark, make_config())
    lake.append([thing(1)], THINGS)
    monkeypatch.setattr(small_writes, "MOST_ROW_BYTES", 20_000)
    for n in (10, 20_000):
        rows = spark.range(1).selectExpr("'a' AS kind", "5L AS number", f"repeat(uuid(), {n}) AS name")
        made = rows.select("*", *[F.lit(None).cast(f.dataType).alias(f.name) for f in SCHEMA.fields[3:-1]])
        assert lake.merge(made.withColumn("seen_at", F.current_timestamp()), THINGS).written == 1
    commits = sorted((Path(lake.place(THINGS)) / LOG).glob("*.json"))
    assert ["Apache-Spark" in commit.read_text() for commit in commits] == [False, False, False, True]


class _Overtaken(SmallWrites):
    """Another program, which takes no lock, writes after each look at the table, `left` times."""

    left = 0

    def _opened(self, table: Table) -> DeltaTable | None:
        found = super()._opened(table)
        if found is not None and _Overtaken.left > 0:
            _Overtaken.left -= 1
            theirs = from_plain([thing(100 + _Overtaken.left, "theirs"), thing(7, "theirs")], THINGS)
            is_last = _Overtaken.left == 0
            write_deltalake(str(self.folder(table)), theirs.slice(0, 2 if is_last else 1), mode="append")
        return found


def test_a_write_that_another_program_came_before_begins_again(tmp_path: Path, monkeypatch: Any) -> None:
    waits: list[float] = []
    monkeypatch.setattr("linnaeus.runtime.small_writes.time", SimpleNamespace(sleep=waits.append))
    busy = _Overtaken(tmp_path, 2)
    busy.append_rows([thing(1)], THINGS)
    monkeypatch.setattr(_Overtaken, "left", 2)
    # Theirs of number 7 comes in the last moment: ours is an update by then.
    assert busy.merge(from_plain([thing(1, "ours"), thing(7, "ours")], THINGS), THINGS) == MergeCounts(0, 2)
    assert len(waits) == 2 and 0.1 <= waits[0] <= 0.2 <= waits[1] <= 0.4
    assert names(busy) == {1: "ours", 7: "ours", 100: "theirs", 101: "theirs"}
    monkeypatch.setattr(_Overtaken, "left", 9)
    with pytest.raises(CommitFailedError):
        busy.append_rows([thing(2)], THINGS)
    assert len(waits) == 4 and 2 not in names(writes(tmp_path))


KILLED = """
import sys
from pathlib import Path
from linnaeus.runtime.arrow_rows import from_plain
from linnaeus.runtime.small_writes import SmallWrites
from tests.runtime.things import THINGS, thing
small = SmallWrites(Path(sys.argv[1]), 3)
for turn in range(int(sys.argv[2]), 1_000_000):
    small.merge(from_plain([thing(number, f"turn {turn}") for number in range(turn % 7, 60)], THINGS), THINGS)
    print(turn, flush=True)
"""


def test_who_is_killed_while_writing_leaves_a_whole_version(tmp_path: Path) -> None:
    """Each version is that of one turn, and the next writer goes on from there."""
    small, rng, turn = writes(tmp_path), random.Random(11), 0
    small.append_rows([thing(number, "turn -1") for number in range(60)], THINGS)
    for _ in range(6):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(turn)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repository(), text=True)
        assert child.stdout is not None
        for _ in range(rng.randrange(1, 4)):
            child.stdout.readline()
        time.sleep(rng.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        said = child.communicate()[0].split()
        found = names(small)
        assert len(found) == 60
        newest = max(int(name.split()[1]) for name in found.values())
        assert all(found[number] == f"turn {newest}" for number in range(newest % 7, 60))
        assert not said or newest in (int(said[-1]), int(said[-1]) + 1)
        turn = newest + 1
        rows = from_plain([thing(number, f"turn {turn}") for number in range(60)], THINGS)
        assert small.merge(rows, THINGS) == MergeCounts(0, 60) and set(names(small).values()) == {f"turn {turn}"}
        turn += 1


def test_a_row_is_written_without_a_session(tmp_path: Path) -> None:
    """In a process of its own, in which no JVM is started."""
    program = f"""
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.runtime.small_writes import SmallWrites
from tests.runtime.things import NOW
small = SmallWrites.of(load_config("local", ["lake.root={tmp_path}"]))
values = dict(run_id="r", job="flow", started_at=NOW, seconds=0.5, rows_read=1, table_versions={{"bronze.content": 4}})
small.append_rows([tuple(values.get(name) for name in tables.JOB_RUNS.columns)], tables.JOB_RUNS)
print(small.rows(tables.JOB_RUNS, {{"job": ["flow"]}})[0]["table_versions"])
from pyspark import SparkContext
print(SparkContext._gateway)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=repository(), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["{'bronze.content': 4}", "None"]


def test_a_checkpoint_is_written_as_often_as_spark_writes_one(spark: SparkSession, make_config: MakeConfig) -> None:
    lake = Lake(spark, make_config())
    for number in range(12):
        lake.append([thing(number)], THINGS)
    log = Path(lake.place(THINGS)) / LOG
    assert [file.name for file in log.glob("*.parquet")] == [f"{10:020d}.checkpoint.parquet"]
    for entry in log.glob("*.json"):
        if int(entry.stem) < 10:
            entry.unlink()  # readers begin at the checkpoint
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    assert lake.read(THINGS).count() == 12 == len(names(writes(Path(lake.place(THINGS)).parents[1])))


def test_a_table_is_made_as_spark_makes_it(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    small, by_spark = Lake(spark, make_config()), Lake(spark, make_config(root=tmp_path / "other"))
    by_spark._small = None
    for lake in (small, by_spark):
        lake.append([thing(1)] if lake is small else spark.createDataFrame([thing(1)], SCHEMA), THINGS)
    first, second = (DeltaTable(lake.place(THINGS)) for lake in (small, by_spark))
    assert json.loads(first.schema().to_json()) == json.loads(second.schema().to_json())
    assert first.protocol() == second.protocol()
    for name in ("description", "name", "configuration", "partition_columns"):
        assert getattr(first.metadata(), name) == getattr(second.metadata(), name), name
    assert small.read(THINGS).schema == by_spark.read(THINGS).schema


@pytest.mark.parametrize(
    ("seed", "steps"),
    [
        (1, 6),
        pytest.param(2, 15, marks=pytest.mark.slow),
        *[pytest.param(seed, 30, marks=[pytest.mark.slow, pytest.mark.soak]) for seed in (2, 3)],
    ],
)
def test_random_writes_leave_what_spark_leaves(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, monkeypatch: Any, seed: int, steps: int
) -> None:
    """Small ones, Spark's, and both in turn on one table: counts and rows are the same after each."""
    lakes = {way: Lake(spark, make_config(root=tmp_path / way)) for way in ("small", "spark", "mixed")}
    drawn, coin = Steps(seed), random.Random(seed)
    lakes["small"].merge(drawn.rows(10), THINGS)
    for way in ("spark", "mixed"):
        lakes[way].merge(lakes["small"].read(THINGS), THINGS)
    for _ in range(steps):
        step, found = drawn.step(), {}
        for way, lake in lakes.items():
            by_spark = way == "spark" or (way == "mixed" and coin.random() < 0.5)
            with monkeypatch.context() as patched:
                if by_spark:
                    patched.setattr(small_writes, "MOST_ROWS", -1)
                counts = step(spark, lake)
            stored = (
                lake.read(THINGS).orderBy("kind", "number").withColumn("shares", F.array_sort(F.map_entries("shares")))
            )
            found[way] = (counts, repr(stored.collect()).replace("-0.0", "0.0"))
        assert found["small"] == found["spark"] == found["mixed"]
