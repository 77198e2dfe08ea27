"""The check before a job is run: whether an earlier run has left all that it depends on as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linnaeus.contracts.config import Config, resolve
from linnaeus.runtime.job_runs import Runs, SparkRuns
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.small_writes import SmallWrites
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.table_states import NO_TABLE, CatalogStates, FolderStates, States
from linnaeus.runtime.up_to_date import Dependencies, Looker, State, Watch


@dataclass(frozen=True)
class Check:
    """What is known of a job before it runs. Nothing of it starts Spark where the lake is in a folder."""

    job: str
    config: Config
    watch: Watch
    states: States
    runs: Runs

    @staticmethod
    def of(job: str, needs: Dependencies | None, config: Config) -> Check | None:
        """Look at the states of all that a job depends on.

        None where the job runs in any case: it declares nothing, everything is to be done again (`run.full`), its
        batch has a ledger of its own (`run.batch`), or a state can't be known.
        """
        if needs is None or config.run.full or config.run.batch is not None:
            return None
        states, runs = _in_folder(config) or _in_catalog(config)
        watch = Watch.begin(Looker(needs, config, states))
        return None if watch is None else Check(job, config, watch, states, runs)

    @property
    def state(self) -> State:
        """All states as they are before the run."""
        return self.watch.state

    def earlier_run(self) -> str | None:
        """The id of a run on record that left these states."""
        return self.runs.that_left(self.job, self.state)

    def state_after(self) -> State | None:
        """The states that the run has left; None where a later run can't rely on them."""
        return self.watch.state_after()

    def table_versions(self) -> dict[str, int]:
        """Versions of the tables that the job writes."""
        found = {table.full_name: self.states.of(table) for table in self.watch.looker.needs.writes}
        return {name: int(state.partition(" ")[0]) for name, state in found.items() if state != NO_TABLE}

    def append_row(self, row: Mapping[str, Any]) -> None:
        """Add a row to ops.job_runs."""
        self.runs.append(row)


def _in_folder(config: Config) -> tuple[States, Runs] | None:
    if config.lake.root is None:
        return None
    states = FolderStates(resolve(config.lake.root))
    writes = SmallWrites.of(config)
    if writes is None:
        return states, SparkRuns(Lake(build_session(config), config))
    # delta-rs belongs to the extra `local`, and a cluster imports this module as well.
    from linnaeus.runtime.folder_runs import FolderRuns

    return states, FolderRuns(writes)


def _in_catalog(config: Config) -> tuple[States, Runs]:
    """A catalog is only seen through a session, which is there on a cluster before a job begins."""
    lake = Lake(build_session(config), config)
    return CatalogStates(lake), SparkRuns(lake)
