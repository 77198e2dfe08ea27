"""Rows as Arrow tables: what differs, what a key is, which rows are refused, and plain values as Spark takes them."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from linnaeus.contracts.errors import SchemaError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.arrow_rows import (
    as_declared,
    check,
    differing,
    from_batches,
    from_plain,
    key_values,
    matches,
)
from linnaeus.runtime.lake import _same
from tests.runtime.things import column

WORDS = ArrayType(StructType([StructField("word", StringType()), StructField("weight", DoubleType())]))
SCHEMA = StructType(
    [
        column("id", StringType(), required=True),
        column("flag", BooleanType()),
        column("small", IntegerType()),
        column("big", LongType()),
        column("share", FloatType()),
        column("value", DoubleType()),
        column("raw", BinaryType()),
        column("at", TimestampType()),
        column("terms", ArrayType(StringType())),
        column("floats", ArrayType(FloatType())),
        column("words", WORDS),
        column("shares", MapType(StringType(), FloatType())),
        column("reasons", MapType(StringType(), ArrayType(StringType()))),
        column("form", StructType([StructField("x", FloatType()), StructField("y", StringType())])),
    ]
)
TABLE = Table("silver", "all_kinds", ("id",), SCHEMA, "A column of every kind")
UTC = datetime.timezone.utc

# Few values of each kind, so that equal ones meet; those that are easy to get wrong are among them.
SHARES = st.sampled_from([None, 0.0, -0.0, 0.5, float("nan"), float("inf")])
TEXTS = st.sampled_from([None, "", "a", "é中"])
NAMES = st.sampled_from(["x", "y", ""])
TIMES = st.sampled_from(
    [None, datetime.datetime(1800, 1, 2, tzinfo=UTC), datetime.datetime(2024, 1, 1, 0, 0, 0, 1, UTC)]
)
VALUES = {
    "flag": st.sampled_from([None, True, False]),
    "small": st.sampled_from([None, 0, -1]),
    "big": st.sampled_from([None, 0, 1 << 60]),
    "share": SHARES,
    "value": SHARES,
    "raw": st.sampled_from([None, b"", b"\x00\x01"]),
    "at": TIMES,
    "terms": st.none() | st.lists(TEXTS, max_size=2),
    "floats": st.none() | st.lists(SHARES, max_size=2),
    "words": st.none() | st.lists(st.none() | st.tuples(TEXTS, SHARES), max_size=2),
    "shares": st.none() | st.dictionaries(NAMES, SHARES, max_size=2),
    "reasons": st.none() | st.dictionaries(NAMES, st.none() | st.lists(TEXTS, max_size=2), max_size=2),
    "form": st.none() | st.tuples(SHARES, TEXTS),
}
COMPARED = tuple(VALUES)
ROW = st.tuples(*VALUES.values())


def rows_of(values: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(str(place), *row) for place, row in enumerate(values)]


def test_every_kind_that_a_table_declares_is_tried_here() -> None:
    from linnaeus.contracts import tables

    def kinds(schema: StructType) -> set[str]:
        return {type(field.dataType).__name__ for field in schema.fields}

    assert {kind for table in tables.ALL for kind in kinds(table.schema)} <= kinds(SCHEMA)


@settings(max_examples=8)
@given(st.lists(st.tuples(ROW, ROW), min_size=60, max_size=60))
def test_rows_differ_where_spark_says_so(spark: SparkSession, both: list[tuple[Any, ...]]) -> None:
    left, right = rows_of([one for one, _ in both]), rows_of([other for _, other in both])
    frames = [spark.createDataFrame(rows, SCHEMA).coalesce(1) for rows in (left, right)]
    renamed = frames[1].select(*[F.col(name).alias(f"other_{name}") for name in SCHEMA.names])
    joined = frames[0].join(renamed, F.col("id") == F.col("other_id"))
    same = [_same(SCHEMA[name], F.col(name), F.col(f"other_{name}")).alias(name) for name in COMPARED]
    expected = {int(row["id"]): row for row in joined.select("id", *same).collect()}

    made = [from_plain(rows, TABLE) for rows in (left, right)]
    for name in COMPARED:
        wanted = [place for place in range(len(both)) if not expected[place][name]]
        assert differing(*made, [name]) == wanted, name
    assert differing(*made, COMPARED) == [place for place, row in sorted(expected.items()) if not all(row[1:])]
    collected = from_batches(frames[0]._collect_as_arrow(), SCHEMA)
    assert differing(made[0], collected, SCHEMA.names) == [], "plain values are what Spark makes of them"


def test_rows_of_many_pieces_are_compared_as_one() -> None:
    rows = rows_of([(None, n, n, 0.5, 0.5, b"", None, ["a"], [1.0], [("w", 1.0)], {"x": 1.0, "y": 2.0}, {}, None)
                    for n in range(100)])  # fmt: skip
    whole = from_plain(rows, TABLE)
    pieces = pa.concat_tables([whole.slice(start, 7) for start in range(0, 100, 7)])
    assert differing(whole, pieces, SCHEMA.names) == []
    changed = [
        row if n not in (3, 50, 99) else (*row[:11], {"y": 2.0, "x": 9.0}, *row[12:]) for n, row in enumerate(rows)
    ]
    assert differing(pieces, from_plain(changed, TABLE), SCHEMA.names) == [3, 50, 99]
    turned = [(*row[:11], {"y": 2.0, "x": 1.0}, *row[12:]) for row in rows]
    assert differing(pieces, from_plain(turned, TABLE), SCHEMA.names) == [], "the order of a map's entries is nothing"


def test_keys_are_matched_as_by_a_join() -> None:
    found = matches([("a", 1), ("b", 2), (None, 3), ("c", 4)], [("b", 2), (None, 3), ("b", 2), ("d", 4)])
    assert (found.rows, found.stored, found.unmatched) == ([1, 1, 2], [0, 2, 1], [0, 3])
    at = [datetime.datetime(1, 1, 1, tzinfo=UTC), datetime.datetime(2024, 1, 1, 0, 0, 0, 1, UTC)]
    times = pa.table({"at": pa.array(at, pa.timestamp("us", tz="UTC"))})
    assert key_values(times, ["at"]) == [(-62135596800000000,), (1704067200000001,)]


def test_nulls_and_keys_that_stand_twice_are_refused() -> None:
    fields = [column("kind", StringType(), True), column("n", LongType(), True), column("name", StringType(), True)]
    table = Table("silver", "things", ("kind", "n"), StructType(fields), "Things")
    good = [("a", 1, "x"), ("a", 2, "y")]
    check(from_plain(good, table), table)
    with pytest.raises(SchemaError, match=r"^silver\.things: 2 rows with a null in a required column$"):
        check(from_plain([*good, (None, 1, "x"), ("b", 1, None)], table), table)
    with pytest.raises(SchemaError, match=r"^silver\.things: 1 keys \(kind, n\) stand twice$"):
        check(from_plain([*good, ("a", 1, "z"), ("a", 1, "q")], table), table)
    check(from_plain([], table), table)


def test_plain_values_of_another_type_or_number_are_refused() -> None:
    row: tuple[Any, ...] = ("1", None, 1, 1, 0.5, 0.5, b"", None, None, None, None, None, None, None)
    assert from_plain([row], TABLE).num_rows == 1
    with pytest.raises(SchemaError, match=r"^silver\.all_kinds: small is not int: "):
        from_plain([(*row[:2], "many", *row[3:])], TABLE)
    with pytest.raises(SchemaError, match=r"^silver\.all_kinds: small is not int: "):
        from_plain([(*row[:2], 1 << 40, *row[3:])], TABLE)
    with pytest.raises(SchemaError, match=r"^silver\.all_kinds: a row has not 14 values\. Give one value for each"):
        from_plain([row[:5]], TABLE)


def test_a_time_without_a_zone_is_one_of_this_machine() -> None:
    naive = datetime.datetime(2024, 7, 1, 12)
    row = ("1", None, None, None, None, None, None, naive, None, None, None, None, None, None)
    assert from_plain([row], TABLE).column("at").to_pylist() == [naive.astimezone(UTC)]


def test_a_column_that_is_not_stored_is_null() -> None:
    stored = pa.table({"id": ["1", "2"]})
    assert as_declared(stored, TABLE, ("id", "shares")).to_pydict() == {"id": ["1", "2"], "shares": [None, None]}


def test_no_rows_do_not_differ_whatever_is_said_of_their_elements() -> None:
    """Lists whose elements may not be null are of another type than those whose may."""
    kinds = [pa.list_(pa.field("element", pa.string(), nullable=may)) for may in (False, True)]
    none, some = ([pa.table({"errors": pa.array(rows, kind)}) for kind in kinds] for rows in ([], [["a"], ["b"]]))
    assert differing(*none, ["errors"]) == [] and differing(*some, ["errors"]) == []
