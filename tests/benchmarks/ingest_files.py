"""What ingest_bronze costs where a source of many files has not changed, or has one new file of 1% as many records.

    .venv/bin/python tests/benchmarks/ingest_files.py [--rows 1000000] [--files 100] [--set spark.extra={}]

The files are made by a seeded generator (JSON Lines, bodies of 24 to 48 words) in a temporary folder. Each run is first
a process of its own, as a user starts it: its time is that of the whole process. Then the last two are timed once more
in one session that has ingested before, on a copy of the lake. `--keep FOLDER` keeps files and lake.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import ingest_bronze
from linnaeus.contracts.config import load_config, repository
from linnaeus.runtime.command import execute
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import as_make, print_table, timed

SEED = 21
SHARE = 100  # the new file has one record for so many of the others
WORDS = tuple(f"{start}{end}" for start in "bcdfghklmnprstv" for end in ("ano", "eria", "ito", "ural", "ex", "olo"))
CREATORS = 20_000
KINDS = ("first", "again, nothing changed", "again, 1% new in one new file")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as for the jobs")
    parser.add_argument("--keep", type=Path, help="a folder to work in that is left as it is at the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = options.keep or Path(temporary)
        rows = _measure(base, options.rows, options.files, options.set)
    header = ("run of ingest_bronze", "process, s", "over the first", "job in a warm session, s", "over the first")
    print_table(f"A source of {options.files} files and {options.rows:,} records", header, rows)


def _measure(base: Path, n_rows: int, n_files: int, more: Sequence[str]) -> list[tuple[str, ...]]:
    source, spare = base / "in", base / "new.jsonl"
    _make(source, n_rows, n_files)
    _write(spare, n_rows, n_rows // SHARE)
    processes, sessions = [], [None]
    processes.append(_process(source, base / "lake", more))
    shutil.copytree(base / "lake", base / "before")
    processes.append(_process(source, base / "lake", more))
    shutil.copy(spare, source / "new.jsonl")
    processes.append(_process(source, base / "lake", more))
    _warm_up(base, spare, more)
    shutil.copytree(base / "before", base / "warm")
    _in_session(source, base / "warm", more)  # a lake that this session has not read
    sessions += [_in_session(source, base / "warm", more)]
    (source / "newer.jsonl").write_text(_records(n_rows * 2, n_rows // SHARE))
    sessions += [_in_session(source, base / "warm", more)]
    first = processes[0]
    return [
        (
            kind,
            f"{process:.1f}",
            f"{process / first:.3f}",
            "" if session is None else f"{session:.1f}",
            "" if session is None else f"{session / first:.3f}",
        )
        for kind, process, session in zip(KINDS, processes, sessions, strict=True)
    ]


def _make(folder: Path, n_rows: int, n_files: int) -> None:
    for number in range(n_files):
        first, after = (n_rows * place // n_files for place in (number, number + 1))
        _write(folder / f"part-{number:04d}.jsonl", first, after - first)


def _write(path: Path, first: int, n: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_records(first, n))


def _records(first: int, n: int) -> str:
    """Records as JSON Lines; ids are hashes, in no order, as platforms give them."""
    rng = random.Random(SEED + first)
    return "".join(f"{json.dumps(_record(rng, first + place))}\n" for place in range(n))


def _record(rng: random.Random, number: int) -> dict[str, object]:
    return {
        "content_id": f"{random.Random(number).getrandbits(64):016x}",
        "creator_id": f"creator-{rng.randrange(CREATORS):05d}",
        "title": " ".join(rng.choices(WORDS, k=5)),
        "body": " ".join(rng.choices(WORDS, k=rng.randint(24, 48))),
        "published_at": f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:00:00Z",
        "views": rng.randrange(10_000),
    }


def _settings(source: Path, lake: Path, more: Sequence[str]) -> list[str]:
    own = [f"lake.root={lake}", f"sources.content={source}", "sources.creators=null", "sources.gold_labels=null"]
    return [*own, *more]


def _process(source: Path, lake: Path, more: Sequence[str]) -> float:
    """Seconds of a run that is a process of its own."""
    given = [word for one in _settings(source, lake, more) for word in ("--set", one)]
    with timed() as clock:
        done = subprocess.run(
            [sys.executable, "-m", "jobs.ingest_bronze", "--env", "local", *given],
            cwd=repository(),
            env=as_make(),
            capture_output=True,
            text=True,
            check=True,
        )
    print(done.stdout.rstrip(), f"({clock.seconds:.1f} s)", file=sys.stderr, flush=True)
    return clock.seconds


def _in_session(source: Path, lake: Path, more: Sequence[str]) -> float:
    """Seconds of a run in this process."""
    config = load_config("local", _settings(source, lake, more))
    with timed() as clock:
        summary = execute("ingest_bronze", ingest_bronze.main, config)
    print(summary["details"], f"({clock.seconds:.1f} s)", file=sys.stderr, flush=True)
    return clock.seconds


def _warm_up(base: Path, source: Path, more: Sequence[str]) -> None:
    """Start the session, and have its code compiled by runs on a lake of their own."""
    build_session(load_config("local", _settings(source, base / "other", more)))
    folder = base / "other files"
    for number in range(3):
        _write(folder / f"{number}.jsonl", number * 1000, 1000)
        _in_session(folder, base / "other", more)


if __name__ == "__main__":
    main()
