"""The read API under load: milliseconds at the median and the 99th percentile, errors, requests a second.

    .venv/bin/python tests/benchmarks/read_api.py [--creators 100000] [--contents 1000000] [--requests 20000]

Tables are made in a temporary folder by a seeded generator. The service is the command itself, a process; the clients
are processes too, each with one connection on which it asks again as soon as it has an answer. Ids are drawn evenly, so
what the service keeps of earlier answers hardly helps. An error is any status but 200, or a row of another id. Contents
are sorted by content_id (as clustering leaves them) in pages of 20,000 rows (as Spark and delta-rs write them), then in
smaller pages, then in no order.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import tables
from tests.benchmarks.support import print_table, timed
from tests.serving.service import KEY, Service, rows_of, service, write

CLIENTS = 8
FILES = 10  # of the contents
NODES = ("business", "entertainment", "politics", "sport", "tech")
HEADER = ("load", "requests", "p50 (ms)", "p99 (ms)", "errors", "requests/s")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ask:
    """One request: its path, and the id and the name of the column that has to be in the answer."""

    path: str
    column: str
    wanted: str


@dataclass(frozen=True)
class Asked:
    """What a load came to: by request the milliseconds and whether it failed; the seconds of all."""

    milliseconds: Floats
    failed: npt.NDArray[np.bool_]
    seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creators", type=int, default=100_000)
    parser.add_argument("--contents", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    rng = np.random.default_rng(17)
    n_creators, n_contents, n = options.creators, options.contents, options.requests
    few = max(n // 100, CLIENTS)
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder)
        creators, contents = _write_creators(lake, n_creators, rng), _write_contents(lake, n_contents, n_creators, rng)
        with timed() as starting, service(lake) as running:
            memory = _megabytes(running)
            rows = _figures("creators alone", running, [_creator(i) for i in rng.choice(creators, n)])
            mixed = [_creator(i) for i in rng.choice(creators, n * 4 // 5)]
            mixed += [_content(i) for i in rng.choice(contents, n - len(mixed))]
            order = rng.permutation(n)
            rows += _figures("4 of 5 creators, 1 of 5 contents", running, [mixed[i] for i in order])
            rows += _figures("contents alone", running, [_content(i) for i in rng.choice(contents, n // 10)])
            rows += _figures("a creator's first 20 contents", running, [_page(i) for i in rng.choice(creators, few)])
            grown = _megabytes(running)
        some = [_content(i) for i in rng.choice(contents, few * 5)]
        by_id = _read_contents(lake)
        _in_files(lake, by_id, WriterProperties(data_page_row_count_limit=2000, write_batch_size=1000))
        with service(lake) as running:
            rows += _figures("contents alone, pages of 2,000 rows", running, some)
        _in_files(lake, by_id.take(pa.array(rng.permutation(len(by_id)))))
        with service(lake) as running:
            rows += _figures("contents alone, not clustered", running, some)
    print_table(f"The read API: {n_creators:,} creators, {n_contents:,} contents, {CLIENTS} clients", HEADER, rows)
    print(
        f"\nThe machine's load before: {busy:.1f}. The service's memory: {memory:.0f} MB at the start, {grown:.0f} MB "
        f"at the end. All of it, start and loads on clustered contents: {starting.seconds:.0f} s."
    )


def _creator(an_id: str) -> Ask:
    return Ask(f"/creators/{an_id}", "creator_id", an_id)


def _content(an_id: str) -> Ask:
    return Ask(f"/contents/{an_id}", "content_id", an_id)


def _page(an_id: str) -> Ask:
    return Ask(f"/creators/{an_id}/contents?limit=20", "creator_id", an_id)


def _figures(load: str, running: Service, asks: Sequence[Ask]) -> list[tuple[str, ...]]:
    """A row of figures for all requests, and one a kind where there are several."""
    asked = _ask_all(running, asks)
    kinds = np.array([ask.path.split("/")[1] for ask in asks])
    found = [_row(load, asked, np.full(len(asks), True))]
    if len(set(kinds)) > 1:
        found += [_row(f"- of them {kind}", asked, kinds == kind) for kind in sorted(set(kinds))]
    return found


def _row(load: str, asked: Asked, which: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    p50, p99 = np.percentile(asked.milliseconds[which], [50, 99])
    rate = which.sum() / asked.seconds
    return load, f"{which.sum():,}", f"{p50:.1f}", f"{p99:.1f}", f"{asked.failed[which].sum()}", f"{rate:,.0f}"


def _ask_all(running: Service, asks: Sequence[Ask]) -> Asked:
    """All requests, dealt out to the clients, which begin together."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(CLIENTS + 1), context.SimpleQueue()
    clients = [
        context.Process(target=_client, args=(running.address, list(asks[i::CLIENTS]), i, barrier, answers))
        for i in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    barrier.wait()
    began = time.perf_counter()
    milliseconds, failed = np.empty(len(asks)), np.full(len(asks), True)
    for _ in clients:
        i, took, wrong = answers.get()
        milliseconds[i::CLIENTS], failed[i::CLIENTS] = took, wrong
    seconds = time.perf_counter() - began
    for client in clients:
        client.join()
    return Asked(milliseconds, failed, seconds)


def _client(address: str, asks: list[Ask], number: int, barrier: object, answers: object) -> None:
    place = urlsplit(address)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=60)
    connection.request("GET", "/health")
    connection.getresponse().read()
    took, wrong = np.empty(len(asks)), np.full(len(asks), True)
    barrier.wait()  # type: ignore[attr-defined]
    for i, ask in enumerate(asks):
        began = time.perf_counter()
        try:
            connection.request("GET", ask.path, headers={"X-API-Key": KEY})
            answer = connection.getresponse()
            body = answer.read()
            wrong[i] = answer.status != 200 or f'"{ask.column}":"{ask.wanted}"'.encode() not in body
        except OSError:
            connection.close()
        took[i] = (time.perf_counter() - began) * 1000
    answers.put((number, took, wrong))  # type: ignore[attr-defined]


def _ids(kind: str, n: int) -> list[str]:
    """Ids as platforms have them: of no order in time."""
    return [sha256(f"{kind} {i}".encode()).hexdigest()[:24] for i in range(n)]


def _write_creators(lake: Path, n: int, rng: np.random.Generator) -> list[str]:
    ids = _ids("creator", n)
    columns = {
        "creator_id": pa.array(ids),
        "category": pa.array(rng.choice(NODES, n)),
        "category_shares": _map(NODES, rng.dirichlet(np.ones(len(NODES)), n)),
        "risk": _map(("spam", "hate"), rng.random((n, 2))),
        "n_content": pa.array(rng.integers(1, 1000, n)),
        "as_of": _times(n),
    }
    write(lake, tables.CREATOR_PROFILES, rows_of(tables.CREATOR_PROFILES, columns))
    return ids


def _write_contents(lake: Path, n: int, n_creators: int, rng: np.random.Generator) -> list[str]:
    """Contents sorted by id, in files one after the other."""
    ids = sorted(_ids("content", n))
    creators = pa.array(_ids("creator", n_creators))
    # Each creator has one at least; then they are taken at random.
    owners = np.concatenate([np.arange(n_creators), rng.integers(0, n_creators, max(n - n_creators, 0))])[:n]
    category = rng.choice(NODES, n)
    columns = {
        "content_id": pa.array(ids),
        "creator_id": creators.take(pa.array(rng.permutation(owners))),
        "category": pa.array(category),
        "category_path": pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32), pa.array(category)),
        "category_probability": pa.array(rng.random(n, np.float32)),
        "category_accepted": pa.array(category),
        "risk": _map(("spam", "hate"), rng.random((n, 2))),
        "category_model": pa.array(["linnaeus_category/1"] * n),
        "risk_model": pa.array(["linnaeus_risk/1"] * n),
        "taxonomy_version": pa.array(["883f86f6ac8d3b90"] * n),
        "feature_manifest": pa.array(["e48a88249b1600e3"] * n),
        "embedder": pa.array(["all-MiniLM-L6-v2-int8@e87b410eff8e.fc7bbb1072753e49"] * n),
        "content_hash": pa.array([sha256(one.encode()).hexdigest() for one in ids]),
        "scored_at": _times(n),
    }
    _in_files(lake, rows_of(tables.CONTENT_PROFILES, columns))
    return ids


def _read_contents(lake: Path) -> pa.Table:
    """As they are stored: sorted by id."""
    table = tables.CONTENT_PROFILES
    return DeltaTable(str(lake / table.layer / table.name)).to_pyarrow_table().sort_by("content_id")


def _in_files(lake: Path, rows: pa.Table, properties: WriterProperties | None = None) -> None:
    size = -(-len(rows) // FILES)
    for i in range(0, len(rows), size):
        write(lake, tables.CONTENT_PROFILES, rows.slice(i, size), _mode(i), writer_properties=properties)


def _mode(first_row: int) -> Literal["overwrite", "append"]:
    return "overwrite" if first_row == 0 else "append"


def _map(keys: Sequence[str], values: Floats) -> pa.Array:
    n, width = values.shape
    offsets = np.arange(0, n * width + 1, width, dtype=np.int32)
    return pa.MapArray.from_arrays(offsets, pa.array(list(keys) * n), pa.array(values.ravel().astype(np.float32)))


def _times(n: int) -> pa.Array:
    return pa.array(np.full(n, 1_790_000_000_000_000), pa.timestamp("us", "UTC"))


def _megabytes(running: Service) -> float:
    """Resident memory of the service."""
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
