"""What the jobs that make versions of the tree of topics share: reading the one in force, and putting another in force.

A version is in force once its row stands in gold.taxonomy_versions, and that row is written last: whoever is killed
before leaves rows of a version that is none, which nobody reads by this module and the next run removes.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.errors import ConfigurationError, LinnaeusError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.file_locks import locked
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import side_by_side
from linnaeus.taxonomy.changes import Change, change_id, change_of, in_order
from linnaeus.taxonomy.placements import moved_assignments, moved_representatives
from linnaeus.taxonomy.shares import shares_by_creator, shares_by_week, sizes
from linnaeus.taxonomy.tree import Tree
from linnaeus.taxonomy.versions import rows_of, tree_as_of

DISCOVERY, CURATION, TAKE_BACK, IMPORT = "discovery", "curation", "take_back", "import"  # what makes a version
WRITTEN = (  # by `put_in_force`, in its order
    tables.TAXONOMY_NODES,
    tables.TAXONOMY_CHANGES,
    tables.TOPIC_REPRESENTATIVES,
    tables.TOPIC_ASSIGNMENTS,
    tables.TOPIC_SHARES_BY_WEEK,
    tables.TOPIC_SHARES_BY_CREATOR,
    tables.TAXONOMY_VERSIONS,
)
# Tables of every version's rows; a run that removes what another left comes to the nodes last, by which it knows.
_KEPT = (tables.TAXONOMY_CHANGES, tables.TOPIC_REPRESENTATIVES, tables.TAXONOMY_NODES)
_NOTED = "taxonomy_version"  # in the note of a commit to gold.topic_assignments
_MOST_REPRESENTATIVES = 10  # a node, where it took over those of others
_NO_HEIRS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class InForce:
    """A version of the tree that is or was in force; `row` is that of gold.taxonomy_versions."""

    version: int
    tree: Tree
    row: Mapping[str, Any]

    @property
    def inputs(self) -> str:
        """Fingerprint of what it was made from."""
        return str(self.row["inputs"])


def in_force(lake: Lake) -> InForce | None:
    """The newest version, or None where there is none yet."""
    newest = _newest_row(lake)
    return None if newest is None else InForce(newest[c.VERSION], tree_at(lake, newest[c.VERSION]), newest)


def version_rows(lake: Lake) -> list[Mapping[str, Any]]:
    """Rows of gold.taxonomy_versions, the oldest first."""
    rows = lake.read(tables.TAXONOMY_VERSIONS).orderBy(c.VERSION).collect()  # few: one a version
    return [row.asDict() for row in rows]


def tree_at(lake: Lake, version: int) -> Tree:
    """The tree as it was in a version. Raises ConfigurationError where there was no such version."""
    if lake.read(tables.TAXONOMY_VERSIONS).where(F.col(c.VERSION) == version).isEmpty():
        raise ConfigurationError(f"gold.taxonomy_versions: there is no version {version} of the taxonomy")
    rows = lake.read(tables.TAXONOMY_NODES).where(F.col(c.VERSION) == version).collect()  # few: one a node
    return tree_as_of([row.asDict() for row in rows], version)


def changes_after(lake: Lake, version: int) -> list[tuple[int, Change]]:
    """Changes that later versions brought, each with its version: what `versions.resolve` takes."""
    newest = _newest_row(lake)
    until = 0 if newest is None else newest[c.VERSION]
    later = lake.read(tables.TAXONOMY_CHANGES).where((F.col(c.VERSION) > version) & (F.col(c.VERSION) <= until))
    rows = later.orderBy(c.VERSION, c.CHANGE_ID).collect()  # few: some a node and version
    return [change_of(row.asDict()) for row in rows]


def last_seen(lake: Lake) -> dict[str, int]:
    """Ids of nodes of any version, with the newest that has them: none is given to another node ever."""
    newest = _newest_row(lake)
    until = 0 if newest is None else newest[c.VERSION]
    nodes = lake.read(tables.TAXONOMY_NODES).where(F.col(c.VERSION) <= until)
    rows = nodes.groupBy(c.NODE_ID).agg(F.max(c.VERSION).alias(c.VERSION)).collect()  # few: one a node
    return {row[c.NODE_ID]: row[c.VERSION] for row in rows}


def restored(lake: Lake) -> dict[int, int]:
    """Versions that took up an earlier one's tree again, with that one: what `versions.resolve` takes."""
    return {row[c.VERSION]: row["restores"] for row in version_rows(lake) if row["restores"] is not None}


def assignments_in_force(lake: Lake) -> DataFrame:
    """Where contents are in the version in force, whatever a run that was killed has left; no rows where none is.

    Raises ConfigurationError where only the table's history has them, and VACUUM has removed that.
    """
    newest = _newest_row(lake)
    stored = lake.read(tables.TOPIC_ASSIGNMENTS)
    if newest is None:
        return stored.limit(0)
    if stored.where(F.col(c.VERSION) != newest[c.VERSION]).isEmpty():
        return stored
    found = assignments_at(lake, newest[c.VERSION])
    return stored.limit(0) if found is None else found


def assignments_at(lake: Lake, version: int) -> DataFrame | None:
    """Where contents were in a version, from the history of gold.topic_assignments; None where it does not tell.

    Contents that are not placed any more (those of an erased creator) are left out. Raises ConfigurationError where
    VACUUM has removed that part of the history.
    """
    for commit in lake.commits(tables.TOPIC_ASSIGNMENTS, None):
        if _noted(commit.note) == version:
            then = lake.read(tables.TOPIC_ASSIGNMENTS, version=commit.version)
            return then.join(lake.read(tables.TOPIC_ASSIGNMENTS).select(c.CONTENT_ID), c.CONTENT_ID, "left_semi")
    return None


def representatives_at(lake: Lake, version: int) -> DataFrame:
    """Contents that show what the nodes of a version are about."""
    return lake.read(tables.TOPIC_REPRESENTATIVES).where(F.col(c.VERSION) == version)


def with_sizes(tree: Tree, assignments: DataFrame, contents: DataFrame) -> Tree:
    """The tree with how many contents are at each node or below it, and the share of creators who have one there."""
    rows = sizes(assignments, contents, tree.parents).collect()  # few: one a node
    found = {row[c.NODE_ID]: row for row in rows}
    return Tree.of(
        replace(one, size=int(found[one.id][c.SIZE]), creator_share=found[one.id][c.CREATOR_SHARE]) for one in tree
    )


def put_in_force(
    lake: Lake,
    tree: Tree,
    changes: Iterable[Change],
    assignments: DataFrame | None,
    representatives: DataFrame | None,
    made_by: str,
    inputs: str,
    settings: Mapping[str, Any],
    note: str | None,
    embedder: str | None,
    *,
    restores: int | None = None,
    heirs: Mapping[str, str] = _NO_HEIRS,
    after: int | None = None,
) -> int:
    """Write a version whole, its shares by week and by creator too, and put it in force: its number.

    `assignments` and `representatives` have the columns of their tables, of which `version` is set here; None: those
    of the version in force, moved to `heirs` (old node to new) where these took over. `inputs` is a fingerprint of what
    it is made from. `after` is the number of the version that it was made from (0: there was none).
    Raises LinnaeusError where another has come into force since: nothing is written then. Two runs of one machine
    wait for each other; elsewhere they must not be started at the same time.
    """
    with _alone(lake):
        before = _newest_row(lake)
        newest = 0 if before is None else int(before[c.VERSION])
        if after is not None and after != newest:
            raise LinnaeusError(f"version {newest} of the taxonomy has come into force meanwhile; run this again")
        version, at = newest + 1, datetime.datetime.now(datetime.timezone.utc)
        known = list(tree.nodes)
        if assignments is None:
            assignments = moved_assignments(assignments_in_force(lake), heirs, known, version)
        if representatives is None:
            before_them = representatives_at(lake, newest)
            representatives = moved_representatives(before_them, heirs, known, version, _MOST_REPRESENTATIVES)
        _remove_leftovers(lake, newest)
        _write_tree(lake, tree, changes, version, at)
        lake.append(_stamped(representatives, version, tables.TOPIC_REPRESENTATIVES), tables.TOPIC_REPRESENTATIVES)
        noting = lake.noting(json.dumps({_NOTED: version}))
        noting.replace(_stamped(assignments, version, tables.TOPIC_ASSIGNMENTS), tables.TOPIC_ASSIGNMENTS)
        _write_shares(lake, tree, version)
        said = json.dumps(dict(settings), sort_keys=True, ensure_ascii=False, default=str)
        row = (version, made_by, at, restores, embedder, inputs, said, note)
        lake.append(lake.session.createDataFrame([row], schemas.TAXONOMY_VERSIONS), tables.TAXONOMY_VERSIONS)
    return version


def _write_tree(lake: Lake, tree: Tree, changes: Iterable[Change], version: int, at: datetime.datetime) -> None:
    nodes = lake.session.createDataFrame(rows_of(tree, version), schemas.TAXONOMY_NODES)
    lake.append(nodes.coalesce(1), tables.TAXONOMY_NODES)
    rows = [
        (change_id(version, one), version, one.kind, list(one.from_ids), list(one.to_ids), one.detail, at)
        for one in in_order(set(changes))
    ]
    if rows:
        written = lake.session.createDataFrame(rows, schemas.TAXONOMY_CHANGES)
        lake.append(written.coalesce(1), tables.TAXONOMY_CHANGES)


def _write_shares(lake: Lake, tree: Tree, version: int) -> None:
    assignments, contents = lake.read(tables.TOPIC_ASSIGNMENTS), lake.read(tables.CONTENT)
    made = (
        (shares_by_week(assignments, contents, tree.parents, version), tables.TOPIC_SHARES_BY_WEEK),
        (shares_by_creator(assignments, contents, tree.parents, version), tables.TOPIC_SHARES_BY_CREATOR),
    )
    side_by_side(lambda one: lake.replace(*one), made)


def _remove_leftovers(lake: Lake, newest: int) -> None:
    """Rows of a version that was never in force: a run was killed. Nodes are the first that are written."""
    if lake.read(tables.TAXONOMY_NODES).where(F.col(c.VERSION) > newest).isEmpty():
        return
    for table in _KEPT:
        lake.delete(lake.read(table).where(F.col(c.VERSION) > newest).select(*table.key), table)


def _stamped(rows: DataFrame, version: int, table: Table) -> DataFrame:
    return rows.withColumn(c.VERSION, F.lit(version).cast("long")).select(*table.columns)


def _newest_row(lake: Lake) -> Mapping[str, Any] | None:
    row = lake.read(tables.TAXONOMY_VERSIONS).orderBy(F.col(c.VERSION).desc()).first()
    return None if row is None else row.asDict()


def _noted(note: str | None) -> int | None:
    """The version of the taxonomy that a commit's note names."""
    try:
        said = json.loads(note or "null")
    except json.JSONDecodeError:
        return None
    version = said.get(_NOTED) if isinstance(said, dict) else None
    return version if isinstance(version, int) else None


@contextlib.contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    """While it is held no other process of this machine makes a version in a lake that is a folder."""
    folder = lake.folder(tables.TAXONOMY_VERSIONS)
    if folder is None:
        yield
        return
    with locked(folder.parents[1] / ".locks" / "taxonomy"):
        yield
