"""gold.content_profiles to gold.creator_profiles, one row for every creator who is known or has content, and to
gold.creator_profile_history, what each of them was before."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping

from pyspark.sql import functions as F

from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.creators.evidence import pool
from linnaeus.creators.history import revisions
from linnaeus.creators.modality import by_kind_and_node
from linnaeus.creators.roll_up import roll_up
from linnaeus.runtime.command import FULL, INPUTS, JobResult, exit_with, last_run_of
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.ledger import SETTINGS, Inputs, Ledger, inputs_hash, table_inputs, versions_of
from linnaeus.runtime.spark import build_session, cached

JOB = "roll_up_creators"
_READ = (tables.CONTENT_PROFILES, tables.CONTENT, tables.CREATORS)
_WRITTEN = (tables.CREATOR_PROFILE_HISTORY, tables.CREATOR_PROFILES)


def main(config: Config) -> JobResult:
    """Roll up all creators, unless what they come from is as it was; rows that would say the same are not written."""
    lake = Lake(build_session(config), config)
    ledger = Ledger.open(lake, config, JOB)
    own_modalities = by_kind_and_node(config.creators.modality, config.read_taxonomy())
    settings = fingerprint([config.creators.model_dump(mode="json"), config.read_taxonomy().parents])
    said: dict[str, str] = {}
    n_read = 0

    def inputs() -> dict[str, str]:
        return table_inputs(lake, _READ) | {SETTINGS: settings}

    def write(noting: Lake, given: Inputs) -> int:
        nonlocal n_read
        said[INPUTS] = inputs_hash(given)
        if not config.run.full and last_run_of(lake, JOB, said[INPUTS]) is not None:
            said["creators"] = "nothing that they come from has changed"
            return 0
        n_read, profiles, in_history = _roll_up(noting, config, own_modalities, given)
        said["creators"] = f"{profiles} profiles written, {in_history} rows of their history"
        return profiles + in_history

    done = ledger.transact(_WRITTEN, inputs, write)
    if done.nothing_to_do is not None:
        said["creators"] = done.nothing_to_do
    return JobResult(n_read, done.rows, tables=_WRITTEN[::-1], details=said, run_id=ledger.run_id)


def _roll_up(
    lake: Lake, config: Config, own_modalities: Mapping[tuple[str, str], str], given: Inputs
) -> tuple[int, int, int]:
    """Contents read, profiles written, and rows of the history."""
    taxonomy, settings = config.read_taxonomy(), config.creators
    snapshot = lake.snapshot([*_READ, tables.CREATOR_PROFILES], versions_of(given))
    profiles, contents, creators, last = map(snapshot.read, [*_READ, tables.CREATOR_PROFILES])
    at = F.lit(datetime.datetime.now(datetime.timezone.utc))
    with contextlib.ExitStack() as until:
        pooled = cached(pool(profiles, contents, settings, own_modalities), until)
        rows = cached(roll_up(pooled, profiles, creators, settings, taxonomy), until)
        # The history first: what a run that is killed in between has not written to the profiles the next one does.
        changed = revisions(rows, last, lake.read(tables.CREATOR_PROFILE_HISTORY), at)
        in_history = lake.merge(changed, tables.CREATOR_PROFILE_HISTORY).written
        stamped = rows.withColumn(c.AS_OF, at).select(*tables.CREATOR_PROFILES.columns)
        written = lake.merge(stamped, tables.CREATOR_PROFILES).written
    return profiles.count(), written, in_history


def command() -> None:
    """Entry point of the wheel."""
    exit_with(JOB, main, (FULL,), needs=DEPENDENCIES[JOB])


if __name__ == "__main__":
    command()
