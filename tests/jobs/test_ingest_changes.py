"""Sources whose files change: what is read anew, and that the tables are those of a run that reads all."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs import ingest_bronze
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.runtime.command import JobResult, execute
from linnaeus.runtime.lake import Lake
from tests.jobs import night, tiny
from tests.jobs.changing_files import KEYED, Sources
from tests.jobs.test_ingest_bronze import json_lines

FULL = "run.full=true"
SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (2, 3)))
STEPS = 6
NOTHING = "0 read, 0 kept (0 new or changed), 0 quarantined, 0 duplicates"


def ingest(lake: Path, *given: str) -> JobResult:
    """Run the job on these sources alone."""
    named = {one.partition("=")[0] for one in given}
    others = [f"sources.{name}=null" for name in KEYED if f"sources.{name}" not in named]
    return ingest_bronze.main(load_config("local", [f"lake.root={lake}", *others, *given]))


class Posts:
    """A folder of contents' files, and the lake that they go to."""

    def __init__(self, base: Path) -> None:
        self.lake, self._folder = base / "lake", base / "posts"
        self._folder.mkdir()

    def write(self, name: str, *records: dict[str, Any]) -> None:
        json_lines(self._folder / name, [{"creator_id": "u"} | one for one in records])

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def ingest(self, *more: str) -> str:
        """What the job says."""
        return ingest(self.lake, f"sources.content={self._folder}", *more).details["content"]

    def bodies(self) -> dict[str, str]:
        rows = map(json.loads, tiny.table_rows(self.lake, "bronze.content", ()))
        return {row["content_id"]: row["body"] for row in rows}


@pytest.fixture
def posts(spark: SparkSession, tmp_path: Path) -> Posts:
    """Three files, two of which say another thing of `b` at the same time."""
    made = Posts(tmp_path)
    made.write("1.jsonl", {"content_id": "a", "body": "a1", "published_at": "2024-01-01"})
    made.write("2.jsonl", {"content_id": "b", "body": "b2", "published_at": "2024-01-01"})
    made.write("3.jsonl", {"content_id": "b", "body": "b1", "published_at": "2024-01-01"}, {"content_id": "bad"})
    assert made.ingest() == "4 read, 2 kept (2 new or changed), 1 quarantined, 1 duplicates"
    assert made.bodies() == {"a": "a1", "b": "b2"}
    return made


def test_what_is_unchanged_is_not_read(posts: Posts) -> None:
    assert posts.ingest() == f"{NOTHING}; 3 files, 3 unchanged"
    posts.write("4.jsonl", {"content_id": "c", "body": "c4"})
    assert posts.ingest() == ("1 read, 1 kept (1 new or changed), 0 quarantined, 0 duplicates; 4 files, 3 unchanged")
    posts.write("4.jsonl", {"content_id": "d", "body": "d4"})
    assert posts.ingest().endswith("; 4 files, 3 unchanged")
    assert posts.bodies() == {"a": "a1", "b": "b2", "c": "c4", "d": "d4"}, "rows that are gone from a file stay"
    posts.remove("1.jsonl")
    assert posts.ingest() == f"{NOTHING}; 3 files, 3 unchanged"
    posts.write("1.jsonl", {"content_id": "a", "body": "a1", "published_at": "2024-01-01"})
    assert posts.ingest().startswith("1 read, 1 kept (0 new or changed)"), "a file that comes back is a new one"
    assert posts.ingest(FULL).startswith("5 read, 3 kept (0 new or changed), 1 quarantined")


def test_other_settings_read_all_again(posts: Posts) -> None:
    posts.write("4.jsonl", {"content_id": "c", "body": "c"})
    assert posts.ingest("ingest.max_body_bytes=1").startswith("5 read, 1 kept (1 new or changed), 4 quarantined")
    assert posts.ingest("ingest.max_body_bytes=1") == f"{NOTHING}; 4 files, 4 unchanged"


def test_other_code_reads_all_again(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_bronze, "RULES", ingest_bronze.RULES + 1)
    assert posts.ingest().startswith("4 read")


def test_a_tie_is_decided_by_all_files(posts: Posts) -> None:
    """The first file now says of `b` what is less than what the second, which is not read, says of it."""
    posts.write("3.jsonl", {"content_id": "b", "body": "b0", "published_at": "2024-01-01"})
    assert posts.ingest() == ("2 read, 1 kept (0 new or changed), 0 quarantined, 1 duplicates; 3 files, 2 unchanged")
    assert posts.bodies()["b"] == "b2"
    posts.write("2.jsonl", {"content_id": "b", "body": "b", "published_at": "2024-01-01"})
    posts.ingest()
    assert posts.bodies()["b"] == "b0", "what it said before is gone"


def test_a_time_beyond_tomorrow_wins_over_no_other(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored, then corrected; coming after the correction; and the day after tomorrow, when it has come."""
    said, later = ", 1 with a time beyond tomorrow, which wins over no other", "2999-01-05T00:00:00Z"
    slip = {"content_id": "c", "body": "slip", "published_at": later}
    posts.write("4.jsonl", slip)
    assert posts.ingest() == (
        f"1 read, 1 kept (1 new or changed), 0 quarantined, 0 duplicates{said}; 4 files, 3 unchanged"
    )
    posts.write("5.jsonl", {"content_id": "c", "body": "undated"})
    posts.ingest()
    assert posts.bodies()["c"] == "undated"
    posts.write("6.jsonl", {"content_id": "c", "body": "right", "published_at": "2024-01-02"})
    posts.write("7.jsonl", slip | {"body": "slip again"})
    assert posts.ingest() == (
        f"2 read, 1 kept (1 new or changed), 0 quarantined, 1 duplicates{said}; 7 files, 5 unchanged"
    )
    posts.write("8.jsonl", slip | {"body": "slip at last"})
    assert posts.ingest().startswith("1 read, 0 kept (0 new or changed), 0 quarantined, 1 duplicates")
    assert posts.ingest(FULL).startswith("9 read, 3 kept (0 new or changed)")
    assert posts.bodies()["c"] == "right"
    monkeypatch.setattr(
        ingest_bronze,
        "_day_after_tomorrow",
        lambda: datetime.datetime(2999, 1, 5, 0, 0, 1, tzinfo=datetime.timezone.utc),
    )
    posts.ingest(FULL)
    assert posts.bodies()["c"] == "slip at last", "that it was a slip is told by the clock alone"


def test_tomorrow_is_a_day_of_utc() -> None:
    late, now = ingest_bronze._day_after_tomorrow(), datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=1) < late - now <= datetime.timedelta(days=2)
    assert (late.hour, late.minute, late.second, late.microsecond) == (0, 0, 0, 0)


def test_a_restored_table_is_filled_again(spark: SparkSession, posts: Posts) -> None:
    before = Lake(spark, load_config("local", [f"lake.root={posts.lake}"])).version(tables.CONTENT)
    posts.write("4.jsonl", {"content_id": "c", "body": "c4"})
    posts.ingest()
    spark.sql(f"RESTORE delta.`{posts.lake}/bronze/content` TO VERSION AS OF {before}")
    assert posts.bodies() == {"a": "a1", "b": "b2"}
    posts.ingest()
    assert posts.bodies() == {"a": "a1", "b": "b2", "c": "c4"}


def test_gold_labels_are_read_as_a_whole(spark: SparkSession, tmp_path: Path) -> None:
    """A label of a new file may contradict one of a file that is not new."""
    label = {"item_id": "a", "facet": "risk.spam", "label": "yes"}
    folder = tmp_path / "gold"
    folder.mkdir()

    def run() -> tuple[str, list[str]]:
        said = ingest(tmp_path / "lake", f"sources.gold_labels={folder}").details["gold_labels"]
        rows = map(json.loads, tiny.table_rows(tmp_path / "lake", "bronze.gold_labels", ()))
        return said, sorted(f"{row['item_id']} {row['label']}" for row in rows)

    json_lines(folder / "1.jsonl", [label])
    assert run() == ("1 read, 1 kept (1 new or changed), 0 quarantined, 0 duplicates", ["a yes"])
    json_lines(folder / "2.jsonl", [label | {"label": "no"}, label | {"item_id": "b"}])
    assert run() == ("3 read, 1 kept (1 new or changed), 2 quarantined, 0 duplicates", ["a yes", "b yes"])
    assert run() == (f"{NOTHING}; 2 files, 2 unchanged", ["a yes", "b yes"])
    (folder / "1.jsonl").unlink()
    assert run() == ("2 read, 2 kept (1 new or changed), 0 quarantined, 0 duplicates", ["a no", "b yes"])


def test_a_new_file_without_records(posts: Posts) -> None:
    posts.write("4.jsonl")
    assert posts.ingest() == f"{NOTHING}; 4 files, 3 unchanged, 1 empty"
    assert posts.ingest() == f"{NOTHING}; 4 files, 4 unchanged"


def test_other_kinds_of_files(spark: SparkSession, tmp_path: Path) -> None:
    """CSV files by their headers, Parquet, and a Delta table that has another version."""
    folder, table = tmp_path / "in", tmp_path / "delta"
    folder.mkdir()
    (folder / "1.csv").write_text("content_id,creator_id,body\na,u,a1\n")
    spark.sql("select 'd' as content_id, 'u' as creator_id, 'd1' as body").write.format("delta").save(str(table))
    source = f"sources.content={tmp_path}/{{in,delta}}"
    assert ingest(tmp_path / "lake", source).rows_written == 2
    assert ingest(tmp_path / "lake", source).details["content"] == f"{NOTHING}; 2 files, 2 unchanged"
    (folder / "2.csv").write_text("body,creator_id,content_id\nb1,u,b\n")
    (folder / "blank.csv").write_text("\n")
    spark.sql("select 'c' as content_id, 'u' as creator_id, 'c1' as body").write.parquet(str(folder / "3.parquet"))
    said = ingest(tmp_path / "lake", source).details["content"]
    assert said == "2 read, 2 kept (2 new or changed), 0 quarantined, 0 duplicates; 5 files, 2 unchanged"
    spark.sql("select 'e' as content_id, 'u' as creator_id, 'e1' as body").write.format("delta").save(
        str(table), mode="append"
    )
    said = ingest(tmp_path / "lake", source).details["content"]
    assert said == "2 read, 2 kept (1 new or changed), 0 quarantined, 0 duplicates; 5 files, 4 unchanged"


# --- against runs that read all


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_tables_are_those_of_a_run_that_reads_all(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    sources, lakes = Sources(tmp_path, seed), [tmp_path / "changes", tmp_path / "all"]
    unread = 0
    for step in range(STEPS):
        sources.change()
        said = [ingest(lakes[0], *sources.settings()), ingest(lakes[1], *sources.settings(), FULL)]
        unread += said[1].rows_read - said[0].rows_read
        rows, expected = (dict(sources.decided(lake)) for lake in lakes)
        assert rows == expected, f"step {step}"
        aside, all_aside = (sources.set_aside(lake) for lake in lakes)
        # Of a vote that a later one replaces the record as it came is set aside, if both are read; else the stored one.
        assert aside.pop("votes") <= all_aside.pop("votes")
        assert aside == all_aside, f"step {step}"
    assert unread > 0 and sum(map(len, rows.values())) > 30


# --- runs that are killed


@pytest.fixture(scope="module")
def evening(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that has taken in some files; since then some are new, changed and gone."""
    base = tmp_path_factory.mktemp("evening")
    sources = night.ingest_sources(base)
    execute("ingest_bronze", ingest_bronze.main, load_config("local", night.settings(base, base / "lake", *sources)))
    night.change_ingest_sources(base)
    return base


@pytest.fixture
def process(tmp_path: Path) -> Iterator[night.Process]:
    made = night.Process(tmp_path / "process")
    yield made
    made.end()


@pytest.mark.slow
@pytest.mark.parametrize("point", list(night.INGEST_POINTS))
def test_killed_at(evening: Path, tmp_path: Path, process: night.Process, point: str) -> None:
    lake, calm = (Path(shutil.copytree(evening / "lake", tmp_path / name)) for name in ("lake", "calm"))
    sources = night.ingest_sources(evening)
    process.ask("ingest_bronze", lake, night.settings(evening, lake, *sources), point)
    assert process.outcome() == night.KILLED
    ingest(calm, *sources, FULL)
    said = ingest(lake, *sources)
    assert said.rows_read < 20, "files that were read before the run that died are not read again"
    assert night.digests(lake, "ingest_bronze") == night.digests(calm, "ingest_bronze")
    assert ingest(lake, *sources).rows_read == 0
