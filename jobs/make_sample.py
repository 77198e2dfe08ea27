"""Writes the sample's sources (real texts, constructed creators) as files in the form that ingest_bronze reads."""

from __future__ import annotations

from linnaeus.contracts.config import Config, resolve
from linnaeus.runtime.command import JobResult, exit_without_tables
from linnaeus.runtime.sample import write_sample


def main(config: Config) -> JobResult:
    """Write the files, unless they are there already."""
    counts = write_sample(resolve(config.sample.folder), resolve(config.sample.downloads))
    said = {name: f"{n} records" for name, n in counts.items()}
    return JobResult(rows_read=0, rows_written=sum(counts.values()), details=said | {"folder": config.sample.folder})


def command() -> None:
    """Entry point of the wheel."""
    exit_without_tables("make_sample", main)


if __name__ == "__main__":
    command()
