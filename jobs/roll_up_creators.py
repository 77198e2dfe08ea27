"""gold.content_profiles to gold.creator_profiles, one row for every creator who is known or has content, and to
gold.creator_profile_history, what each of them was before."""

from __future__ import annotations

import contextlib
import datetime

from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.creators.evidence import pool
from linnaeus.creators.history import revisions
from linnaeus.creators.modality import by_kind_and_node
from linnaeus.creators.roll_up import roll_up
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached

_READ = (tables.CONTENT_PROFILES, tables.CONTENT, tables.CREATORS, tables.CREATOR_PROFILES)


def main(config: Config) -> JobResult:
    """Roll up all creators; rows that would say the same are not written."""
    lake = Lake(build_session(config), config)
    taxonomy, settings = config.read_taxonomy(), config.creators
    own_modalities = by_kind_and_node(settings.modality, taxonomy)
    profiles, contents, creators, last = map(lake.snapshot(_READ).read, _READ)
    at = F.lit(datetime.datetime.now(datetime.timezone.utc))
    with contextlib.ExitStack() as until:
        pooled = cached(pool(profiles, contents, settings, own_modalities), until)
        rows = cached(roll_up(pooled, profiles, creators, settings, taxonomy), until)
        # The history first: what a run that is killed in between has not written to the profiles the next one does.
        changed = revisions(rows, last, lake.read(tables.CREATOR_PROFILE_HISTORY), at)
        in_history = lake.merge(changed, tables.CREATOR_PROFILE_HISTORY).written
        stamped = rows.withColumn(c.AS_OF, at).select(*tables.CREATOR_PROFILES.columns)
        written = lake.merge(stamped, tables.CREATOR_PROFILES).written
    return JobResult(
        rows_read=profiles.count(),
        rows_written=written + in_history,
        tables=(tables.CREATOR_PROFILES, tables.CREATOR_PROFILE_HISTORY),
        details={"creators": f"{written} profiles written, {in_history} rows of their history"},
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("roll_up_creators", main)


if __name__ == "__main__":
    command()
