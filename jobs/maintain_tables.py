"""Keeps tables in shape: constraints and tags as declared, few files instead of many, none of long past versions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, Maintain
from linnaeus.contracts.errors import ConfigurationError, ConstraintError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake, TableDetail
from linnaeus.runtime.spark import build_session

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class _Kept:
    """What was done to a table, in words, and the constraints that its rows break."""

    said: str
    broken: str | None


def main(config: Config) -> JobResult:
    """Look after every table that there is. Raises ConstraintError at the end where rows break what is declared."""
    unknown = sorted(set(config.maintain.tables) - set(tables.BY_NAME))
    if unknown:
        raise ConfigurationError(f"maintain.tables: {unknown[0]!r} is no table; known: {', '.join(tables.BY_NAME)}")
    lake = Lake(build_session(config), config)
    there = [table for table in tables.ALL if lake.exists(table)]
    kept = {table.full_name: _keep(lake, table, config.maintain.of(table.full_name)) for table in there}
    if broken := [one.broken for one in kept.values() if one.broken]:
        raise ConstraintError(f"{'; '.join(broken)}; mend or delete them and run it again (all else is done)")
    return JobResult(tables=tuple(there), details={name: one.said for name, one in kept.items()})


def _keep(lake: Lake, table: Table, bounds: Maintain) -> _Kept:
    new, broken = [], None
    try:
        new = lake.constrain(table)
    except ConstraintError as error:
        broken = str(error)
    tags = lake.tag(table)
    before = lake.detail(table)
    after = _compacted(lake, table, bounds, before)
    lake.vacuum([table], bounds.retention_hours)
    said = [f"{before.files} files of {before.size / _MEGABYTE:.1f} MB"]
    said += [f"now {after.files}"] if after != before else []
    said += [f"constraints {', '.join(new)} added"] if new else []
    said += [f"tags {', '.join(tags)} set"] if tags else []
    return _Kept("; ".join(said), broken)


def _compacted(lake: Lake, table: Table, bounds: Maintain, detail: TableDetail) -> TableDetail:
    """The table's files, made into fewer where they are many more than their bytes take.

    Rows are put in order only then, and only in a table of several files: that rewrites all of it, and in one file
    nothing can be left out by its least and greatest values.
    """
    file_bytes = int(bounds.file_megabytes * _MEGABYTE)
    wanted = max(1, math.ceil(detail.size / file_bytes))
    if detail.files - wanted < bounds.spare_files:
        return detail
    is_clustered = "clustering" in detail.features
    z_order = table.layout.z_order if wanted >= bounds.z_order_files and not is_clustered else ()
    lake.optimize(table, file_bytes, z_order)
    return lake.detail(table)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("maintain_tables", main)


if __name__ == "__main__":
    command()
