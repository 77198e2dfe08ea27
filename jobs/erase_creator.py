"""Removes a creator, and all that came from them, from every table and from the files that jobs write.

Which rows are theirs the tables say (`traces` in contracts/tables.py). First their ids are remembered as salted hashes
(ops.erased_ids): so an erasure that was cut off is finished by running it again, whatever it had got to, and
ingest_bronze knows what must not come back. Then the rows go, VACUUM removes the files of older versions, the tables'
logs forget them, and a search through all files shows that nothing is left. No other job may write meanwhile.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._erased import hasher_of
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.errors import ConfigurationError, ErasureError, SchemaError
from linnaeus.contracts.hashed_ids import CREATOR, TEXT, Hasher
from linnaeus.contracts.tables import Table, Traces
from linnaeus.erasure.traces import items_of, keys_of, keys_of_texts, remembered
from linnaeus.features.embeddings import SET_ASIDE_BY
from linnaeus.features.text import text
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.file_search import Hit, Wanted, search_folder, search_table, take_out
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached, cached_apart, side_by_side

STARTED, DONE, LEFT = "started", "done", "left"
_MOST_SAID = 20  # places in the line of an error
_SQLITE = "sqlite:///"


@dataclass(frozen=True, eq=False)
class Erasure:
    """One creator's erasure: how ids are hashed, and the row of ops.erasures that is written when it starts."""

    id: str
    creator_id: str
    hasher: Hasher
    started_at: datetime.datetime
    before: Mapping[str, int]  # rows that an earlier run, which was cut off, had found

    @property
    def creator_hash(self) -> str:
        return self.hasher.of(CREATOR, self.creator_id)


def main(config: Config) -> JobResult:
    """Erase. Raises ErasureError where something is found afterwards: then it is to be run again."""
    creator_id = config.erase.creator_id
    if creator_id is None:
        raise ConfigurationError("erase.creator_id is not set; say who is erased, --set erase.creator_id=ID")
    traced = _traced()
    lake = Lake(build_session(config), config)
    with ExitStack() as held:
        erasure = _begun(lake, creator_id, hasher_of(lake, config))
        gone = cached_apart(_remember(lake, erasure, held), held)
        keys = _keys(lake, traced, gone, erasure, held)
        rows = {name: max(n, erasure.before.get(name, 0)) for name, (_, n) in keys.items()}
        _log(lake, config, erasure, STARTED, rows, [])
        _delete(lake, keys)
        files = _take_out(config, _wanted(lake, erasure, gone))
        _purge(lake, config, list(traced))
        if lake.folder(tables.CONTENT) is None:  # the files are the catalog's: its tables are all that can be asked
            again = _keys(lake, traced, gone, erasure, held)
            found = [Hit(Path(name), f"{n} rows") for name, (_, n) in again.items() if n > 0]
        else:
            found = _left(lake, config, list(traced), _wanted(lake, erasure, gone))
        _log(lake, config, erasure, LEFT if found else DONE, rows, files)
    if found:
        more = f" and {len(found) - _MOST_SAID} others" if len(found) > _MOST_SAID else ""
        raise ErasureError(
            f"something of the creator is still in {', '.join(map(str, found[:_MOST_SAID]))}{more}; stop what writes "
            "there and run it again"
        )
    return _result(lake, config, erasure, rows, files)


def _traced() -> dict[Table, Traces]:
    """Tables that can hold something of a creator, and how their rows are found."""
    undeclared = [table.full_name for table in tables.ALL if table.traces is None]
    if undeclared:
        raise SchemaError(f"{', '.join(undeclared)}: no traces are declared (contracts/tables.py); nothing is erased")
    found = {table: table.traces for table in tables.ALL if table.traces is not None}
    return {table: traces for table, traces in found.items() if traces.columns}


def _begun(lake: Lake, creator_id: str, hasher: Hasher) -> Erasure:
    """The erasure of this creator that was cut off, or a new one."""
    creator_hash = hasher.of(CREATOR, creator_id)
    is_open = (F.col("creator_hash") == creator_hash) & (F.col("status") != DONE)
    row = lake.read(tables.ERASURES).where(is_open).orderBy(F.col("started_at").desc()).first()
    if row is not None:
        return Erasure(row["erasure_id"], creator_id, hasher, row["started_at"], row["rows"] or {})
    now = datetime.datetime.now(datetime.timezone.utc)
    return Erasure(uuid.uuid4().hex, creator_id, hasher, now, {})


def _remember(lake: Lake, erasure: Erasure, held: ExitStack) -> DataFrame:
    """Hashes of all that is the creator's (`id_hash`, `kind`), those of an earlier run included; stored before any row
    is deleted."""
    creator_id, hasher = erasure.creator_id, erasure.hasher
    content = lake.read(tables.CONTENT).select(c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH)
    others = content.where(F.col(c.CREATOR_ID) != creator_id)
    of_both = [table for table in tables.ALL if (t := table.traces) and t.creators and (t.contents or t.items)]
    items = reduce(DataFrame.union, [items_of(lake.read(one), one.traces or Traces(), creator_id) for one in of_both])
    ids = items.distinct().join(others, F.col(c.ITEM_ID) == F.col(c.CONTENT_ID), "left_anti")
    own = content.where(F.col(c.CREATOR_ID) == creator_id).select(c.CONTENT_HASH)
    texts = own.join(others.select(c.CONTENT_HASH), c.CONTENT_HASH, "left_anti")
    is_item_too = others.where(F.col(c.CONTENT_ID) == creator_id).isEmpty()
    found = remembered(ids, texts, creator_id, is_item_too, hasher)
    stamped = found.select(
        c.ID_HASH,
        c.KIND,
        F.lit(erasure.creator_hash).alias("creator_hash"),
        F.lit(hasher.salt).alias("salt"),
        F.lit(hasher.mark).alias("secret_mark"),
        F.current_timestamp().alias("erased_at"),
    )
    lake.merge(cached(stamped, held), tables.ERASED_IDS)
    stored = lake.read(tables.ERASED_IDS).where(F.col("creator_hash") == erasure.creator_hash)
    return stored.select(c.ID_HASH, c.KIND)


def _keys(
    lake: Lake, traced: Mapping[Table, Traces], gone: DataFrame, erasure: Erasure, held: ExitStack
) -> dict[str, tuple[DataFrame, int]]:
    """Keys of the rows that go, and how many, by table."""
    ids = gone.where(F.col(c.KIND) != TEXT)
    content = lake.read(tables.CONTENT)
    leaving = keys_of(content, tables.CONTENT, traced[tables.CONTENT], ids, erasure.hasher)
    staying = content.join(leaving, c.CONTENT_ID, "left_anti")

    def keys(table: Table) -> tuple[DataFrame, int]:
        rows, traces = lake.read(table), traced[table]
        if traces.columns == traces.texts:
            found = keys_of_texts(rows, table, traces, staying)
        else:
            found = keys_of(rows, table, traces, ids, erasure.hasher)
        if table is tables.QUARANTINE:
            found = found.union(_texts_set_aside(rows, staying)).distinct()
        kept = cached_apart(found, held)
        return kept, kept.count()

    there = [table for table in traced if lake.exists(table)]
    return {table.full_name: found for table, found in zip(there, side_by_side(keys, there), strict=True)}


def _texts_set_aside(quarantine: DataFrame, staying: DataFrame) -> DataFrame:
    """Keys of texts that an embedder failed on, which stand there without an id, and that no content has any more."""
    failed = quarantine.where(F.col(c.SOURCE) == SET_ASIDE_BY)
    texts = staying.select(F.sha2(text(), 256).alias("__kept")).distinct()
    return failed.join(texts, F.sha2(c.RAW, 256) == F.col("__kept"), "left_anti").select(*tables.QUARANTINE.key)


def _delete(lake: Lake, keys: Mapping[str, tuple[DataFrame, int]]) -> None:
    """All tables side by side: in which order does not matter, as the ids are remembered."""
    todo = [(tables.BY_NAME[name], frame) for name, (frame, n) in keys.items() if n > 0]
    side_by_side(lambda one: _delete_from(lake, *one), todo)


def _delete_from(lake: Lake, table: Table, keys: DataFrame) -> None:
    lake.delete(keys, table)
    if lake.marks_rows or lake.folder(table) is None:  # on Unity Catalog rows are marked as deleted by default
        lake.purge_deletion_vectors(table)


def _wanted(lake: Lake, erasure: Erasure, gone: DataFrame) -> Wanted:
    """What must not be found: all hashes but those of texts that another content has by now."""
    kept = lake.read(tables.CONTENT).where(F.col(c.CREATOR_ID) != erasure.creator_id)
    hashed = kept.select(erasure.hasher.column(TEXT, F.col(c.CONTENT_HASH)).alias(c.ID_HASH))
    rows = gone.join(hashed, c.ID_HASH, "left_anti").select(c.ID_HASH).collect()  # few: of one creator
    return Wanted(frozenset(row[c.ID_HASH] for row in rows), erasure.hasher)


def _beside(config: Config) -> list[Path]:
    """Folders that jobs write files to which name contents: reports and what is to be labelled."""
    return [folder for folder in (config.reports_folder, config.review_folder) if folder is not None]


def _take_out(config: Config, wanted: Wanted) -> list[str]:
    """Files that were changed, or removed: reports, which their jobs make anew."""
    return [str(file) for folder in _beside(config) for file in take_out(folder, wanted)]


def _purge(lake: Lake, config: Config, traced: Sequence[Table]) -> None:
    """VACUUM, of all tables that can hold something: an older version of each may have more than the newest."""
    there, hours = [table for table in traced if lake.exists(table)], config.erase.retention_hours
    lake.vacuum(there, hours)
    if hours == 0:
        side_by_side(lake.forget_history, there)


def _left(lake: Lake, config: Config, traced: Sequence[Table], wanted: Wanted) -> list[Hit]:
    """Where something still is: all files of all tables, and all that lies beside them."""
    found: list[Hit] = []
    of_tables = {folder: table for table in tables.ALL if (folder := lake.folder(table)) is not None}
    for folder, table in of_tables.items():
        is_whole = table not in traced or config.erase.retention_hours == 0
        found += search_table(folder, table, wanted, None if is_whole else lake.files(table))
    sources = [resolve(path) for path in config.sources.model_dump().values() if path is not None]
    for folder in _others(config):
        found += search_folder(folder, wanted, but=(*of_tables, *sources))
    return found


def _others(config: Config) -> list[Path]:
    """Where jobs write what is no table: all that lies beside the tables, and what is configured to lie elsewhere."""
    places = [config.checkpoint_folder, config.search_folder, *_beside(config)]
    places += [resolve(path) for path in (config.lake.root, config.tracking.artifacts) if path is not None]
    uris = [uri for uri in (config.tracking.uri, config.registry.uri) if uri is not None and uri.startswith(_SQLITE)]
    places += [resolve(uri.removeprefix(_SQLITE)) for uri in uris]
    given = {place for place in places if place is not None}
    return sorted(one for one in given if not any(one != other and one.is_relative_to(other) for other in given))


def _log(
    lake: Lake, config: Config, erasure: Erasure, status: str, rows: Mapping[str, int], files: Sequence[str]
) -> None:
    ended_at = None if status == STARTED else datetime.datetime.now(datetime.timezone.utc)
    row = (
        erasure.id, erasure.creator_hash, status, erasure.started_at, ended_at, dict(rows), list(files),
        float(config.erase.retention_hours),
    )  # fmt: skip
    lake.merge(lake.session.createDataFrame([row], schemas.ERASURES), tables.ERASURES)


def _result(lake: Lake, config: Config, erasure: Erasure, rows: Mapping[str, int], files: Sequence[str]) -> JobResult:
    n_rows, hours = sum(rows.values()), config.erase.retention_hours
    details = {"erasure": f"{erasure.id}: {n_rows} rows of {sum(n > 0 for n in rows.values())} tables"}
    details |= {name: f"{n} rows" for name, n in rows.items() if n > 0}
    if files:
        details["files"] = ", ".join(files)
    if lake.folder(tables.CONTENT) is None:
        details["searched"] = (
            "the rows of all tables: nothing is left; files and logs are the catalog's, and a log names least and "
            "greatest values of removed files until delta.logRetentionDuration has passed"
        )
    elif hours > 0:
        details["searched"] = (
            f"the newest versions; older ones can be read for {hours:g} hours: run it again after that"
        )
    else:
        details["searched"] = "all files of all tables, their logs, and all files beside: nothing is left"
    details["not undone"] = (
        "the files that sources name; models trained on the texts; versions that training.versions names can't be read "
        "any more"
    )
    return JobResult(
        rows_read=n_rows,
        rows_written=n_rows,
        tables=(*(tables.BY_NAME[name] for name in rows), tables.ERASED_IDS, tables.ERASURES),
        details=details,
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("erase_creator", main)


if __name__ == "__main__":
    command()
