"""A tiny lake on the evening of a run: profiles of one model, contents that are new or have changed since, and another
champion. And the processes that run its jobs to be killed, or at the same moment as others."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobs import ingest_bronze, roll_up_creators, score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.contracts.tables import Table
from linnaeus.runtime import arrow_rows, small_writes
from linnaeus.runtime import lake as lake_module
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.command import execute
from linnaeus.runtime.files import write_whole
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.ledger import FINISHED, Ledger
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking
from tests.jobs import lakes, tiny
from tests.oracles import random_bundle
from tests.patience import PATIENCE
from tests.runtime.test_tracking import register_as

MAINS = {
    "score_content": score_content.main,
    "roll_up_creators": roll_up_creators.main,
    "ingest_bronze": ingest_bronze.main,
}
PROFILES, HISTORY, CREATORS = tables.CONTENT_PROFILES, tables.CREATOR_PROFILE_HISTORY, tables.CREATOR_PROFILES
WRITTEN = {
    "score_content": (PROFILES,),
    "roll_up_creators": (HISTORY, CREATORS),
    "ingest_bronze": (tables.CONTENT, tables.QUARANTINE),
}
OLD, NEW = 40, 12  # contents
HEADS = {"category": {"category": ("business", "politics", "sport")}, "risk": {"spam": ("no", "yes")}}
DONE, KILLED = "done", "killed"  # outcomes


def settings(base: Path, lake: Path, *more: str) -> list[str]:
    """Of a run on a lake, with the models of a base folder."""
    own = [f"lake.root={lake}", f"tracking.uri=sqlite:///{base / 'mlflow.db'}", "spark.master=local[2]"]
    own += [f"tracking.artifacts={base / 'artifacts'}", "spark.driver_memory=1g", "spark.shuffle_partitions=2"]
    own += [f"sources.{name}=null" for name in ("content", "creators", "gold_labels")]
    return [*own, "features.hash_buckets=64", "creators.risk.prior_posts=1", *more]


def run(job: str, given: Sequence[str]) -> dict[str, Any]:
    """Run a job as its command does."""
    return execute(job, MAINS[job], load_config("local", list(given)))


def prepare(spark: SparkSession, base: Path) -> None:
    """Fill `base/lake`."""
    config = load_config("local", settings(base, base / "lake"))
    lake, tracking = Lake(spark, config), Tracking(config)
    _contents(lake, config, range(OLD), "sport")
    for family in ("category", "risk"):
        _champion(tracking, config, family, seed=1)
    run("score_content", settings(base, base / "lake"))
    run("roll_up_creators", settings(base, base / "lake"))
    _contents(lake, config, range(OLD, OLD + NEW), "business")
    _contents(lake, config, range(0, OLD, 7), "politics")
    _champion(tracking, config, "category", seed=2)


def _contents(lake: Lake, config: Config, numbers: range, label: str) -> None:
    rows = [(f"c{i:02d}", f"creator {i % 9}") for i in numbers]
    lakes.fill(lake, config, rows, {name: label for name, _ in rows}, c.CATEGORY_FACET)


def _champion(tracking: Tracking, config: Config, family: Any, seed: int) -> None:
    name = getattr(config.registry, f"{family}_model")
    bundle = random_bundle(family, HEADS[family], manifest_in_force(config), seed=seed)
    version = register_as(tracking, name, bundle, Path(served_model.__file__), f"seed {seed}")
    tracking.point(name, CHAMPION, version)


def ingest_sources(base: Path) -> list[str]:
    """Settings of contents in twelve files, which are written where they are not there."""
    folder = base / "posts"
    if not folder.exists():
        folder.mkdir()
        for number in range(12):
            _posts(folder, number, [f"{number} {place}" for place in range(5)], "first")
    return [f"sources.content={folder}"]


def change_ingest_sources(base: Path) -> None:
    """A file is gone, one is new, and one says something else of contents at the same time; so does one that stays."""
    folder = base / "posts"
    (folder / "0.jsonl").unlink()
    _posts(folder, 1, ["1 0", "1 1", "2 0"], "else")
    _posts(folder, 12, ["12 0", "3 0", ""], "new")  # a content without an id is set aside


def _posts(folder: Path, number: int, names: Sequence[str], body: str) -> None:
    records = [{"content_id": name, "creator_id": "u", "body": body, "published_at": "2024-01-01"} for name in names]
    (folder / f"{number}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in records))


def digests(lake: Path, job: str) -> dict[str, str]:
    """SHA-256 of the sorted rows of the tables that a job writes, without their stamps of time."""
    return {
        table.full_name: hashlib.sha256("\n".join(rows(lake, table)).encode()).hexdigest() for table in WRITTEN[job]
    }


def rows(lake: Path, table: Table) -> list[str]:
    """A table's rows, without their stamps of time."""
    return tiny.table_rows(lake, table.full_name, table.stamps)


def is_finished(lake: Path, job: str) -> bool:
    """Whether the ledger says so of each of the job's tables."""
    found = [json.loads(row) for row in rows(lake, tables.LEDGER)]
    named = {row["table_name"] for row in found if row["application"] == job and row["status"] == FINISHED}
    return named == {table.full_name for table in WRITTEN[job]}


def _die() -> None:
    """This process, its JVM and all that they have started, without a word."""
    os.killpg(0, signal.SIGKILL)
    time.sleep(60)


def _at(owner: Any, name: str, table: Table | None, after: bool, call: int = 1) -> None:
    """Die when a function is called (for a table, if one is given) so many times, or when it has returned."""
    real, calls = getattr(owner, name), itertools.count(1)

    def dying(*given: Any, **named: Any) -> Any:
        is_here = (table is None or table in given) and next(calls) == call
        if is_here and not after:
            _die()
        answer = real(*given, **named)
        if is_here:
            _die()
        return answer

    setattr(owner, name, dying)


def _when_files_are_written(lake: Path, table: Table) -> None:
    """Die when a data file of a table has come that no version names yet."""
    folder = lake / table.layer / table.name
    before = set(folder.glob("*.parquet"))

    def watch() -> None:
        while True:
            if set(folder.glob("*.parquet")) - before:
                _die()
            time.sleep(0.001)

    threading.Thread(target=watch, daemon=True).start()


def _by_spark(patch: Callable[[], None]) -> None:
    """Patch what is given, and let Spark write few rows, too."""
    small_writes.MOST_ROWS = -1
    patch()


# Where a run dies, by job: what is patched for it, given the lake's folder.
POINTS: dict[str, dict[str, Callable[[Path], None]]] = {
    "score_content": {
        "before the batch is in the ledger": lambda lake: _at(Lake, "insert_new", tables.LEDGER, False),
        "when the batch is in the ledger": lambda lake: _at(Lake, "insert_new", tables.LEDGER, True),
        "when a model is loaded": lambda lake: _at(Tracking, "load", None, True),
        "when all is scored": lambda lake: _at(arrow_rows, "check", PROFILES, True),
        "when all is scored and Spark writes": lambda lake: _by_spark(
            lambda: _at(lake_module, "_check_rows", PROFILES, True)
        ),
        "when files are written": lambda lake: _when_files_are_written(lake, PROFILES),
        "when Spark has written files": lambda lake: _by_spark(lambda: _when_files_are_written(lake, PROFILES)),
        "when the rows are committed": lambda lake: _at(Lake, "merge", PROFILES, True),
        "when the ledger is finished": lambda lake: _at(Ledger, "_finish", None, True),
    },
    "roll_up_creators": {
        "when the batch is in the ledger": lambda lake: _at(Lake, "insert_new", tables.LEDGER, True),
        "when the history is made": lambda lake: _at(arrow_rows, "check", HISTORY, True),
        "when the history is made and Spark writes": lambda lake: _by_spark(
            lambda: _at(lake_module, "_check_rows", HISTORY, True)
        ),
        "when files of the history are written": lambda lake: _when_files_are_written(lake, HISTORY),
        "when Spark has written files of the history": lambda lake: _by_spark(
            lambda: _when_files_are_written(lake, HISTORY)
        ),
        "when the history is committed": lambda lake: _at(Lake, "merge", HISTORY, True),
        "when files are written": lambda lake: _when_files_are_written(lake, CREATORS),
        "when the profiles are committed": lambda lake: _at(Lake, "merge", CREATORS, True),
    },
}


INGEST_POINTS: dict[str, Callable[[Path], None]] = {
    "when the list is without what was lost": lambda lake: _at(Lake, "replace_part", tables.SOURCE_FILES, True),
    "when that is marked": lambda lake: _at(Lake, "set_properties", tables.CONTENT, True),
    "when records are set aside": lambda lake: _at(Lake, "merge", tables.QUARANTINE, True),
    "when files are written": lambda lake: _when_files_are_written(lake, tables.CONTENT),
    "when the rows are committed": lambda lake: _at(Lake, "merge", tables.CONTENT, True),
    "when the list is on record": lambda lake: _at(Lake, "replace_part", tables.SOURCE_FILES, True, call=2),
    "when it is marked": lambda lake: _at(Lake, "set_properties", tables.CONTENT, True, call=2),
}


def serve(folder: str) -> None:
    """Run what files of a folder say, one after the other, each as soon as it is there: Spark is up by then.

    It ends when the process that started it has ended.
    """
    parent = os.getppid()
    build_session(load_config("local", settings(Path(folder), Path(folder))))
    for place in range(1_000):
        order = Path(folder) / f"order-{place}.json"
        while not order.exists():
            if os.getppid() != parent:
                _die()
            time.sleep(0.01)
        said = json.loads(order.read_text(encoding="utf-8"))
        if said["point"] is not None:
            points = POINTS | {"ingest_bronze": INGEST_POINTS}
            points[said["job"]][said["point"]](Path(said["lake"]))
        try:
            run(said["job"], said["settings"])
            outcome = DONE
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        write_whole(Path(folder) / f"outcome-{place}", outcome)


class Process:
    """A process that serves a folder, the first of a group of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._asked = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.night", "serve", str(folder)],
            cwd=repository(),
            stdout=(folder / "output").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ask(self, job: str, lake: Path, given: Sequence[str], point: str | None = None) -> None:
        """Run a job on a lake, and die at a point, if one is given."""
        said = {"job": job, "lake": str(lake), "settings": list(given), "point": point}
        write_whole(self._folder / f"order-{self._asked}.json", json.dumps(said))
        self._asked += 1

    def outcome(self) -> str:
        """What has come of the last that was asked: DONE, an error in words, or that it was killed."""
        file, deadline = self._folder / f"outcome-{self._asked - 1}", time.monotonic() + PATIENCE
        while not file.exists() and self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._process.poll() == -signal.SIGKILL:
            return KILLED
        return file.read_text(encoding="utf-8") if file.exists() else (self._folder / "output").read_text()

    def end(self) -> None:
        """Kill it, where it is not dead yet."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def lose_worker(marker: str, *given: str) -> None:
    """Score, and lose the Python worker in the first batch of rows that it has scored."""
    real, mark, driver = score_content.score, Path(marker), os.getpid()

    def dying(features: DataFrame, plan: Any) -> DataFrame:
        scored = real(features, plan)

        def passing(batches: Any) -> Any:
            for batch in batches:
                if not mark.exists() and os.getpid() != driver:
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield batch

        return scored.mapInArrow(passing, scored.schema)

    score_content.score = dying  # type: ignore[assignment]
    run("score_content", given)


if __name__ == "__main__":
    {"serve": serve, "lose_worker": lose_worker}[sys.argv[1]](*sys.argv[2:])
