"""The read API as backends see it: the command itself, a process, over tables written by delta-rs."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from linnaeus.contracts import tables
from linnaeus.serving.app import Content, Creator
from tests.patience import PATIENCE, wait_until
from tests.serving.service import KEY, Ended, Service, encoded, ended, rows_of, service, start, write

ODD = [
    "a/b",
    "a/b/contents",
    "%2F",
    "' OR 1=1 --",
    "a'b\"c\\d",
    "x; DROP TABLE t",
    "é 中 𝄞",
    "?limit=1#x",
    "a+b&c=d",
    "line\nbreak\ttab",
    "nul\x00l",
    "{creator_id}",
    "null",
    "long" * 500,
]
CREATORS = sorted([*ODD, *[f"creator {i:03d}" for i in range(43)]])
CATEGORIES = ["sport", "tech", None]
CONTENTS = {f"{owner}:{i}": owner for owner in CREATORS for i in range(len(owner) % 4)} | dict.fromkeys(ODD, "a/b")
AT = datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)


def creator_rows(ids: list[str], n_content: int | None = None) -> pa.Table:
    n = len(ids)
    columns = {
        "creator_id": ids,
        "category": [CATEGORIES[i % 3] for i in range(n)],
        "category_shares": [[("sport", 0.75), ("tech", 0.25)]] * n,
        "n_content": list(range(n)) if n_content is None else [n_content] * n,
        "as_of": [AT] * n,
    }
    return rows_of(tables.CREATOR_PROFILES, columns)


def content_rows(owners: dict[str, str], category: str = "sport") -> pa.Table:
    n = len(owners)
    columns = {
        "content_id": list(owners),
        "creator_id": list(owners.values()),
        "category": [category] * n,
        "category_path": [["root", category]] * n,
        "risk": [[("spam", 0.1)]] * n,
        "risk_level": [[("spam", "low")]] * n,
        "taxonomy_version": ["v"] * n,
        "content_hash": ["h"] * n,
        "scored_at": [AT] * n,
    }
    return rows_of(tables.CONTENT_PROFILES, columns)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    lake = tmp_path_factory.mktemp("lake")
    write(lake, tables.CREATOR_PROFILES, creator_rows(CREATORS))
    half = dict(list(CONTENTS.items())[::2])
    write(lake, tables.CONTENT_PROFILES, content_rows(half))
    write(lake, tables.CONTENT_PROFILES, content_rows({k: v for k, v in CONTENTS.items() if k not in half}), "append")
    with service(lake, "serving.page_size=5", "serving.most_a_page=100") as one:
        yield one


@pytest.mark.parametrize("creator_id", [*ODD, "creator 007"], ids=repr)
def test_a_creator_by_id(running: Service, creator_id: str) -> None:
    answer = running.get(f"/creators/{encoded(creator_id)}")
    place = CREATORS.index(creator_id)
    assert answer.status == 200 and answer.body == {
        "creator_id": creator_id,
        "category": CATEGORIES[place % 3],
        "category_shares": {"sport": 0.75, "tech": 0.25},
        "risk": None,
        "n_content": place,
        "as_of": "2026-02-03T04:05:06Z",
        **{name: None for name in tables.CREATOR_PROFILES.columns if name not in _GIVEN_OF_CREATORS},
        "table_version": 0,
    }
    assert Creator.model_validate(answer.body)


_GIVEN_OF_CREATORS = {"creator_id", "category", "category_shares", "risk", "n_content", "as_of"}


@pytest.mark.parametrize("content_id", [*ODD, "creator 007:1"], ids=repr)
def test_a_content_by_id(running: Service, content_id: str) -> None:
    answer = running.get(f"/contents/{encoded(content_id)}")
    assert answer.status == 200 and list(answer.body) == [*tables.CONTENT_PROFILES.columns, "table_version"]
    said = {name: answer.body[name] for name in ("content_id", "creator_id", "category_path", "risk", "scored_at")}
    assert said == {
        "content_id": content_id,
        "creator_id": CONTENTS[content_id],
        "category_path": ["root", "sport"],
        "risk": {"spam": 0.1},
        "scored_at": "2026-02-03T04:05:06Z",
    }
    assert answer.body["table_version"] == 1
    assert Content.model_validate(answer.body)


@pytest.mark.parametrize("kind", ["creator", "content"])
@pytest.mark.parametrize("an_id", ["nobody", "' OR ''='", "creator 00", "%", "a", "\x00", "A/B"], ids=repr)
def test_an_id_that_is_not_there(running: Service, kind: str, an_id: str) -> None:
    answer = running.get(f"/{kind}s/{encoded(an_id)}")
    assert (answer.status, answer.body) == (404, {"detail": f"there is no {kind} with the id {an_id!r}"})


@pytest.mark.parametrize("limit", [1, 7, 57, 100])
def test_pages_of_creators_hold_each_once_in_order(running: Service, limit: int) -> None:
    pages = running.pages("/creators", limit)
    assert [row["creator_id"] for page in pages for row in page] == CREATORS
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1) and 1 <= len(pages[-1]) <= limit


def test_pages_of_a_category(running: Service) -> None:
    expected = [one for i, one in enumerate(CREATORS) if i % 3 == 1]
    pages = running.pages("/creators?category=tech", 4)
    assert [row["creator_id"] for page in pages for row in page] == expected
    assert running.get("/creators?category=nobody%27s").body["items"] == []


@pytest.mark.parametrize("creator_id", [*ODD, "creator 007", "creator 008"], ids=repr)
def test_pages_of_a_creators_contents_hold_each_once_in_order(running: Service, creator_id: str) -> None:
    expected = sorted(one for one, owner in CONTENTS.items() if owner == creator_id)
    pages = running.pages(f"/creators/{encoded(creator_id)}/contents", 2)
    assert [row["content_id"] for page in pages for row in page] == expected
    assert all(Content.model_validate({**row, "table_version": 1}) for page in pages for row in page)


def test_contents_of_nobody(running: Service) -> None:
    answer = running.get("/creators/nobody/contents")
    assert (answer.status, answer.body["detail"]) == (404, "there is no creator with the id 'nobody'")


def test_a_page_holds_the_configured_number_where_none_is_asked(running: Service) -> None:
    assert len(running.get("/creators").body["items"]) == 5


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "limit: Input should be greater than or equal to 1 (got '0')"),
        ("limit=many", "limit: Input should be a valid integer, unable to parse string as an integer (got 'many')"),
        ("limit=101", "limit: 101 is more than 100, the most that a page may hold"),
        ("cursor=%27", "cursor: this is no cursor; take next_cursor of the page before"),
    ],
)
@pytest.mark.parametrize("path", ["/creators", "/creators/creator%20007/contents"])
def test_what_is_asked_wrongly(running: Service, path: str, query: str, problem: str) -> None:
    answer = running.get(f"{path}?{query}")
    assert (answer.status, answer.body) == (422, {"detail": problem})


@pytest.mark.parametrize("path", ["/creators/a%2Fb", "/creators", "/creators/a/contents", "/contents/a", "/taxonomy"])
@pytest.mark.parametrize("key", [None, "", "sesam", "sesame2", "SESAME", "é", KEY.encode().hex()])
def test_without_the_key_nothing_is_said(running: Service, path: str, key: str | None) -> None:
    answer = running.get(f"{path}?limit=0", key)
    assert (answer.status, answer.body) == (401, {"detail": "send the API key in the header X-API-Key"})


def test_health_and_the_description_take_no_key(running: Service) -> None:
    assert running.get("/health", None).body == {
        "status": "ok",
        "tables": {
            "gold.creator_profiles": {"version": 0, "problem": None},
            "gold.content_profiles": {"version": 1, "problem": None},
        },
    }
    assert "swagger" in running.get("/docs", None).body.lower()
    described = running.get("/openapi.json", None).body
    for name, table in (("Creator", tables.CREATOR_PROFILES), ("Content", tables.CONTENT_PROFILES)):
        fields = described["components"]["schemas"][name]["properties"]
        assert [fields[f.name]["description"] for f in table.schema.fields] == [
            f.metadata["comment"] for f in table.schema.fields
        ]
    assert described["components"]["securitySchemes"]["APIKeyHeader"]["name"] == "X-API-Key"
    for path, methods in described["paths"].items():
        assert ("security" in methods["get"]) == (path != "/health")


def test_the_taxonomy(running: Service) -> None:
    body = running.get("/taxonomy").body
    assert {"id": "tech", "name": "Technology", "parent": None, "description": None} in body["nodes"]
    assert [node["id"] for node in body["nodes"]] == ["business", "entertainment", "politics", "sport", "tech"]
    assert body["taxonomy_version"]


def test_eight_at_once_each_get_their_own(running: Service) -> None:
    def ask(one: str) -> bool:
        return running.get(f"/contents/{encoded(one)}").body["content_id"] == one

    asked = list(CONTENTS) * 4
    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(ask, asked))


def test_a_connection_is_kept_and_answers_do_not_wait_for_acknowledgements(running: Service) -> None:
    place = urlsplit(running.address)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE)

    def seconds() -> float:
        began = time.perf_counter()
        connection.request("GET", "/creators/creator%20007", headers={"X-API-Key": KEY})
        assert connection.getresponse().read()
        return time.perf_counter() - began

    # Where the body waits for the headers' acknowledgement each answer takes 40 ms, however idle the machine is.
    wait_until(lambda: seconds() < 0.03, pause=0)
    connection.close()


def test_tables_that_come_and_change_and_can_not_be_read(tmp_path: Path) -> None:
    folder = str(tmp_path / "gold" / "creator_profiles")
    with service(tmp_path, "serving.refresh_seconds=0.2") as one:
        for path, name in (
            ("/creators/a", "creator_profiles"),
            ("/creators", "creator_profiles"),
            ("/contents/a", "content_profiles"),
            ("/creators/a/contents", "content_profiles"),
        ):
            answer = one.get(path)
            assert answer.status == 503 and answer.headers["retry-after"] == "1"
            assert answer.body == {"detail": f"gold.{name} does not exist yet; the job that writes it has not run"}
        assert one.get("/taxonomy").status == 200
        assert one.get("/health").body["status"] == "incomplete"

        write(tmp_path, tables.CREATOR_PROFILES, creator_rows([]))
        write(tmp_path, tables.CONTENT_PROFILES, content_rows({}))
        wait_until(lambda: one.get("/health").body["status"] == "ok")
        assert one.get("/creators").body == {"items": [], "next_cursor": None, "table_version": 0}
        assert [one.get(p).status for p in ("/creators/a", "/contents/a", "/creators/a/contents")] == [404] * 3

        write(tmp_path, tables.CREATOR_PROFILES, creator_rows(["a"]))
        wait_until(lambda: one.get("/creators/a").status == 200)
        assert one.get("/creators/a").body["table_version"] == 1
        assert one.get("/creators/a/contents").body == {"items": [], "next_cursor": None, "table_version": 0}

        # A table of another schema: what was read last goes on being served, and /health says why.
        write_deltalake(folder, pa.table({"creator_id": [1]}), mode="overwrite", schema_mode="overwrite")
        wait_until(lambda: one.get("/health").body["status"] == "incomplete")
        health = one.get("/health").body["tables"]["gold.creator_profiles"]
        assert health["version"] == 1 and "creator_id is bigint, declared as string" in health["problem"]
        assert one.get("/creators/a").body["table_version"] == 1

        # One that lacks columns which were declared later, and has one that never was.
        fewer = creator_rows(["b"]).drop_columns(["category_shares"]).append_column("new", pa.array([1]))
        write_deltalake(folder, fewer, mode="overwrite", schema_mode="overwrite")
        wait_until(lambda: one.get("/creators/b").status == 200)
        body = one.get("/creators/b").body
        assert list(body) == [*tables.CREATOR_PROFILES.columns, "table_version"]
        assert body["category_shares"] is None and body["table_version"] == 3


def test_a_page_is_of_one_version_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    """Version v has creators 0 to 49 + v, each with n_content v."""
    for_version = [creator_rows([f"{i:03d}" for i in range(50 + v)], n_content=v) for v in range(12)]
    write(tmp_path, tables.CREATOR_PROFILES, for_version[0])
    seen: list[int] = []
    over = threading.Event()

    def read(one: Service) -> None:
        while not over.is_set():
            body = one.get("/creators?limit=500").body
            version = body["table_version"]
            assert [row["creator_id"] for row in body["items"]] == [f"{i:03d}" for i in range(50 + version)]
            assert {row["n_content"] for row in body["items"]} == {version}
            seen.append(version)

    with service(tmp_path, "serving.refresh_seconds=0.05") as one, ThreadPoolExecutor(2) as readers:
        asking = [readers.submit(read, one) for _ in range(2)]
        for version, rows in enumerate(for_version[1:], 1):
            write(tmp_path, tables.CREATOR_PROFILES, rows)
            if version % 4 == 0:
                wait_until(lambda version=version: (seen and seen[-1] >= version) or any(one.done() for one in asking))
        wait_until(lambda: (seen and seen[-1] == 11) or any(one.done() for one in asking))
        over.set()
        for one_reader in asking:
            one_reader.result()
    assert len(set(seen)) > 2


def test_files_that_vacuum_removed(tmp_path: Path) -> None:
    """The version that is served has lost its files before the next look for a newer one."""
    write(tmp_path, tables.CREATOR_PROFILES, creator_rows(["a"]))
    write(tmp_path, tables.CONTENT_PROFILES, content_rows({"c": "a", "d": "a"}))
    with service(tmp_path, "serving.refresh_seconds=3600") as one:
        assert one.get("/contents/c").body["category"] == "sport"
        write(tmp_path, tables.CONTENT_PROFILES, content_rows({"c": "a", "d": "a"}, "tech"))
        table = DeltaTable(str(tmp_path / "gold" / "content_profiles"))
        assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        body = one.get("/contents/d").body
        assert (body["category"], body["table_version"]) == ("tech", table.version())
        for file in table.file_uris():
            Path(file).unlink()
        answer = one.get("/creators/a/contents")
        assert answer.status == 503 and answer.body["detail"].startswith("gold.content_profiles, version ")
        assert one.get("/creators/a").status == 200


REFUSED: list[tuple[list[str], str | None, str]] = [
    ([], None, "no API key: set the environment variable LINNAEUS_API_KEY (serving.key_variable)"),
    ([], "  ", "no API key"),
    (["serving.require_key=false", "serving.host=0.0.0.0"], None, "no API key"),
    (["serving.key_variable=OTHER"], KEY, "no API key: set the environment variable OTHER"),
    (["serving.page_size=501"], KEY, "serving.page_size may be at most serving.most_a_page"),
    (["serving.prt=1"], KEY, "the nearest known one is 'serving.port'"),
    (["serving.host=192.0.2.1"], KEY, "serving.host=192.0.2.1, serving.port=0: can't listen there"),
    (["lake.catalog=main", "lake.root=null"], KEY, "lake.catalog: tables of Unity Catalog (main) are"),
]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> list[Ended]:
    """How the command ends by each of REFUSED."""
    return ended(tmp_path_factory.mktemp("refused"), [(settings, key) for settings, key, _ in REFUSED])


@pytest.mark.parametrize("place", range(len(REFUSED)), ids=lambda place: REFUSED[place][2][:40])
def test_what_it_does_not_start_with(refusals: list[Ended], place: int) -> None:
    status, out, err = refusals[place]
    assert (status, out) == (2, "")
    assert err.startswith("serve_profiles: ") and REFUSED[place][2] in err and err.count("\n") == 1


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(tmp_path, f"serving.port={port}")
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and f"serving.port={port}: can't listen there" in err and err.count("\n") == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_without_a_key_for_this_machine_alone_and_ended_by_a_signal(tmp_path: Path, how: signal.Signals) -> None:
    write(tmp_path, tables.CREATOR_PROFILES, creator_rows(["a"]))
    with service(tmp_path, "serving.require_key=false", "serving.host=localhost", key=None) as one:
        assert one.get("/creators/a", None).status == 200
        os.kill(one.process.pid, how)
        out, err = one.process.communicate(timeout=PATIENCE)
    assert (one.process.returncode, err) == (0, "")
    details, summary = out.splitlines()
    assert details == "requests: 1" and summary.startswith('{"job": "serve_profiles", ')
