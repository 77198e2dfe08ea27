"""Files to bronze tables: clean, once each; what can't be kept goes to bronze.quarantine with codes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs._erased import hasher_of
from jobs.dependencies import DEPENDENCIES
from linnaeus.bronze import clean, deduplicate
from linnaeus.bronze.quarantine import quarantine
from linnaeus.bronze.records import from_json_lines, from_rows
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.contracts.hashed_ids import TEXT, Hasher
from linnaeus.contracts.tables import Table
from linnaeus.erasure.records import KIND_OF_FIELD, without_erased
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.sources import BROKEN, Part, open_source, reading
from linnaeus.runtime.spark import build_session, cached, side_by_side


@dataclass(frozen=True)
class _Source:
    """How one source is read: its fields, its checks, its table, and the column that tells which row is newest."""

    name: str
    path: str
    fields: tuple[str, ...]
    check: Callable[[DataFrame], DataFrame]
    table: Table
    time: str | None


@dataclass(frozen=True, eq=False)
class _Checked:
    """A source's rows with their codes, cached, and how many records there are; of those how many are not among the
    rows, as who they are of was erased."""

    source: _Source
    rows: DataFrame
    total: int
    erased: int = 0


@dataclass(frozen=True, eq=False)
class _Erased:
    """Hashes of the ids that were erased, cached, and how they were made."""

    hashes: DataFrame
    hasher: Hasher


@dataclass(frozen=True, eq=False)
class _Sorted:
    """A source's rows that are kept and those set aside, both cached, and how many records went where."""

    source: _Source
    kept: DataFrame
    aside: DataFrame
    counts: _Counts


def main(config: Config) -> JobResult:
    """Ingest every source that is set. All are opened and counted before any table is written."""
    sources = _sources(config)
    if not sources:
        raise ConfigurationError("sources: none is set; set sources.content (and the like) to a file, folder or glob")
    session = build_session(config)
    lake = Lake(session, config)
    opened = [(source, open_source(session, f"sources.{source.name}", source.path)) for source in sources]
    with ExitStack() as until:
        checked = side_by_side(lambda one: _check(*one, until), opened)
        for one in checked:
            if one.total == 0:
                raise InputError(f"sources.{one.source.name}: {one.source.path} is empty; give at least one record")
        if (erased := _erased(lake, config, until)) is not None:
            checked = side_by_side(lambda one: _without_erased(one, erased, until), checked)
        by_source = side_by_side(lambda one: _sort(lake, one, until), checked)
        now = F.current_timestamp().alias(c.INGESTED_AT)
        aside = reduce(DataFrame.union, [one.aside for one in by_source])
        lake.merge(aside.select("*", now).select(*tables.QUARANTINE.schema.names), tables.QUARANTINE)
        counts = side_by_side(lambda one: _write(lake, one, now), by_source)
    total = reduce(_Counts.plus, counts)
    return JobResult(
        rows_read=total.read,
        rows_written=total.written,
        rows_quarantined=total.quarantined,
        tables=(*[source.table for source in sources], tables.QUARANTINE),
        details={one.name: count.in_words() for one, count in zip(sources, counts, strict=True)},
    )


@dataclass(frozen=True)
class _Counts:
    """What became of a source's records: read = kept + quarantined + duplicates + erased."""

    read: int
    kept: int
    quarantined: int
    duplicates: int
    written: int
    erased: int

    def plus(self, other: _Counts) -> _Counts:
        return _Counts(
            self.read + other.read,
            self.kept + other.kept,
            self.quarantined + other.quarantined,
            self.duplicates + other.duplicates,
            self.written + other.written,
            self.erased + other.erased,
        )

    def in_words(self) -> str:
        return (
            f"{self.read} read, {self.kept} kept ({self.written} new or changed), "
            f"{self.quarantined} quarantined, {self.duplicates} duplicates"
            + (f", {self.erased} of erased creators" if self.erased else "")
        )


def _sources(config: Config) -> list[_Source]:
    labels: dict[str, tuple[str, ...]] = {c.CATEGORY_FACET: config.read_taxonomy().ids}
    labels |= {c.RISK_FACET_PREFIX + area: (c.YES, c.NO, *c.GRADES) for area in config.read_risk().ids}
    ingest, paths = config.ingest, config.sources
    candidates = [
        ("creators", paths.creators, clean.CREATOR_FIELDS, clean.clean_creators, tables.CREATORS, c.CREATED_AT),
        (
            "content",
            paths.content,
            clean.CONTENT_FIELDS,
            lambda records: clean.clean_content(records, ingest.kinds, ingest.max_body_bytes),
            tables.CONTENT,
            c.PUBLISHED_AT,
        ),
        (
            "votes",
            paths.votes,
            clean.VOTE_FIELDS,
            lambda records: clean.clean_votes(records, labels),
            tables.VOTES,
            c.VOTED_AT,
        ),
        (
            "gold_labels",
            paths.gold_labels,
            clean.GOLD_FIELDS,
            lambda records: clean.clean_gold_labels(records, labels),
            tables.GOLD_LABELS,
            None,
        ),
    ]
    return [
        _Source(name, path, fields, check, table, time)
        for name, path, fields, check, table, time in candidates
        if path is not None
    ]


def _check(source: _Source, parts: list[Part], until: ExitStack) -> _Checked:
    records = reduce(DataFrame.union, [_records(part, source.fields) for part in parts])
    rows = cached(source.check(records), until)
    with reading(f"sources.{source.name}", source.path):
        return _Checked(source, rows, rows.count())


def _records(part: Part, fields: tuple[str, ...]) -> DataFrame:
    if part.form == "lines":
        return from_json_lines(part.rows, fields)
    return from_rows(part.rows, fields, BROKEN if part.form == "csv" else None)


def _erased(lake: Lake, config: Config, until: ExitStack) -> _Erased | None:
    """Who was erased; None where nobody was."""
    if not lake.exists(tables.ERASED_IDS):
        return None
    hashes = lake.read(tables.ERASED_IDS).where(F.col(c.KIND) != TEXT).select(c.ID_HASH)
    return _Erased(cached(hashes, until), hasher_of(lake, config))


def _without_erased(checked: _Checked, erased: _Erased, until: ExitStack) -> _Checked:
    """A source's rows but those of who was erased: neither to be kept nor to be set aside."""
    columns = [name for name in checked.source.fields if name in KIND_OF_FIELD]
    rows = cached(without_erased(checked.rows, columns, erased.hashes, erased.hasher), until)
    return replace(checked, rows=rows, erased=checked.total - rows.count())


def _sort(lake: Lake, checked: _Checked, until: ExitStack) -> _Sorted:
    """What is kept of a source, and what goes to quarantine."""
    source, table = checked.source, checked.source.table
    names = [name for name in table.schema.names if name not in table.stamps]
    is_good = F.size(c.ERRORS) == 0
    good, bad = checked.rows.where(is_good), checked.rows.where(~is_good)
    if source.time is None:
        torn = deduplicate.conflicting_gold(good)
        kept = good.join(torn, list(table.key), "left_anti").select(*names).distinct()
        bad = bad.select(c.RAW, c.RAW_BYTES, c.ERRORS).union(torn.select(c.RAW, c.RAW_BYTES, c.ERRORS))
    else:
        kept = deduplicate.newest(good.select(*names), table.key, source.time)
        stored = lake.read(table)
        kept = deduplicate.drop_stale(kept, stored, table.key, source.time)
    if table is tables.VOTES:
        overruled = deduplicate.superseded_votes(good, kept, stored)
        bad = bad.select(c.RAW, c.RAW_BYTES, c.ERRORS).union(overruled.select(c.RAW, c.RAW_BYTES, c.ERRORS))
    kept, aside = cached(kept, until), cached(quarantine(bad, source.name), until)
    n_kept = kept.count()
    n_aside = aside.agg(F.coalesce(F.sum(c.OCCURRENCES), F.lit(0)).alias("n")).first()["n"]  # type: ignore[index]
    if table is tables.VOTES:  # set aside too, but no record of this run
        aside = aside.union(_replaced(deduplicate.replaced_votes(stored, kept), aside, source.name))
    n_same = checked.total - checked.erased - n_kept - n_aside
    return _Sorted(source, kept, aside, _Counts(checked.total, n_kept, n_aside, n_same, 0, checked.erased))


def _replaced(votes: DataFrame, aside: DataFrame, source: str) -> DataFrame:
    """In the form of quarantine, those left out that stand there already."""
    return quarantine(votes, source).join(aside.select(c.RECORD_ID), c.RECORD_ID, "left_anti").select(*aside.columns)


def _write(lake: Lake, one: _Sorted, now: Column) -> _Counts:
    table = one.source.table
    merged = lake.merge(one.kept.select("*", now).select(*table.schema.names), table)
    return replace(one.counts, written=merged.written)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("ingest_bronze", main, (FULL,), needs=DEPENDENCIES["ingest_bronze"])


if __name__ == "__main__":
    command()
