"""The application: routes, the key, and what is said where there is no answer. It reads through what it is given."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Serving, Taxonomy
from linnaeus.contracts.errors import ReadError
from linnaeus.contracts.tables import Table
from linnaeus.serving.contents import Contents
from linnaeus.serving.creators import CreatorIndex
from linnaeus.serving.cursors import cursor_after, id_before
from linnaeus.serving.rows import TABLE_VERSION, row_model, to_bytes

KEY_HEADER = "X-API-Key"
View = TypeVar("View", covariant=True)
Answer = TypeVar("Answer")


class Current(Protocol[View]):
    """What is made of one version of a table."""

    @property
    def view(self) -> View:
        """The rows, as they are looked up."""

    @property
    def version(self) -> int:
        """The Delta version they were read from."""


class Source(Protocol[View]):
    """A table that is kept current."""

    @property
    def table(self) -> Table:
        """Which one."""

    @property
    def current(self) -> Current[View] | None:
        """The newest version that could be read; None where there is none yet."""

    @property
    def problem(self) -> str | None:
        """Why there is none, or none newer; None where all is well."""

    def refresh(self) -> None:
        """Look for a newer version now."""


@dataclass(frozen=True)
class Sources:
    """What the routes read."""

    creators: Source[CreatorIndex]
    contents: Source[Contents]
    taxonomy: Taxonomy


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(description="What is wrong, in words")


class TaxonomyNode(BaseModel):
    """A node of the category tree."""

    id: str = Field(description="The node's id, as it stands in category and category_path")
    name: str = Field(description="The name to be shown")
    parent: str | None = Field(description="The id of the node above; null for a root")
    description: str | None = Field(description="What belongs there, or null")


class TaxonomyPage(BaseModel):
    """The category tree."""

    nodes: list[TaxonomyNode] = Field(description="All nodes, parents and children as the configuration lists them")
    taxonomy_version: str = Field(description="A fingerprint that changes when ids, parents or thresholds do")


class TableHealth(BaseModel):
    """What is served of a table."""

    version: int | None = Field(description="The Delta version that answers are read from; null where there is none")
    problem: str | None = Field(description="Why there is no version or no newer one, or null")


class Health(BaseModel):
    """What is served."""

    status: str = Field(description="ok, or incomplete where a table has a problem")
    tables: dict[str, TableHealth] = Field(description="By the table's full name")


Creator = row_model("Creator", tables.CREATOR_PROFILES)
Content = row_model("Content", tables.CONTENT_PROFILES)


class _Page(BaseModel):
    next_cursor: str | None = Field(description="To be sent as cursor for the next page; null where this is the last")
    table_version: int = Field(description="The version of the table that this was read from")


class CreatorPage(_Page):
    """Creators in the order of their ids."""

    items: list[Creator] = Field(description="The creators of this page")  # type: ignore[valid-type]


class ContentPage(_Page):
    """Contents in the order of their ids."""

    items: list[Content] = Field(description="The contents of this page")  # type: ignore[valid-type]


Cursor = Annotated[str | None, Query(description="next_cursor of the page before; absent for the first page")]
Limit = Annotated[int | None, Query(ge=1, description="How many items at most; absent for the configured number")]
Category = Annotated[str | None, Query(description="Only creators whose category is this very node")]
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "The table can't be read yet"}}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is no such id"}}
_ASKED_WRONGLY: dict[int | str, dict[str, Any]] = {422: {"model": Problem, "description": "limit or cursor is wrong"}}
_REFUSED: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": "The key is missing or wrong"}}


def create_app(sources: Sources, settings: Serving, key: str | None) -> FastAPI:
    """The application. Without a `key` anybody who can reach it may read; what listens where is the caller's care.

    /health, /docs and /openapi.json take no key: they say nothing of creators or contents.
    """
    app = FastAPI(
        title="linnaeus",
        version="1",
        summary="Profiles of creators and contents, by id",
        description=(
            "Every answer says in table_version which version of its table it was read from. Ids are any text, "
            "percent-encoded where they stand in a path (a slash as %2F)."
        ),
        redirect_slashes=False,
    )
    app.add_middleware(_EncodedPaths)
    app.include_router(_health_routes(sources))
    router = APIRouter(dependencies=[Depends(_key_check(key))] if key is not None else [], responses=_REFUSED)
    _add_creators(router, sources, settings)
    _add_contents(router, sources, settings)
    _add_taxonomy(router, sources.taxonomy)
    app.include_router(router)
    app.add_exception_handler(_Unavailable, _say_unavailable)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    return app


class _EncodedPaths:
    """Routes by the path as it was sent, so that an encoded slash is part of an id and not the end of it."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        raw = scope.get("raw_path")
        if raw:
            scope = {**scope, "path": raw.decode("ascii", errors="replace")}
        await self._app(scope, receive, send)


def _key_check(key: str) -> Callable[[str | None], Awaitable[None]]:
    """A dependency that refuses requests without the key; how long it takes does not depend on what was sent."""
    wanted = _digest(key.encode())
    header = APIKeyHeader(name=KEY_HEADER, auto_error=False, description="The key that the service was started with")

    async def check(given: str | None = Security(header)) -> None:
        if not hmac.compare_digest(_digest((given or "").encode("latin-1", errors="replace")), wanted):
            raise HTTPException(401, f"send the API key in the header {KEY_HEADER}", {"WWW-Authenticate": KEY_HEADER})

    return check


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


class _Unavailable(Exception):
    """A table can't be read now."""

    def __init__(self, problem: str, seconds: float) -> None:
        super().__init__(problem)
        self.seconds = seconds


async def _say_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, _Unavailable)
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(math.ceil(error.seconds))})


async def _say_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [f"{one['loc'][-1]}: {one['msg']} (got {one.get('input')!r})" for one in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, 422)


class _Reading(Generic[View]):
    """Answers from the current version of a table."""

    def __init__(self, source: Source[View], settings: Serving) -> None:
        self._source, self._seconds = source, settings.refresh_seconds

    def current(self) -> Current[View]:
        """The version to answer from. Raises _Unavailable."""
        current = self._source.current
        if current is None:
            raise _Unavailable(self._source.problem or "not read yet", self._seconds)
        return current

    async def answer(self, ask: Callable[[View], Awaitable[Answer]]) -> tuple[Answer, int]:
        """What is asked of the current version, and its number. Raises _Unavailable.

        Files of a version may go (VACUUM) before a newer one was looked for: then that is done at once.
        """
        current = self.current()
        try:
            return await ask(current.view), current.version
        except ReadError:
            await run_in_threadpool(self._source.refresh)
        newer = self.current()
        try:
            return await ask(newer.view), newer.version
        except ReadError as error:
            raise _Unavailable(str(error), self._seconds) from error


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(document), media_type="application/json")


def _one(row: dict[str, Any] | None, what: str, given: str, version: int) -> Response:
    if row is None:
        raise HTTPException(404, f"there is no {what} with the id {given!r}")
    return _json({**row, TABLE_VERSION: version})


def _page(rows: Sequence[dict[str, Any]], key: str, limit: int, version: int) -> Response:
    """A page of the first `limit` of these rows, of which there is one more where another page follows."""
    items = list(rows[:limit])
    cursor = cursor_after(items[-1][key]) if len(rows) > limit else None
    return _json({"items": items, "next_cursor": cursor, TABLE_VERSION: version})


def _limit(asked: int | None, settings: Serving) -> int:
    if asked is not None and asked > settings.most_a_page:
        raise HTTPException(422, f"limit: {asked} is more than {settings.most_a_page}, the most that a page may hold")
    return asked or settings.page_size


def _after(cursor: str | None) -> str | None:
    try:
        return None if cursor is None else id_before(cursor)
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}") from error


def _add_creators(router: APIRouter, sources: Sources, settings: Serving) -> None:
    reading = _Reading(sources.creators, settings)

    @router.get(
        "/creators/{creator_id}",
        summary="A creator's profile",
        tags=["creators"],
        response_model=Creator,
        responses={**_NOT_FOUND, **_UNAVAILABLE},
    )
    async def creator(creator_id: str) -> Response:
        current, wanted = reading.current(), unquote(creator_id)
        return _one(current.view.get(wanted), "creator", wanted, current.version)

    @router.get(
        "/creators",
        summary="Creators, page by page",
        tags=["creators"],
        response_model=CreatorPage,
        responses={**_ASKED_WRONGLY, **_UNAVAILABLE},
    )
    async def creators(category: Category = None, limit: Limit = None, cursor: Cursor = None) -> Response:
        n, after, current = _limit(limit, settings), _after(cursor), reading.current()
        return _page(current.view.page(category, after, n + 1), c.CREATOR_ID, n, current.version)


def _add_contents(router: APIRouter, sources: Sources, settings: Serving) -> None:
    reading = _Reading(sources.contents, settings)

    @router.get(
        "/contents/{content_id}",
        summary="A content's profile",
        tags=["contents"],
        response_model=Content,
        responses={**_NOT_FOUND, **_UNAVAILABLE},
    )
    async def content(content_id: str) -> Response:
        wanted = unquote(content_id)
        row, version = await reading.answer(lambda contents: contents.get(wanted))
        return _one(row, "content", wanted, version)

    @router.get(
        "/creators/{creator_id}/contents",
        summary="A creator's contents, page by page",
        tags=["contents"],
        response_model=ContentPage,
        responses={**_NOT_FOUND, **_ASKED_WRONGLY, **_UNAVAILABLE},
    )
    async def contents_of(creator_id: str, limit: Limit = None, cursor: Cursor = None) -> Response:
        n, after, wanted = _limit(limit, settings), _after(cursor), unquote(creator_id)
        rows, version = await reading.answer(lambda contents: contents.of_creator(wanted, after, n + 1))
        known = sources.creators.current
        if not rows and after is None and (known is None or known.view.get(wanted) is None):
            raise HTTPException(404, f"there is no creator with the id {wanted!r}")
        return _page(rows, c.CONTENT_ID, n, version)


def _add_taxonomy(router: APIRouter, taxonomy: Taxonomy) -> None:
    nodes = [TaxonomyNode(**node.model_dump(include=set(TaxonomyNode.model_fields))) for node in taxonomy.nodes]
    page = TaxonomyPage(nodes=nodes, taxonomy_version=taxonomy.version)

    @router.get("/taxonomy", summary="The category tree", tags=["taxonomy"])
    async def tree() -> TaxonomyPage:
        return page


def _health_routes(sources: Sources) -> APIRouter:
    router = APIRouter()
    watched: Sequence[Source[object]] = (sources.creators, sources.contents)

    @router.get("/health", summary="Which versions of the tables are served", tags=["health"])
    async def health() -> Health:
        found = {
            source.table.full_name: TableHealth(
                version=source.current.version if source.current else None, problem=source.problem
            )
            for source in watched
        }
        is_whole = all(one.problem is None for one in found.values())
        return Health(status="ok" if is_whole else "incomplete", tables=found)

    return router
