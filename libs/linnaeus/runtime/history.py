"""The log of a table in a folder: its versions, who wrote them, and how those that can't be read are forgotten.

Names and contents of its files are those of Delta's protocol (github.com/delta-io/delta, PROTOCOL.md). A file of a log
is read here where Spark would need a query or more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession

from linnaeus.contracts.errors import LinnaeusError

_NAMES_A_VERSION = re.compile(r"(\d{20})\.(?:json|checkpoint(?:\..+)?\.parquet)")
LOG = "_delta_log"
_INFO = "commitInfo"
NOTE = "userMetadata"  # what Delta calls the text that goes with a commit


@dataclass(frozen=True)
class Commit:
    """A version of a table: what Delta says was done, and the note that the writer gave it (see `Lake.noting`).

    `mode` is that of a WRITE: Append or Overwrite.
    """

    version: int
    operation: str
    note: str | None
    mode: str | None = field(default=None, compare=False)


def newest_version(folder: Path) -> int | None:
    """The newest version of the table in a folder, or None where it has no log.

    What names a version are its commit and its checkpoint.
    """
    log = folder / LOG
    named = (_NAMES_A_VERSION.fullmatch(file.name) for file in log.glob("*")) if log.is_dir() else ()
    return max((int(found[1]) for found in named if found), default=None)


def commits(folder: Path, after: int) -> list[Commit]:
    """The versions of a table after one, the newest first, as far as its log goes back without a gap."""
    newest = newest_version(folder)
    found = []
    for version in range(-1 if newest is None else newest, after, -1):
        try:
            found.append(_commit(version, folder / LOG / f"{version:020d}.json"))
        except FileNotFoundError:  # Delta removes what is older than a checkpoint after a while
            break
    return found


def _commit(version: int, file: Path) -> Commit:
    with file.open(encoding="utf-8") as lines:  # one of them says what was done, before those that name files
        said = next((line for line in lines if line.startswith(f'{{"{_INFO}"')), None)
    info = json.loads(said)[_INFO] if said is not None else {}
    mode = info.get("operationParameters", {}).get("mode")
    return Commit(version, info.get("operation", ""), info.get(NOTE), mode)


def forget_history(folder: Path, checkpoint: Callable[[], object]) -> int:
    """Keep the newest version of the table in a folder and remove all entries of its log before it; how many went.

    Commits name the least and the greatest value of every column of every file, of those that VACUUM has removed too.
    `checkpoint` writes the newest version as one first, from which every reader of Delta begins; entries before one may
    go at any time, the oldest first. Nothing else may write to the table meanwhile. Raises LinnaeusError where no
    checkpoint came about.
    """
    log = folder / LOG
    checkpoint()
    newest = max(version for version in map(_version, log.iterdir()) if version is not None)
    if not any(log.glob(f"{newest:020d}.checkpoint*.parquet")):
        raise LinnaeusError(f"{folder}: its newest version {newest} could not be written as a checkpoint; run it again")
    older = sorted((v, file) for file in log.iterdir() if (v := _version(file)) is not None and v < newest)
    for _, file in older:
        file.unlink(missing_ok=True)
    return len({version for version, _ in older})


def checkpoint_by_spark(session: SparkSession, folder: Path) -> None:
    """Write the newest version of the table in a folder as a checkpoint."""
    jvm = session.sparkContext._jvm
    assert jvm is not None
    # Spark knows of versions that delta-rs wrote only once it has looked at the log again.
    session.read.format("delta").load(str(folder))
    jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session._jsparkSession, str(folder)).checkpoint()


def _version(file: Path) -> int | None:
    """The version that a file of a log is of, or None."""
    found = re.match(r"\.?(\d{20})\.", file.name)
    return int(found[1]) if found else None
