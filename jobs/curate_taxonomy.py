"""A person's decisions on the tree of topics, from a small YAML file, as a new version; or taken back by another one.

    python -m jobs.curate_taxonomy --set taxonomy.curation=FILE     accept, rename, merge, move, retire or add nodes
    python -m jobs.curate_taxonomy --set taxonomy.take_back=N       undo what version N changed

What N changed is undone by a version that has the tree of version N - 1 again. Where N is not the newest all from N on
are undone, unless a discovery is among these: what it found was built on N.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame

from jobs._taxonomy import (
    CURATION,
    DISCOVERY,
    TAKE_BACK,
    WRITTEN,
    InForce,
    assignments_at,
    assignments_in_force,
    changes_after,
    in_force,
    last_seen,
    put_in_force,
    representatives_at,
    restored,
    tree_at,
    version_rows,
    with_sizes,
)
from jobs._taxonomy_page import write_page
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.taxonomy.curating import History, apply
from linnaeus.taxonomy.curation import Curation, read_curation
from linnaeus.taxonomy.placements import moved_assignments
from linnaeus.taxonomy.tree import Tree
from linnaeus.taxonomy.versions import resolve as become
from linnaeus.taxonomy.versions import taken_back

JOB = "curate_taxonomy"


def main(config: Config) -> JobResult:
    """Apply a file, or take versions back. Raises ConfigurationError, before anything is written, where that can't be
    done whole."""
    file, version = config.taxonomy.curation, config.taxonomy.take_back
    if (file is None) == (version is None):
        raise ConfigurationError(
            "set one of the two: taxonomy.curation (a YAML file to apply) or taxonomy.take_back (a version to undo)"
        )
    curation = None if file is None else read_curation(_text(file), file)
    lake = Lake(build_session(config), config)
    now = in_force(lake)
    if now is None:
        raise ConfigurationError("gold.taxonomy_versions: no version is there yet; run discover_taxonomy before")
    if curation is not None:
        return _curate(lake, config, curation, now)
    assert version is not None
    return _take_back(lake, config, version, now)


def _curate(lake: Lake, config: Config, curation: Curation, now: InForce) -> JobResult:
    inputs = fingerprint(curation.said)
    if now.row["made_by"] == CURATION and now.inputs == inputs:
        return JobResult(details={"taxonomy": f"version {now.version} is made by {curation.where}: nothing to do"})
    done = apply(curation, now.tree, History(last_seen(lake), changes_after(lake, 0), restored(lake)))
    notes = {f"note {number}": said for number, said in enumerate(done.notes, 1)}
    if done.tree == now.tree:
        return JobResult(details={"taxonomy": f"{curation.where} changes nothing: nothing to do"} | notes)
    moved = moved_assignments(assignments_in_force(lake), done.heirs, list(done.tree.nodes), now.version + 1)
    tree = _measured(lake, done.tree, moved)
    because = ": ".join(said for said in (curation.by, curation.note) if said) or None
    version = put_in_force(
        lake,
        tree,
        done.changes,
        moved,
        None,
        CURATION,
        inputs,
        {"curation": curation.where, "steps": curation.said},
        because,
        now.row[c.EMBEDDER],
        heirs=done.heirs,
        after=now.version,
    )
    said = f"version {version} by {curation.where}: {len(curation.steps)} steps, {len(done.changes)} changes"
    return _result(lake, config, version, tree, {"taxonomy": said} | notes)


def _take_back(lake: Lake, config: Config, number: int, now: InForce) -> JobResult:
    first = number - 1
    if number > now.version:
        raise ConfigurationError(f"taxonomy.take_back: there is no version {number}; the newest is {now.version}")
    if first < 1:
        raise ConfigurationError("taxonomy.take_back: version 1 is the first, there is none before it to go back to")
    if now.row["restores"] == first:
        return JobResult(details={"taxonomy": f"version {now.version} has taken {number} back: nothing to do"})
    rows = version_rows(lake)
    _check_not_built_on(rows, number)
    then, changes = tree_at(lake, first), changes_after(lake, first)
    undone = restored(lake)
    became = {node: become(node, first, changes, undone) for node in then.nodes}
    assignments, how = _assignments_as_of(lake, first)
    if assignments is None:
        assignments = moved_assignments(
            assignments_in_force(lake), _heirs_back(now.tree, then, became), list(then.nodes), now.version + 1
        )
        then = _measured(lake, then, assignments)
    version = put_in_force(
        lake,
        then,
        taken_back(now.tree, then, became),
        assignments,
        representatives_at(lake, first),
        TAKE_BACK,
        fingerprint([TAKE_BACK, number, now.version]),
        {"take_back": number},
        f"versions {number} to {now.version} taken back" if number < now.version else f"version {number} taken back",
        next(row[c.EMBEDDER] for row in rows if row[c.VERSION] == first),
        restores=first,
        after=now.version,
    )
    all_of_them = f"versions {number} to {now.version} are" if number < now.version else f"version {number} is"
    said = f"{all_of_them} taken back: version {version} has the tree of version {first} again"
    return _result(lake, config, version, then, {"taxonomy": said, "contents": how})


def _check_not_built_on(rows: list[Mapping[str, object]], number: int) -> None:
    """Raise ConfigurationError where a discovery has been built on a version that is to be taken back."""
    built = [row[c.VERSION] for row in rows if int(str(row[c.VERSION])) > number and row["made_by"] == DISCOVERY]
    if built:
        raise ConfigurationError(
            f"taxonomy.take_back: version {built[0]} was discovered on what version {number} made; take that one back "
            "before, or undo by a curation file what you do not want"
        )


def _assignments_as_of(lake: Lake, version: int) -> tuple[DataFrame | None, str]:
    """Where contents were, from the history of gold.topic_assignments, and how far that is known."""
    try:
        found = assignments_at(lake, version)
    except ConfigurationError as error:
        return None, f"not known as they were ({error}); those at nodes that are no more are where these came from"
    if found is None:
        return None, "where they were is not known; those at nodes that are no more are where these came from"
    return found, f"placed as they were in version {version}"


def _heirs_back(now: Tree, then: Tree, became: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """For nodes of now that the earlier tree has not: the largest of those that they came from."""
    heirs: dict[str, str] = {}
    for old in sorted(then.nodes, key=lambda one: (-then.nodes[one].size, one)):
        for node in became[old]:
            if node in now.nodes and node not in then.nodes:
                heirs.setdefault(node, old)
    return heirs


def _measured(lake: Lake, tree: Tree, assignments: DataFrame) -> Tree:
    """The tree with sizes and shares of creators as contents are placed; as it is where none are."""
    measured = with_sizes(tree, assignments, lake.read(tables.CONTENT))
    return measured if any(one.size for one in measured) else tree


def _result(lake: Lake, config: Config, version: int, tree: Tree, said: dict[str, str]) -> JobResult:
    placed, page = lake.read(tables.TOPIC_ASSIGNMENTS).count(), write_page(lake, config, version)
    details = said | ({"page": str(page)} if page else {})
    return JobResult(rows_read=placed, rows_written=placed + len(tree), tables=WRITTEN, details=details)


def _text(file: str) -> str:
    path = resolve(file)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"taxonomy.curation: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"taxonomy.curation: {path} is not UTF-8 text") from error


def command() -> None:
    """Entry point of the wheel."""
    exit_with(JOB, main)


if __name__ == "__main__":
    command()
