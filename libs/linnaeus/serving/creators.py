"""All creators in memory, as an Arrow table sorted by id: look-ups by id, and pages, of all or of one category."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.serving.rows import json_rows

Rows = npt.NDArray[np.int32]


class CreatorIndex:
    """The rows of gold.creator_profiles. Never changed once it is made, so any number of threads may read it.

    Ids are found by bisection: n rows cost log2(n) comparisons and no memory beside the table. Each category has the
    numbers of its rows, 4 bytes a creator, in the order of ids. Order is that of the ids' code points.
    """

    def __init__(self, rows: pa.Table) -> None:
        """`rows` have the declared columns and are sorted by creator_id."""
        self._rows = rows.combine_chunks()
        self._ids = _one_array(self._rows.column(c.CREATOR_ID))
        self._by_category = _numbers_by_value(_one_array(self._rows.column(c.CATEGORY)))

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def get(self, creator_id: str) -> dict[str, Any] | None:
        """A creator's row as JSON, or None where there is none."""
        place = bisect_left(range(len(self)), creator_id, key=self._id)
        if place == len(self) or self._id(place) != creator_id:
            return None
        return json_rows(self._rows.slice(place, 1), tables.CREATOR_PROFILES)[0]

    def page(self, category: str | None, after: str | None, limit: int) -> list[dict[str, Any]]:
        """The first `limit` rows as JSON, in the order of ids, of those after the id `after` and of `category`."""
        start = 0 if after is None else bisect_right(range(len(self)), after, key=self._id)
        if category is None:
            found = self._rows.slice(start, limit)
        else:
            numbers = self._by_category.get(category, np.empty(0, np.int32))
            first = int(np.searchsorted(numbers, start))
            found = self._rows.take(pa.array(numbers[first : first + limit]))
        return json_rows(found, tables.CREATOR_PROFILES)

    def _id(self, place: int) -> str:
        return str(self._ids[place].as_py())


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _numbers_by_value(values: pa.Array) -> dict[str, Rows]:
    """By value, the numbers of the rows that have it, ascending."""
    encoded = pc.dictionary_encode(values)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable").astype(np.int32)
    bounds = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    return {
        str(value): order[bounds[code] : bounds[code + 1]] for code, value in enumerate(encoded.dictionary.to_pylist())
    }
