"""Numbers of a file's own types as text: whole ones as their digits, whatever type holds them."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, DataType, DecimalType, DoubleType, FloatType, MapType, StructType

from linnaeus.contracts.written_ids import EXACT

_NO_ID = (ArrayType, BooleanType, MapType, StructType)
_EXACT_FLOAT = 2.0**24  # a float of 32 bits from here on may stand for several whole numbers
_LONG = 2.0**63
_DIGITS = r"^\d{1,19}(?:\.\d{1,18})?(?:[eE]\+?\d{1,2})?$"
_MOST = 2**63 - 1


def text_of(value: Column, kind: DataType) -> Column:
    """A value as text. What is no number (NaN, infinite) is null; a whole double or decimal is its digits."""
    text = value.cast("string")
    if isinstance(kind, DecimalType):
        return F.when(value == F.floor(value), F.floor(value).cast("string")).otherwise(text)
    if isinstance(kind, (DoubleType, FloatType)):
        number = value.cast("double")
        is_whole = (number == F.floor(number)) & (F.abs(number) < _LONG)
        return F.when(is_whole, value.cast("long").cast("string")).when(is_number(number), text)
    return text


def is_number(value: Column) -> Column:
    """Whether a double is finite; null for null."""
    return F.abs(value) < float("inf")


def is_no_id(value: Column, kind: DataType) -> Column:
    """Whether a value of a file's type is neither a text nor a whole number that its type holds exactly."""
    if isinstance(kind, _NO_ID):
        return value.isNotNull()
    if isinstance(kind, DecimalType):
        return value != F.floor(value)
    if isinstance(kind, (DoubleType, FloatType)):
        number, exact = value.cast("double"), _EXACT_FLOAT if isinstance(kind, FloatType) else EXACT
        return is_number(number) & ((number != F.floor(number)) | (F.abs(number) >= exact))
    return F.lit(False)


def count_of(text: Column) -> Column:
    """A whole number from 0 to what a long holds, as digits, `12.0` or `1.2e3`; else null."""
    # A double is asked first: no decimal holds more than 38 digits.
    is_small = text.rlike(_DIGITS) & (text.cast("double") < 2 * _LONG)
    value = F.when(is_small, text.cast("decimal(38,18)"))
    return F.when(
        (value == F.floor(value)) & (value <= F.lit(_MOST).cast("decimal(19,0)")), F.floor(value).cast("long")
    )
