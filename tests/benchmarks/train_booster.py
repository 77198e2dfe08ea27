"""The distributed fit over XGBoost alone: the same rows, parameters and threads, reading included.

    .venv/bin/python tests/benchmarks/train_booster.py [--rows 200000] [--columns 400] [--rounds 3] [--memory]

Rows are made by a seeded generator into a Delta table. Ours reads it with Spark and fits on two workers of one thread
each; XGBoost alone reads it with delta-rs and fits with two threads. Each kind is measured in turn, and both boosters
are judged on the same rows. Then ours once more from the same rows in other partitionings.

With --memory ours alone, rows in memory and on disk (training.external_memory), and what its workers hold at most.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xgboost
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from sklearn.metrics import log_loss, roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster, Config, load_config
from linnaeus.contracts.lexical import binary_array, vector_matrix
from linnaeus.runtime.spark import build_session
from linnaeus.training.booster import fit_booster, parameters, place
from linnaeus.training.examples import CLASS
from tests.benchmarks.support import print_table, timed

SEED = 17
WORKERS = 2
Matrix = npt.NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="what workers keep in memory, rows there or on disk")
    options = parser.parse_args()
    config = load_config("local", [f"spark.master=local[{WORKERS}]"])
    settings = config.training.booster.model_copy(update={"rounds": 50, "max_depth": 6})
    if options.memory:
        compare_memory(config, settings, options.rows, options.columns)
        return
    session = build_session(config, "benchmark")
    held_out = made(np.arange(options.rows, options.rows + 20_000), options.columns)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows"
        write(session, options.rows, options.columns, table)
        seconds: dict[str, list[float]] = {"ours": [], "alone": []}
        boosters: dict[str, bytes] = {}
        for _ in range(options.rounds):
            for name in seconds:
                with timed() as clock:
                    boosters[name] = ours(session, table, settings) if name == "ours" else alone(table, settings)
                seconds[name].append(clock.seconds)
                print(f"{name}: {clock.seconds:.1f} s", file=sys.stderr, flush=True)
        boosters |= {f"ours, from {n} partitions": ours(session, table, settings, n) for n in (1, 7)}
    median = {name: statistics.median(found) for name, found in seconds.items()}
    rows = [
        (name, f"{median[name]:.1f}" if name in median else "", *(f"{one:.4f}" for one in judge(booster, *held_out)))
        for name, booster in boosters.items()
    ]
    ratio = median["ours"] / median["alone"]
    print_table(
        f"Fit on {options.rows:,} x {options.columns}, {settings.rounds} rounds of depth {settings.max_depth}, "
        f"two classes, median of {options.rounds}",
        ("fit", "seconds, reading included", "ROC-AUC on 20,000 others", "log loss"),
        [*rows, ("ours over XGBoost alone (asked: at most 1.5)", f"**{ratio:.2f}**", "", "")],
    )
    session.stop()


def compare_memory(config: Config, settings: Booster, n: int, columns: int) -> None:
    """Ours with rows in memory and on disk, each in a session of its own, whose workers have done nothing before."""
    found: dict[str, tuple[float, list[int], bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows"
        session = build_session(config, "benchmark")
        write(session, n, columns, table)
        ours(session, table, settings.model_copy(update={"rounds": 1}))  # what only the JVM's first fit pays
        session.stop()
        for name, on_disk in (("in memory", False), ("on disk", True)):
            session = build_session(config, "benchmark")
            with timed() as clock:
                booster = ours(session, table, settings, on_disk=on_disk)
            found[name] = clock.seconds, worker_peaks(), booster
            print(f"{name}: {clock.seconds:.1f} s, {found[name][1]} MiB", file=sys.stderr, flush=True)
            session.stop()
    print_table(
        f"Workers' memory: fit on {n:,} x {columns}, {settings.rounds} rounds of depth {settings.max_depth}",
        ("rows", "seconds, reading included", "peak MiB of the Python workers", "booster"),
        [
            (name, f"{seconds:.1f}", " and ".join(map(str, peaks)), hashlib.sha256(booster).hexdigest()[:8])
            for name, (seconds, peaks, booster) in found.items()
        ],
    )


def worker_peaks() -> list[int]:
    """The most MiB that the Python workers of this process's session have held; those alone that did most of it."""
    status = {one.parent.name: dict(_pairs(one)) for one in Path("/proc").glob("[0-9]*/status")}
    ours = {str(os.getpid())}
    while grown := {pid for pid, one in status.items() if one.get("PPid") in ours} - ours:
        ours |= grown
    daemons = [pid for pid in ours if b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    peaks = sorted((int(status[pid]["VmHWM"].split()[0]) // 1024 for pid in daemons), reverse=True)
    return peaks[:WORKERS]


def _pairs(status: Path) -> list[tuple[str, str]]:
    try:
        lines = status.read_text().splitlines()
    except OSError:  # it has ended
        return []
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def made(places: npt.NDArray[np.int64], columns: int) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Rows by their place: normal numbers, and a class that depends on twenty of them, some in pairs."""
    rows = np.stack([np.random.default_rng([SEED, int(one)]).standard_normal(columns, np.float32) for one in places])
    margin = rows[:, :10].sum(axis=1) + rows[:, 10:15].prod(axis=1) + 2 * (rows[:, 15] * rows[:, 16])
    noise = np.random.default_rng([SEED, int(places[0])]).logistic(size=len(places))
    return rows, (margin + noise > 0).astype(np.int64)


def write(session: SparkSession, n: int, columns: int, table: Path) -> None:
    """The rows in the form in which the job has them: ids, features, class and weight."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            places = np.asarray(batch.column(0))
            rows, classes = made(places, columns)
            arrays = [
                pa.array([f"{one:09d}" for one in places]),
                binary_array(rows),
                pa.array(classes, pa.int32()),
                pa.array(np.ones(len(places), np.float32)),
            ]
            yield pa.RecordBatch.from_arrays(arrays, names=[c.CONTENT_ID, c.FEATURES, CLASS, c.WEIGHT])

    schema = f"{c.CONTENT_ID} string, {c.FEATURES} binary, {CLASS} int, {c.WEIGHT} float"
    session.range(n, numPartitions=8).mapInArrow(run, schema).write.format("delta").save(str(table))


def ours(
    session: SparkSession, table: Path, settings: Booster, partitions: int | None = None, on_disk: bool = False
) -> bytes:
    """As the job fits, from the table."""
    rows: DataFrame = session.read.format("delta").load(str(table))
    placed = place(rows.repartition(partitions) if partitions else rows, WORKERS)
    return fit_booster(placed, 2, SEED, settings, on_disk=on_disk).booster


def alone(table: Path, settings: Booster) -> bytes:
    """XGBoost in this process."""
    rows = pa.table(DeltaTable(str(table)).to_pyarrow_table()).combine_chunks()
    column = rows.column(c.FEATURES).chunk(0)
    matrix = vector_matrix(column, len(column[0].as_py()) // 4, np.nan)
    model = xgboost.XGBClassifier(**parameters(settings, SEED), n_jobs=WORKERS)
    model.fit(matrix, rows.column(CLASS).to_numpy(), sample_weight=rows.column(c.WEIGHT).to_numpy())
    return bytes(model.get_booster().save_raw("ubj"))


def judge(content: bytes, rows: Matrix, classes: npt.NDArray[np.int64]) -> tuple[float, float]:
    """ROC-AUC and log loss on rows that no fit has seen."""
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    chances = booster.inplace_predict(rows)
    return float(roc_auc_score(classes, chances)), float(log_loss(classes, chances))


if __name__ == "__main__":
    main()
