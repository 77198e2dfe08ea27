"""Times as people's files write them: ISO 8601 and RFC 3339, and what Spark reads beside them."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

# Spark takes `12:30` for today's and long numbers for years: what it reads begins with its year.
_BEGINS_WITH_YEAR = r"^\d{4}(?:-\d|$)"
_DATE = r"\d{4}-\d{2}-\d{2}|\d{8}|\d{4}-?W\d{2}(?:-?[1-7])?|\d{4}-?\d{3}"
_CLOCK = r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,30}))?)?)?"
_ZONE = r"Z|[+-]\d{2}(?::?\d{2})?"
_ISO = rf"(?i)^({_DATE})(?:[T ]{_CLOCK}(?: ?({_ZONE}))?)?$"
_PARTS = "$1_$2_$3_$4_$5_$6"
_DAY, _SECOND = 86_400_000_000, 1_000_000  # microseconds
_MINUS = "\u2212"  # which ISO 8601 has beside the hyphen


def time_of(text: Column) -> Column:
    """A time (UTC where no zone stands) of the years 1 to 9999, or null. `text` has no blanks around it.

    ISO 8601: dates by month, week (its Monday where no day stands) or day of the year; extended and basic forms;
    fractions of seconds, cut to microseconds; 24:00; a leap second is the first second of the next day.
    """
    by_spark = F.when(text.rlike(_BEGINS_WITH_YEAR), F.try_to_timestamp(text))
    signed = F.translate(text, _MINUS, "-")
    parts = F.split(F.upper(F.regexp_replace(signed, _ISO, _PARTS)), "_")
    by_parts = F.when(signed.rlike(_ISO), _with(parts, _iso))
    return _with(F.coalesce(by_spark, by_parts), lambda time: F.when(F.year(time).between(1, 9999), time))


def _with(value: Column, made: Callable[[Column], Column]) -> Column:
    """What is made of a value that is asked for several times and worked out once."""
    return F.element_at(F.transform(F.array(value), made), 1)


def _iso(parts: Column) -> Column:
    """The time of the groups of _ISO, or null where there is no such day or time of day."""
    date, hour, minute, second, fraction, zone = [parts[place] for place in range(6)]
    ends_day = F.concat(hour, minute, second, fraction).rlike("^240*$")
    is_leap = second == "60"
    written = F.concat(
        _with(F.replace(date, F.lit("-"), F.lit("")), _date),
        F.lit("T"), F.when(ends_day, "00").otherwise(F.rpad(hour, 2, "0")),
        F.lit(":"), F.rpad(minute, 2, "0"),
        F.lit(":"), F.when(is_leap, "59").otherwise(F.rpad(second, 2, "0")),
        F.lit("."), F.substring(F.rpad(fraction, 6, "0"), 1, 6),
        _with(F.rpad(F.replace(zone, F.lit(":"), F.lit("")), 5, "0"), _zone),
    )  # fmt: skip
    added = F.when(ends_day, _DAY).when(is_leap, _SECOND).otherwise(0)
    moved = F.unix_micros(F.try_to_timestamp(written)) + added
    return _with(moved, lambda micros: _at_midnight(micros, is_leap))


def _at_midnight(micros: Column, is_leap: Column) -> Column:
    """The time of microseconds since 1970; null where a leap second would be in the middle of a day."""
    is_first_second = F.pmod(micros, F.lit(_DAY)) < _SECOND
    return F.when(~is_leap | is_first_second, F.timestamp_micros(micros))


def _date(digits: Column) -> Column:
    """The date of yyyyMMdd, yyyyDDD, yyyyWww or yyyyWwwd as yyyy-MM-dd, of which the day may not exist.

    Null for a week or a day that its year does not have.
    """
    year = F.substring(digits, 1, 4)
    by_month = F.concat_ws("-", year, F.substring(digits, 5, 2), F.substring(digits, 7, 2))
    return (
        F.when(F.substring(digits, 5, 1) == "W", _day_of_week(digits, year.cast("int")))
        .when(F.length(digits) == 7, _day_of_year(digits, year.cast("int")))
        .otherwise(by_month)
    )


def _day_of_year(digits: Column, year: Column) -> Column:
    first = F.make_date(year, F.lit(1), F.lit(1))
    day = F.date_add(first, F.substring(digits, 5, 3).cast("int") - 1)
    return F.when(F.year(day) == year, day.cast("string"))


def _day_of_week(digits: Column, year: Column) -> Column:
    """Week 1 has the year's fourth of January; a week is of its Thursday's year."""
    fourth = F.make_date(year, F.lit(1), F.lit(4))
    week, day = F.substring(digits, 6, 2).cast("int"), F.substring(digits, 8, 1)
    monday = F.date_add(fourth, (week - 1) * 7 - F.weekday(fourth))
    is_there = (week >= 1) & (F.year(F.date_add(monday, 3)) == year)
    found = F.date_add(monday, F.when(day == "", 1).otherwise(day.cast("int")) - 1)
    return F.when(is_there, found.cast("string"))


def _zone(digits: Column) -> Column:
    """An offset as Spark reads it; +0000 for `Z` or none, which are padded to `Z0000` and `00000`."""
    hours, minutes = F.substring(digits, 1, 3), F.substring(digits, 4, 2)
    return F.when(digits.rlike("^[+-]"), F.concat(hours, F.lit(":"), minutes)).otherwise("Z")
