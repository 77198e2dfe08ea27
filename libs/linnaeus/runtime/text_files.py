"""Text files as they come: packed or not, in any encoding that they tell of themselves, JSON or CSV.

What a file is follows from its first bytes, not from its name: a download may be unpacked and still be called `.gz`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa

from linnaeus.contracts.errors import InputError
from linnaeus.runtime.csv_records import csv_records
from linnaeus.runtime.json_records import Record, form_of, json_documents, json_lines

Kind = Literal["json", "csv"]
UTF8 = "utf-8"
HEAD = 1 << 16  # bytes by which a file is told
_ZIP = b"PK\x03\x04"
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda stream: pa.CompressedInputStream(stream, "zstd"),
}
# What says that a packed file is cut off or damaged; zlib's error is not among the others.
_DAMAGES = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class How:
    """How text files are read: the columns that are wanted, and the encoding of those that tell none."""

    names: tuple[str, ...] = ()
    encoding: str = UTF8


def is_plain(head: bytes, encoding: str) -> bool:
    """Whether a JSON file that begins with these bytes is one record a line in UTF-8, not packed."""
    is_utf8 = encoding == UTF8 and json.detect_encoding(head) == UTF8
    return is_utf8 and not head.startswith((_ZIP, *_PACKED)) and form_of(head.decode(UTF8, "replace")) == "lines"


def records_of(open_file: Callable[[], BinaryIO], kind: Kind, how: How) -> Iterator[Record]:
    """The records of a file, which is opened twice. Bytes that are no UTF-8 are escaped (`surrogateescape`).

    Raises InputError for a file that is damaged, is an archive, or is not in its encoding.
    """
    try:
        with _unpacked(open_file) as stream:
            head = stream.read(HEAD)
        with _unpacked(open_file) as stream:
            yield from _records(stream, head, kind, how)
    except _DAMAGES as error:
        raise InputError(f"it is damaged: {error}. Give a whole file.") from error
    except UnicodeDecodeError as error:
        what = f"byte 0x{error.object[error.start]:02x} is none of {error.encoding} ({error.reason})"
        raise InputError(f"{what}. Set ingest.encoding, or export as UTF-8.") from error


def with_columns(record: Record, told: Mapping[str, str | None]) -> Record:
    """A record with the columns that its path tells before its own, which count where it has them."""
    text = record.text.lstrip()
    if record.is_broken or not told or not text.startswith("{"):
        return record
    rest = text[1:].lstrip()
    return record._replace(text=f"{{{as_fields(told)}{'' if rest.startswith('}') else ','}{rest}")


def as_fields(told: Mapping[str, str | None]) -> str:
    """Columns as fields of a JSON object, without its braces."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))[1:-1]


@contextmanager
def _unpacked(open_file: Callable[[], BinaryIO]) -> Iterator[BinaryIO]:
    with open_file() as packed:
        magic = packed.read(len(max(_PACKED, key=len)))
        packed.seek(0)
        if magic.startswith(_ZIP):
            raise InputError("it is a ZIP archive. Unpack it, or pack it by gzip.")
        unpack = next((one for start, one in _PACKED.items() if magic.startswith(start)), None)
        if unpack is None:
            yield packed
            return
        with unpack(packed) as stream:
            yield stream


def _records(stream: BinaryIO, head: bytes, kind: Kind, how: How) -> Iterator[Record]:
    told = json.detect_encoding(head)
    encoding = how.encoding if told == UTF8 else told
    errors = "surrogateescape" if encoding in (UTF8, "utf-8-sig") else "strict"
    text = io.TextIOWrapper(cast(io.BufferedReader, stream), encoding, errors, newline="")
    if kind == "csv":
        return csv_records(text, how.names)
    # The end of the head may stand within a character.
    start = io.TextIOWrapper(io.BytesIO(head), encoding, "replace", newline="").read()
    return json_lines(text) if form_of(start) == "lines" else json_documents(text)
