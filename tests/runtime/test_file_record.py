"""The list of files that counts: as long as the rows are there that came of them, and no longer."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.tables import Table
from linnaeus.runtime.file_record import FileRecord, TakenIn, file_id, is_as_listed
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.source_files import SourceFile, list_source
from tests.contents import contents

TABLE, SOURCE, RULES = tables.CONTENT, "content", "rules"
NOW = datetime.datetime(2026, 1, 1)
A, B = SourceFile("/in/a.jsonl", 1, 10**18, "aa"), SourceFile("/in/b.jsonl", 2, 10**18, "bb")
CHANGED = SourceFile("/in/a.jsonl", 1, 10**18, "a2")


class Night:
    """A lake, and what runs do to it."""

    def __init__(self, spark: SparkSession, config: Config) -> None:
        self.spark, self.lake = spark, Lake(spark, config)

    def rows(self, *names: str) -> None:
        """Commit contents."""
        self.lake.merge(contents(self.spark, {name: (None, name) for name in names}), TABLE)

    def aside(self, record_id: str) -> None:
        """Commit a record that is set aside."""
        row = (record_id, SOURCE, "{}", None, ["missing_body"], 1, NOW, None)
        self.lake.merge(self.spark.createDataFrame([row], tables.QUARANTINE.schema), tables.QUARANTINE)

    def take_in(self, *files: SourceFile, rules: str = RULES) -> None:
        """Put a list on record."""
        FileRecord(self.lake).write([TakenIn(SOURCE, TABLE, files, rules)])

    def known(self, rules: str = RULES) -> set[str]:
        """Hashes of the files of the list that counts."""
        return set((FileRecord(self.lake).known(SOURCE, TABLE, rules) or {}).values())

    def folder(self, table: Table) -> Path:
        found = self.lake.folder(table)
        assert found is not None
        return found

    def sql(self, statement: str, table: Table = TABLE) -> None:
        """Run a statement on a table, which stands in it as `{}`."""
        self.spark.sql(statement.format(f"delta.`{self.folder(table)}`"))


@pytest.fixture
def night(spark: SparkSession, config: Config) -> Night:
    """Rows of two files that are on record, and a record that was set aside."""
    made = Night(spark, config)
    made.aside("first")
    made.rows("a", "b")
    made.take_in(A, B)
    return made


def test_without_a_record_no_file_is_known(spark: SparkSession, config: Config) -> None:
    night = Night(spark, config)
    assert night.known() == set()
    night.take_in(A)  # all records of which were set aside: there is no table to mark
    assert night.known() == set()
    night.rows("a")
    assert night.known() == set()


def test_a_list_counts_for_its_rules_and_source(night: Night) -> None:
    assert night.known() == {"aa", "bb"}
    assert night.known("other rules") == set()
    assert FileRecord(night.lake).known("votes", tables.VOTES, RULES) is None


def test_the_same_list_again_writes_nothing(night: Night) -> None:
    def versions() -> list[int | None]:
        return [night.lake.version(table) for table in (TABLE, tables.SOURCE_FILES, tables.QUARANTINE)]

    before = versions()
    night.take_in(B, A)
    assert versions() == before


def test_a_list_takes_the_place_of_the_one_before(night: Night) -> None:
    night.rows("c")
    night.take_in(CHANGED)
    assert night.known() == {"a2"}
    (row,) = night.lake.read(tables.SOURCE_FILES).collect()
    assert (row["source"], row["file"], row["sha256"], row["size"]) == (SOURCE, file_id(CHANGED), "a2", 1)
    assert row["modified_at"] == datetime.datetime.fromtimestamp(10**9)


def test_lists_of_other_sources_stay(night: Night) -> None:
    votes = night.spark.createDataFrame([("a", "category", "ann", "sport", None, NOW)], tables.VOTES.schema)
    night.lake.merge(votes, tables.VOTES)
    record = FileRecord(night.lake)
    record.write([TakenIn("votes", tables.VOTES, [CHANGED], RULES), TakenIn(SOURCE, TABLE, [A], RULES)])
    assert night.known() == {"aa"}
    assert FileRecord(night.lake).known("votes", tables.VOTES, RULES) == {file_id(CHANGED): "a2"}


def test_a_run_that_dies_before_the_mark_leaves_the_list_before(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.rows("c")
    monkeypatch.setattr(Lake, "set_properties", _die)
    with pytest.raises(KeyboardInterrupt):
        night.take_in(CHANGED)
    assert night.known() == {"aa", "bb"}


def test_a_run_that_dies_before_the_list_leaves_the_one_before(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.rows("c")
    monkeypatch.setattr(Lake, "replace_part", _die)
    with pytest.raises(KeyboardInterrupt):
        night.take_in(CHANGED)
    assert night.known() == {"aa", "bb"}


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def _restored(night: Night) -> None:
    version = night.lake.version(TABLE)
    night.rows("c")
    night.take_in(CHANGED, B)
    night.sql(f"RESTORE {{}} TO VERSION AS OF {version}")


def _deleted(night: Night) -> None:
    shutil.rmtree(night.folder(TABLE))


def _made_anew(night: Night) -> None:
    _deleted(night)
    night.rows("a", "b")
    night.rows("c")
    night.rows("d")


def _put_back(night: Night) -> None:
    """From a copy of a time before the record."""
    copy, folder = night.folder(TABLE).with_name("copy"), night.folder(TABLE)
    shutil.rmtree(folder)
    night.rows("a")
    shutil.copytree(folder, copy)
    night.rows("b")
    night.take_in(A)
    night.take_in(A, B)
    shutil.rmtree(folder)
    copy.rename(folder)


def _without_log(night: Night) -> None:
    """Restored, and the log of it was cleaned up."""
    night.sql("RESTORE {} TO VERSION AS OF 0")
    night.sql("ALTER TABLE {} SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    night.rows("e")
    newest = night.lake.version(TABLE)
    for file in (night.folder(TABLE) / "_delta_log").glob("*.json"):
        if int(file.stem) != newest:
            file.unlink()


BROKEN: dict[str, Callable[[Night], None]] = {
    "the table is restored": _restored,
    "the table is deleted": _deleted,
    "the table is made anew": _made_anew,
    "the table is put back": _put_back,
    "the table is restored and the log forgets it": _without_log,
    "rows are deleted": lambda night: night.sql("DELETE FROM {} WHERE content_id = 'a'"),
    "rows are updated": lambda night: night.sql("UPDATE {} SET body = 'x' WHERE content_id = 'a'"),
    "the table is overwritten": lambda night: (
        contents(night.spark, {"z": (None, "z")}).write.format("delta").save(str(night.folder(TABLE)), mode="overwrite")
    ),
    "the quarantine is restored": lambda night: night.sql("RESTORE {} TO VERSION AS OF 0", tables.QUARANTINE),
    "the quarantine is deleted": lambda night: shutil.rmtree(night.folder(tables.QUARANTINE)),
    "the record is deleted": lambda night: shutil.rmtree(night.folder(tables.SOURCE_FILES)),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_the_list_counts_no_longer_where(night: Night, what: str) -> None:
    BROKEN[what](night)
    assert night.known() == set()


def _optimized(night: Night) -> None:
    night.rows("c")
    night.lake.optimize(TABLE, 1 << 20)
    night.lake.constrain(TABLE)


def _erased(night: Night) -> None:
    """As erase_creator does it."""
    night.lake.delete(night.spark.createDataFrame([("a",)], ["content_id"]), TABLE)
    night.lake.delete(night.spark.createDataFrame([("first",)], ["record_id"]), tables.QUARANTINE)
    night.lake.vacuum([TABLE], 0)


def _forgotten(night: Night) -> None:
    """The log is gone but for its last entry."""
    for table in (TABLE, tables.QUARANTINE):
        night.aside("second")
        night.rows("c")
        night.lake.forget_history(table)


def _record_restored(night: Night) -> None:
    night.rows("c")
    night.take_in(A, B)
    night.sql("RESTORE {} TO VERSION AS OF 0", tables.SOURCE_FILES)


STANDING: dict[str, Callable[[Night], None]] = {
    "files are compacted and constraints added": _optimized,
    "rows of a creator are erased": _erased,
    "the log forgets all but its last entry": _forgotten,
    "the record is restored to the same list": _record_restored,
    "another record is set aside": lambda night: night.aside("second"),
}


@pytest.mark.parametrize("what", list(STANDING))
def test_the_list_still_counts_where(night: Night, what: str) -> None:
    STANDING[what](night)
    assert night.known() == {"aa", "bb"}


def test_a_record_that_is_older_than_the_rows_does_not_count(night: Night) -> None:
    """Its list is another one than that which the table is marked with; so it is with one that is put back."""
    copy = night.folder(tables.SOURCE_FILES).with_name("copy")
    shutil.copytree(night.folder(tables.SOURCE_FILES), copy)
    night.rows("c")
    night.take_in(CHANGED)
    shutil.rmtree(night.folder(tables.SOURCE_FILES))
    copy.rename(night.folder(tables.SOURCE_FILES))
    assert night.known() == set()


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    (listed,) = list_source(str(file)) or []
    assert is_as_listed(listed)
    os.utime(file, ns=(1, 1))
    assert not is_as_listed(listed)
    file.unlink()
    assert not is_as_listed(listed)
