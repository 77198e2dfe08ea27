"""The log of a table in a folder: what it says of versions that can't be read any more, and how it is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

from pyspark.sql import SparkSession

from linnaeus.contracts.errors import LinnaeusError


def forget_history(session: SparkSession, place: str) -> int:
    """Keep the newest version of the table at a path and remove all entries of its log before it; how many went.

    Commits name the least and the greatest value of every column of every file, of those that VACUUM has removed too.
    The newest version is written as a checkpoint first, from which every reader of Delta begins (its protocol,
    github.com/delta-io/delta, PROTOCOL.md); entries before one may go at any time, the oldest first. Nothing else may
    write to the table meanwhile. Raises LinnaeusError where no checkpoint came about.
    """
    log = Path(place) / "_delta_log"
    jvm = session.sparkContext._jvm
    assert jvm is not None
    jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session._jsparkSession, place).checkpoint()
    newest = max(version for version in map(_version, log.iterdir()) if version is not None)
    if not any(log.glob(f"{newest:020d}.checkpoint*.parquet")):
        raise LinnaeusError(f"{place}: its newest version {newest} could not be written as a checkpoint; run it again")
    older = sorted((v, file) for file in log.iterdir() if (v := _version(file)) is not None and v < newest)
    for _, file in older:
        file.unlink(missing_ok=True)
    return len({version for version, _ in older})


def _version(file: Path) -> int | None:
    """The version that a file of a log is of, or None."""
    found = re.match(r"\.?(\d{20})\.", file.name)
    return int(found[1]) if found else None
