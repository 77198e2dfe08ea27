"""Rows as Arrow tables: made of plain values, compared as Spark compares them, and checked as a write checks them.

Nothing here needs a Spark session. Two values are the same where Spark's `<=>` says so: null is null, NaN is NaN, and
-0.0 is 0.0. Maps are the same whatever the order of their entries.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, TimestampType

from linnaeus.contracts.errors import SchemaError
from linnaeus.contracts.tables import Table

STORED = "__stored_"  # a column beside a table's own: whether the key of a row is stored
PlainRows = Sequence[tuple[Any, ...]]
_LEAF = 8  # rows that are compared value by value, once a slice of so many is known to differ
_NAN = object()


@dataclass(frozen=True)
class MergeCounts:
    """Rows that a merge inserted and updated; the others it left as they were."""

    inserted: int
    updated: int

    @property
    def written(self) -> int:
        """Rows inserted or updated."""
        return self.inserted + self.updated


def arrow_schema(table: Table) -> pa.Schema:
    """The declared columns of a table as Arrow types."""
    return to_arrow_schema(table.schema)


def from_plain(rows: PlainRows, table: Table) -> pa.Table:
    """Tuples of Python values, in the order of the table's columns, as an Arrow table.

    A time without a zone is one of this machine's, as Spark takes it. Raises SchemaError for a row of another length,
    or a value of another type.
    """
    width = len(table.schema.fields)
    if any(len(row) != width for row in rows):
        raise SchemaError(f"{table.full_name}: a row has not {width} values. Give one value for each declared column.")
    columns = []
    for place, (declared, field) in enumerate(zip(table.schema.fields, arrow_schema(table), strict=True)):
        values = [_plain(row[place], declared.dataType) for row in rows]
        try:
            columns.append(pa.array(values, type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            kind = declared.dataType.simpleString()
            raise SchemaError(f"{table.full_name}: {declared.name} is not {kind}: {error}") from error
    return pa.Table.from_arrays(columns, schema=arrow_schema(table))


def _plain(value: Any, kind: DataType) -> Any:
    """A value as pyarrow takes it: a map as pairs, a structure as a dictionary, a time with its zone."""
    if value is None:
        return None
    if isinstance(kind, TimestampType) and isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc)
    if isinstance(kind, ArrayType):
        return [_plain(one, kind.elementType) for one in value]
    if isinstance(kind, MapType):
        return [(_plain(key, kind.keyType), _plain(one, kind.valueType)) for key, one in value.items()]
    if isinstance(kind, StructType):
        named = value if isinstance(value, dict) else dict(zip(kind.names, value, strict=True))
        return {field.name: _plain(named.get(field.name), field.dataType) for field in kind.fields}
    return value


def from_batches(batches: Sequence[pa.RecordBatch], schema: StructType) -> pa.Table:
    """What Spark has collected, of the types of its schema: times in UTC, whatever the session's zone is."""
    wanted = to_arrow_schema(schema)
    found = pa.Table.from_batches(batches) if batches else wanted.empty_table()
    columns = [found.column(place).cast(field.type) for place, field in enumerate(wanted)]
    return pa.Table.from_arrays(columns, schema=wanted)


def as_declared(stored: pa.Table, table: Table, names: Sequence[str]) -> pa.Table:
    """Some columns of stored rows, of their declared types; null for those that are not stored."""
    fields = [arrow_schema(table).field(name) for name in names]
    columns = [
        stored.column(field.name).cast(field.type)
        if field.name in stored.column_names
        else pa.chunked_array([pa.nulls(stored.num_rows, field.type)])
        for field in fields
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def key_values(rows: pa.Table, key: Sequence[str]) -> list[tuple[Any, ...]]:
    """The keys of rows, in their order. Times are microseconds since 1970, as Python has no time for each of them."""
    return list(zip(*[_values(_whole(rows.column(name))) for name in key], strict=True))


@dataclass(frozen=True)
class Matches:
    """Rows beside the stored rows of the same key.

    Pairs `rows[i]`, `stored[i]` are places of rows of the same key. `unmatched` are places of rows whose key is not
    stored. A key that is stored twice makes two pairs, as a join does.
    """

    rows: list[int]
    stored: list[int]
    unmatched: list[int]


def matches(keys: Sequence[tuple[Any, ...]], stored_keys: Iterable[tuple[Any, ...]]) -> Matches:
    """Find the stored rows of the same keys. A null is a key's value as any other."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(stored_keys):
        places.setdefault(key, []).append(place)
    pairs = [(place, other) for place, key in enumerate(keys) for other in places.get(key, ())]
    unmatched = [place for place, key in enumerate(keys) if key not in places]
    return Matches([row for row, _ in pairs], [other for _, other in pairs], unmatched)


def taken(rows: pa.Table, places: Sequence[int]) -> pa.Table:
    """The rows at some places, in the order of these."""
    return rows.take(pa.array(places, type=pa.int64()))


def differing(left: pa.Table, right: pa.Table, names: Iterable[str]) -> list[int]:
    """Places, in order, of which the two tables' rows differ in one of the named columns."""
    found: set[int] = set()
    for name in names:
        found.update(_differing(_whole(left.column(name)), _whole(right.column(name)), 0))
    return sorted(found)


def _differing(left: pa.Array, right: pa.Array, offset: int) -> list[int]:
    """By halves: Arrow compares whole slices at once, and few slices differ where few rows do."""
    if left.equals(right):
        return []
    size = len(left)
    if size <= _LEAF:
        every = pa.array(range(size), type=pa.int64())  # taken, as what is nested in a slice is still that of all rows
        pairs = zip(_values(left.take(every)), _values(right.take(every)), strict=True)
        return [offset + place for place, (one, other) in enumerate(pairs) if one != other]
    half = size // 2
    first = _differing(left.slice(0, half), right.slice(0, half), offset)
    return first + _differing(left.slice(half), right.slice(half), offset + half)


def check(rows: pa.Table, table: Table) -> None:
    """Raise SchemaError for nulls in required columns, and for keys that stand twice."""
    keys = key_values(rows, table.key)
    is_null = [rows.column(name).is_null().to_pylist() for name in table.required]
    nulls = {key for key, *marks in zip(keys, *is_null, strict=True) if any(marks)}
    if nulls:
        raise SchemaError(f"{table.full_name}: {len(nulls)} rows with a null in a required column")
    twice = len(keys) - len(set(keys))
    if twice:
        times: dict[tuple[Any, ...], int] = {}
        for key in keys:
            times[key] = times.get(key, 0) + 1
        n_twice = sum(n > 1 for n in times.values())
        raise SchemaError(f"{table.full_name}: {n_twice} keys ({', '.join(table.key)}) stand twice")


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # what pyarrow makes of no piece at all depends on its version
        return whole.chunk(0) if whole.num_chunks else pa.array([], type=column.type)
    return whole


def _values(column: pa.Array) -> list[Any]:
    """Values of which `==` says what Spark's `<=>` says, and that may be keys of a dictionary."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return list(column.cast(pa.int64()).to_pylist())
    if pa.types.is_floating(kind):
        return [_NAN if isinstance(one, float) and math.isnan(one) else one for one in column.to_pylist()]
    if pa.types.is_struct(kind):
        fields = [_values(column.field(place)) for place in range(kind.num_fields)] or [[]]
        return _unless_null(column, list(zip(*fields, strict=True)))
    if pa.types.is_map(kind):
        entries = list(zip(_values(column.keys), _values(column.items), strict=True))
        return _lists(column, entries, lambda pairs: tuple(sorted(pairs, key=lambda pair: repr(pair[0]))))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(column, _values(column.values), tuple)
    return list(column.to_pylist())


def _lists(column: pa.Array, values: list[Any], made: Callable[[list[Any]], Any]) -> list[Any]:
    """One value a row, of the part of the values that is its own."""
    ends = column.offsets.to_pylist()
    rows = [made(values[first:last]) for first, last in itertools.pairwise(ends)]
    return _unless_null(column, rows)


def _unless_null(column: pa.Array, values: list[Any]) -> list[Any]:
    """The values, and None where the column is null."""
    is_valid = column.is_valid().to_pylist()
    return [value if valid else None for value, valid in zip(values, is_valid, strict=True)]
