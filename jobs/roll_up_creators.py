"""gold.content_profiles to gold.creator_profiles: one row for every creator who is known or has content."""

from __future__ import annotations

from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.creators.roll_up import roll_up
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session


def main(config: Config) -> JobResult:
    """Roll up all creators; rows that would say the same are not written."""
    lake = Lake(build_session(config), config)
    profiles = lake.read(tables.CONTENT_PROFILES)
    rows = roll_up(profiles, lake.read(tables.CREATORS)).withColumn(c.AS_OF, F.current_timestamp())
    written = lake.merge(rows.select(*tables.CREATOR_PROFILES.schema.names), tables.CREATOR_PROFILES).written
    return JobResult(rows_read=profiles.count(), rows_written=written, tables=(tables.CREATOR_PROFILES,))


def command() -> None:
    """Entry point of the wheel."""
    exit_with("roll_up_creators", main)


if __name__ == "__main__":
    command()
