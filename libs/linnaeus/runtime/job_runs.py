"""The rows of ops.job_runs: written after each run, and looked up by the states that a run left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from linnaeus.contracts import schemas
from linnaeus.contracts.tables import JOB_RUNS
from linnaeus.runtime.file_locks import locked
from linnaeus.runtime.lake import Lake

_NEWEST_FILES = 500  # a run adds a file; older ones are not looked at, and their jobs run once more
_COLUMNS = ["run_id", "job", "state"]


class Runs(Protocol):
    """The runs on record."""

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """The id of a run of a job that left exactly these states."""


class FolderRuns:
    """Those of a lake in a folder, read without Spark."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / JOB_RUNS.layer / JOB_RUNS.name

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """Look through the newest files of the table."""
        if not DeltaTable.is_deltatable(str(self._folder)):
            return None
        files = _newest_files(self._folder)
        if not files:
            return None
        found = ds.dataset([str(file) for file in files], schema=_schema(_COLUMNS), format="parquet")
        rows = found.to_table(filter=(pc.field("job") == job) & pc.field("state").is_valid())
        return _first_equal(rows.to_pylist(), state)  # few: one job's runs in the newest files

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows (by column) in one commit."""
        whole = [{name: row.get(name) for name in schemas.JOB_RUNS.names} for row in rows]
        made = pa.Table.from_pylist(whole, schema=_schema(schemas.JOB_RUNS.names))
        with locked(self._root / ".locks" / JOB_RUNS.full_name):
            write_deltalake(str(self._folder), made, mode="append")


class CatalogRuns:
    """Those of a catalog, read by Spark."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """Look through the newest rows of the job."""
        runs = self._lake.read(JOB_RUNS).where((F.col("job") == job) & F.col("state").isNotNull())
        newest = runs.orderBy(F.col("started_at").desc()).select(*_COLUMNS).limit(_NEWEST_FILES)
        return _first_equal([row.asDict() for row in newest.collect()], state)  # few: see limit


def _newest_files(folder: Path) -> list[Path]:
    actions = pa.table(DeltaTable(str(folder)).get_add_actions(flatten=True))
    newest = actions.sort_by([("modification_time", "descending")]).slice(0, _NEWEST_FILES)
    return [folder / unquote(path) for path in newest.column("path").to_pylist()]


def _first_equal(rows: Sequence[Mapping[str, Any]], state: Mapping[str, str]) -> str | None:
    for row in rows:
        if dict(row["state"]) == state:
            return str(row["run_id"])
    return None


def _schema(names: Sequence[str]) -> pa.Schema:
    whole = to_arrow_schema(schemas.JOB_RUNS)
    return pa.schema([whole.field(name) for name in names])
