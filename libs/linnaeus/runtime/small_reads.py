"""Reads of small tables in a folder: the Parquet files that a version names, which delta-rs knows in milliseconds.

Spark's Delta plans and runs queries of its own over a table's log for each table of each query, half of what the driver
does in a job of few rows. Here a frame is fixed to the version that was the newest when it was made: what is written
later it does not show, and it can be read as long as VACUUM leaves its files.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts.tables import Table
from linnaeus.runtime.small_writes import MOST_TABLE_BYTES, SmallWrites, files_of, schema_of, sizes_of

MOST_FILES = 256
_LOOKED_AT = "spark.sql.sources.parallelPartitionDiscovery.threshold"  # more files Spark looks at by a job of tasks
# Spark's own name for it: paths are taken as they are, and not for patterns.
_AS_THEY_ARE = {"__globPaths__": "false"}


def read_small(session: SparkSession, small: SmallWrites, table: Table, version: int | None) -> DataFrame | None:
    """A table's rows with the columns that it has; None where Spark's Delta has to read it.

    That is where it is large, has partitions or a feature of Delta's that readers must know, or can't be opened.
    """
    stored = small.opened_at(table, version)
    if stored is None or stored.protocol().min_reader_version > 1 or stored.metadata().partition_columns:
        return None
    sizes = sizes_of(stored)
    most = min(MOST_FILES, int(session.conf.get(_LOOKED_AT) or 0))
    if len(sizes) > most or sum(sizes.values()) > MOST_TABLE_BYTES:
        return None
    schema = schema_of(stored)
    if not sizes:
        return session.createDataFrame([], schema)
    return session.read.schema(schema).options(**_AS_THEY_ARE).parquet(*files_of(stored))
