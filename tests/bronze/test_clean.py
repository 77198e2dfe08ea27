"""Every code, by records that a reader can check by eye; a DataFrame a source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze import clean
from linnaeus.bronze.records import from_json_lines
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.contracts.tables import Table

KINDS = ("text", "image", "audio", "video")
LABELS = {"category": ("arts", "arts/music", "спорт"), "risk.spam": ("yes", "no")}
Case = tuple[dict[str, Any], list[str]]

# What stands for nothing: no-break, zero-width, ideographic and Mongolian spaces, a byte order mark, joiners, a soft
# hyphen, direction marks, control characters.
BLANKS = ["", " ", "\n\t\r", "\u00a0", "\u200b", "\u3000", "\u2003\u205f", "\u180e", "\ufeff", "\u200d\u2060", "\u00ad"]
BLANKS += ["\u200f\u202e", "\u0085", "\u0001"]


def records(spark: SparkSession, cases: Sequence[dict[str, Any] | str], names: tuple[str, ...]) -> DataFrame:
    lines = [(case if isinstance(case, str) else json.dumps(case, ensure_ascii=False),) for case in cases]
    return from_json_lines(spark.createDataFrame(lines, "value string").coalesce(1), names)


def check(rows: DataFrame, cases: Sequence[Case], table: Table) -> list[Row]:
    """The codes are those of the cases; the columns those of the table. Returns the rows, times as text."""
    kept = [name for name in table.schema.names if name not in table.stamps]
    assert rows.columns == [*kept, "raw", "raw_bytes", "errors", "notes"]
    for name in kept:
        assert rows.schema[name].dataType == table.schema[name].dataType
    times = [name for name, kind in rows.dtypes if kind == "timestamp"]
    found = rows.withColumns({name: F.col(name).cast("string") for name in times}).collect()
    assert len(found) == len(cases)
    for row, (case, errors) in zip(found, cases, strict=True):
        assert row["errors"] == errors, case
        assert json.loads(row["raw"]) == case
    return found


def content(**changes: Any) -> dict[str, Any]:
    """A good content with changes; a field that is None is absent."""
    fields = {"content_id": "c1", "creator_id": "u1", "body": "words"} | changes
    return {name: value for name, value in fields.items() if value is not None}


def test_content(spark: SparkSession) -> None:
    long_title = "t" * 100_000
    good: list[Case] = [
        (content(), []),
        (content(kind="text", title=None, uri=None), []),
        (content(kind=" VIDEO ", body=None, uri="s3://x/y.mp4"), []),
        (content(kind="image", body=None), []),
        (content(kind="", title=""), []),
        (content(content_id=17, creator_id=0, body=12.5), []),
        (content(body="👩‍👩‍👧", title="شكرا\u200f!"), []),
        (content(title=long_title), []),
        (content(body="é" * 50), []),  # 100 bytes, the most that is allowed here
        (content(body=" padded\u00a0"), []),
    ]
    bad: list[Case] = [
        (content(content_id=None), ["missing_content_id"]),
        (content(creator_id="\u00a0\u200b"), ["missing_creator_id"]),
        (content(body=None), ["missing_body"]),
        (content(body="é" * 50 + "a"), ["body_too_large"]),
        (content(kind="image", body="x" * 101), ["body_too_large"]),
        (content(kind="podcast"), ["unknown_kind"]),
        (content(kind="podcast", body=None), ["unknown_kind"]),
        (content(kind="1"), ["unknown_kind"]),
        (content(body="a\0b"), ["nul_byte"]),
        (content(content_id="c\0"), ["nul_byte"]),
        (content(uri="\0"), ["nul_byte"]),
        (content(body="\0"), ["missing_body", "nul_byte"]),
        (
            content(content_id=" ", creator_id=None, body=None, published_at="soon"),
            ["missing_body", "missing_content_id", "missing_creator_id", "unreadable_published_at"],
        ),
        ({}, ["missing_body", "missing_content_id", "missing_creator_id"]),
    ]
    bad += [(content(body=blank), ["missing_body"]) for blank in BLANKS]
    cases = good + bad
    frame = records(spark, [case for case, _ in cases], clean.CONTENT_FIELDS)
    found = check(clean.clean_content(frame, KINDS, 100), cases, tables.CONTENT)
    assert [row["kind"] for row in found[:5]] == ["text", "text", "video", "image", "text"]
    assert (found[5]["content_id"], found[5]["creator_id"], found[5]["body"]) == ("17", "0", "12.5")
    assert (found[6]["body"], found[6]["title"]) == ("👩‍👩‍👧", "شكرا\u200f!")
    assert found[7]["title"] == long_title
    assert found[9]["body"] == " padded\u00a0", "a body is kept as supplied"
    for row in found[: len(good)]:
        whole = (row["title"] or "") + "\0" + (row["body"] or "")
        assert row["content_hash"] == hashlib.sha256(whole.encode()).hexdigest()


TIMES = {
    "2024-02-29T12:30:05Z": "2024-02-29 12:30:05",
    "2024-02-29T12:30:05.25+02:00": "2024-02-29 10:30:05.25",
    "2024-02-29 12:30:05": "2024-02-29 12:30:05",
    "2024-02-29T12:30": "2024-02-29 12:30:00",
    "2024-02-29": "2024-02-29 00:00:00",
    "2024-02": "2024-02-01 00:00:00",
    "2024": "2024-01-01 00:00:00",
    " 2024-02-29 ": "2024-02-29 00:00:00",
    "1867-05-01": "1867-05-01 00:00:00",
    "0001-01-01T00:00:00Z": "0001-01-01 00:00:00",
    "9999-12-31": "9999-12-31 00:00:00",
}
# Times of day alone would be taken for today's, and long numbers for years.
NO_TIMES = ["yesterday", "2023-02-29", "2024-13-01", "12:30", "T12:30:00", "01/02/2024", "now", "1709209805", "170920"]
NO_TIMES += ["-0044-03-15", "0000-01-01", "0001-01-01T00:00:00+09:00", "9999-12-31T23:00:00-05:00"]
NO_TIMES += ["2024-02-29T25:00:00Z", "2024-02-29T12:30:05+99:00"]


def test_times(spark: SparkSession) -> None:
    cases: list[Case] = [({"creator_id": "u", "created_at": text}, []) for text in TIMES]
    cases += [({"creator_id": "u", "created_at": text}, []) for text in ("", " ", "\u00a0")]
    cases += [({"creator_id": "u", "created_at": text}, ["unreadable_created_at"]) for text in NO_TIMES]
    frame = records(spark, [case for case, _ in cases], clean.CREATOR_FIELDS)
    found = [row["created_at"] for row in check(clean.clean_creators(frame), cases, tables.CREATORS)]
    assert found == [*TIMES.values(), *[None] * (len(cases) - len(TIMES))]


def test_creators(spark: SparkSession) -> None:
    cases: list[Case] = [
        ({"creator_id": "u1", "name": "Ana", "about": "Писатель", "created_at": "2020"}, []),
        ({"creator_id": 5}, []),
        ({"name": "nobody"}, ["missing_creator_id"]),
        ({"creator_id": "u1", "about": "\0"}, ["nul_byte"]),
    ]
    frame = records(spark, [case for case, _ in cases], clean.CREATOR_FIELDS)
    found = check(clean.clean_creators(frame), cases, tables.CREATORS)
    assert tuple(found[0])[:4] == ("u1", "Ana", "Писатель", "2020-01-01 00:00:00")
    assert tuple(found[1])[:4] == ("5", None, None, None)


def vote(facet: str | None, label: Any, **changes: Any) -> dict[str, Any]:
    fields = {"item_id": "c1", "facet": facet, "annotator_id": "a1", "label": label} | changes
    return {name: value for name, value in fields.items() if value is not None}


def test_votes(spark: SparkSession) -> None:
    cases: list[Case] = [
        (vote("category", "arts"), []),
        (vote("category", "спорт", voted_at="2024-01-01T00:00:00Z"), []),
        (vote("risk.spam", "yes"), []),
        (vote("category", "yes"), ["unknown_label"]),
        (vote("risk.spam", "arts"), ["unknown_label"]),
        (vote("category", "Arts"), ["unknown_label"]),
        (vote("risk.spam", True), ["unknown_label"]),
        (vote("risk.hate", "yes"), ["unknown_facet"]),
        (vote("spam", "yes"), ["unknown_facet"]),
        (vote(None, "yes"), ["missing_facet"]),
        (vote("category", None), ["missing_label"]),
        (vote("risk.hate", " "), ["missing_label", "unknown_facet"]),
        (vote("category", "arts", item_id=None, annotator_id="\u3000"), ["missing_annotator_id", "missing_item_id"]),
        (vote("category", "arts", voted_at="late"), ["unreadable_voted_at"]),
        (vote("category", "arts\0"), ["nul_byte", "unknown_label"]),
    ]
    frame = records(spark, [case for case, _ in cases], clean.VOTE_FIELDS)
    found = check(clean.clean_votes(frame, LABELS), cases, tables.VOTES)
    assert tuple(found[1])[:5] == ("c1", "category", "a1", "спорт", "2024-01-01 00:00:00")


def test_gold_labels(spark: SparkSession) -> None:
    cases: list[Case] = [
        ({"item_id": 9, "facet": "category", "label": "arts/music"}, []),
        ({"item_id": "9", "facet": "risk.spam", "label": "maybe"}, ["unknown_label"]),
        ({"item_id": "9", "facet": "", "label": "no"}, ["missing_facet"]),
        ({"item_id": "9\0", "facet": "risk.spam", "label": "no"}, ["nul_byte"]),
        ({}, ["missing_facet", "missing_item_id", "missing_label"]),
    ]
    frame = records(spark, [case for case, _ in cases], clean.GOLD_FIELDS)
    found = check(clean.clean_gold_labels(frame, LABELS), cases, tables.GOLD_LABELS)
    assert tuple(found[0])[:3] == ("9", "category", "arts/music")


def test_without_any_facet_every_facet_is_unknown(spark: SparkSession) -> None:
    cases: list[Case] = [({"item_id": "9", "facet": "category", "label": "arts"}, ["unknown_facet"])]
    frame = records(spark, [case for case, _ in cases], clean.GOLD_FIELDS)
    check(clean.clean_gold_labels(frame, {}), cases, tables.GOLD_LABELS)


def test_codes_of_unreadable_records_stand_alone(spark: SparkSession) -> None:
    frame = records(spark, ['{"content_id":', "null"], clean.CONTENT_FIELDS)
    found = clean.clean_content(frame, KINDS, 100).collect()
    assert [row["errors"] for row in found] == [["malformed_record"], ["malformed_record"]]


def test_bytes_that_are_no_utf8_are_named_beside_what_else_is_wrong(spark: SparkSession) -> None:
    lines = [(bytearray(b'{"content_id":"\xff","kind":"x"}'),)]
    frame = spark.createDataFrame(lines, "value binary").selectExpr("cast(value as string) as value")
    found = clean.clean_content(from_json_lines(frame, clean.CONTENT_FIELDS), KINDS, 100).first()
    assert found is not None
    assert found["errors"] == ["invalid_utf8", "missing_creator_id", "unknown_kind"]
    assert found["raw_bytes"] == lines[0][0]


def test_a_body_of_ten_megabytes_is_refused_by_the_default_limit(spark: SparkSession) -> None:
    ingest = load_config("local").ingest
    bodies = ["x" * 10_000_000, "x" * ingest.max_body_bytes, "字" * (ingest.max_body_bytes // 3 + 1)]
    frame = records(spark, [content(body=body) for body in bodies], clean.CONTENT_FIELDS)
    rows = clean.clean_content(frame, ingest.kinds, ingest.max_body_bytes)
    found = rows.select("errors", F.length("raw").alias("length"), F.length("body").alias("body")).collect()
    assert [row["errors"] for row in found] == [["body_too_large"], [], ["body_too_large"]]
    assert all(row["length"] > row["body"] == len(body) for row, body in zip(found, bodies, strict=True))
