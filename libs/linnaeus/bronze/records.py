"""Raw lines or rows of a source as records: what came (`raw`), its fields as strings, and codes of what is unreadable.

A record has the columns `raw` (string), `raw_bytes` (binary, only where raw can't hold the bytes), `fields` (struct of
strings, null fields where absent), `path` (of its file, as in a URL, null where it is not known) and `errors` (array of
codes).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from linnaeus.contracts import columns as c

FIELDS = "fields"
IS_BROKEN = "is_broken"
PATH = "__path"
MALFORMED = "malformed_record"
INVALID_UTF8 = "invalid_utf8"
_BROKEN = "__broken"
_RECORD = "__record"
_END = "__end"
_REPLACEMENT = "\ufffd"
_BYTE_ORDER_MARK = "\ufeff"


def from_json_lines(lines: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Records of JSON Lines. `lines` has a string column `value`; blank lines are no records.

    A column `is_broken` says of what is none, whatever it looks like, and PATH of which file a line is.
    """
    is_known_broken = F.col(IS_BROKEN) if IS_BROKEN in lines.columns else F.lit(False)
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
    )
    is_whole = F.col(f"parsed.{_BROKEN}").isNull() & F.col(f"parsed.{_RECORD}").isNotNull()
    is_broken = ~(is_whole & F.col(f"parsed.{_END}").isNotNull() & F.col("is_object"))
    errors = _codes((is_broken, MALFORMED), (F.col(c.RAW_BYTES).isNotNull(), INVALID_UTF8))
    fields = F.struct(*[F.col(f"parsed.{_RECORD}.{name}").alias(name) for name in names])
    return shaped.select(c.RAW, c.RAW_BYTES, fields.alias(FIELDS), PATH, errors.alias(c.ERRORS))


def from_rows(rows: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Records of a table. Columns that are absent are null."""
    as_text = {name: _as_text(rows, name) for name in rows.columns if name != PATH}
    raw = F.to_json(F.struct(*[column.alias(name) for name, column in as_text.items()]))
    fields = F.struct(*[as_text.get(name, F.lit(None).cast("string")).alias(name) for name in names])
    # A reader that decodes has already put U+FFFD where bytes were no UTF-8.
    errors = _codes((raw.contains(_REPLACEMENT), INVALID_UTF8))
    no_bytes = F.lit(None).cast("binary").alias(c.RAW_BYTES)
    return rows.select(raw.alias(c.RAW), no_bytes, fields.alias(FIELDS), _path_of(rows), errors.alias(c.ERRORS))


def _as_text(rows: DataFrame, name: str) -> Column:
    """A column as text; what is nested as JSON, in which the ends of its values can be told."""
    column = F.col("`" + name.replace("`", "``") + "`")
    is_nested = isinstance(rows.schema[name].dataType, (ArrayType, MapType, StructType))
    return F.to_json(column) if is_nested else column.cast("string")


def _path_of(rows: DataFrame) -> Column:
    return (F.col(PATH) if PATH in rows.columns else F.lit(None).cast("string")).alias(PATH)


def _codes(*checks: tuple[Column, str]) -> Column:
    """The codes of the checks that hold, sorted."""
    found = F.array(*[F.when(condition, F.lit(code)) for condition, code in checks])
    return F.array_sort(F.filter(found, lambda code: code.isNotNull()))
