"""Records of JSON as it comes in files: one a line, one after another over several lines, or elements of an array.

Plain Python on text, a block at a time. What a record says is not looked at here: it goes on as the text that it is.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from typing import Literal, NamedTuple, TextIO

JsonForm = Literal["lines", "documents"]
LONGEST = 1 << 26  # characters of one record; what is longer is broken
_BLOCK = 1 << 18  # characters that are read at once, at first
BLANK = " \t\r\n"
_MARK = "\ufeff"  # a byte order mark
# Numbers stay text: Python refuses whole numbers of more than 4,300 digits.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


class Record(NamedTuple):
    """The text of a record, JSON unless it is broken: then it is a line of what can't be read.

    `is_header`: it repeats the names of its file's columns.
    """

    text: str
    is_broken: bool = False
    is_header: bool = False


def form_of(head: str) -> JsonForm:
    """How records stand in a file that begins with `head`.

    A file whose first line is a whole value has one record a line. It is an array if it begins with `[` and that line
    is all that it has, or does not end its value.
    """
    text = head.lstrip(BLANK + _MARK)
    first, *more = lines_of(text) or [""]
    if text.startswith("["):
        return "lines" if _is_value(first) and any(line.strip(BLANK) for line in more) else "documents"
    if not text.startswith("{") or _is_value(first):
        return "lines"
    return "documents" if first.strip(BLANK) == "{" or _begins_with_value(text) else "lines"


def lines_of(text: str) -> list[str]:
    """Lines with their ends: LF, CRLF or CR, and not what else Unicode ends a line with (as `splitlines` does)."""
    return list(io.StringIO(text, newline=""))


def _is_value(text: str) -> bool:
    try:
        return not text[_DECODER.raw_decode(text)[1] :].strip(BLANK)
    except (ValueError, RecursionError):
        return False


def _begins_with_value(text: str) -> bool:
    try:
        _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def json_lines(text: TextIO) -> Iterator[Record]:
    """A record a line, whatever ends it; blank lines are none."""
    for line in text:
        if line.strip(BLANK + _MARK):
            yield Record(line.rstrip("\r\n"))


def json_documents(text: TextIO) -> Iterator[Record]:
    """Elements of an array, or documents one after another.

    From the first that can't be read on all lines are broken records, as nobody can tell where the next one begins.
    An array that has no end is one broken record more.
    """
    source = _Source(text)
    is_array = source.peek() == "["
    if is_array:
        source.skip()
    while source.peek() not in ("", "]"):
        value = source.take_value()
        if value is None:
            break
        yield Record(value)
        if is_array and source.peek() == ",":
            source.skip()
        elif is_array:
            break
    if is_array and source.peek() == "]":
        source.skip()
    elif is_array and source.peek() == "":
        yield Record("[", is_broken=True)
    for line in source.lines():
        if line.strip(BLANK):
            yield Record(line.rstrip("\r\n"), is_broken=True)


class _Source:
    """Text that is read as far as it is needed."""

    def __init__(self, text: TextIO) -> None:
        self._stream, self._text, self._at = text, "", 0
        self._block, self._is_whole = _BLOCK, False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in BLANK + _MARK:
                self._at += 1
            if self._at < len(self._text) or self._is_whole:
                return self._text[self._at : self._at + 1]
            self._read_on()

    def skip(self) -> None:
        """Pass over one character."""
        self._at += 1

    def take_value(self) -> str | None:
        """The text of the JSON value that begins here; None where there is none, or a longer one than LONGEST."""
        self._block = _BLOCK
        while True:
            end = self._end_of_value()
            if end is not None and (self._is_whole or self._is_closed(end)):
                value, self._at = self._text[self._at : end], end
                return value
            if self._is_whole or len(self._text) - self._at > LONGEST:
                return None
            self._read_on()

    def lines(self) -> Iterator[str]:
        """The lines of all that is left."""
        rest, self._text, self._at = lines_of(self._text[self._at :]), "", 0
        if rest and not rest[-1].endswith(("\n", "\r")):
            rest[-1] += self._stream.readline()
        return itertools.chain(rest, self._stream)

    def _end_of_value(self) -> int | None:
        try:
            return _DECODER.raw_decode(self._text, self._at)[1]
        except (ValueError, RecursionError):
            return None

    def _is_closed(self, end: int) -> bool:
        """Whether a value ends here whatever comes: a number may go on, `1` as `1.5`."""
        return self._text[end - 1] in '}]"' or self._text[end : end + 1] in tuple(BLANK + ",]")

    def _read_on(self) -> None:
        """Read a block, each time a longer one: a long value is decoded anew from its start."""
        more = self._stream.read(self._block)
        self._text, self._at = self._text[self._at :] + more, 0
        self._block *= 2
        self._is_whole = not more
