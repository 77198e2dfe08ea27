"""Look-ups of contents: what is asked for at once is queried at once, and what was asked for last is kept."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine
from typing import Any

import pyarrow as pa
import pytest

from linnaeus.contracts import tables
from linnaeus.contracts.errors import ReadError
from linnaeus.serving.contents import Contents
from tests.patience import PATIENCE
from tests.serving.service import rows_of

KNOWN = {f"c{i:03d}": f"creator {i % 3}" for i in range(200)}


class FakeTable:
    """Contents c000 to c199 of three creators; notes what it was asked, and waits for `open` before it answers."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()
        self.broken = False
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def where(self, column: str, values: list[str]) -> pa.Table:
        assert column == "content_id"
        self.asked.append(sorted(values))
        assert self.open.wait(PATIENCE)
        if self.broken:
            raise ReadError("files are gone")
        return self._rows([one for one in KNOWN if one in values])

    def page(self, column: str, value: str, order: str, after: str | None, limit: int) -> pa.Table:
        assert (column, order) == ("creator_id", "content_id")
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.open.wait(PATIENCE)
        with self._lock:
            self.at_once -= 1
        found = [one for one, owner in KNOWN.items() if owner == value and (after is None or one > after)]
        return self._rows(found[:limit])

    def _rows(self, ids: list[str]) -> pa.Table:
        return rows_of(tables.CONTENT_PROFILES, {"content_id": ids, "creator_id": [KNOWN[one] for one in ids]})


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, PATIENCE))


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_what_comes_while_a_query_runs_goes_into_the_next_together() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=0)
        table.open.clear()
        first = asyncio.create_task(contents.get("c001"))
        await until(lambda: table.asked)
        later = [asyncio.create_task(contents.get(one)) for one in ("c002", "c003", "nobody's", "c002", "c001")]
        await asyncio.sleep(0.05)
        table.open.set()
        found = await asyncio.gather(first, *later)
        assert [row and row["content_id"] for row in found] == ["c001", "c002", "c003", None, "c002", "c001"]
        assert table.asked == [["c001"], ["c002", "c003", "nobody's"]]

    run(main())


def test_many_at_once_are_queried_in_parts_and_each_gets_its_own() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=0)
        found = await asyncio.gather(*[contents.get(one) for one in KNOWN])
        assert [row["content_id"] for row in found if row] == list(KNOWN)
        assert max(map(len, table.asked)) <= 64 and sorted(itertools.chain(*table.asked)) == list(KNOWN)

    run(main())


def test_the_last_ones_are_kept_and_no_more() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=2)
        for one in ("c001", "c002", "c001", "c003", "c001", "c002"):
            row = await contents.get(one)
            assert row is not None and row["content_id"] == one
        # c001 was asked for again before c003 came, so it was c002 that went.
        assert table.asked == [["c001"], ["c002"], ["c003"], ["c002"]]

    run(main())


def test_what_is_not_there_is_not_kept() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=10)
        assert [await contents.get("x"), await contents.get("x")] == [None, None]
        assert table.asked == [["x"], ["x"]]

    run(main())


def test_all_who_wait_are_told_of_an_error_and_the_next_look_up_is_free_of_it() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=10)
        table.broken = True
        found = await asyncio.gather(*[contents.get(one) for one in ("c001", "c002", "c001")], return_exceptions=True)
        assert [str(one) for one in found] == ["files are gone"] * 3
        table.broken = False
        row = await contents.get("c001")
        assert row is not None and row["content_id"] == "c001"

    run(main())


def test_one_who_goes_does_not_take_the_answer_from_the_others() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=0)
        table.open.clear()
        goes, stays = asyncio.create_task(contents.get("c001")), asyncio.create_task(contents.get("c001"))
        await until(lambda: table.asked)
        goes.cancel()
        with pytest.raises(asyncio.CancelledError):
            await goes
        table.open.set()
        row = await stays
        assert row is not None and row["content_id"] == "c001"

    run(main())


def test_pages_of_a_creator_two_at_a_time() -> None:
    async def main() -> None:
        table = FakeTable()
        contents = Contents(table, most_kept=0)
        table.open.clear()
        asked = [asyncio.create_task(contents.of_creator(f"creator {i % 3}", "c100", 3)) for i in range(6)]
        await until(lambda: table.at_once == 2)
        await asyncio.sleep(0.05)
        assert table.most_at_once == 2
        table.open.set()
        pages = await asyncio.gather(*asked)
        assert [[row["content_id"] for row in page] for page in pages[:3]] == [
            ["c102", "c105", "c108"],
            ["c103", "c106", "c109"],
            ["c101", "c104", "c107"],
        ]
        assert table.most_at_once == 2

    run(main())
