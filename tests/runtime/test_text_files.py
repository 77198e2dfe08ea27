"""Text files of any packing and encoding that they tell of themselves; what is damaged or unknown is said."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.errors import InputError
from linnaeus.runtime.json_records import Record
from linnaeus.runtime.text_files import How, Kind, is_plain, records_of, with_columns

NAMES = ("content_id", "body")
LINES = '{"content_id":"1","body":"é 😀"}\n{"content_id":"2"}\n'
ROWS = "content_id;body\r\n1;é 😀\r\n2;\r\n"
ARRAY = '[\n{"content_id":"1","body":"é 😀"},\n{"content_id":"2"}]'
EXPECTED = [{"content_id": "1", "body": "é 😀"}, {"content_id": "2"}]


def by_zstandard(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return bytes(packed.getvalue())


PACKINGS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress, by_zstandard]
# What a file says of itself; the mark of the first of these is what Python writes.
TOLD = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def read(content: bytes, kind: Kind = "json", encoding: str = "utf-8") -> list[Record]:
    return list(records_of(lambda: io.BytesIO(content), kind, How(NAMES, encoding)))


@given(
    st.sampled_from([("json", LINES), ("json", ARRAY), ("csv", ROWS)]), st.sampled_from(PACKINGS), st.sampled_from(TOLD)
)
def test_all_packings_and_encodings(
    kind_and_text: tuple[Kind, str], pack: Callable[[bytes], bytes], encoding: str
) -> None:
    kind, text = kind_and_text
    found = read(pack(text.encode(encoding)), kind)
    assert [json.loads(one.text) for one in found] == EXPECTED and not any(one.is_broken for one in found)


def test_two_packed_files_in_one() -> None:
    """As `cat a.gz b.gz` makes one."""
    first, second = LINES.splitlines(keepends=True)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert len(read(pack(first.encode()) + pack(second.encode()))) == 2


@pytest.mark.parametrize("encoding", ["cp1252", "shift_jis", "koi8-r"])
def test_an_encoding_that_is_set(encoding: str) -> None:
    text = {"cp1252": "café €", "shift_jis": "無料", "koi8-r": "привет"}[encoding]
    assert read(f"content_id,body\n1,{text}\n".encode(encoding), "csv", encoding) == [
        Record(f'{{"content_id":"1","body":"{text}"}}')
    ]
    assert len(read(LINES.encode("utf-16"), "json", encoding)) == 2, "what a file tells of itself counts"


def test_bytes_that_are_no_utf8_are_kept() -> None:
    (found,) = read(b"content_id,body\n1,caf\xe9\n", "csv")
    assert found.text.encode("utf-8", "surrogateescape") == b'{"content_id":"1","body":"caf\xe9"}'


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (gzip.compress(LINES.encode())[:-6], "utf-8", "it is damaged: .* Give a whole file"),
        (gzip.compress(LINES.encode())[:4], "utf-8", "it is damaged"),
        (gzip.compress(b"x" * 99)[:-9] + b"123456789", "utf-8", "it is damaged"),
        (bz2.compress(LINES.encode())[:-6], "utf-8", "it is damaged"),
        (lzma.compress(LINES.encode())[:-6], "utf-8", "it is damaged"),
        (by_zstandard(LINES.encode())[:-6] + b"abcdef", "utf-8", "it is damaged"),
        (b"PK\x03\x04 and so on", "utf-8", "it is a ZIP archive. Unpack it"),
        (b'{"content_id":"\x81"}', "cp1252", "byte 0x81 is none of charmap .* Set ingest.encoding"),
        (LINES.encode("utf-16")[:-1], "utf-8", "is none of utf-16"),
    ],
)
def test_what_can_not_be_read_is_said(content: bytes, encoding: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(content, "json", encoding)


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), "".encode("utf-8-sig"), "".encode("utf-16")])
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_files_without_a_record(content: bytes, kind: Kind) -> None:
    assert read(content, kind) == []


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (LINES.encode(), True),
        (b"", True),
        (b'{"content_id":"caf\xe9"}\n', True),  # what is no UTF-8 is a line's own fault
        (LINES.encode()[:17], True),  # within a character
        (LINES.encode("utf-8-sig"), False),
        (LINES.encode("utf-16"), False),
        (gzip.compress(LINES.encode()), False),
        (b"PK\x03\x04", False),
        (ARRAY.encode(), False),
    ],
)
def test_what_spark_can_read_itself(head: bytes, expected: bool) -> None:
    assert is_plain(head, "utf-8") is expected
    assert not is_plain(head, "cp1252")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}', '{"kind":"video","creator_id":null,"a":1}'),
        (" { } ", '{"kind":"video","creator_id":null} '),
        ("[1]", "[1]"),
        ("words", "words"),
    ],
)
def test_columns_of_a_path_stand_before_a_record_s_own(text: str, expected: str) -> None:
    told = {"kind": "video", "creator_id": None}
    assert with_columns(Record(text), told).text.rstrip() == expected.rstrip()
    assert with_columns(Record(text), {}) == Record(text)
    assert with_columns(Record(text, is_broken=True), told) == Record(text, is_broken=True)
