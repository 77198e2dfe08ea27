"""Contents, which are too many for memory: looked up in the table, the last ones that were asked for kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Protocol

import pyarrow as pa
from starlette.concurrency import run_in_threadpool

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.serving.rows import json_rows

_MOST_AT_ONCE = 64  # ids of one query
_PAGES_AT_ONCE = 2  # queries for pages: each may read a whole column, and more at a time would be slower each

Row = dict[str, Any]


class StoredContents(Protocol):
    """One version of gold.content_profiles, as it is stored."""

    def where(self, column: str, values: list[str]) -> pa.Table:
        """Rows of which a column is one of the values."""

    def page(self, column: str, value: str, order: str, after: str | None, limit: int) -> pa.Table:
        """The first rows of which a column is the value, in the order of another, after one of its values."""


class Contents:
    """Look-ups and pages in one version of gold.content_profiles. To be used from one event loop.

    One query for ids runs at a time; what is asked for meanwhile goes together into the next. So however many ask, a
    look-up waits for two queries at most, and where rows are not clustered by content_id, when a query reads that
    column whole, it does so once for all who wait.
    """

    def __init__(self, stored: StoredContents, most_kept: int) -> None:
        self._stored, self._most_kept = stored, most_kept
        self._kept: OrderedDict[str, Row] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[Row | None]] = {}
        self._query: asyncio.Task[None] | None = None
        self._pages = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def get(self, content_id: str) -> Row | None:
        """A content's row as JSON, or None where there is none. Raises ReadError."""
        if content_id in self._kept:
            self._kept.move_to_end(content_id)
            return self._kept[content_id]
        future = self._waiting.get(content_id)
        if future is None:
            future = self._waiting[content_id] = asyncio.get_running_loop().create_future()
        if self._query is None:
            self._query = asyncio.create_task(self._look_up())
        return await asyncio.shield(future)  # others may wait for the same

    async def of_creator(self, creator_id: str, after: str | None, limit: int) -> list[Row]:
        """The first `limit` contents of a creator as JSON, in the order of ids, after the id `after`."""
        async with self._pages:
            return await run_in_threadpool(self._page, creator_id, after, limit)

    def _page(self, creator_id: str, after: str | None, limit: int) -> list[Row]:
        found = self._stored.page(c.CREATOR_ID, creator_id, c.CONTENT_ID, after, limit)
        return json_rows(found, tables.CONTENT_PROFILES)

    async def _look_up(self) -> None:
        """Query until nobody waits."""
        while self._waiting:
            asked = list(self._waiting)[:_MOST_AT_ONCE]
            futures = {content_id: self._waiting[content_id] for content_id in asked}
            try:
                found = await run_in_threadpool(self._rows, asked)
            except Exception as error:
                for future in futures.values():
                    future.set_exception(error)
                    future.exception()  # where nobody waits any more it need not be said that nobody did
            else:
                self._keep(found)
                for content_id, future in futures.items():
                    future.set_result(found.get(content_id))
            for content_id in asked:
                del self._waiting[content_id]
        self._query = None

    def _rows(self, asked: list[str]) -> dict[str, Row]:
        found = json_rows(self._stored.where(c.CONTENT_ID, asked), tables.CONTENT_PROFILES)
        return {row[c.CONTENT_ID]: row for row in found}

    def _keep(self, found: dict[str, Row]) -> None:
        self._kept.update(found)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
