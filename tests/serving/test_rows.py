"""Rows as JSON, by a declared schema."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from linnaeus.contracts import tables
from linnaeus.contracts.tables import Table
from linnaeus.serving.rows import json_rows, row_model, to_bytes
from tests.serving.service import rows_of

UTC = datetime.timezone.utc
PAIR = StructType([StructField("label", StringType()), StructField("n", LongType())])
KINDS: dict[str, DataType] = {
    "id": StringType(),
    "share": FloatType(),
    "score": DoubleType(),
    "n": LongType(),
    "flag": BooleanType(),
    "day": DateType(),
    "at": TimestampType(),
    "raw": BinaryType(),
    "shares": MapType(StringType(), FloatType()),
    "reasons": MapType(StringType(), ArrayType(StringType())),
    "by_count": MapType(LongType(), StringType()),
    "pairs": ArrayType(PAIR),
}


def table_of(kinds: dict[str, DataType]) -> Table:
    fields = [
        StructField(name, kind, True, {"comment": f"About {name}", "required": name == "id"})
        for name, kind in kinds.items()
    ]
    return Table("gold", "odd", ("id",), StructType(fields), "Rows of every type")


EVERY_TYPE = table_of(KINDS)
FULL: dict[str, Any] = {
    "id": "a",
    "share": 0.1,
    "score": 0.1,
    "n": 2**53 + 1,
    "flag": True,
    "day": datetime.date(2026, 2, 3),
    "at": datetime.datetime(2026, 2, 3, 4, 5, 6, 7, UTC),
    "raw": b"\xff\x00",
    "shares": [("x", 0.2), ("y", None)],
    "reasons": [("spam", ["one", None])],
    "by_count": [(3, "three")],
    "pairs": [{"label": "yes", "n": 2}, None],
}


def test_a_row_of_every_type() -> None:
    rows = json_rows(rows_of(EVERY_TYPE, {name: [value] for name, value in FULL.items()}), EVERY_TYPE)
    assert json.loads(to_bytes({"rows": rows}))["rows"] == [
        {
            "id": "a",
            "share": 0.1,
            "score": 0.1,
            "n": 9007199254740993,
            "flag": True,
            "day": "2026-02-03",
            "at": "2026-02-03T04:05:06.000007Z",
            "raw": "/wA=",
            "shares": {"x": 0.2, "y": None},
            "reasons": {"spam": ["one", None]},
            "by_count": {"3": "three"},
            "pairs": [{"label": "yes", "n": 2}, None],
        }
    ]


def test_nulls_stay_null_and_columns_keep_their_order() -> None:
    (row,) = json_rows(rows_of(EVERY_TYPE, {"id": ["b"]}), EVERY_TYPE)
    assert list(row) == list(KINDS)
    assert row.pop("id") == "b" and set(row.values()) == {None}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_are_null(value: float) -> None:
    columns = {"id": ["a"], "share": [value], "score": [value], "shares": [[("x", value)]]}
    (row,) = json_rows(rows_of(EVERY_TYPE, columns), EVERY_TYPE)
    assert (row["share"], row["score"], row["shares"]) == (None, None, {"x": None})


def test_no_rows() -> None:
    assert json_rows(rows_of(EVERY_TYPE, {"id": []}), EVERY_TYPE) == []


def test_a_time_in_another_zone_is_said_in_utc() -> None:
    kinds = {"id": StringType(), "at": TimestampType()}
    local = pa.array([datetime.datetime(2026, 7, 1, 12, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin"))
    (row,) = json_rows(pa.table({"id": ["a"], "at": local}), table_of(kinds))
    assert row["at"] == "2026-07-01T12:00:00Z"


def test_the_model_takes_what_rows_are() -> None:
    rows = json_rows(rows_of(EVERY_TYPE, {n: [v, None if n != "id" else "b"] for n, v in FULL.items()}), EVERY_TYPE)
    model = row_model("Odd", EVERY_TYPE)
    for row in rows:
        assert model.model_validate({**row, "table_version": 3}, strict=False)
    for wrong in ({"id": None}, {"n": "many"}, {"shares": {"x": "much"}}):
        with pytest.raises(ValidationError):
            model.model_validate({**rows[0], **wrong, "table_version": 3})


@pytest.mark.parametrize("table", [tables.CREATOR_PROFILES, tables.CONTENT_PROFILES], ids=lambda table: table.name)
def test_the_model_has_every_declared_column_with_its_comment(table: Table) -> None:
    described = row_model("Row", table).model_json_schema()["properties"]
    assert list(described) == [*table.columns, "table_version"]
    for field in table.schema.fields:
        assert described[field.name]["description"] == field.metadata["comment"]


def test_what_can_not_be_served_is_refused_when_the_application_is_made() -> None:
    with pytest.raises(TypeError, match=r"decimal\(10,0\)"):
        row_model("Odd", table_of({"id": StringType(), "price": DecimalType()}))
    with pytest.raises(ValueError, match=r"gold\.odd has a column table_version"):
        row_model("Odd", table_of({"id": StringType(), "table_version": LongType()}))
