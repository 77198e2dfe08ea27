"""Rows of a DataFrame as a table that can be read: long values cut short, nested ones as words."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from linnaeus.runtime.report import Grid, Section
from linnaeus.suite.rich_html import Shown, as_text

_LONGEST = 80  # characters of a value
_MOST_PARTS = 4  # of a list or a map
_MOST_COLUMNS, _MOST_ROWS_ACROSS = 8, 3  # that fit a terminal: of more columns a few rows are told from top to bottom


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Shown):
    """The first rows of a DataFrame."""

    header: tuple[str, ...]
    cells: tuple[tuple[str | int | float | None, ...], ...]
    what: str

    @property
    def title(self) -> str:
        """What they are rows of."""
        return self.what

    def sections(self) -> Sequence[Section]:
        """One table."""
        return [Section(f"{len(self.cells)} rows", (), (Grid(self.header, self.cells),))]

    def __repr__(self) -> str:
        if len(self.header) <= _MOST_COLUMNS:
            return super().__repr__()
        few = self.cells[:_MOST_ROWS_ACROSS]
        names = ("column", *(f"row {place}" for place in range(1, len(few) + 1)))
        across = [(name, *(row[place] for row in few)) for place, name in enumerate(self.header)]
        return as_text(self.title, [Section("The first rows, a column each", (), (Grid(names, across),))])


def rows_of(frame: DataFrame, most: int) -> Rows:
    """The first rows, long texts cut where the data are."""
    few = frame.select(
        [
            F.substring(F.col(f"`{field.name}`"), 1, _LONGEST + 1).alias(field.name)
            if isinstance(field.dataType, StringType)
            else F.col(f"`{field.name}`")
            for field in frame.schema.fields
        ]
    ).limit(most)
    cells = tuple(tuple(readable(value) for value in row) for row in few.collect())  # few: `most`
    what = (frame.__doc__ or "").split("\n")[0] if "__doc__" in vars(frame) else "Rows"
    return Rows(tuple(frame.columns), cells, what.rstrip("."))


def readable(value: Any) -> str | int | float | None:
    """A value as it stands in a cell."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return _joined([f"{key}: {readable_part(one)}" for key, one in value.items()])
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, list | tuple):
        return _joined([readable_part(one) for one in value])
    return _cut(str(value))


def readable_part(value: Any) -> str:
    """A part of a list or map."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _joined(parts: Sequence[str]) -> str:
    more = len(parts) - _MOST_PARTS
    return _cut(", ".join(parts[:_MOST_PARTS]) + (f" and {more} more" if more > 0 else ""))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
