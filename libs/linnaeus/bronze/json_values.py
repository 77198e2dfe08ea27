"""Fields of a JSON object, as Spark's text of them hides what they were: strings, numbers, arrays, half characters.

Spark writes a number with a fraction as a double (`1.2345678E7`), NaN as a text in quotes, and `?` for half of a
surrogate pair. Where a text looks so, the line is read once more for this field as another type: Spark gives null where
the field has another one. So few lines are read twice.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructType

from linnaeus.bronze import numbers

_FRACTION = r"^-?\d+\.\d+(?:E-?\d+)?$"
_LONGEST = 26  # bytes of a double as Java writes it
_NO_NUMBERS = ('"NaN"', '"Infinity"', '"-Infinity"')
# An escaped backslash, written in another way: then any other backslash begins an escape.
_BACKSLASH, _AS_NUMBER = "\\\\", "\\u005c"
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rf"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}"
_REPLACED = r"\\ufffd"


def numbers_in(line: Column, found: Mapping[str, Column]) -> Column:
    """The fields that are numbers with a fraction, or none (NaN, infinite), as a struct of doubles by name.

    `found` has Spark's text of each field. A field is null where it is anything else, the struct where all are.
    """
    looks_so = F.lit(False)
    for text in found.values():
        looks_so = looks_so | _looks_like_number(text)
    read = [F.when(_looks_like_number(text), _as(line, name, "double")).alias(name) for name, text in found.items()]
    return F.when(looks_so, F.struct(*read))


def mended(line: Column, schema: StructType) -> Column:
    """The fields with U+FFFD for each half of a surrogate pair; null where there is none in the line."""
    escaped = F.replace(line, F.lit(_BACKSLASH), F.lit(_AS_NUMBER))
    whole = F.regexp_replace(escaped, _HALF, _REPLACED)
    return F.when(line.contains("\\u") & escaped.rlike(_HALF), F.from_json(whole, schema))


def text_of(found: Column, number: Column) -> Column:
    """The text of a field: whole numbers as digits, null for what is no number."""
    text = F.when(number == F.floor(number), numbers.text_of(number, DoubleType())).otherwise(found)
    return F.when(number.isNull(), found).when(numbers.is_number(number), text)


def is_no_id(line: Column, name: str, found: Column, number: Column) -> Column:
    """Whether a field is an array, an object, true or false, or a number that is not whole or not exact."""
    return (
        F.when(found.startswith("["), _as(line, name, "array<string>").isNotNull())
        .when(found.startswith("{"), _as(line, name, "map<string,string>").isNotNull())
        .when(found.isin("true", "false"), _as(line, name, "boolean").isNotNull())
        .otherwise(numbers.is_no_id(number, DoubleType()))
    )


def _looks_like_number(text: Column) -> Column:
    return (F.octet_length(text) <= _LONGEST) & (text.rlike(_FRACTION) | text.isin(*_NO_NUMBERS))


def _as(line: Column, name: str, kind: str) -> Column:
    return F.from_json(line, f"`{name}` {kind}")[name]
