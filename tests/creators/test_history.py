"""Revisions of a creator, one change after another, from rows made by hand."""

from __future__ import annotations

import datetime
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.creators.history import revisions

FIRST, SECOND = datetime.datetime(2025, 1, 1), datetime.datetime(2025, 2, 1)
PLAIN: dict[str, Any] = {
    c.CATEGORY: "tech",
    c.CATEGORY_ACCEPTED: "tech",
    c.MODALITY: "writing",
    c.RISK_AREAS: [],
    c.N_CONTENT: 4,
    c.MODELS: ["category/1"],
    c.TAXONOMY_VERSIONS: ["t1"],
    c.CONTENTS_DIGEST: 1,
    c.FORM_DIGEST: 1,
    c.SETTINGS: "s1",
    c.AS_OF: FIRST,
}


def frame(spark: SparkSession, rows: list[dict[str, Any]], table: tables.Table) -> DataFrame:
    return spark.createDataFrame([tuple(row.get(name) for name in table.columns) for row in rows], table.schema)


def profiles(spark: SparkSession, **changed: dict[str, Any]) -> DataFrame:
    """A profile a creator, plain but for what is said."""
    return frame(spark, [PLAIN | {c.CREATOR_ID: name} | own for name, own in changed.items()], tables.CREATOR_PROFILES)


def merged(history: list[Row], new: list[Row]) -> list[Row]:
    """As a merge by key would."""
    by_key = {(row[c.CREATOR_ID], row[c.REVISION]): row for row in [*history, *new]}
    assert len({(row[c.CREATOR_ID], row[c.REVISION]) for row in new}) == len(new)
    return [by_key[key] for key in sorted(by_key)]


def found(rows: DataFrame, last: DataFrame, history: DataFrame, at: datetime.datetime) -> list[Row]:
    made = revisions(rows.drop(c.AS_OF), last, history, F.lit(at))
    assert made.columns == list(tables.CREATOR_PROFILE_HISTORY.columns)
    return made.collect()


STEPS: dict[str, tuple[dict[str, Any], list[str] | None, list[str]]] = {
    "same": ({c.N_CONTENT: 5, c.CONTENTS_DIGEST: 2, c.CATEGORY_SHARES: {"tech": 0.5}}, None, []),
    "posts": (
        {c.CATEGORY: "arts", c.CONTENTS_DIGEST: 2, c.FORM_DIGEST: 2},
        ["category: tech -> arts"],
        ["contents_changed"],
    ),
    "model": (
        {c.CATEGORY_ACCEPTED: None, c.MODELS: ["category/2"], c.TAXONOMY_VERSIONS: ["t2"]},
        ["accepted category: tech -> none"],
        ["rescored", "taxonomy_changed"],
    ),
    "views": (
        {c.MODALITY: "video", c.FORM_DIGEST: 2},
        ["modality: writing -> video"],
        ["dates_or_reach_changed"],
    ),
    "rules": (
        {c.RISK_AREAS: ["hate", "spam"], c.SETTINGS: "s2"},
        ["risk flagged: hate", "risk flagged: spam"],
        ["settings_changed"],
    ),
    "peers": ({c.RISK_AREAS: ["spam"]}, ["risk flagged: spam"], ["other_creators_changed"]),
}


def test_a_row_ends_where_the_next_begins_and_says_what_changed_and_why(spark: SparkSession) -> None:
    before = profiles(spark, **{name: {} for name in STEPS})
    none = frame(spark, [], tables.CREATOR_PROFILES)
    history = found(before, none, frame(spark, [], tables.CREATOR_PROFILE_HISTORY), FIRST)
    assert sorted(row[c.CREATOR_ID] for row in history) == sorted(STEPS)
    for row in history:
        assert (row[c.REVISION], row[c.VALID_FROM], row[c.VALID_TO], row[c.IS_CURRENT]) == (1, FIRST, None, True)
        assert (row[c.CHANGES], row[c.REASONS], row[c.MODALITY]) == ([], ["first_profile"], "writing")

    stored = spark.createDataFrame(history, tables.CREATOR_PROFILE_HISTORY.schema).cache()
    after = profiles(spark, **{name: own for name, (own, _, _) in STEPS.items()}, late={})
    new = found(after, before, stored, SECOND)
    whole = merged(history, new)
    for name, (own, changes, reasons) in STEPS.items():
        rows = [row for row in whole if row[c.CREATOR_ID] == name]
        if changes is None:
            assert rows == [row for row in history if row[c.CREATOR_ID] == name]
            continue
        old, current = rows
        assert (old[c.VALID_FROM], old[c.VALID_TO], old[c.IS_CURRENT]) == (FIRST, SECOND, False)
        assert (old[c.CATEGORY], old[c.REASONS]) == ("tech", ["first_profile"])
        assert (current[c.VALID_FROM], current[c.VALID_TO], current[c.IS_CURRENT]) == (SECOND, None, True)
        assert (current[c.REVISION], current[c.CHANGES], current[c.REASONS]) == (2, changes, reasons)
        expected = PLAIN | own
        for column in (c.CATEGORY, c.CATEGORY_ACCEPTED, c.MODALITY, c.RISK_AREAS, c.MODELS):
            assert current[column] == expected[column]
    assert [row[c.REASONS] for row in whole if row[c.CREATOR_ID] == "late"] == [["first_profile"]]

    # Once merged there is nothing more to say, whatever the profiles were that the run before had left.
    again = spark.createDataFrame(whole, tables.CREATOR_PROFILE_HISTORY.schema)
    assert found(after, before, again, SECOND) == []


def test_rows_that_runs_side_by_side_left_open_are_ended(spark: SparkSession) -> None:
    """One had read a history that the others had gone past."""
    base = {c.CREATOR_ID: "ann", c.IS_CURRENT: True, c.CHANGES: [], c.REASONS: [], c.N_CONTENT: 4} | {
        name: PLAIN[name] for name in (c.CATEGORY, c.CATEGORY_ACCEPTED, c.MODALITY, c.RISK_AREAS)
    }
    rows = [base | {c.REVISION: n, c.VALID_FROM: FIRST + datetime.timedelta(days=n)} for n in (1, 2, 3)]
    rows[1] |= {c.MODALITY: "art"}
    same = profiles(spark, ann={})
    history = frame(spark, rows, tables.CREATOR_PROFILE_HISTORY)
    new = sorted(found(same, same, history, SECOND), key=lambda row: row[c.REVISION])
    assert [(row[c.REVISION], row[c.VALID_TO], row[c.IS_CURRENT]) for row in new] == [
        (1, rows[1][c.VALID_FROM], False),
        (2, rows[2][c.VALID_FROM], False),
    ]


def test_a_clock_that_was_set_back_ends_no_row_before_it_began(spark: SparkSession) -> None:
    history = found(
        profiles(spark, ann={}),
        frame(spark, [], tables.CREATOR_PROFILES),
        frame(spark, [], tables.CREATOR_PROFILE_HISTORY),
        SECOND,
    )
    stored = spark.createDataFrame(history, tables.CREATOR_PROFILE_HISTORY.schema)
    new = found(profiles(spark, ann={c.MODALITY: "art"}), profiles(spark, ann={}), stored, FIRST)
    assert sorted((row[c.REVISION], row[c.VALID_FROM], row[c.VALID_TO]) for row in new if row[c.VALID_TO]) == [
        (1, SECOND, SECOND)
    ]
    assert [row[c.VALID_FROM] for row in new if row[c.IS_CURRENT]] == [SECOND]
