"""What small things cost: the figures of tests/benchmarks/fixed_costs.md, each by a command of its own.

    .venv/bin/python tests/benchmarks/fixed_costs.py merge [--repeats 5]
    .venv/bin/python tests/benchmarks/fixed_costs.py reads | make_ready | transact
    .venv/bin/python tests/benchmarks/fixed_costs.py erase [--lake lake --creator ID]

Each figure is a median of several repeats in a warm session. Where a write may go two ways (`small_writes.is_small`)
both are measured in turn: by delta-rs, and by Spark.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import erase_creator
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.runtime import small_writes
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.ledger import SETTINGS, Inputs, Ledger, table_inputs
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import print_table, timed

WAYS = ("delta-rs", "Spark")
STORED = 7_000  # rows of the table that is merged into
CHANGED = (1, 10, 100, 1_000)
_BY_RULE = small_writes.MOST_ROWS
Figures = Callable[[argparse.Namespace], None]


def main() -> None:
    """Measure one figure and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=sorted(FIGURES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--lake", type=Path, help="erase: a lake, of which a copy is used (default: a tiny one)")
    parser.add_argument("--creator", help="erase: who is erased from it")
    options = parser.parse_args()
    FIGURES[options.figure](options)


@contextmanager
def _lake() -> Iterator[Lake]:
    """An empty one in a folder of its own, in the session."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config("local", [f"lake.root={folder}/lake", "spark.master=local[2]"])
        yield Lake(build_session(config, "benchmark"), config)


@contextmanager
def _by(way: str) -> Iterator[None]:
    """Writes of few rows go this way while a block runs."""
    small_writes.MOST_ROWS = _BY_RULE if way == WAYS[0] else -1
    try:
        yield
    finally:
        small_writes.MOST_ROWS = _BY_RULE


def _median(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def _both_ways(repeats: int, action: Callable[[], Any]) -> list[str]:
    """Medians of the ways, measured in turn; the first of each is a warm-up."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(repeats + 1):
        for way in WAYS:
            with _by(way), timed() as clock:
                action()
            if turn:
                found[way].append(clock.seconds)
    return [_median(found[way]) for way in WAYS]


def profiles(lake: Lake, n: int, mark: str) -> DataFrame:
    """Rows of gold.content_profiles, the first `n` of all."""
    table = tables.CONTENT_PROFILES
    own = {
        c.CONTENT_ID: F.format_string("content-%07d", "id"),
        c.CREATOR_ID: F.format_string("creator-%04d", F.col("id") % 900),
        c.CATEGORY: F.lit(mark),
        c.CATEGORY_PATH: F.array(F.lit("news"), F.lit(mark)),
        c.CATEGORY_PROBABILITY: F.lit(0.75),
        c.RISK: F.create_map(F.lit("spam"), F.lit(0.5), F.lit("hate"), F.rand(7)),
        c.RISK_LEVEL: F.create_map(F.lit("spam"), F.lit("low")),
        c.TAXONOMY_VERSION: F.lit("t"),
        c.EMBEDDER: F.lit("e"),
        c.CONTENT_HASH: F.sha2(F.col("id").cast("string"), 256),
        c.SCORED_AT: F.current_timestamp(),
    }
    made = [
        own.get(field.name, F.lit("x") if field.name in table.required else F.lit(None))
        .cast(field.dataType)
        .alias(field.name)
        for field in table.schema.fields
    ]
    return lake.session.range(n).select(*made)


def merge(options: argparse.Namespace) -> None:
    """A MERGE of few rows into 7,000, all of which differ, and the next read of the table by Spark."""
    table = tables.CONTENT_PROFILES
    with _lake() as lake:
        lake.merge(profiles(lake, STORED, "first"), table)
        turns = iter(range(10**6))

        def write(n: int) -> None:
            assert lake.merge(profiles(lake, n, f"turn {next(turns)}"), table).updated == n

        rows: list[tuple[object, ...]] = []
        for n in CHANGED:
            rows.append((f"merge of {n:,} rows into {STORED:,}", *_both_ways(options.repeats, lambda n=n: write(n))))
        reads: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(options.repeats):
            for way in WAYS:
                with _by(way):
                    write(10)
                with timed() as clock:
                    lake.read(table).where(F.col(c.CATEGORY) == "first").count()
                reads[way].append(clock.seconds)
        rows.append(("Spark's next read of the table", *[_median(reads[way]) for way in WAYS]))
        plain = [tuple(row) for row in profiles(lake, 10, "plain").collect()]
        rows.append(
            ("a merge of 10 plain rows that are stored", *_both_ways(options.repeats, lambda: lake.merge(plain, table)))
        )
    print_table("Small merges: seconds", ("what", *WAYS), rows)


def reads(options: argparse.Namespace) -> None:
    """A query over 7,000 rows, of a version that was not read before: as files, and by Spark's Delta."""
    table = tables.CONTENT_PROFILES
    with _lake() as lake:
        lake.merge(profiles(lake, STORED, "first"), table)
        readers = {"as files": lake.rows, "Delta": lake._stored}
        found: dict[str, list[float]] = {way: [] for way in readers}
        for turn in range(options.repeats + 1):
            for way, read in readers.items():
                assert lake.merge(profiles(lake, 10, f"{turn} {way}"), table).updated == 10
                with timed() as clock:
                    n_found = read(table).where(F.col(c.CATEGORY) == f"{turn} {way}").count()
                assert n_found == 10
                if turn:
                    found[way].append(clock.seconds)
        rows = [("a query of a new version", *[_median(seconds) for seconds in found.values()])]
    print_table("Reads of a small table: seconds", ("what", *readers), rows)


def make_ready(options: argparse.Namespace) -> None:
    """The look at a table before it is written, and making one."""
    with _lake() as lake:
        lake.merge(profiles(lake, STORED, "first"), tables.CONTENT_PROFILES)
        root = Path(lake.place(tables.CREATORS)).parents[1]
        places = iter(range(10**6))
        there, made = "_make_ready of a table that is there", "_make_ready that creates the table"
        found: dict[str, list[str]] = {there: [], made: []}
        for way in WAYS:
            own = _at(root, way)
            found[there].append(_seconds(options.repeats, lambda own=own: own._make_ready(tables.CONTENT_PROFILES)))
            new = (_at(root / f"other-{next(places)}", way) for _ in range(options.repeats + 1))
            found[made].append(_seconds(options.repeats, lambda new=new: next(new)._make_ready(tables.CREATORS)))
    print_table("Before a write: seconds", ("what", *WAYS), [(what, *found[what]) for what in found])


def _at(root: Path, way: str) -> Lake:
    """A lake in a folder, of which Spark makes the tables where that is the way."""
    config = load_config("local", [f"lake.root={root}", "spark.master=local[2]"])
    lake = Lake(build_session(config), config)
    lake._small = lake._small if way == WAYS[0] else None
    return lake


def _seconds(repeats: int, action: Callable[[], Any]) -> str:
    """A median; the first time is a warm-up."""
    found = []
    for _ in range(repeats + 1):
        with timed() as clock:
            action()
        found.append(clock.seconds)
    return _median(found[1:])


def transact(options: argparse.Namespace) -> None:
    """A transaction of the ledger, of a batch of its own, that writes nothing else; and a run's row in ops.job_runs."""
    with _lake() as lake:
        now = datetime.datetime.now(datetime.timezone.utc)
        lake.merge([("ann", "Ann", None, None, now)], tables.CREATORS)
        batches = iter(range(10**6))

        def transaction() -> None:
            ledger = Ledger(lake, "benchmark", f"batch {next(batches)}", 3)

            def inputs() -> Inputs:
                return table_inputs(lake, [tables.CREATORS]) | {SETTINGS: "s"}

            ledger.transact([tables.GOLD_LABELS], inputs, lambda noting, given: 0)

        def run() -> None:
            values = {"run_id": f"run {next(batches)}", "job": "job", "started_at": now, "seconds": 0.5, "rows_read": 1}
            values |= {"rows_written": 1, "rows_quarantined": 0, "table_versions": {"a.b": 1}}
            lake.append([tuple(values.get(name) for name in tables.JOB_RUNS.columns)], tables.JOB_RUNS)

        rows = [
            ("ledger.transact of a new batch, its own writes apart", *_both_ways(options.repeats, transaction)),
            ("a run's row in ops.job_runs", *_both_ways(options.repeats, run)),
        ]
    print_table("The ledger: seconds", ("what", *WAYS), rows)


def erase(options: argparse.Namespace) -> None:
    """An erasure, on a fresh copy of a lake each time."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        settings = ["spark.master=local[2]", "erase.retention_hours=0"]
        settings += [f"sources.{name}=null" for name in ("content", "creators", "gold_labels")]
        if options.lake is not None:
            shutil.copytree(options.lake, base)
            who = options.creator
        else:
            who = _fill_tiny(base, Path(folder))
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(options.repeats + 1):
            for way in WAYS:
                copied = Path(folder) / f"{way}-{turn}"
                shutil.copytree(base, copied / "lake")
                own = [f"lake.root={copied / 'lake'}", f"tracking.uri=sqlite:///{copied}/mlflow.db"]
                own += [f"tracking.artifacts={copied}/artifacts", f"erase.creator_id={who}"]
                with _by(way), timed() as clock:
                    erase_creator.main(load_config("local", settings + own))
                if turn:
                    found[way].append(clock.seconds)
                shutil.rmtree(copied)
    rows = [("erase_creator", *[_median(found[way]) for way in WAYS])]
    print_table("An erasure: seconds", ("what", *WAYS), rows)


def _fill_tiny(base: Path, folder: Path) -> str:
    """A tiny lake with all tables; who is to be erased from it."""
    from tests.jobs import test_erase_creator as tiny

    own = [f"lake.root={base}", f"tracking.uri=sqlite:///{folder}/mlflow.db", "spark.master=local[2]"]
    sources = folder / "sources"
    sources.mkdir()
    config = load_config("local", [*own, f"tracking.artifacts={folder}/artifacts", *tiny.sources(sources)])
    tiny.fill(Lake(build_session(config, "benchmark"), config), config)
    return tiny.WHO


FIGURES: dict[str, Figures] = {
    "merge": merge,
    "reads": reads,
    "make_ready": make_ready,
    "transact": transact,
    "erase": erase,
}


if __name__ == "__main__":
    main()
