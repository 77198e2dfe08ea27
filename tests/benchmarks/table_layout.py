"""What a table's layout is worth to who looks single rows up: none, Z-order, liquid clustering.

    python tests/benchmarks/table_layout.py [--rows 1000000] [--megabytes 4] [--lookups 50]

Narrow rows (content_id, creator_id, a share, a time) in the order in which nightly runs write them; the same rows laid
out by OPTIMIZE in several ways. Lookups by content_id and by creator_id go as a backend's do: delta-rs gives the files
with their least and greatest values, Arrow reads what may hold the id.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow.dataset as ds
from deltalake import DeltaTable as Reader
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts.config import load_config
from linnaeus.runtime.spark import build_session

_CREATORS_A_CONTENT = 20  # contents a creator, in the mean
_NIGHTS = 20
# Columns of a Z-order, or of liquid clustering.
LAYOUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "as written": ("none", ()),
    "compacted": ("compact", ()),
    "Z-order content_id": ("z", ("content_id",)),
    "Z-order creator_id": ("z", ("creator_id",)),
    "Z-order creator_id, content_id": ("z", ("creator_id", "content_id")),
    "clustered content_id": ("cluster", ("content_id",)),
    "clustered creator_id, content_id": ("cluster", ("creator_id", "content_id")),
}


def main() -> None:
    """Print a line a layout."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--megabytes", type=float, default=4.0, help="of a file that OPTIMIZE aims at")
    arguments.add_argument("--lookups", type=int, default=50)
    options = arguments.parse_args()
    session = build_session(load_config("local", ["spark.driver_memory=4g"]), "table layout")
    size = str(int(options.megabytes * (1 << 20)))
    for name in ("min", "max"):
        session.conf.set(f"spark.databricks.delta.optimize.{name}FileSize", size)
    folder = Path(tempfile.mkdtemp(prefix="table-layout-"))
    try:
        print("| layout | files | reader/writer | OPTIMIZE, s | by content_id: files, ms | by creator_id: files, ms |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, (kind, columns) in LAYOUTS.items():
            place = folder / name.replace(" ", "-").replace(",", "")
            seconds = laid_out(session, rows(session, options.rows), place, kind, columns)
            print(f"| {name} | {measured(place, options, seconds)} |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        session.stop()


def rows(session: SparkSession, n: int) -> DataFrame:
    """Rows whose ids tell nothing of when they were written, as those of platforms do."""
    return session.range(n).selectExpr(
        "substr(sha2(concat('content ', id), 256), 1, 20) as content_id",
        f"substr(sha2(concat('creator ', pmod(xxhash64(id), {n // _CREATORS_A_CONTENT})), 256), 1, 20) as creator_id",
        "cast(rand(7) as float) as share",
        "timestamp_seconds(1700000000 + id) as scored_at",
        f"pmod(id, {_NIGHTS}) as night",
    )


def laid_out(session: SparkSession, made: DataFrame, place: Path, kind: str, columns: tuple[str, ...]) -> float:
    """Write a table, a few files a night, and lay it out; seconds of OPTIMIZE."""
    by = f"`{'`, `'.join(columns)}`" if columns else ""
    writer = made.repartition(4 * _NIGHTS, "night", "content_id").drop("night").write.format("delta")
    writer.save(str(place))
    if kind == "cluster":
        session.sql(f"ALTER TABLE delta.`{place}` CLUSTER BY ({by})")
    clock = time.monotonic()
    if kind != "none":
        session.sql(f"OPTIMIZE delta.`{place}`" + (f" ZORDER BY ({by})" if kind == "z" else ""))
    return time.monotonic() - clock


def measured(place: Path, options: argparse.Namespace, seconds: float) -> str:
    """Cells of a layout's line."""
    table = Reader(str(place))
    protocol = table.protocol()
    found = [_lookups(table, name, options.lookups) for name in ("content_id", "creator_id")]
    cells = [f"{files:.1f}, {milliseconds:.1f}" for files, milliseconds in found]
    versions = f"{protocol.min_reader_version}/{protocol.min_writer_version}"
    return " | ".join([str(len(table.file_uris())), versions, f"{seconds:.1f}", *cells])


def _lookups(table: Reader, column: str, n: int) -> tuple[float, float]:
    """Mean files that may hold an id, and median milliseconds of a lookup, the dataset being open."""
    dataset = table.to_pyarrow_dataset()
    ids = dataset.to_table(columns=[column]).column(column).unique().to_pylist()
    chosen = random.Random(7).sample(sorted(ids), n)
    files, times = [], []
    for value in chosen:
        wanted = ds.field(column) == value
        files.append(len(list(dataset.get_fragments(filter=wanted))))
        clock = time.monotonic()
        assert dataset.to_table(filter=wanted).num_rows > 0
        times.append(1000 * (time.monotonic() - clock))
    return statistics.mean(files), statistics.median(times)


if __name__ == "__main__":
    main()
