"""Which record of a key counts: by hand, against a plain loop on random rows, and on one very frequent key."""

from __future__ import annotations

import datetime
import random

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze.deduplicate import (
    changed,
    conflicting_gold,
    drop_stale,
    newest,
    replaced_votes,
    superseded_votes,
    tied,
)
from tests.oracles import newest_by_key

SCHEMA = "id string, body string, at timestamp, kind string"
Rows = list[tuple[object, ...]]


def day(number: int) -> datetime.datetime:
    return datetime.datetime(2024, 1, number)


def values(rows: DataFrame) -> Rows:
    return sorted((tuple(row) for row in rows.collect()), key=repr)


def test_the_newest_row_of_each_key(spark: SparkSession) -> None:
    rows = [
        ("a", "old", day(1), "z"),
        ("a", "new", day(3), "a"),
        ("a", "middle", day(2), "z"),
        ("b", "undated", None, "z"),
        ("b", "dated", day(1), "a"),
        ("c", "low", day(1), "k"),
        ("c", "lower", day(1), "k"),
        ("c", None, day(1), "z"),
        ("d", "same", None, None),
        ("d", "same", None, None),
    ]
    kept = newest(spark.createDataFrame(rows, SCHEMA), ("id",), "at")
    assert kept.columns == ["id", "body", "at", "kind"]
    assert values(kept) == [
        ("a", "new", day(3), "a"),
        ("b", "dated", day(1), "a"),
        ("c", "lower", day(1), "k"),
        ("d", "same", None, None),
    ]


def test_random_rows_in_any_order_give_what_a_loop_gives(spark: SparkSession) -> None:
    draw = random.Random(5)
    rows = [
        (
            draw.choice("abcdef"),
            draw.choice(["x", "y", "é", "😀", None]),
            draw.choice([None, day(1), day(2), day(3)]),
            draw.choice(["k", None]),
        )
        for _ in range(150)
    ]
    expected = sorted(newest_by_key(rows, key=(0,), time=2), key=repr)
    shuffled = [draw.sample(rows, len(rows)) for _ in range(4)]
    # One frame for all orders: the order's number is part of the key.
    numbered = [(str(number), *row) for number, order in enumerate(shuffled) for row in order]
    frame = spark.createDataFrame(numbered, "number string, " + SCHEMA).repartition(5)
    found = newest(frame, ("number", "id"), "at").collect()
    for number in range(len(shuffled)):
        assert sorted((tuple(row)[1:] for row in found if row["number"] == str(number)), key=repr) == expected


def test_one_id_with_twenty_thousand_rows(spark: SparkSession) -> None:
    number = F.col("id")
    frame = spark.range(20_000).select(
        F.lit("only").alias("id"),
        F.concat(F.lit("text "), number.cast("string")).alias("body"),
        F.timestamp_seconds(F.expr("id * 7919 % 20000")).alias("at"),
        F.lit("text").alias("kind"),
    )
    rare = spark.createDataFrame([("rare", "b", day(1), "text")], SCHEMA)
    found = {row["id"]: row for row in newest(frame.union(rare), ("id",), "at").collect()}
    assert set(found) == {"only", "rare"}
    number_of_newest = next(n for n in range(20_000) if n * 7919 % 20_000 == 19_999)
    assert found["only"]["body"] == f"text {number_of_newest}"


def test_a_late_time_wins_over_no_other(spark: SparkSession) -> None:
    """Among rows and against stored ones, as a loop says that puts late times below none."""
    draw, late = random.Random(7), day(4).replace(tzinfo=datetime.timezone.utc)
    times = [None, day(1), day(3), day(4), day(5), datetime.datetime(9999, 12, 31)]
    rows = [(str(n // 3), draw.choice("xyz"), draw.choice(times), None) for n in range(300)]
    stored = {str(n): draw.choice(times) for n in range(0, 100, 2)}

    def age(time: datetime.datetime | None) -> tuple[bool, bool, datetime.datetime]:
        return time is None or time < day(4), time is not None, time or day(1)

    best = {}
    for row in sorted(rows, key=lambda row: (age(row[2]), row[1])):
        best[row[0]] = row
    frame = newest(spark.createDataFrame(rows, SCHEMA), ("id",), "at", late)
    assert values(frame) == sorted(best.values(), key=repr)
    table = spark.createDataFrame(list(stored.items()), "id string, at timestamp")
    kept = [row for row in best.values() if row[0] not in stored or age(row[2]) >= age(stored[row[0]])]
    assert values(drop_stale(frame, table, ("id",), "at", late)) == sorted(kept, key=repr)


def test_rows_older_than_the_stored_ones_are_dropped(spark: SparkSession) -> None:
    rows = [
        ("older", "x", day(1), "k"),
        ("equal", "x", day(2), "k"),
        ("newer", "x", day(3), "k"),
        ("undated", "x", None, "k"),
        ("both undated", "x", None, "k"),
        ("stored undated", "x", day(1), "k"),
        ("unknown", "x", None, "k"),
    ]
    stored = [("older", day(2)), ("equal", day(2)), ("newer", day(2)), ("undated", day(2))]
    stored += [("both undated", None), ("stored undated", None), ("another", day(9))]  # type: ignore[list-item]
    table = spark.createDataFrame(stored, "id string, at timestamp")
    kept = drop_stale(spark.createDataFrame(rows, SCHEMA), table, ("id",), "at")
    assert kept.columns == ["id", "body", "at", "kind"]
    assert {row["id"] for row in kept.collect()} == {"equal", "newer", "both undated", "stored undated", "unknown"}


def test_superseded_votes(spark: SparkSession) -> None:
    schema = "item_id string, facet string, annotator_id string, label string, voted_at timestamp, errors array<string>"
    rows = [
        ("i1", "category", "ann", "arts", day(1), []),  # changed their mind on day 2
        ("i1", "category", "ann", "arts", None, []),
        ("i1", "category", "ann", "sport", day(2), []),
        ("i1", "category", "ann", "sport", day(1), []),  # the same answer, earlier: a duplicate
        ("i1", "category", "bob", "arts", day(1), []),
        ("i1", "risk.spam", "ann", "no", day(1), []),
        ("i2", "category", "ann", "arts", day(1), []),
    ]
    votes = spark.createDataFrame(rows, schema)
    key = ("item_id", "facet", "annotator_id")
    kept = newest(votes.drop("errors"), key, "voted_at")
    found = superseded_votes(votes, kept, kept.limit(0))
    assert found.columns == votes.columns
    overruled = ("i1", "category", "ann", "arts")
    assert values(found) == sorted([(*overruled, at, ["superseded_vote"]) for at in (day(1), None)], key=repr)


def test_votes_between_runs(spark: SparkSession) -> None:
    key = "item_id string, facet string, annotator_id string, label string, voted_at timestamp"
    stored = spark.createDataFrame(
        [
            ("i1", "category", "ann", "arts", day(3)),  # newer than what comes now
            ("i2", "category", "ann", "arts", day(1)),  # changed now
            ("i3", "category", "ann", "arts", day(1)),  # said again
            ("i4", "category", "ann", "arts", day(1)),
        ],
        key,
    )
    come = [("i1", "category", "ann", "sport", day(2)), ("i2", "category", "ann", "sport", day(2))]
    come += [("i3", "category", "ann", "arts", day(2)), ("i1", "category", "ann", "arts", day(1))]
    votes = spark.createDataFrame(come, key)
    unique = ("item_id", "facet", "annotator_id")
    kept = drop_stale(newest(votes, unique, "voted_at"), stored, unique, "voted_at")
    late = superseded_votes(votes, kept, stored)
    assert values(late) == [("i1", "category", "ann", "sport", day(2), ["superseded_vote"])]
    (replaced,) = replaced_votes(stored, kept).collect()
    assert '"item_id":"i2","facet":"category","annotator_id":"ann","label":"arts"' in replaced["raw"]
    assert replaced["errors"] == ["superseded_vote"]


def test_rows_against_those_that_are_stored(spark: SparkSession) -> None:
    stored = spark.createDataFrame(
        [
            ("same", "x", day(1), "k"),
            ("tie", "x", day(1), "k"),
            ("undated tie", "x", None, None),
            ("later", "x", day(1), "k"),
            ("dated", "x", None, "k"),
            ("not among them", "x", day(1), "k"),
        ],
        SCHEMA,
    )
    come = [
        ("same", "x", day(1), "k"),
        ("tie", "x", day(1), None),
        ("undated tie", "y", None, None),
        ("later", "y", day(2), "k"),
        ("dated", "x", day(1), "k"),
        ("new", "x", day(1), "k"),
    ]
    rows, compared = spark.createDataFrame(come, SCHEMA), ("body", "at", "kind")
    assert values(tied(rows, stored, ("id",), "at", compared)) == [("tie",), ("undated tie",)]
    differing = changed(rows, stored, ("id",), compared)
    assert differing.columns == [*rows.columns, "is_stored"]
    assert {row["id"]: row["is_stored"] for row in differing.collect()} == {
        "tie": True, "undated tie": True, "later": True, "dated": True, "new": False,
    }  # fmt: skip


def test_conflicting_gold_labels(spark: SparkSession) -> None:
    rows = [
        ("i1", "category", "arts", []),
        ("i1", "category", "sport", []),
        ("i1", "category", "arts", []),
        ("i1", "risk.spam", "no", []),
        ("i2", "category", "arts", []),
        ("i2", "category", "arts", []),
    ]
    labels = spark.createDataFrame(rows, "item_id string, facet string, label string, errors array<string>")
    found = conflicting_gold(labels)
    assert found.columns == labels.columns
    assert [row[2] for row in values(found)] == ["arts", "arts", "sport"]
    assert {(row[0], row[1], row[3][0]) for row in values(found)} == {("i1", "category", "conflicting_gold_label")}
