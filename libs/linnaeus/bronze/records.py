"""Raw lines or rows of a source as records: what came (`raw`), its fields as strings, and codes of what is unreadable.

A record has the columns `raw` (string), `raw_bytes` (binary, only where raw can't hold the bytes), `fields` (struct of
strings, null fields where absent), `path` (of its file, as in a URL, null where it is not known), `errors` and `notes`
(arrays of codes).
"""

from __future__ import annotations

import operator
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StringType, StructField, StructType

from linnaeus.bronze import json_values, numbers
from linnaeus.bronze.notes import NO_NUMBER, NOTES, codes
from linnaeus.contracts import columns as c
from linnaeus.contracts import written_ids

FIELDS = "fields"
MALFORMED = "malformed_record"
INVALID_UTF8 = "invalid_utf8"
REPEATED_HEADER = "repeated_header"
UNREADABLE_ID = "unreadable_id"
_BROKEN = "__broken"
_RECORD = "__record"
_END = "__end"
_REPLACEMENT = "\ufffd"
_BYTE_ORDER_MARK = "\ufeff"

Checks = list[tuple[Column, str]]


def from_json_lines(lines: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Records of JSON Lines. `lines` has a string column `value`; blank lines are no records.

    A column `is_broken` says of what is none, whatever it looks like, `is_header` of what repeats the names of a file's
    columns, and PATH of which file a line is.
    """
    is_known_broken, is_header = (
        F.col(name) if name in lines.columns else F.lit(False) for name in (c.IS_BROKEN, c.IS_HEADER)
    )
    bytes_ = F.col("value").cast("binary")
    decoded = F.decode(bytes_, "UTF-8")
    is_valid = F.encode(decoded, "UTF-8") == bytes_
    text = F.regexp_replace(decoded, f"^{_BYTE_ORDER_MARK}", "")
    # Spark reads the first object of a line and drops whatever follows it unseen. Wrapped, what follows is an error, or
    # the wrapper's own end is not reached.
    record = StructType([StructField(name, StringType()) for name in names])
    schema = StructType([StructField(_RECORD, record), *[StructField(name, StringType()) for name in (_END, _BROKEN)]])
    wrapped = F.concat(F.lit(f'{{"{_RECORD}":'), text, F.lit(f',"{_END}":1}}'))
    parsed = F.from_json(wrapped, schema, {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _BROKEN})
    is_object = F.ltrim(text).startswith("{")
    shaped = lines.where(F.length(F.trim(F.regexp_replace(decoded, r"[\s\x{FEFF}]", ""))) > 0).select(
        _path_of(lines),
        text.alias(c.RAW),
        F.when(~is_valid, bytes_).alias(c.RAW_BYTES),
        parsed.alias("parsed"),
        (is_object & ~is_known_broken).alias("is_object"),
        is_header.alias(c.IS_HEADER),
    )
    is_whole = F.col(f"parsed.{_BROKEN}").isNull() & F.col(f"parsed.{_RECORD}").isNotNull()
    is_broken = ~(is_whole & F.col(f"parsed.{_END}").isNotNull() & F.col("is_object"))
    return _with_values(shaped.withColumn(c.IS_BROKEN, is_broken), names, record)


def _with_values(shaped: DataFrame, names: tuple[str, ...], schema: StructType) -> DataFrame:
    """Records of parsed lines. What is asked for again and again is a column first, so that Spark makes it once."""
    line, is_broken = F.col(c.RAW), F.col(c.IS_BROKEN)
    found = {name: F.col(f"parsed.{_RECORD}.{name}") for name in names}
    typed = shaped.withColumns(
        {
            "number": F.when(~is_broken, json_values.numbers_in(line, found)),
            "mended": F.when(~is_broken, json_values.mended(line, schema)),
        }
    )
    number = {name: F.col(f"number.{name}") for name in names}
    has_half = {name: F.col("mended").isNotNull() & ~found[name].eqNullSafe(F.col(f"mended.{name}")) for name in names}
    ids = [name for name in names if name in written_ids.FIELDS]
    is_no_id = [json_values.is_no_id(line, name, found[name], number[name]) for name in ids]
    errors = codes(
        (is_broken, MALFORMED),
        (F.col(c.RAW_BYTES).isNotNull(), INVALID_UTF8),
        (F.col(c.IS_HEADER), REPEATED_HEADER),
        (~is_broken & _any(is_no_id), UNREADABLE_ID),
        *[(condition, unreadable(name)) for name, condition in has_half.items()],
    )
    notes = codes((_any([~numbers.is_number(one) for one in number.values()]), NO_NUMBER))
    fields = F.struct(*[json_values.text_of(found[name], number[name]).alias(name) for name in names])
    return typed.select(
        c.RAW,
        c.RAW_BYTES,
        F.when(~is_broken, fields).alias(FIELDS),
        c.PATH,
        F.array_sort(errors).alias(c.ERRORS),
        notes.alias(NOTES),
    )


def from_rows(rows: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Records of a table. Columns that are absent are null."""
    present = {field.name: field.dataType for field in rows.schema.fields if field.name != c.PATH}
    values = {name: F.col("`" + name.replace("`", "``") + "`") for name in present}
    as_text = {name: _as_text(values[name], kind) for name, kind in present.items()}
    raw = F.to_json(F.struct(*[column.alias(name) for name, column in as_text.items()]))
    known = {name: _field_of(values[name], kind) for name, kind in present.items() if name in names}
    fields = F.struct(*[known.get(name, F.lit(None).cast("string")).alias(name) for name in names])
    ids = [(name, kind) for name, kind in present.items() if name in names and name in written_ids.FIELDS]
    is_no_id = _any([numbers.is_no_id(values[name], kind) for name, kind in ids])
    # A reader that decodes has already put U+FFFD where bytes were no UTF-8.
    errors = codes((raw.contains(_REPLACEMENT), INVALID_UTF8), (is_no_id, UNREADABLE_ID))
    lost = [~numbers.is_number(values[name]) for name, kind in present.items() if name in names and _is_double(kind)]
    notes = codes((_any(lost), NO_NUMBER))
    return rows.select(
        raw.alias(c.RAW),
        F.lit(None).cast("binary").alias(c.RAW_BYTES),
        fields.alias(FIELDS),
        _path_of(rows),
        F.array_sort(errors).alias(c.ERRORS),
        notes.alias(NOTES),
    )


def _as_text(value: Column, kind: DataType) -> Column:
    """A column as text; what is nested as JSON, in which the ends of its values can be told."""
    return F.to_json(value) if _is_nested(kind) else value.cast("string")


def _field_of(value: Column, kind: DataType) -> Column:
    return F.to_json(value) if _is_nested(kind) else numbers.text_of(value, kind)


def _is_nested(kind: DataType) -> bool:
    return isinstance(kind, (ArrayType, MapType, StructType))


def _path_of(rows: DataFrame) -> Column:
    return (F.col(c.PATH) if c.PATH in rows.columns else F.lit(None).cast("string")).alias(c.PATH)


def unreadable(name: str) -> str:
    """The code of a field that can't be read: one for all ids."""
    return UNREADABLE_ID if name in written_ids.FIELDS else f"unreadable_{name}"


def _is_double(kind: DataType) -> bool:
    return isinstance(kind, (DoubleType, FloatType))


def _any(conditions: list[Column]) -> Column:
    return reduce(operator.or_, [F.coalesce(one, F.lit(False)) for one in conditions], F.lit(False))
