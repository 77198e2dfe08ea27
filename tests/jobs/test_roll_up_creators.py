"""The roll-up as a job: what a run leaves, that one on the same input writes nothing, and what a killed one leaves."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import roll_up_creators
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.tables import Table
from linnaeus.runtime import small_writes
from linnaeus.runtime.command import execute
from linnaeus.runtime.lake import Lake, MergeCounts
from linnaeus.runtime.small_writes import SmallWrites
from tests.conftest import MakeConfig
from tests.creators.frames import contents_of, creators_of, profiles, tree_file
from tests.creators.slow import One

TECH = [One(f"t{i}", "ann", {"tech": 0.95, "tennis": 0.05}, {"spam": 0.05}) for i in range(6)]
TENNIS = [One(f"s{i}", "bob", {"tennis": 0.8, "football": 0.2}, {"spam": 0.05}) for i in range(6)]
SPAM = [One(f"x{i}", "ann", {"tennis": 1.0}, {"spam": 0.95}, "video") for i in range(20)]
WRITTEN = (tables.CREATOR_PROFILES, tables.CREATOR_PROFILE_HISTORY)


class Killed(Exception):
    """In the place of a process that ends."""


def fill(lake: Lake, contents: Sequence[One]) -> None:
    lake.merge(contents_of(lake.session, contents), tables.CONTENT)
    lake.merge(profiles(lake.session, contents), tables.CONTENT_PROFILES)


def rows(lake: Lake, table: Table, order: str = c.CREATOR_ID) -> list[dict[str, Any]]:
    found = lake.read(table).drop(*table.stamps).orderBy(c.CREATOR_ID, order).collect()
    return [row.asDict() for row in found]


def history(lake: Lake) -> list[dict[str, Any]]:
    return rows(lake, tables.CREATOR_PROFILE_HISTORY, c.REVISION)


def versions(lake: Lake) -> list[int | None]:
    return [lake.version(table) for table in WRITTEN]


@pytest.fixture
def config(make_config: MakeConfig) -> Config:
    return make_config(tree_file(make_config()), "creators.risk.prior_posts=1")


@pytest.mark.soak
@pytest.mark.slow
def test_changes_are_kept_and_the_same_input_writes_nothing(
    spark: SparkSession, config: Config, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(spark, config)
    lake.merge(creators_of(spark, ["ann", "bob", "silent"]), tables.CREATORS)
    fill(lake, [*TECH, *TENNIS])
    first = roll_up_creators.main(config)
    assert (first.rows_read, first.rows_written, first.tables) == (12, 6, WRITTEN)
    assert [row[c.CREATOR_ID] for row in rows(lake, tables.CREATOR_PROFILES)] == ["ann", "bob", "silent"]
    assert [row[c.REASONS] for row in history(lake)] == [["first_profile"]] * 3
    before = versions(lake)
    assert roll_up_creators.main(config).rows_written == 0
    assert versions(lake) == before

    # New contents of one creator; the run is killed when the history is written and the profiles are not.
    fill(lake, SPAM)
    merge = Lake.merge

    def dies(self: Lake, changed: Any, table: Table, stored: Any = None) -> MergeCounts:
        if table is tables.CREATOR_PROFILES:
            raise Killed
        return merge(self, changed, table, stored)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "merge", dies)
        with pytest.raises(Killed):
            roll_up_creators.main(config)
    half = history(lake)
    assert lake.version(tables.CREATOR_PROFILES) == before[0]
    repaired = roll_up_creators.main(config)
    assert repaired.details["creators"] == "2 profiles written, 0 rows of their history"  # bob's prior has changed
    assert history(lake) == half
    ann = [row for row in half if row[c.CREATOR_ID] == "ann"]
    assert [(row[c.REVISION], row[c.IS_CURRENT]) for row in ann] == [(1, False), (2, True)]
    assert ann[1][c.CHANGES] == [
        "category: tech -> tennis",
        "accepted category: tech -> tennis",
        "modality: writing -> video",
        "risk flagged: spam",
    ]
    assert ann[1][c.REASONS] == ["contents_changed"]
    ends = lake.read(tables.CREATOR_PROFILE_HISTORY).where("creator_id = 'ann'").orderBy(c.REVISION).collect()
    assert ends[0][c.VALID_TO] == ends[1][c.VALID_FROM] > ends[0][c.VALID_FROM]
    current = {row[c.CREATOR_ID]: row for row in rows(lake, tables.CREATOR_PROFILES)}
    shared = set(tables.CREATOR_PROFILES.columns) & set(tables.CREATOR_PROFILE_HISTORY.columns)
    assert {name: ann[1][name] for name in shared} == {name: current["ann"][name] for name in shared}

    # Other settings and another model, told apart by the reasons.
    rescored = [dataclasses.replace(one, nodes={"jazz": 1.0}, model="category/2") for one in TENNIS]
    lake.merge(profiles(spark, rescored), tables.CONTENT_PROFILES)
    roll_up_creators.main(config)
    newest = [row for row in history(lake) if row[c.CREATOR_ID] == "bob"][-1]
    assert (newest[c.REVISION], newest[c.REASONS]) == (2, ["rescored"])
    other = make_config(tree_file(config), "creators.risk.prior_posts=1", "creators.accept_share=0.99")
    roll_up_creators.main(other)
    newest = [row for row in history(lake) if row[c.CREATOR_ID] == "bob"][-1]
    assert (newest[c.CHANGES], newest[c.REASONS]) == (["accepted category: jazz -> none"], ["settings_changed"])


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("way", ["small", "spark"])
def test_another_run_that_comes_between_leaves_no_change_twice(
    spark: SparkSession, config: Config, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Both have read the history as it was; the other commits just before this one's merge."""
    owner, name = (SmallWrites, "merge") if way == "small" else (Lake, "_merge_with_retries")
    if way == "spark":
        monkeypatch.setattr(small_writes, "MOST_ROWS", -1)
    lake = Lake(spark, config)
    fill(lake, TECH)
    roll_up_creators.main(config)
    fill(lake, [*SPAM, *TENNIS])
    merge = getattr(owner, name)
    others: list[int] = []

    def late(self: Any, changed: Any, table: Table, *more: Any) -> Any:
        if table is tables.CREATOR_PROFILE_HISTORY and not others:
            others.append(0)
            others[0] = roll_up_creators.main(config).rows_written
        return merge(self, changed, table, *more)

    monkeypatch.setattr(owner, name, late)
    roll_up_creators.main(config)
    assert others == [5]  # two profiles, the end of a row and two that began
    found = [(row[c.CREATOR_ID], row[c.REVISION], row[c.IS_CURRENT]) for row in history(lake)]
    assert found == [("ann", 1, False), ("ann", 2, True), ("bob", 1, True)]
    assert roll_up_creators.main(config).rows_written == 0


def test_profiles_of_before_the_new_columns_are_read_and_filled(spark: SparkSession, config: Config) -> None:
    """A lake whose tables were written when neither distributions nor any of the creators' new columns were known."""
    lake = Lake(spark, config)
    old = [dataclasses.replace(one, is_map_stored=False) for one in TECH]
    lake.merge(contents_of(spark, old), tables.CONTENT)
    without = profiles(spark, old).drop(c.CATEGORY_PROBABILITIES)
    without.write.format("delta").save(lake.place(tables.CONTENT_PROFILES))
    first = [c.CREATOR_ID, c.CATEGORY, c.CATEGORY_SHARES, c.RISK, c.N_CONTENT, c.AS_OF]
    row = [("ann", "tennis", {"tennis": 1.0}, {"spam": 0.5}, 1, datetime.datetime(2025, 1, 1))]
    schema = [tables.CREATOR_PROFILES.schema[name] for name in first]
    spark.createDataFrame(row, type(tables.CREATOR_PROFILES.schema)(schema)).write.format("delta").save(
        lake.place(tables.CREATOR_PROFILES)
    )
    assert roll_up_creators.main(config).rows_written == 2
    (found,) = rows(lake, tables.CREATOR_PROFILES)
    assert (found[c.CATEGORY], found[c.CATEGORY_SHARES], found[c.N_CONTENT]) == ("tech", {"tech": 1.0}, 6)
    assert found[c.CATEGORY_UNALLOCATED] == pytest.approx(0.05)
    assert [row[c.REASONS] for row in history(lake)] == [["first_profile"]]
    assert lake.read(tables.CREATOR_PROFILES).where(F.col(c.AS_OF) > F.lit("2025-06-01")).count() == 1


def test_a_modality_of_a_node_that_is_not_there_is_refused(spark: SparkSession, make_config: MakeConfig) -> None:
    config = make_config("creators.modality.nodes={audio: {polka: music}}")
    with pytest.raises(ConfigurationError, match="'polka' is no node of the taxonomy") as raised:
        roll_up_creators.main(config)
    assert "\n" not in str(raised.value)


@pytest.mark.soak
@pytest.mark.slow
def test_what_has_not_changed_is_not_looked_at(
    spark: SparkSession, config: Config, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, rolled_up = Lake(spark, config), roll_up_creators._roll_up
    fill(lake, TECH)
    calls: list[int] = []

    def counted(*given: Any) -> tuple[int, int, int]:
        calls.append(1)
        return rolled_up(*given)

    monkeypatch.setattr(roll_up_creators, "_roll_up", counted)

    def run(*more: str) -> tuple[object, int]:
        given = make_config(tree_file(make_config()), "creators.risk.prior_posts=1", *more)
        summary = execute("roll_up_creators", roll_up_creators.main, given)
        return summary["rows_written"], len(calls)

    assert run() == (2, 1)
    assert run() == (0, 1)
    assert run("run.full=true") == (0, 2)
    assert run() == (0, 2)
    fill(lake, TENNIS)
    assert run("run.batch=1") == (2, 3)
    assert run("run.batch=1") == (0, 3)
    assert run() == (0, 4)  # the run before says of no input: it had nothing to do
