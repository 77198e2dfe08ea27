"""Ids as they are written in files, and as they are read: `101.0`, as programs write a whole number that they hold as a
double, is `101`. Every other text is an id as it stands (`007`, `1.10`, `v1.0`, `1e3`)."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

FIELDS = (c.CONTENT_ID, c.CREATOR_ID, c.ITEM_ID, c.ANNOTATOR_ID)
EXACT = 2.0**53  # a double from here on may stand for several whole numbers
_PLAIN = r"-?(?:0|[1-9]\d*)\.0+"  # pandas, databases
_OF_JAVA = r"-?[1-9]\.\d{1,16}E(?:[7-9]|\d{2,3})"  # Spark, from ten millions on
_DOUBLE = rf"^(?:{_PLAIN}|{_OF_JAVA})$"
# Spreadsheets write long numbers so and leave digits out; other programs write so what is beyond 2^53 alone.
_SHORTENED = r"^-?\d(?:\.\d+)?[eE]\+\d{1,3}$"


def as_read(text: Column) -> Column:
    """The id that a text stands for."""
    return F.when(is_rewritten(text), _value(text).cast("long").cast("string")).otherwise(text)


def is_rewritten(text: Column) -> Column:
    """Whether a text is a whole number below 2^53 in the form of a double."""
    return _is_double(text) & (_value(text) == F.floor(_value(text))) & (F.abs(_value(text)) < EXACT)


def is_inexact(text: Column) -> Column:
    """Whether a text is a double whose whole number can't be told: from 2^53 on, or without its last digits."""
    is_shortened = text.contains("+") & text.rlike(_SHORTENED)
    return is_shortened | (_is_double(text) & (F.abs(_value(text)) >= EXACT))


def _is_double(text: Column) -> Column:
    return text.contains(".") & text.rlike(_DOUBLE)


def _value(text: Column) -> Column:
    return text.cast("double")
