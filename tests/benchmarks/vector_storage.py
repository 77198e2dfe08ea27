"""array<float> against a binary column of little-endian float32: size on disk, and reading into NumPy.

    .venv/bin/python tests/benchmarks/vector_storage.py [--rows 50000]

Reading is measured where vectors are read: in Arrow batches of Spark (mapInArrow, as training and scoring do), and by
delta-rs in one process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config
from linnaeus.contracts.lexical import vector_matrix
from linnaeus.runtime.spark import build_session
from tests.benchmarks.support import print_table, timed

WIDTH = 384
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    n = parser.parse_args().rows
    session = build_session(load_config("local", ["spark.master=local[2]"]), "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        places = {name: Path(folder) / name for name in ("array<float>", "binary")}
        for name, place in places.items():
            _write(session, n, name, place)
        figures = {name: _figures(session, name, place, n) for name, place in places.items()}
    header = ("column", "bytes a row on disk", "rows/s in mapInArrow", "rows/s in delta-rs")
    rows = [(name, *(f"{value:,.0f}" for value in found)) for name, found in figures.items()]
    ratios = [b / a for a, b in zip(figures["array<float>"], figures["binary"], strict=True)]
    print_table(
        f"Storage of {n:,} unit vectors of {WIDTH}", header, [*rows, ("binary to array", *(f"{r:.2f}" for r in ratios))]
    )
    session.stop()


def _write(session: SparkSession, n: int, kind: str, place: Path) -> None:
    as_binary = kind == "binary"

    def make(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids = np.asarray(batch.column(0))
            rows = np.random.default_rng(int(ids[0])).normal(size=(len(ids), WIDTH)).astype("<f4")
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            column = (
                pa.array([row.tobytes() for row in rows], pa.binary())
                if as_binary
                else pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), WIDTH).cast(pa.list_(pa.float32()))
            )
            yield pa.RecordBatch.from_arrays([batch.column(0), column], names=["id", "vector"])

    rows = session.range(n, numPartitions=2).mapInArrow(make, f"id long, vector {kind}")
    rows.write.format("delta").save(str(place))


def _figures(session: SparkSession, kind: str, place: Path, n: int) -> tuple[float, float, float]:
    size = sum(file.stat().st_size for file in place.glob("*.parquet")) / n
    to_numpy = _from_binary if kind == "binary" else _from_lists
    in_spark = _rate(lambda: _read_in_spark(session.read.format("delta").load(str(place)), to_numpy), n)
    by_delta_rs = _rate(lambda: _read_by_delta_rs(place, to_numpy), n)
    return size, in_spark, by_delta_rs


def _rate(action: Callable[[], None], n: int) -> float:
    seconds = []
    for _ in range(ROUNDS):
        with timed() as clock:
            action()
        seconds.append(clock.seconds)
    return n / statistics.median(seconds)


def _read_in_spark(rows: DataFrame, to_numpy: Callable[[pa.Array], np.ndarray]) -> None:
    def total(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            matrix = to_numpy(batch.column(0))
            yield pa.RecordBatch.from_arrays([pa.array([float(matrix.sum())])], names=["total"])

    rows.select("vector").mapInArrow(total, "total double").write.format("noop").mode("overwrite").save()


def _read_by_delta_rs(place: Path, to_numpy: Callable[[pa.Array], np.ndarray]) -> None:
    table = pa.table(DeltaTable(str(place)).to_pyarrow_table(columns=["vector"]))
    for chunk in table.column("vector").chunks:
        to_numpy(chunk).sum()


def _from_lists(column: pa.Array) -> np.ndarray:
    return vector_matrix(column, WIDTH, np.nan)


def _from_binary(column: pa.Array) -> np.ndarray:
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, dtype=_offset_type(column))[column.offset :]
    return np.frombuffer(data, dtype="<f4", offset=int(starts[0]), count=len(column) * WIDTH).reshape(-1, WIDTH)


def _offset_type(column: pa.Array) -> str:
    return "<i8" if pa.types.is_large_binary(column.type) else "<i4"


if __name__ == "__main__":
    main()
