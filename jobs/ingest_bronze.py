"""Files to bronze tables: clean, once each; what can't be kept goes to bronze.quarantine with codes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs._changed_files import Choice, choose, put_on_record
from jobs._counts import Counts
from jobs._erased import hasher_of
from jobs._nothing_kept import refuse
from jobs.dependencies import DEPENDENCIES
from linnaeus.bronze import clean, deduplicate, notes
from linnaeus.bronze.exports.reading import Reading
from linnaeus.bronze.exports.votes import as_votes
from linnaeus.bronze.quarantine import quarantine
from linnaeus.bronze.records import from_json_lines, from_rows
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError, InputError
from linnaeus.contracts.hashed_ids import TEXT, Hasher
from linnaeus.contracts.tables import Table
from linnaeus.erasure.records import KIND_OF_FIELD, without_erased
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.file_record import FileRecord
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.source_files import SourceFile, list_source
from linnaeus.runtime.sources import Part, open_source, reading
from linnaeus.runtime.spark import build_session, cached, cached_apart, detached, side_by_side
from linnaeus.runtime.text_files import How

RULES = 2  # raised when the code makes something else of a record: then all files are read again
_FEW = 200_000  # records that are sent to all executors, to be looked up among those that are stored


@dataclass(frozen=True)
class _Source:
    """How one source is read: its fields, its checks, its table, and the column that tells which row is newest.

    `settings` are those that decide what becomes of a record; times from `late` on win over no others.
    """

    name: str
    path: str
    fields: tuple[str, ...]
    check: Callable[[DataFrame], DataFrame]
    table: Table
    time: str | None
    settings: object
    late: datetime.datetime
    encoding: str

    @property
    def rules(self) -> str:
        """A fingerprint of all that decides what becomes of a record."""
        return fingerprint([RULES, self.fields, self.table.schema.jsonValue(), self.settings, self.encoding])


@dataclass(frozen=True, eq=False)
class _Checked:
    """A source's rows with their codes, cached, how many records there are and what is said of them; of those how many
    are not among the rows, as who they are of was erased. `skipped` are no records, by the reason: what an export has
    beside votes."""

    source: _Source
    choice: Choice
    rows: DataFrame
    total: int
    said: tuple[str, ...]
    erased: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was there."""
        return self.total == 0 and not self.skipped


@dataclass(frozen=True, eq=False)
class _Erased:
    """Hashes of the ids that were erased, cached, and how they were made."""

    hashes: DataFrame
    hasher: Hasher


@dataclass(frozen=True, eq=False)
class _Met:
    """The stored rows that have a key of a source's rows, and maybe others; None where no key is stored.

    They are of `version` or a later one, which is known where not all of the source is read. `may_undo`: rows may take
    the place of those of a file which is not there any more.
    """

    rows: DataFrame | None
    version: int | None
    may_undo: bool


@dataclass(frozen=True, eq=False)
class _Sorted:
    """A source's rows that are kept and those set aside, both cached, and how many records went where."""

    source: _Source
    choice: Choice
    kept: DataFrame
    aside: DataFrame
    has_aside: bool
    counts: Counts
    met: _Met

    @property
    def has_nothing(self) -> bool:
        """Whether all of the source is read, and all records are set aside."""
        counts = self.counts
        n_records = counts.read - counts.erased - sum(counts.skipped.values())
        return not self.choice.is_partial and 0 < counts.quarantined == n_records


def main(config: Config) -> JobResult:
    """Ingest every source that is set. All are opened and counted before any table is written."""
    sources = _sources(config)
    if not sources:
        raise ConfigurationError("sources: none is set; set sources.content (and the like) to a file, folder or glob")
    with ThreadPoolExecutor(1) as early:  # while Spark starts
        listing = early.submit(lambda: [list_source(one.path, config.spark.extra) for one in sources])
        session = build_session(config)
        lake = Lake(session, config)
        record = FileRecord(lake)
        choices = [_choose(record, *one, config.run.full) for one in zip(sources, listing.result(), strict=True)]
    todo = [one for one in zip(sources, choices, strict=True) if one[1].has_something]
    counts = _ingest(lake, config, record, todo)
    if not all(one.is_up_to_date for one in choices):
        put_on_record(record, choices)
    total = reduce(Counts.plus, counts.values(), Counts())
    return JobResult(
        rows_read=total.read,
        rows_written=total.written,
        rows_quarantined=total.quarantined,
        tables=(*[source.table for source in sources], tables.QUARANTINE),
        details={one.source: counts.get(one.source, Counts()).in_words() + one.in_words() for one in choices},
    )


def _choose(record: FileRecord, source: _Source, files: Sequence[SourceFile] | None, is_full: bool) -> Choice:
    """What is to be read of a source. Gold labels have no time, so that each may meet one of any other file."""
    own = Choice(source.name, source.table, source.rules)
    known = record.known(source.name, source.table, source.rules)
    return choose(own, files, known, source.time is None, is_full)


def _ingest(
    lake: Lake, config: Config, record: FileRecord, todo: Sequence[tuple[_Source, Choice]]
) -> dict[str, Counts]:
    """Read what is to be read, and write what comes of it: what is set aside first, then what is kept."""
    opened = [(*one, _open(lake, *one)) for one in todo]
    with ExitStack() as until:
        checked = side_by_side(lambda one: _check(*one, until), opened)
        for one in checked:
            if one.is_empty and not one.choice.is_partial:
                raise InputError(f"sources.{one.source.name}: {one.source.path} is empty; give at least one record")
        erased = _erased(lake, config, until) if checked else None
        checked = side_by_side(lambda one: _without_erased(one, erased, until), checked)
        by_source = side_by_side(lambda one: _sort(lake, one, erased, until), checked)
        for useless in filter(lambda one: one.has_nothing, by_source):
            refuse(useless.source.name, useless.aside, config.ingest.encoding)
        record.write([one.choice.before_it_is_read() for one in by_source if one.met.may_undo])
        now = F.current_timestamp().alias(c.INGESTED_AT)
        if waiting := [one.aside for one in by_source if one.has_aside]:
            aside = reduce(DataFrame.union, waiting).select("*", now)
            lake.merge(aside.select(*tables.QUARANTINE.schema.names), tables.QUARANTINE)
        counts = side_by_side(lambda one: _write(lake, one, now), by_source)
    return {one.source.name: count for one, count in zip(by_source, counts, strict=True)}


def _sources(config: Config) -> list[_Source]:
    labels: dict[str, tuple[str, ...]] = {c.CATEGORY_FACET: config.read_taxonomy().ids}
    labels |= {c.RISK_FACET_PREFIX + area: (c.YES, c.NO, *c.GRADES) for area in config.read_risk().ids}
    ingest, paths = config.ingest, config.sources
    how = Reading(labels, ingest.votes_form, ingest.votes_annotator, ingest.votes_question)
    candidates = [
        ("creators", paths.creators, clean.CREATOR_FIELDS, clean.clean_creators, tables.CREATORS, c.CREATED_AT, None),
        (
            "content",
            paths.content,
            clean.CONTENT_FIELDS,
            lambda records: clean.clean_content(records, ingest.kinds, ingest.max_body_bytes),
            tables.CONTENT,
            c.PUBLISHED_AT,
            [sorted(ingest.kinds), ingest.max_body_bytes],
        ),
        (
            "votes",
            paths.votes,
            clean.VOTE_FIELDS,
            lambda records: clean.clean_votes(as_votes(records, how), labels),
            tables.VOTES,
            c.VOTED_AT,
            asdict(how),
        ),
        (
            "gold_labels",
            paths.gold_labels,
            clean.GOLD_FIELDS,
            lambda records: clean.clean_gold_labels(records, labels),
            tables.GOLD_LABELS,
            None,
            labels,
        ),
    ]
    late = _day_after_tomorrow()
    return [
        _Source(name, path, fields, check, table, time, settings, late, ingest.encoding)
        for name, path, fields, check, table, time, settings in candidates
        if path is not None
    ]


def _day_after_tomorrow() -> datetime.datetime:
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + datetime.timedelta(days=2)


def _open(lake: Lake, source: _Source, choice: Choice) -> list[Part]:
    is_listed = choice.to_read or choice.is_partial
    return _opened(lake, source, choice.to_read if is_listed else None)


def _opened(lake: Lake, source: _Source, only: Sequence[SourceFile] | None) -> list[Part]:
    return open_source(lake.session, f"sources.{source.name}", source.path, only, How(source.fields, source.encoding))


def _check(source: _Source, choice: Choice, parts: list[Part], until: ExitStack) -> _Checked:
    rows = cached(_checked_rows(source, parts), until)
    with reading(f"sources.{source.name}", source.path):
        counted = notes.counted(rows, source.time, source.late)
    kept = rows.where(~notes.is_skipped()) if counted.skipped else rows
    return _Checked(source, choice, kept, counted.n, counted.said, 0, counted.skipped)


def _checked_rows(source: _Source, parts: list[Part]) -> DataFrame:
    """Records of a source with their codes."""
    return source.check(reduce(DataFrame.union, [_records(part, source.fields) for part in parts]))


def _records(part: Part, fields: tuple[str, ...]) -> DataFrame:
    if part.form == "lines":
        return from_json_lines(part.rows, fields)
    return from_rows(part.rows, fields)


def _erased(lake: Lake, config: Config, until: ExitStack) -> _Erased | None:
    """Who was erased; None where nobody was."""
    if not lake.exists(tables.ERASED_IDS):
        return None
    hashes = lake.read(tables.ERASED_IDS).where(F.col(c.KIND) != TEXT).select(c.ID_HASH)
    return _Erased(cached(hashes, until), hasher_of(lake, config))


def _without_erased(checked: _Checked, erased: _Erased | None, until: ExitStack) -> _Checked:
    """A source's rows but those of who was erased: neither to be kept nor to be set aside."""
    if erased is None:
        return checked
    rows = cached(_of_others(checked.source, checked.rows, erased), until)
    return replace(checked, rows=rows, erased=checked.total - rows.count())


def _of_others(source: _Source, rows: DataFrame, erased: _Erased) -> DataFrame:
    columns = [name for name in source.fields if name in KIND_OF_FIELD]
    return without_erased(rows, columns, erased.hashes, erased.hasher)


def _sort(lake: Lake, checked: _Checked, erased: _Erased | None, until: ExitStack) -> _Sorted:
    """What is kept of a source, and what goes to quarantine."""
    source, table = checked.source, checked.source.table
    names = [name for name in table.schema.names if name not in table.stamps]
    checked, met = _meet(lake, checked, erased, until)
    stored = met.rows if met.rows is not None else lake.session.createDataFrame([], table.schema)
    good, bad = _good(checked.rows), checked.rows.where(F.size(c.ERRORS) > 0)
    if source.time is None:
        torn = deduplicate.conflicting_gold(good)
        kept = good.join(torn, list(table.key), "left_anti").select(*names).distinct()
        bad = bad.select(c.RAW, c.RAW_BYTES, c.ERRORS).union(torn.select(c.RAW, c.RAW_BYTES, c.ERRORS))
    else:
        kept = deduplicate.newest(good.select(*names), table.key, source.time, source.late)
        kept = kept if met.rows is None else deduplicate.drop_stale(kept, stored, table.key, source.time, source.late)
    if table is tables.VOTES:
        overruled = deduplicate.superseded_votes(good, kept, stored)
        bad = bad.select(c.RAW, c.RAW_BYTES, c.ERRORS).union(overruled.select(c.RAW, c.RAW_BYTES, c.ERRORS))
    kept, aside = cached(kept, until), cached(quarantine(bad, source.name), until)
    n_kept = kept.count()
    n_aside = aside.agg(F.coalesce(F.sum(c.OCCURRENCES), F.lit(0)).alias("n")).first()["n"]  # type: ignore[index]
    if table is tables.VOTES:  # set aside too, but no record of this run
        aside = aside.union(_replaced(deduplicate.replaced_votes(stored, kept), aside, source.name))
    n_same = checked.total - checked.erased - n_kept - n_aside
    n_read = checked.total + sum(checked.skipped.values())
    counts = Counts(n_read, n_kept, n_aside, n_same, 0, checked.erased, checked.skipped, checked.said)
    has_aside = n_aside > 0 or table is tables.VOTES
    return _Sorted(source, checked.choice, kept, aside, has_aside, counts, met)


def _good(rows: DataFrame) -> DataFrame:
    return rows.where(F.size(c.ERRORS) == 0)


def _meet(lake: Lake, checked: _Checked, erased: _Erased | None, until: ExitStack) -> tuple[_Checked, _Met]:
    """What is stored of a source's keys; where it ties with the rows, with those of the files that are not read."""
    table, choice = checked.source.table, checked.choice
    if not choice.is_partial:
        return checked, _Met(lake.read(table), None, choice.has_lost)
    version = lake.version(table)
    stored = _of_same_keys(lake, checked, until)
    if stored is None:
        return checked, _Met(None, version, False)
    ties = _ties(checked, stored, until)
    may_undo = choice.has_lost and not ties.isEmpty()
    return _with_others(lake, checked, ties, erased, until), _Met(stored, version, may_undo)


def _of_same_keys(lake: Lake, checked: _Checked, until: ExitStack) -> DataFrame | None:
    """The stored rows that have a key of a source's rows, cached; None where all keys are new.

    The keys are looked up first: texts are read only where some are there.
    """
    table = checked.source.table
    key, keys = list(table.key), _good(checked.rows).select(*table.key)
    if lake.are_new(keys, table):
        return None
    stored = lake.read(table)
    if checked.total <= _FEW:
        keys = F.broadcast(keys)
    there = cached_apart(stored.select(*key).join(keys, key, "left_semi"), until)
    n_there = there.count()
    if n_there == 0:
        return None
    return cached_apart(stored.join(F.broadcast(there) if n_there <= _FEW else there, key, "left_semi"), until)


def _ties(checked: _Checked, met: DataFrame, until: ExitStack) -> DataFrame:
    """Keys for which files that are not read decide as well, cached."""
    source, table = checked.source, checked.source.table
    assert source.time is not None  # a source without times is read as a whole
    names = [name for name in table.schema.names if name not in table.stamps]
    own = deduplicate.newest(_good(checked.rows).select(*names), table.key, source.time, source.late)
    return cached_apart(deduplicate.tied(own, met, table.key, source.time, table.compared), until)


def _with_others(lake: Lake, checked: _Checked, keys: DataFrame, erased: _Erased | None, until: ExitStack) -> _Checked:
    """With the rows of these keys from the files that are not read."""
    if keys.isEmpty():
        return checked
    source = checked.source
    others = _opened(lake, source, checked.choice.unchanged)
    # Apart, or the filter would be pushed below all that reads a field, each time with that field's whole expression.
    apart = detached(_checked_rows(source, others))
    found = _good(apart).join(F.broadcast(keys), list(source.table.key), "left_semi")
    if erased is not None:
        found = _of_others(source, found, erased)
    rows = cached(checked.rows.unionByName(found), until)
    with reading(f"sources.{source.name}", source.path):
        return replace(checked, rows=rows, total=checked.erased + rows.count())


def _replaced(votes: DataFrame, aside: DataFrame, source: str) -> DataFrame:
    """In the form of quarantine, those left out that stand there already."""
    return quarantine(votes, source).join(aside.select(c.RECORD_ID), c.RECORD_ID, "left_anti").select(*aside.columns)


def _write(lake: Lake, one: _Sorted, now: Column) -> Counts:
    table = one.source.table
    compared = lake.compared_with(one.met.version) if one.choice.is_partial else lake
    if one.met.rows is None:
        merged = compared.merge(one.kept.select("*", now), table, stored=F.lit(False))
    elif one.choice.is_partial:  # its stored rows are few and cached
        changed = deduplicate.changed(one.kept, one.met.rows, table.key, table.compared).select("*", now)
        merged = compared.merge(changed, table, stored=F.col(deduplicate.IS_STORED))
    else:
        merged = lake.merge(one.kept.select("*", now).select(*table.schema.names), table)
    return replace(one.counts, written=merged.written)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("ingest_bronze", main, (FULL,), needs=DEPENDENCIES["ingest_bronze"])


if __name__ == "__main__":
    command()
