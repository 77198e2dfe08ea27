"""Rows of a table as JSON, by the table's declared schema: their values, and the model that describes them."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field, create_model
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    IntegralType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from linnaeus.contracts.tables import Table

Encode = Callable[[Any], Any]
TABLE_VERSION = "table_version"  # beside a row's own columns: which version of the table it was read from
_SIMPLE: tuple[tuple[type[DataType], Any], ...] = (
    (StringType, str),
    (BinaryType, str),
    (BooleanType, bool),
    (IntegralType, int),
    (FloatType, float),
    (DoubleType, float),
    (DateType, datetime.date),
    (TimestampType, datetime.datetime),
)


def json_rows(rows: pa.Table, table: Table) -> list[dict[str, Any]]:
    """Rows with the declared columns as what JSON holds.

    Maps and structs are objects, times ISO 8601 in UTC, bytes Base64. A float32 has the fewest digits that tell it from
    others (0.1, not 0.10000000149); what is no finite number is null, as JSON has no such numbers.
    """
    columns = [
        [encode(value) for value in rows.column(field.name).to_pylist()]
        for field, encode in ((field, _encoder(field.dataType)) for field in table.schema.fields)
    ]
    return [dict(zip(table.columns, values, strict=True)) for values in zip(*columns, strict=True)]


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as JSON, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def row_model(name: str, table: Table) -> type[BaseModel]:
    """A model of a table's rows as `json_rows` makes them, with each column's comment, and of `table_version`."""
    if TABLE_VERSION in table.columns:
        raise ValueError(f"{table.full_name} has a column {TABLE_VERSION}, which would be hidden")
    version = (int, Field(description=f"The version of {table.full_name} that this was read from"))
    fields = {**_fields(name, table.schema), TABLE_VERSION: version}
    return create_model(name, __doc__=f"{table.description}.", **fields)  # type: ignore[call-overload, no-any-return]


def _fields(name: str, schema: StructType) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in schema.fields:
        kind = _python_type(f"{name}_{field.name}", field.dataType)
        is_required = field.metadata.get("required", False)
        fields[field.name] = (kind if is_required else kind | None, Field(description=field.metadata.get("comment")))
    return fields


def _python_type(name: str, kind: DataType) -> Any:
    """The type that describes a column; `name` is for the models of structs."""
    if isinstance(kind, ArrayType):
        return GenericAlias(list, (_python_type(name, kind.elementType) | None,))
    if isinstance(kind, MapType):
        return GenericAlias(dict, (str, _python_type(name, kind.valueType) | None))
    if isinstance(kind, StructType):
        return create_model(name, **_fields(name, kind))
    for spark, python in _SIMPLE:
        if isinstance(kind, spark):
            return python
    raise TypeError(f"a column of type {kind.simpleString()} can't be served as JSON")


def _encoder(kind: DataType) -> Encode:
    """How a value of a type becomes what JSON holds; null stays null."""
    encode = _encoder_of_some(kind)
    return lambda value: None if value is None else encode(value)


def _encoder_of_some(kind: DataType) -> Encode:
    if isinstance(kind, ArrayType):
        element = _encoder(kind.elementType)
        return lambda value: [element(one) for one in value]
    if isinstance(kind, MapType):
        of_key, of_value = _encoder(kind.keyType), _encoder(kind.valueType)
        return lambda value: {str(of_key(key)): of_value(one) for key, one in value}
    if isinstance(kind, StructType):
        fields = [(field.name, _encoder(field.dataType)) for field in kind.fields]
        return lambda value: {name: encode(value[name]) for name, encode in fields}
    return _SCALARS.get(type(kind), _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _shortest(value: float) -> float | None:
    return float(str(np.float32(value))) if math.isfinite(value) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _in_utc(value: datetime.datetime) -> str:
    return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


_SCALARS: dict[type[DataType], Encode] = {
    FloatType: _shortest,
    DoubleType: _finite,
    TimestampType: _in_utc,
    DateType: lambda value: value.isoformat(),
    BinaryType: lambda value: base64.b64encode(value).decode(),
}
