"""Records of CSV files (RFC 4180), as JSON: any line ends, any of four delimiters, columns by the names of the header.

Python's csv module reads them, in its strict mode: what stands after a closing quote, and a quote that nothing closes,
are errors there. The lines of a row that can't be read are broken records, one a line: whose they are nobody can tell.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from linnaeus.runtime.column_names import folded, wanted_columns
from linnaeus.runtime.json_records import LONGEST, Record

_DELIMITERS = (",", ";", "\t", "|")
_BLANK = " \r\n"  # and no tab, which may be a delimiter
_SAYS_DELIMITER = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # the first line of some spreadsheets' files


def csv_records(lines: Iterable[str], names: Sequence[str]) -> Iterator[Record]:
    """The rows below the header, as JSON objects without the cells that are empty. Blank lines are no rows.

    `names` are the columns that are wanted: they tell the delimiter, and a header that differs from one in case or
    blanks alone is that one. A row in which every cell is the name of a column says so. Raises InputError where a
    wanted column stands twice.
    """
    csv.field_size_limit(LONGEST)
    feed = _Feed(lines)
    delimiter = _delimiter(feed, names)
    if delimiter is None:
        return
    rows = csv.reader(feed, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    known: frozenset[str] = frozenset()
    while feed.begin_row():
        row = _next_row(rows)
        if row is not None and header is None:
            header, known = _distinct(wanted_columns(row, names)), frozenset(map(folded, row))
        elif row is None or header is None or len(row) != len(header):
            yield from (Record(line.rstrip("\r\n"), is_broken=True) for line in feed.taken if line.strip(_BLANK))
        else:
            yield Record(_as_json(header, row), is_header=known.issuperset(map(folded, row)))


class _Feed:
    """Lines for a reader; `taken` are those of the row that it reads."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: str | None = None
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting if self._waiting is not None else next(self._lines)
        self._waiting = None
        self.taken.append(line)
        return line

    def begin_row(self) -> bool:
        """Pass over blank lines; whether there is another line."""
        self.taken = []
        return self.peek() is not None

    def peek(self) -> str | None:
        """The next line that is not blank."""
        while self._waiting is None or not self._waiting.strip(_BLANK):
            self._waiting = next(self._lines, None)
            if self._waiting is None:
                return None
        return self._waiting

    def skip(self) -> None:
        """Pass over a line that was peeked at."""
        self._waiting = None


def _delimiter(feed: _Feed, names: Sequence[str]) -> str | None:
    """The delimiter by which most wanted columns stand in the first line; None for a file without one."""
    first = feed.peek()
    if first is None:
        return None
    said = _SAYS_DELIMITER.fullmatch(first)
    if said is not None:
        feed.skip()
        return said[1]
    return max(_DELIMITERS, key=lambda one: _n_wanted(first, one, names))


def _n_wanted(line: str, delimiter: str, names: Sequence[str]) -> tuple[int, int]:
    """How many columns of a header are wanted, and how many it has, if this is the delimiter."""
    cells = next(csv.reader([line], delimiter=delimiter))
    return len(set(wanted_columns(cells, names, may_be_twice=True)) & set(names)), len(cells)


def _next_row(rows: Iterator[list[str]]) -> list[str] | None:
    """The next row; None where it can't be read. A reader that has failed goes on with the next line."""
    try:
        return next(rows)
    except csv.Error:
        return None


def _distinct(header: Sequence[str]) -> list[str]:
    """Names that stand twice, which are none of the wanted ones, told apart by numbers."""
    seen: dict[str, int] = {}
    made = []
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _as_json(header: Sequence[str], row: Sequence[str]) -> str:
    cells = {name: cell for name, cell in zip(header, row, strict=True) if cell}
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
