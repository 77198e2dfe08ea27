"""Numbers, ids, labels and texts of files: what each is read as, and what is said of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze import clean
from linnaeus.bronze.numbers import count_of
from linnaeus.bronze.records import from_json_lines, from_rows
from linnaeus.contracts import written_ids

MANY = [HealthCheck.large_base_example, HealthCheck.data_too_large, HealthCheck.too_slow]
once = settings(max_examples=1, phases=[Phase.explicit, Phase.generate], suppress_health_check=MANY)
LABELS = {"category": ("sport", "4", "5.0", "5", "17"), "risk.spam": ("yes", "no", "1", "2", "3", "4", "5")}


def ordered(frame: DataFrame) -> list[Row]:
    return frame.coalesce(1).collect()


# --- whole numbers


COUNTS = {
    **{"0": 0, "12": 12, "12.0": 12, "12.000": 12, "1.2345678E7": 12345678, "1.2e3": 1200, "1e3": 1000, "5e+02": 500},
    **{"9223372036854775807": 2**63 - 1, "9.223372036854775807e18": 2**63 - 1, "007": 7},
    **dict.fromkeys(["9223372036854775808", "1e19", "1e99", "99999999999999999999", "1.5", "1.25e1", "-1", "-1.0"]),
    **dict.fromkeys(["1e-3", "12,0", "1,234", "1.", ".5", "1e", "e3", "0x1F", "NaN", "twelve", "1e999", "1 2", "+5"]),
}


def test_counts(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(text,) for text in COUNTS], "text string")
    assert {
        row["text"]: row["n"] for row in frame.select("text", count_of(F.col("text")).alias("n")).collect()
    } == COUNTS


@once
@given(st.lists(st.tuples(st.integers(0, 10**19), st.integers(0, 18), st.integers(0, 20)), min_size=100, max_size=200))
def test_random_counts(spark: SparkSession, cases: list[tuple[int, int, int]]) -> None:
    """Digits with a point somewhere, times a power of ten."""
    texts = [_written(*case) for case in cases]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    for text, row in zip(texts, ordered(frame.select(count_of(F.col("text")).alias("n"))), strict=True):
        value = Decimal(text)
        assert row["n"] == (int(value) if value == value.to_integral_value() and value < 2**63 else None), text


def _written(digits: int, places: int, exponent: int) -> str:
    text = f"{digits:0{places + 1}}"
    return (f"{text[:-places]}.{text[-places:]}" if places else text) + (f"E{exponent}" if exponent else "")


def test_numbers_of_every_type_of_a_table(spark: SparkSession) -> None:
    rows = spark.sql(
        "select 12345678D as item_id, float(101) as annotator_id, decimal(0) as a, decimal('7.0') as b,"
        " cast(0 as decimal(38,18)) as c, cast(1.10 as decimal(9,2)) as d, double('NaN') as e, float('Infinity') as f,"
        " 1e18D as g, -0D as h, 2.5D as i, true as j, 12345678901234567890BD as k, 1e300D as l, float(16777217) as m"
    )
    names = tuple(rows.columns)
    found = from_rows(rows, names).first()
    assert found is not None
    assert tuple(found["fields"]) == (
        *("12345678", "101", "0", "7", "0", "1.10", None, None, "1000000000000000000", "0", "2.5", "true"),
        *("12345678901234567890", "1.0E300", "16777216"),
    )
    assert (found["errors"], found["notes"]) == ([], ["no_number"])


# --- ids


DOUBLES = [101.0, 0.0, -0.0, -5.0, 20240001.0, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 1e17, 1e300, 1.5, -0.25, 5e-324]


def as_id(value: float) -> str | None:
    """The id that a double is, None where it is none."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else None


@once
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60).map(float),
        min_size=80,
        max_size=150,
    )
)
@example(DOUBLES)
def test_ids_that_are_doubles(spark: SparkSession, values: list[float]) -> None:
    """In a table, and as numbers of JSON; whether Spark or Python wrote them."""
    table = from_rows(spark.createDataFrame([(one,) for one in values], "item_id double"), ("item_id",))
    lines = [(json.dumps({"item_id": one}),) for one in values]
    read = from_json_lines(spark.createDataFrame(lines, "value string"), ("item_id",))
    for value, by_table, by_json in zip(values, ordered(table), ordered(read), strict=True):
        expected = as_id(value)
        for row in (by_table, by_json):
            if expected is None:
                assert row["errors"] == ["unreadable_id"], value
            else:
                assert (row["fields"]["item_id"], row["errors"], row["notes"]) == (expected, [], []), value


TEXT_IDS = {
    "101.0": "101", "20240001.0": "20240001", "2.0240001E7": "20240001", "-5.0": "-5", "-0.0": "0", "12.000": "12",
    "9007199254740991.0": "9007199254740991", "9.007199254740991E15": "9007199254740991",
    **{one: one for one in ["101", "007", "007.0", "1.10", "v1.0", "1.0.0", "1e3", "12e5", "1E7", "2.5", "1.5E0"]},
    **{one: one for one in ["1.25E1", "9007199254740993", "101.0 ", "101.", ".0", "+5.0", "٣.0", "1,0", "a+b", "[x]"]},
    **{one: one for one in ["[deleted]", "{x}", "true", "NaN", "https://example.org/1.0", "1.0E"]},
    **dict.fromkeys(["9007199254740992.0", "1.2345678901234568E18", "1.23457E+14", "1e+16", "2.0E300", "1.0E999"]),
}  # fmt: skip


def test_ids_that_are_texts(spark: SparkSession) -> None:
    """In a table and as strings of JSON, which CSV becomes: what is changed is noted, what is inexact is no id."""
    names = clean.CREATOR_FIELDS
    table = spark.createDataFrame([(one,) for one in TEXT_IDS], "creator_id string")
    lines = [(json.dumps({"creator_id": one}),) for one in TEXT_IDS]
    read = from_json_lines(spark.createDataFrame(lines, "value string"), names)
    both = clean.clean_creators(from_rows(table, names).union(read))
    for (text, expected), row in zip([*TEXT_IDS.items()] * 2, ordered(both), strict=True):
        if expected is None:
            assert row["errors"] == ["unreadable_id"], text
        else:
            assert (row["creator_id"], row["errors"]) == (expected, []), text
            assert row["notes"] == (["id_read"] if text != expected else []), text


def test_ids_of_json_that_are_neither_texts_nor_numbers(spark: SparkSession) -> None:
    good = {'"[1]"': "[1]", '"{\\"$oid\\":\\"x\\"}"': '{"$oid":"x"}', '"true"': "true", "7": "7", "1e3": "1000"}
    good |= {"12345678901234567890": "12345678901234567890", '"1.5"': "1.5", '"\\"NaN\\""': '"NaN"', "null": None}
    bad = [
        "[1]",
        "[]",
        '{"$oid":"65f0"}',
        "{}",
        "true",
        "false",
        "1.5",
        "1e17",
        "12345678901234567890.0",
        '[{"a":[1]}]',
    ]
    none = ["NaN", "Infinity", "-Infinity", "-INF", "1e400"]
    lines = [(f'{{"item_id":{one}}}',) for one in [*good, *bad, *none]]
    found = ordered(from_json_lines(spark.createDataFrame(lines, "value string"), ("item_id",)))
    assert [row["fields"]["item_id"] for row in found[: len(good)]] == [*good.values()]
    assert [row["errors"] for row in found] == [[]] * len(good) + [["unreadable_id"]] * len(bad) + [[]] * len(none)
    assert [row["notes"] for row in found[-len(none) :]] == [["no_number"]] * len(none)
    assert {row["fields"]["item_id"] for row in found[-len(none) :]} == {None}


def test_no_number_is_null_in_every_field_of_a_content(spark: SparkSession) -> None:
    lines = [
        ('{"content_id":"a","creator_id":"u","title":NaN,"body":Infinity,"kind":"image","views":NaN}',),
        ('{"content_id":NaN,"creator_id":-Infinity,"body":"NaN","title":"\\"NaN\\""}',),
    ]
    records = from_json_lines(spark.createDataFrame(lines, "value string"), clean.CONTENT_FIELDS)
    first, second = ordered(clean.clean_content(records, ("text", "image"), 100))
    assert (first["title"], first["body"], first["views"], first["errors"]) == (None, None, None, [])
    assert first["notes"] == ["no_number"]
    assert (second["title"], second["body"]) == ('"NaN"', "NaN")
    assert second["errors"] == ["missing_content_id", "missing_creator_id"]


# --- labels


def test_labels(spark: SparkSession) -> None:
    cases: list[tuple[str, Any, str | None, bool]] = [
        ("category", "sport ", "sport", True),
        ("category", "\u00a0sport\u3000\u200b", "sport", True),
        ("category", "\ufeffsport\r\n\t", "sport", True),
        (" category", "sport", "sport", True),
        ("risk.spam", "4.0", "4", True),
        ("risk.spam", 4.0, "4", False),
        ("risk.spam", 4, "4", False),
        ("risk.spam", " 4.0 ", "4", True),
        ("risk.spam", "yes\u2003", "yes", True),
        ("category", "4.0", "4", True),
        ("category", "5.0", "5.0", False),
        ("category", "1.7E1", None, False),
        ("category", "17.0", "17", True),
        ("risk.spam", "4.5", None, False),
        ("risk.spam", "6.0", None, False),
        ("risk.spam", "04", None, False),
        ("risk.spam", "4,0", None, False),
        ("category", "Sport", None, False),
        ("category", "sp ort", None, False),
    ]
    lines = [(json.dumps({"item_id": "i", "facet": facet, "label": label}),) for facet, label, _, _ in cases]
    records = from_json_lines(spark.createDataFrame(lines, "value string"), clean.GOLD_FIELDS)
    for (_, label, expected, is_changed), row in zip(
        cases, ordered(clean.clean_gold_labels(records, LABELS)), strict=True
    ):
        assert row["errors"] == ([] if expected else ["unknown_label"]), label
        if expected:
            assert (row["label"], row["notes"]) == (expected, ["label_read"] if is_changed else []), label
            assert row["facet"] in LABELS


# --- half characters


PIECES = [
    r"\ud83d",
    r"\ude00",
    r"\uD83D\uDE00",
    r"\\",
    r"\n",
    r"\"",
    "ud83d",
    "u",
    r"\u005c",
    r"\ufffd",
    "?",
    "x",
    "😀",
]
PIECES += [r"\uDBFF", r"\udc00", r"\u00e9"]


@once
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), min_size=150, max_size=250))
@example(
    [r"\ud83d", r"\\ud83d", r"\\\ud83d", r"\ud83d\ude00", r"\\ud83d\ude00", r"\ud83d\\\ude00", r"\ude00\ud83d", "?"]
)
def test_halves_of_surrogate_pairs(spark: SparkSession, bodies: list[str]) -> None:
    lines = [(f'{{"item_id":"i","body":"{one}","other":"\\ud83d"}}',) for one in bodies]
    found = ordered(from_json_lines(spark.createDataFrame(lines, "value string"), ("item_id", "body")))
    for body, row in zip(bodies, found, strict=True):
        text = json.loads(f'"{body}"')
        is_torn = any(0xD800 <= ord(sign) <= 0xDFFF for sign in text)
        assert row["errors"] == (["unreadable_body"] if is_torn else []), body
        assert is_torn or row["fields"]["body"] == text


def test_half_a_character_in_an_id(spark: SparkSession) -> None:
    lines = [('{"content_id":"c\\ud83d","creator_id":"u","title":"\\udc00","body":"whole \\ud83d\\ude00"}',)]
    records = from_json_lines(spark.createDataFrame(lines, "value string"), clean.CONTENT_FIELDS)
    (row,) = ordered(clean.clean_content(records, ("text",), 100))
    assert row["errors"] == ["unreadable_id", "unreadable_title"]
    assert row["raw"] == lines[0][0]


# --- a header again


def test_a_header_line_again(spark: SparkSession) -> None:
    """Its code stands alone; what is no record at all says so first."""
    line = '{"content_id":"content_id","creator_id":" Creator_ID"}'
    rows = [(line, False, True), (line, False, False), (line, True, False)]
    lines = spark.createDataFrame(rows, "value string, is_broken boolean, is_header boolean")
    found = clean.clean_content(from_json_lines(lines, clean.CONTENT_FIELDS), ("text",), 100)
    assert [row["errors"] for row in ordered(found)] == [["repeated_header"], ["missing_body"], ["malformed_record"]]


def test_what_an_id_may_be_is_linear(spark: SparkSession) -> None:
    """A text of a million digits costs no more than a look at each."""
    texts = ["1" * 1_000_000, "1" * 1_000_000 + ".0x", "0." + "0" * 1_000_000 + "1", "." * 1_000_000]
    frame = spark.createDataFrame([(one,) for one in texts], "id string")
    found = frame.select((written_ids.as_read(F.col("id")) == F.col("id")).alias("same")).collect()
    assert [row["same"] for row in found] == [True] * 4
