"""Times as files write them: by hand, and random ones against Python's calendar."""

from __future__ import annotations

import datetime

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze.times import time_of

READ = {
    "2024-02-29T12:30:05,25Z": "2024-02-29 12:30:05.25",
    "2024-02-29T24:00": "2024-03-01 00:00:00",
    "2024-02-29T24:00:00Z": "2024-03-01 00:00:00",
    "2024-02-29T24:00:00.000+02:00": "2024-02-29 22:00:00",
    "20240229T2400Z": "2024-03-01 00:00:00",
    "2024-W09-4": "2024-02-29 00:00:00",
    "2024-W09": "2024-02-26 00:00:00",
    "2024W094T12:30Z": "2024-02-29 12:30:00",
    "2020-W53-7": "2021-01-03 00:00:00",
    "2026-W01-1": "2025-12-29 00:00:00",
    "2024-060": "2024-02-29 00:00:00",
    "2024060T123005": "2024-02-29 12:30:05",
    "2024-366": "2024-12-31 00:00:00",
    "2024-02-29t12:30:05z": "2024-02-29 12:30:05",
    "2024-w09-4t12:30:05z": "2024-02-29 12:30:05",
    "20240229T123005Z": "2024-02-29 12:30:05",
    "20240229": "2024-02-29 00:00:00",
    "2024-02-29T12:30Z": "2024-02-29 12:30:00",
    "2024-02-29T12Z": "2024-02-29 12:00:00",
    "2024-02-29T12:30:05+0530": "2024-02-29 07:00:05",
    "2024-02-29T12:30:05+05": "2024-02-29 07:30:05",
    "2024-02-29T12:30:05\u221205:00": "2024-02-29 17:30:05",
    "2024-02-29 12:30:05 +0200": "2024-02-29 10:30:05",
    "2016-12-31T23:59:60Z": "2017-01-01 00:00:00",
    "2016-12-31T23:59:60.5Z": "2017-01-01 00:00:00.5",
    "2017-01-01T05:29:60+05:30": "2017-01-01 00:00:00",
    "2024-02-29T12:30:05.123456789123Z": "2024-02-29 12:30:05.123456",
    # What Spark reads beside ISO 8601 stays read.
    "2024-2-9": "2024-02-09 00:00:00",
    "2024-02-29 12:30:05 UTC": "2024-02-29 12:30:05",
    "2024-02-29T12:30:05 Europe/Berlin": "2024-02-29 11:30:05",
}
NOT_READ = [
    *("2024-02-29T24:01", "2024-02-29T24:00:00.1", "2024-02-29T25:00", "2024-02-29T12:60", "2024-02-29T12:30:61Z"),
    *("2024-02-29T12:30:60Z", "2024-02-29T23:59:60+01:00", "2023-02-29T12,5", "2024-02-29T12:30,5"),
    *("2023-W53-1", "2024-W00-1", "2024-W54", "2024-W09-8", "2024-W09-0", "2023-366", "2024-000", "2024-367"),
    *("20230229", "20241301", "2024-0229", "202402", "1709209805", "1709209805123", "1709209805.5", "24-02-29"),
    *("2024-02-29T12:30:05+19:00", "2024-02-29T12:30:05+05:61", "2024-02-29T12:30:05ZZ", "9999-12-31T24:00"),
    *("9999-W52-7", "0000-001", "Thu, 29 Feb 2024 12:30:05 GMT", "29.02.2024", "2024/02/29", "2024-02-29T12:30 PM"),
]


def times_of(spark: SparkSession, texts: list[str]) -> list[str | None]:
    frame = spark.createDataFrame(list(enumerate(texts)), "n long, text string").coalesce(1)
    found = frame.select("n", time_of(F.col("text")).cast("string").alias("time")).collect()
    return [row["time"] for row in sorted(found)]


def test_times_by_hand(spark: SparkSession) -> None:
    found = times_of(spark, [*READ, *NOT_READ])
    assert dict(zip([*READ, *NOT_READ], found, strict=True)) == READ | dict.fromkeys(NOT_READ)


@st.composite
def times(draw: st.DrawFn) -> tuple[str, datetime.datetime | None]:
    """A text in one of ISO 8601's forms, and its time in UTC; None where the calendar has no such time."""
    dash, colon = draw(st.sampled_from([("-", ":"), ("", ""), ("-", "")]))
    year = draw(st.sampled_from([1900, 2000, 2004, 2015, 2020, 2023, 2024]) | st.integers(1, 9999))
    form = draw(st.sampled_from(["month", "week", "day"]))
    try:
        if form == "month":
            month, day = draw(st.integers(1, 13)), draw(st.integers(1, 31))
            text = f"{year:04}{dash}{month:02}{dash}{day:02}"
            date = datetime.datetime(year, month, day)
        elif form == "week":
            week, day = draw(st.integers(0, 54)), draw(st.integers(0, 8))
            text = f"{year:04}{dash}W{week:02}{dash}{day}"
            date = datetime.datetime.fromisocalendar(year, week, day)
        else:
            day = draw(st.integers(0, 367))
            text = f"{year:04}{dash}{day:03}"
            date = datetime.datetime(year, 1, 1) + datetime.timedelta(days=day - 1)
            if date.year != year:
                raise ValueError(text)
    except (ValueError, OverflowError):
        return text, None
    return _with_clock(draw, text, date, colon)


def _with_clock(
    draw: st.DrawFn, text: str, date: datetime.datetime, colon: str
) -> tuple[str, datetime.datetime | None]:
    hour, minute, second = draw(st.integers(0, 25)), draw(st.sampled_from([0, 30, 59, 60])), draw(st.integers(0, 59))
    if hour == 24:
        minute = second = 0
    fraction = "" if hour == 24 else draw(st.text("0123456789", max_size=9))
    sign = draw(st.sampled_from(["", "Z", "+", "-"]))
    hours, minutes = draw(st.integers(0, 14)), draw(st.sampled_from([0, 30, 45]))
    offset = sign if sign in ("", "Z") else f"{sign}{hours:02}{draw(st.sampled_from([':', '']))}{minutes:02}"
    text += f"{draw(st.sampled_from('T '))}{hour:02}{colon}{minute:02}{colon}{second:02}"
    text += (draw(st.sampled_from(".,")) + fraction if fraction else "") + offset
    if hour > 24 or minute > 59:
        return draw(st.sampled_from([text, text.lower()])), None
    moved = datetime.timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int(f"{fraction:0<6}"[:6]))
    moved -= datetime.timedelta(hours=hours, minutes=minutes) * {"+": 1, "-": -1}.get(sign, 0)
    try:
        return draw(st.sampled_from([text, text.lower()])), date + moved
    except OverflowError:
        return text, None


MANY = [HealthCheck.large_base_example, HealthCheck.data_too_large, HealthCheck.too_slow]


@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=MANY)
@given(st.lists(times(), min_size=150, max_size=250))
def test_random_times(spark: SparkSession, cases: list[tuple[str, datetime.datetime | None]]) -> None:
    frame = spark.createDataFrame([(n, text) for n, (text, _) in enumerate(cases)], "n long, text string").coalesce(1)
    found = frame.select("n", F.unix_micros(time_of(F.col("text"))).alias("micros")).collect()
    micros = datetime.timedelta(microseconds=1)
    for row in found:
        text, time = cases[row["n"]]
        expected = None if time is None else (time - datetime.datetime(1970, 1, 1)) // micros
        assert row["micros"] == expected, text
