"""The distributed fit over XGBoost alone: the same rows, parameters and threads, reading included.

    .venv/bin/python tests/benchmarks/train_booster.py [--rows 200000] [--columns 400] [--rounds 3]

Rows are made by a seeded generator into a Delta table. Ours reads it with Spark and fits on two workers of one thread
each; XGBoost alone reads it with delta-rs and fits with two threads. Each kind is measured in turn, and both boosters
are judged on the same rows. Then ours once more from the same rows in other partitionings.
"""

from __future__ import annotations

import argparse
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
from linnaeus.contracts.config import Booster, load_config
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
    options = parser.parse_args()
    config = load_config("local", [f"spark.master=local[{WORKERS}]"])
    settings = config.training.booster.model_copy(update={"rounds": 50, "max_depth": 6})
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


def ours(session: SparkSession, table: Path, settings: Booster, partitions: int | None = None) -> bytes:
    """As the job fits, from the table."""
    rows: DataFrame = session.read.format("delta").load(str(table))
    return fit_booster(place(rows.repartition(partitions) if partitions else rows, WORKERS), 2, SEED, settings).booster


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
