"""The read API as a process of its own, and tables for it, written by delta-rs (no Spark)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from linnaeus.contracts.tables import Table
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
KEY = "sesame"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    address: str

    def get(self, path: str, key: str | None = KEY) -> Answer:
        """Ask once. Ids in the path are to be encoded (`encoded`)."""
        place = urlsplit(self.address)
        connection = HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={} if key is None else {"X-API-Key": key})
            found = connection.getresponse()
            text = found.read().decode()
        finally:
            connection.close()
        is_json = found.headers.get_content_type() == "application/json"
        headers = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, json.loads(text) if is_json else text, headers)

    def pages(self, path: str, limit: int) -> list[list[dict[str, Any]]]:
        """All pages from the first on, by their cursors."""
        pages, cursor, joined = [], None, "&" if "?" in path else "?"
        while True:
            suffix = "" if cursor is None else f"&cursor={cursor}"
            body = self.get(f"{path}{joined}limit={limit}{suffix}").body
            pages.append(body["items"])
            cursor = body["next_cursor"]
            if cursor is None:
                return pages


def encoded(an_id: str) -> str:
    """An id as it stands in a path."""
    return quote(an_id, safe="")


# Several commands one after the other in one process, as each would spend a second on imports.
_SEVERAL = """
import contextlib, io, json, os, sys
from jobs import serve_profiles
found = []
for arguments, key in json.loads(sys.argv[1]):
    os.environ.pop("LINNAEUS_API_KEY", None)
    if key is not None:
        os.environ["LINNAEUS_API_KEY"] = key
    sys.argv, out, err, status = ["serve_profiles", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            serve_profiles.command()
        except SystemExit as end:
            status = end.code
    found.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(found))
"""


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


def ended(lake: Path, given: Sequence[tuple[Sequence[str], str | None]]) -> list[Ended]:
    """How the command ends that does not start, by settings and key."""
    asked = [(_arguments(lake, *settings), key) for settings, key in given]
    done = subprocess.run(
        [sys.executable, "-c", _SEVERAL, json.dumps(asked)], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*one) for one in json.loads(done.stdout.splitlines()[-1])]


def _arguments(lake: Path, *settings: str) -> list[str]:
    given = [f"lake.root={lake}", "serving.port=0", *settings]
    return [part for one in given for part in ("--set", one)]


def start(lake: Path, *settings: str, key: str | None = KEY) -> subprocess.Popen[str]:
    """The command, started on a free port."""
    environment = {name: value for name, value in os.environ.items() if name != "LINNAEUS_API_KEY"}
    if key is not None:
        environment["LINNAEUS_API_KEY"] = key
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.serve_profiles", *_arguments(lake, *settings)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def service(lake: Path, *settings: str, key: str | None = KEY) -> Iterator[Service]:
    """The command, answering; ended by SIGTERM."""
    process = start(lake, *settings, key=key)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.match(r"serving on (http://\S+), ", said)
        assert found is not None, (said, process.communicate()[1])
        yield Service(process, found[1])
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def rows_of(table: Table, columns: Mapping[str, Sequence[Any] | pa.Array]) -> pa.Table:
    """Rows of a table's declared schema; columns that are not given are null."""
    n = len(next(iter(columns.values())))
    unknown = set(columns) - set(table.columns)
    assert not unknown, unknown
    fields = to_arrow_schema(table.schema)
    arrays = [
        pa.nulls(n, field.type)
        if field.name not in columns
        else columns[field.name].cast(field.type)
        if isinstance(columns[field.name], pa.Array)
        else pa.array(columns[field.name], field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(arrays, schema=fields)


def write(
    lake: Path, table: Table, rows: pa.Table, mode: Literal["overwrite", "append"] = "overwrite", **options: Any
) -> None:
    """A version of a table."""
    write_deltalake(str(lake / table.layer / table.name), rows, mode=mode, **options)
