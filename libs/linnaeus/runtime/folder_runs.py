"""The rows of ops.job_runs of a lake in a folder, read and written without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql.pandas.types import to_arrow_schema

from linnaeus.contracts import schemas
from linnaeus.contracts.tables import JOB_RUNS
from linnaeus.runtime.job_runs import COLUMNS, MOST, first_equal
from linnaeus.runtime.small_writes import SmallWrites


class FolderRuns:
    """The runs on record. Each run adds a file, until the table is compacted."""

    def __init__(self, writes: SmallWrites) -> None:
        self._writes = writes

    def that_left(self, job: str, state: Mapping[str, str]) -> str | None:
        """The id of a run of a job that left exactly these states, from the newest files of the table."""
        if self._writes.version(JOB_RUNS) is None:
            return None
        files = _newest_files(self._writes.folder(JOB_RUNS))
        if not files:
            return None
        found = ds.dataset([str(file) for file in files], schema=_schema(), format="parquet")
        rows = found.to_table(filter=(pc.field("job") == job) & pc.field("state").is_valid())
        return first_equal(rows.to_pylist(), state)  # few: one job's runs in the newest files

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row, by column."""
        self._writes.append_rows([tuple(row[name] for name in JOB_RUNS.columns)], JOB_RUNS)


def _newest_files(folder: Path) -> list[Path]:
    actions = pa.table(DeltaTable(str(folder)).get_add_actions(flatten=True))
    newest = actions.sort_by([("modification_time", "descending")]).slice(0, MOST)
    return [folder / unquote(path) for path in newest.column("path").to_pylist()]


def _schema() -> pa.Schema:
    whole = to_arrow_schema(schemas.JOB_RUNS)
    return pa.schema([whole.field(name) for name in COLUMNS])
