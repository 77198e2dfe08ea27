"""Whether a job has anything to do, told without running it.

A job declares what its result follows from (tables, settings, files, sources, models, code) and where its result is.
The states of all of these together, as a finished run left them, are kept with the run's row in ops.job_runs. A later
run that meets exactly these states would do nothing, so it is not needed. That holds whenever the row was written and
by whatever clock; no order of runs is looked at.

A state is recorded only where nothing that the job reads changed while it ran, and where no other writer touched what
it wrote. A run that was killed records none. Whatever can't be known (a remote source, a writer of another machine)
has no state, and the job runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linnaeus.contracts.config import Config, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.aliases import NO_VERSION, is_own_move
from linnaeus.runtime.code_state import code_state
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.source_files import fingerprint_of_source
from linnaeus.runtime.table_states import States

State = dict[str, str]
_NONE = "none"
_PRESENT, _ABSENT = "present", "absent"


@dataclass(frozen=True)
class OwnRows:
    """Rows of a table that several jobs write: those of which `column` is the value of a setting."""

    table: Table
    column: str
    setting: str


@dataclass(frozen=True)
class Alias:
    """An alias of a registered model, whose name is a setting. With `tags` a changed tag of its version counts too."""

    model: str
    alias: str
    tags: bool = False


@dataclass(frozen=True)
class Dependencies:
    """What the result of a job follows from, and where it is.

    - `reads`, `models`: tables and aliases that are read; `reads_if` adds tables by the settings.
    - `settings`: dotted names of settings, or of sections, whose values count.
    - `files`, `sources`: names of settings that hold a file, or a source; its bytes count.
    - `embedder`: whether the embedder's files and recipe count.
    - `code`: the folder of the jobs' modules, whose bytes count beside the library's.

    The result is in the tables that the job `writes`, in its own `rows` of shared tables, in the aliases that it
    `moves`, and in files that it `leaves`, of which only counts that they are there.
    """

    code: Path
    reads: tuple[Table, ...] = ()
    reads_if: Callable[[Config], Sequence[Table]] = lambda config: ()
    settings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    embedder: bool = False
    models: Callable[[Config], Sequence[Alias]] = lambda config: ()
    writes: tuple[Table, ...] = ()
    rows: tuple[OwnRows, ...] = ()
    moves: tuple[Alias, ...] = ()
    leaves: Callable[[Config], Sequence[Path]] = lambda config: ()


class UnknownStateError(Exception):
    """Something that a job depends on can't be looked at from here, so nobody can say that nothing changed."""


@dataclass(frozen=True)
class Looker:
    """Looks at the states of one job's dependencies."""

    needs: Dependencies
    config: Config
    states: States

    def inputs(self) -> State:
        """States of what the job reads. Raises UnknownStateError; ConfigurationError as the job would."""
        read = (*self.needs.reads, *self.needs.reads_if(self.config))
        found = {f"table {table.full_name}": self.states.of(table) for table in read}
        found |= {f"setting {name}": fingerprint(_plain(_setting(self.config, name))) for name in self.needs.settings}
        found |= {f"file {name}": _file_state(_setting(self.config, name)) for name in self.needs.files}
        found |= {f"source {name}": self._source(_setting(self.config, name)) for name in self.needs.sources}
        if self.needs.embedder:
            found["embedder"] = self._embedder()
        found |= self._aliases(self.needs.models(self.config), "model")
        return found | {"code": code_state(self.needs.code)}

    def results(self) -> State:
        """States of what the job leaves."""
        found = {f"result {table.full_name}": self.states.of(table) for table in self.needs.writes}
        for own in self.needs.rows:
            value = _setting(self.config, own.setting)
            found[f"rows of {own.table.full_name}"] = self.states.of_rows(own.table, own.column, value)
        found |= self._aliases(self.needs.moves, "alias")
        for path in self.needs.leaves(self.config):
            found[f"file {path.name}"] = _PRESENT if path.exists() else _ABSENT
        return found

    def _embedder(self) -> str:
        if self.config.embedder.path is None:
            raise UnknownStateError("embedder.pretrained")
        return identity(self.config.embedder)

    def _source(self, path: str | None) -> str:
        if path is None:
            return _NONE
        found = fingerprint_of_source(path, self.config.spark.extra)
        if found is None:
            raise UnknownStateError(path)
        return found

    def _aliases(self, wanted: Sequence[Alias], kind: str) -> State:
        if not wanted:
            return {}
        # MLflow takes seconds to import: only for jobs that depend on models.
        from linnaeus.runtime.tracking import Tracking

        tracking = Tracking(self.config)
        names = [(one, _setting(self.config, one.model)) for one in wanted]
        return {
            f"{kind} {model}@{one.alias}": tracking.alias_state(model, one.alias, one.tags) or NO_VERSION
            for one, model in names
        }


@dataclass(frozen=True)
class Watch:
    """The states before a run, to be compared with those after it."""

    looker: Looker
    inputs: State
    results: State

    @staticmethod
    def begin(looker: Looker) -> Watch | None:
        """Look at all states; None where one can't be known."""
        try:
            return Watch(looker, looker.inputs(), looker.results())
        except UnknownStateError:
            return None

    @property
    def state(self) -> State:
        """All states, as they would be recorded."""
        return self.inputs | self.results

    def state_after(self) -> State | None:
        """The states that a finished run left, or None where another writer may have come between."""
        try:
            inputs, results = self.looker.inputs(), self.looker.results()
        except (UnknownStateError, ConfigurationError):
            return None
        if inputs != self.inputs or not self._are_own(results):
            return None
        return inputs | results

    def _are_own(self, results: State) -> bool:
        """Whether nobody else has changed a table that the job writes, or an alias that it moves."""
        needs, states = self.looker.needs, self.looker.states
        names = {f"result {table.full_name}": table for table in needs.writes}
        if not all(states.is_own(table, self.results[name], results[name]) for name, table in names.items()):
            return False
        for one in needs.moves:
            model = _setting(self.looker.config, one.model)
            name = f"alias {model}@{one.alias}"
            if results[name] != self.results[name] and not is_own_move(model, one.alias, _number(results[name])):
                return False
        return True


def _setting(config: Config, name: str) -> Any:
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _file_state(path: str | None) -> str:
    """A hash of the file's bytes; a path that leads nowhere is the job's to complain of."""
    if path is None:
        return _NONE
    place = resolve(path)
    return hashlib.sha256(place.read_bytes()).hexdigest()[:32] if place.is_file() else _ABSENT


def _number(state: str) -> str:
    return state.partition(" ")[0]
