"""An archive of the classes that Spark loads at every start, made once at set-up.

Without it the JVM reads, checks and links some twenty thousand classes anew each time: about ten seconds of a command.
With it they are mapped from a file (JEP 350, dynamic class data sharing). A JVM that the archive was not made by, or
jars that changed since, make the JVM start without it, as if it were not there.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.contracts.errors import LinnaeusError
from linnaeus.runtime.jars import DRIVER_OPTIONS
from linnaeus.runtime.spark import CLASS_ARCHIVE, build_session

_SECONDS_TO_WRITE = 180


def build_archive(config: Config) -> Path | None:
    """Make the archive anew and return its path, or None where there is no session to build or the JVM wrote none.

    Raises SetupError where Spark does not start.
    """
    if config.spark.master is None:
        return None
    place = resolve(config.spark.ivy_folder).parent / CLASS_ARCHIVE
    place.unlink(missing_ok=True)  # the session that makes an archive can't be one that uses it
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{CLASS_ARCHIVE}.") as folder:
        unfinished = Path(folder) / CLASS_ARCHIVE
        options = f"{config.spark.extra.get(DRIVER_OPTIONS, '')} -XX:ArchiveClassesAtExit={unfinished}".strip()
        spark = config.spark.model_copy(update={"extra": {**config.spark.extra, DRIVER_OPTIONS: options}})
        session = build_session(config.model_copy(update={"spark": spark}), "linnaeus-classes")
        _use(session, Path(folder) / "table")
        _end(session)
        if not unfinished.is_file():
            return None
        os.replace(unfinished, place)
    return place


def _use(session: SparkSession, table: Path) -> None:
    """What the jobs do, on a few rows: whatever is loaded now is in the archive."""
    from delta.tables import DeltaTable

    lines = session.createDataFrame([(f'{{"key": "{i % 3}", "value": {i}}}',) for i in range(9)], "line string")
    parsed = lines.select(F.from_json("line", "key string, value int").alias("row")).select("row.*").persist()
    sums = parsed.groupBy("key").agg(F.sum("value").alias("value"), F.sha2(F.max("key"), 256).alias("hash"))
    sums.write.format("delta").save(str(table))
    changed = parsed.join(sums.select("key", F.col("value").alias("sum")), "key", "left").dropDuplicates(["key"])
    rows = changed.select("key", F.col("sum").alias("value"), F.lit("").alias("hash"))
    stored = DeltaTable.forPath(session, str(table)).alias("stored")
    merge = stored.merge(rows.alias("changed"), "stored.key <=> changed.key")
    merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
    session.read.format("delta").load(str(table)).repartition(2).mapInArrow(_as_they_are, rows.schema).count()
    parsed.unpersist()


def _as_they_are(batches):  # type: ignore[no-untyped-def]
    yield from batches


def _end(session: SparkSession) -> None:
    """End the JVM, which writes the archive when it goes, and wait for it."""
    process = session.sparkContext._gateway.proc  # type: ignore[union-attr]
    session.stop()
    process.stdin.close()
    try:
        process.wait(_SECONDS_TO_WRITE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Make the archive of the local configuration. Exit status 0, also where Spark has to start without one."""
    # A request to end goes the way of Ctrl-C: the JVM ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    try:
        made = build_archive(load_config("local"))
    except (LinnaeusError, OSError) as error:
        print(f"setup: no archive of Spark's classes ({' '.join(str(error).split())[:200]}); starts take longer")
        return 0
    except KeyboardInterrupt:
        return 1
    if made is None:
        print("setup: this Java wrote no archive of Spark's classes; starts take some seconds longer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
