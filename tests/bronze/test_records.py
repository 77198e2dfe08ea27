"""Lines and rows as records: nothing that came is lost, and what can't be read is said."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession

from linnaeus.bronze.records import from_json_lines, from_rows

NAMES = ("id", "body")
MALFORMED = ("malformed_record",)
BOM = "\ufeff"


@dataclass(frozen=True)
class Line:
    """A line as it lies in the file, and the record that it should become."""

    line: bytes
    fields: tuple[str | None, str | None] = (None, None)
    errors: tuple[str, ...] = ()
    raw: str | None = None  # None: the line itself
    keeps_bytes: bool = False


GOOD = [
    Line(b'{"id":"1","body":"x"}', ("1", "x")),
    Line(b'{"body":"x","id":"1","more":{"a":[1]}}', ("1", "x")),
    Line(b"{}"),
    Line(b'{"id":null}'),
    Line(b'  {"id": "spaced"}\t\r', ("spaced", None)),
    Line(b'{"id":12345678901234567890,"body":-0}', ("12345678901234567890", "0")),
    Line(b'{"id":true,"body":{"a": [1, "b"]}}', ("true", '{"a":[1,"b"]}')),
    Line(b'{"id":"","body":"a\\u0000b"}', ("", "a\0b")),
    Line(b'{"id":"}","body":"{\\"id\\":2}"}', ("}", '{"id":2}')),
    Line('{"id":"e","body":"👩‍👩‍👧 fín ﷽"}'.encode(), ("e", "👩‍👩‍👧 fín ﷽")),
    Line('{"id":"r","body":"שלום \u202eعالم\u202c"}'.encode(), ("r", "שלום \u202eعالم\u202c")),
    Line('{"id":"u","body":"\ufffd"}'.encode(), ("u", "\ufffd")),  # U+FFFD itself is a character like another
    Line(b'{"id":"s","body":"\\ud83d\\ude00"}', ("s", "😀")),
    Line((BOM + '{"id":"bom"}').encode(), ("bom", None), raw='{"id":"bom"}'),
]
BROKEN = [
    Line(b"words", errors=MALFORMED),
    Line(b"null", errors=MALFORMED),
    Line(b"17", errors=MALFORMED),
    Line(b'"id"', errors=MALFORMED),
    Line(b'[{"id":"1","body":"x"}]', errors=MALFORMED),
    Line(b"[]", errors=MALFORMED),
    Line(b'{"id":"1","body":"x"', errors=MALFORMED),
    Line(b'{"id":"1","body":"x', errors=MALFORMED),
    Line(b'{"id":"1" "body":"x"}', errors=MALFORMED),
    Line(b'{"id":"a\tb"}', errors=MALFORMED),
    Line(b'{id:"1"}', errors=MALFORMED),
    # A second record on the line would be lost unseen if the first alone were kept.
    Line(b'{"id":"1","body":"x"}{"id":"2","body":"y"}', errors=MALFORMED),
    Line(b'{"id":"1","body":"x"} and more', errors=MALFORMED),
    Line(b'{"id":"1","body":"x"}}', errors=MALFORMED),
    Line(b'{"id":"1","body":"x"},', errors=MALFORMED),
    Line(b'{"id":"1","body":"x"}]', errors=MALFORMED),
    Line("\u00a0".encode(), errors=MALFORMED),
    Line(b'{"id":"l","body":"caf\xe9"}', ("l", "caf\ufffd"), ("invalid_utf8",), '{"id":"l","body":"caf\ufffd"}', True),
    # A surrogate and an overlong slash are no UTF-8 either, though some decoders take them.
    Line(
        b'{"id":"\xed\xa0\x80\xc0\xaf"}',
        ("\ufffd" * 3, None),
        ("invalid_utf8",),
        '{"id":"' + "\ufffd" * 3 + '"}',
        True,
    ),
    Line(b"\xff\xfe{", errors=("invalid_utf8", "malformed_record"), raw="\ufffd\ufffd{", keeps_bytes=True),
]
BLANK = [b"", b" ", b"\t \r", BOM.encode()]


def test_json_lines(spark: SparkSession) -> None:
    cases = GOOD + BROKEN
    lines = [(bytearray(one),) for one in [*(case.line for case in cases), *BLANK]]
    frame = spark.createDataFrame(lines, "value binary").coalesce(1).selectExpr("cast(value as string) as value")
    found = from_json_lines(frame, NAMES).collect()
    assert len(found) == len(cases), "blank lines are no records"
    for row, case in zip(found, cases, strict=True):
        assert row["raw"] == (case.line.decode() if case.raw is None else case.raw), case.line
        assert row["raw_bytes"] == (case.line if case.keeps_bytes else None), case.line
        assert tuple(row["errors"]) == case.errors, case.line
        if "malformed_record" not in case.errors:
            assert tuple(row["fields"]) == case.fields, case.line


def test_rows_of_any_types_become_text(spark: SparkSession) -> None:
    rows = spark.sql(
        "select 7L as id, array(1, 2) as body, 1.5D as `a``b`, timestamp'2024-01-02 03:04:05' as `c.d`, null as e"
        " union all select null, null, null, null, null"
    )
    first, second = from_rows(rows.coalesce(1), (*NAMES, "absent")).collect()
    assert tuple(first["fields"]) == ("7", "[1,2]", None)
    assert first["raw"] == '{"id":"7","body":"[1,2]","a`b":"1.5","c.d":"2024-01-02 03:04:05"}'
    assert (first["raw_bytes"], first["errors"]) == (None, [])
    assert (tuple(second["fields"]), second["raw"]) == ((None, None, None), "{}")


def test_lines_that_a_reader_found_broken(spark: SparkSession) -> None:
    """Whatever they look like."""
    lines = [('{"id":"1"}', False), ('{"id":"2"}', True), ("few,fields", True), (" ", True)]
    found = from_json_lines(
        spark.createDataFrame(lines, "value string, is_broken boolean").coalesce(1), NAMES
    ).collect()
    assert [(row["raw"], tuple(row["errors"])) for row in found] == [
        ('{"id":"1"}', ()),
        ('{"id":"2"}', MALFORMED),
        ("few,fields", MALFORMED),
    ]


def test_rows_that_a_reader_has_decoded(spark: SparkSession) -> None:
    rows = [("1", "fine"), ("3", "caf\ufffd")]
    found = from_rows(spark.createDataFrame(rows, "id string, body string").coalesce(1), NAMES).collect()
    assert [row["errors"] for row in found] == [[], ["invalid_utf8"]]
    assert [row["raw"] for row in found] == ['{"id":"1","body":"fine"}', '{"id":"3","body":"caf\ufffd"}']
