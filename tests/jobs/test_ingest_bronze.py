"""Files to bronze tables: every record is kept, set aside or a duplicate; every kind of file; nothing written twice."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from jobs import ingest_bronze
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import InputError
from linnaeus.contracts.hashed_ids import Hasher
from linnaeus.contracts.tables import Table
from linnaeus.runtime.command import run_command
from linnaeus.runtime.file_record import TakenIn
from linnaeus.runtime.lake import Lake, MergeCounts
from linnaeus.runtime.sources import open_source
from tests.oracles import newest_by_key

SOURCES = ("content", "creators", "votes", "gold_labels")
FULL = ("--set", "run.full=true")
main = ingest_bronze.main
Fields = dict[str, str | None]


def arguments(folder: Path, **sources: Path | str) -> list[str]:
    """Arguments of the command: a lake in `folder`, and these sources alone."""
    said = [f"lake.root={folder / 'lake'}"]
    said += [f"sources.{name}={sources.get(name, 'null')}" for name in SOURCES]
    return [word for setting in said for word in ("--set", setting)]


def settings_of(words: list[str]) -> Config:
    return load_config("local", words[1::2])


def json_lines(path: Path, records: Iterable[dict[str, Any] | str]) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# --- read = kept + quarantined + duplicates + erased, for any mixture, against plain loops


Gone = frozenset[tuple[str, str]]  # kinds and ids of what was erased
NOW = datetime.datetime(2024, 1, 1)


class _Shelf:
    """Stands for the lake: what is stored was given, what is merged is collected."""

    stored: dict[str, list[tuple[Any, ...]]]
    merged: dict[str, list[dict[str, Any]]]
    erased: Gone

    def __init__(self, session: SparkSession, config: Config) -> None:
        self.session = session

    def exists(self, table: Table) -> bool:
        return table is tables.ERASED_IDS and bool(self.erased)

    def read(self, table: Table) -> DataFrame:
        if table is tables.ERASED_IDS:
            hasher = Hasher("salt")
            rows = [(hasher.of(*one), one[0], "whose", "salt", hasher.mark, NOW) for one in sorted(self.erased)]
            return self.session.createDataFrame(rows, table.schema)
        columns = "content_id string, at string"
        given_ = self.session.createDataFrame(self.stored.get(table.full_name, []), columns)
        if table is tables.CONTENT:
            return given_.selectExpr("content_id", "to_timestamp(at) as published_at")
        return self.session.createDataFrame([], table.schema)

    def merge(self, rows: DataFrame, table: Table) -> MergeCounts:
        assert rows.columns == table.schema.names
        found = [row.asDict() for row in rows.collect()]
        self.merged.setdefault(table.full_name, []).extend(found)
        return MergeCounts(inserted=len(found), updated=0)


class _NoRecord:
    """Stands for the record of files: none is on it, and nothing is put there."""

    def __init__(self, lake: _Shelf) -> None:
        self.written: list[TakenIn] = []

    def known(self, source: str, table: Table, rules: str) -> None:
        return None

    def write(self, taken: list[TakenIn]) -> None:
        self.written += taken


TIMES = {"2024-01-01": 1, "2024-01-01T00:00:00Z": 1, "2024-01-02 00:00:00": 2, "2024-01-03T02:00:00+02:00": 3}
BLANK = {None, "", " ", "\u3000", "\u200b"}
LABELS = {"category": {"sport", "tech"}, "risk.spam": {"yes", "no"}}
KEPT = json.dumps(
    {"content_id": "k", "creator_id": "k", "body": "k", "item_id": "k", "facet": "category", "annotator_id": "k"}
    | {"label": "sport", "published_at": "2024-01-03T02:00:00+02:00"}
).encode()
JUNK = [b"null", b"[]", b'{"content_id":', b'{"content_id":"a"} x', b'{"a":1}{"a":2}', b"\xff\xfe", b"words"]


def records_of(**pools: list[Any]) -> st.SearchStrategy[bytes]:
    """Lines of JSON with a value of each pool; None: the field is absent. Now and then junk, or a blank line."""

    def line(values: dict[str, Any]) -> bytes:
        return json.dumps({k: v for k, v in values.items() if v is not None}, ensure_ascii=False).encode()

    good = st.fixed_dictionaries({name: st.sampled_from(pool) for name, pool in pools.items()}).map(line)
    broken = good.map(lambda one: one.replace(b"{", b'{"note":"\xe9",'))
    return st.one_of(good, good, good, good, good, good, broken, st.sampled_from([*JUNK, b"", b" \t"]))


content_lines = records_of(
    content_id=["a", "a", "b", "b", "c", 7, "7", None],
    creator_id=["u", "u", "u", "v", " "],
    kind=[None, "text", "text", "Image", "podcast"],
    title=[None, None, "t"],
    body=["x", "x", "y", "😀", "שלום", None, "\u3000", "n\0"],
    published_at=[None, *TIMES, "soon", ""],
)
vote_lines = records_of(
    item_id=["a", "a", "b", 7, None],
    facet=["category", "category", "risk.spam", "risk.other", ""],
    annotator_id=["ann", "ann", "bob", "\u200b"],
    label=["sport", "sport", "tech", "yes", "no", None],
    voted_at=[None, *TIMES, "late"],
)
gold_lines = records_of(
    item_id=["a", "b", "c", "d", 7, None], facet=["category", "category", "risk.spam"], label=["sport", "tech", "yes"]
)


@dataclass
class Expected:
    """What plain loops make of a source."""

    read: int
    kept: list[tuple[Any, ...]]
    quarantined: Counter[tuple[bytes, tuple[str, ...]]]
    erased: int = 0

    @property
    def in_words(self) -> str:
        n_bad = self.quarantined.total()
        n_same = self.read - len(self.kept) - n_bad - self.erased
        assert n_same >= 0
        n = len(self.kept)
        said = f"{self.read} read, {n} kept ({n} new or changed), {n_bad} quarantined, {n_same} duplicates"
        return said + (f", {self.erased} of erased creators" if self.erased else "")


def parsed(line: bytes) -> tuple[Fields | None, set[str]]:
    """A line's fields as text, or None; and the codes of what is unreadable."""
    codes = set()
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode(errors="replace")
        codes.add("invalid_utf8")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return None, codes | {"malformed_record"}
    return {name: str(value) for name, value in found.items()}, codes


def content_codes(fields: Fields) -> set[str]:
    kind = "text" if fields.get("kind") in BLANK else str(fields["kind"]).lower()
    codes = {f"missing_{name}" for name in ("content_id", "creator_id") if fields.get(name) in BLANK}
    if kind not in {"text", "image"}:
        codes.add("unknown_kind")
    if kind == "text" and fields.get("body") in BLANK:
        codes.add("missing_body")
    if fields.get("published_at") not in {*BLANK, *TIMES}:
        codes.add("unreadable_published_at")
    return codes | ({"nul_byte"} if any("\0" in (value or "") for value in fields.values()) else set())


def label_codes(fields: Fields, *names: str) -> set[str]:
    codes = {f"missing_{name}" for name in names if fields.get(name) in BLANK}
    facet, label = fields.get("facet"), fields.get("label")
    if facet not in BLANK and facet not in LABELS:
        codes.add("unknown_facet")
    if facet in LABELS and label not in BLANK and label not in LABELS[facet]:
        codes.add("unknown_label")
    if fields.get("voted_at") not in {*BLANK, *TIMES}:
        codes.add("unreadable_voted_at")
    return codes


def is_gone(line: bytes, fields: Fields | None, gone: Gone) -> bool:
    """By its ids; what can't be read, by any of its words."""
    if fields is None:
        return bool({name for _, name in gone} & set(re.findall(r"\w+", line.decode(errors="replace"))))
    kinds = {"creator_id": "creator", "content_id": "item", "item_id": "item"}
    return any((kind, fields.get(name)) in gone for name, kind in kinds.items())


def sort_out(
    lines: list[bytes], gone: Gone, codes_of: Callable[[Fields], set[str]]
) -> tuple[Expected, list[tuple[bytes, Fields]]]:
    """What is erased or bad is counted; the good lines are left to their source."""
    records = [line for line in lines if line.strip()]
    expected = Expected(len(records), [], Counter())
    good = []
    for line in records:
        fields, codes = parsed(line)
        if is_gone(line, fields, gone):
            expected.erased += 1
            continue
        codes |= codes_of(fields) if fields is not None else set()
        if codes or fields is None:
            expected.quarantined[line, tuple(sorted(codes))] += 1
        else:
            good.append((line, fields))
    return expected, good


def expect_content(lines: list[bytes], gone: Gone, stored: dict[str, int | None]) -> Expected:
    expected, good = sort_out(lines, gone, content_codes)
    rows = [
        (
            f["content_id"],
            f["creator_id"],
            (f.get("kind") or "text").lower(),
            f.get("title"),
            f.get("body"),
            TIMES.get(f.get("published_at") or ""),
        )
        for _, f in good
    ]
    for row in newest_by_key(rows, key=(0,), time=5):
        time_before = stored.get(str(row[0]))
        if time_before is None or (row[5] is not None and row[5] >= time_before):
            expected.kept.append(row)
    return expected


def expect_votes(lines: list[bytes], gone: Gone) -> Expected:
    names = ("item_id", "facet", "annotator_id", "label")
    expected, good = sort_out(lines, gone, lambda fields: label_codes(fields, *names))
    rows = [(*(f[name] for name in names), TIMES.get(f.get("voted_at") or "")) for _, f in good]
    expected.kept = newest_by_key(rows, key=(0, 1, 2), time=4)
    for (line, _), row in zip(good, rows, strict=True):
        if any(row[:3] == winner[:3] and row[3] != winner[3] for winner in expected.kept):
            expected.quarantined[line, ("superseded_vote",)] += 1
    return expected


def expect_gold(lines: list[bytes], gone: Gone) -> Expected:
    names = ("item_id", "facet", "label")
    expected, good = sort_out(lines, gone, lambda fields: label_codes(fields, *names))
    rows = [tuple(f[name] for name in names) for _, f in good]
    torn = {row[:2] for row in rows if any(row[:2] == other[:2] and row[2] != other[2] for other in rows)}
    expected.kept = [row for row in set(rows) if row[:2] not in torn]
    for (line, _), row in zip(good, rows, strict=True):
        if row[:2] in torn:
            expected.quarantined[line, ("conflicting_gold_label",)] += 1
    return expected


def mixtures(line: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Lines of a source, at least one of which is a record that is kept: a source without any is refused."""
    return st.lists(line, max_size=60).map(lambda lines: [KEPT, *lines])


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an example takes seconds: shrinking one would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    content=mixtures(content_lines),
    votes=mixtures(vote_lines),
    gold=mixtures(gold_lines),
    stored=st.dictionaries(st.sampled_from(["a", "b", "7", "z"]), st.none() | st.integers(1, 3)),
    gone=st.frozensets(
        st.sampled_from([("creator", "u"), ("creator", "v"), ("creator", "a"), ("item", "a"), ("item", "7")])
    ),
)
def test_every_record_is_kept_set_aside_or_a_duplicate(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: list[bytes],
    votes: list[bytes],
    gold: list[bytes],
    stored: dict[str, int | None],
    gone: Gone,
) -> None:
    monkeypatch.setattr(ingest_bronze, "Lake", _Shelf)
    monkeypatch.setattr(ingest_bronze, "FileRecord", _NoRecord)
    _Shelf.merged, _Shelf.erased = {}, gone
    _Shelf.stored = {
        "bronze.content": [(name, None if at is None else f"2024-01-0{at}") for name, at in stored.items()]
    }
    paths = {}
    for name, lines in (("content", content), ("votes", votes), ("gold_labels", gold)):
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(b"\n".join(lines))
    result = ingest_bronze.main(settings_of(arguments(tmp_path, **paths)))

    expected = {
        "content": expect_content(content, gone, stored),
        "votes": expect_votes(votes, gone),
        "gold_labels": expect_gold(gold, gone),
    }
    assert result.details == {name: one.in_words for name, one in expected.items()}
    assert result.rows_read == sum(one.read for one in expected.values())
    assert result.rows_quarantined == sum(one.quarantined.total() for one in expected.values())
    assert result.rows_written == sum(len(one.kept) for one in expected.values())
    for name, one in expected.items():
        columns = {
            "content": ("content_id", "creator_id", "kind", "title", "body", "published_at"),
            "votes": ("item_id", "facet", "annotator_id", "label", "voted_at"),
            "gold_labels": ("item_id", "facet", "label"),
        }[name]
        kept = [
            tuple(getattr(row[column], "day", row[column]) for column in columns)
            for row in _Shelf.merged[f"bronze.{name}"]
        ]
        assert sorted(kept, key=repr) == sorted(one.kept, key=repr)
        aside = {
            (bytes(row["raw_bytes"] or row["raw"].encode()), tuple(row["errors"])): row["occurrences"]
            for row in _Shelf.merged.get("bronze.quarantine", [])
            if row["source"] == name
        }
        assert aside == dict(one.quarantined)


# --- a lake's life: every kind of file, twice the same, then newer and older


def csv_text(*rows: tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def write_contents(spark: SparkSession, folder: Path) -> Path:
    """A folder with all kinds of files; each content's body names where it was."""
    inner = folder / "deep" / "year=2024"
    inner.mkdir(parents=True)
    json_lines(folder / "a[1] b.jsonl", [{"content_id": "lines", "creator_id": "u1", "body": "a[1] b.jsonl"}])
    record = {"content_id": 10, "creator_id": "u2", "body": "gz 😀 שלום", "published_at": "2024-03-01T00:00:00+01:00"}
    with gzip.open(inner / "b.ndjson.gz", "wt", encoding="utf-8") as stream:
        stream.write("\ufeff" + json.dumps(record, ensure_ascii=False) + "\r\n\r\n")
    quoted = 'two\nlines, "quoted"\r\nand, commas'
    (folder / "c.csv").write_text(
        csv_text(("content_id", "creator_id", "body"), ("csv", "u1", quoted), ("bare", "u1", "")), encoding="utf-8"
    )
    other = csv_text(("body", "published_at", "content_id", "creator_id"), ("d.csv", "2024-01-01", "turned", "u3"))
    (folder / "d.csv").write_text("\r\n" + other + "few,fields\r\n", encoding="utf-8", newline="")
    with gzip.open(folder / "e.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write(csv_text(("creator_id", "content_id", "title", "body"), ("u1", "csv.gz", "T", "e.csv.gz")))
    (folder / "latin.csv").write_bytes(b"content_id,creator_id,body\nlatin,u1,caf\xe9\n")
    dated = "select 11L as content_id, 'u4' as creator_id, 'parquet' as body, date'2024-02-02' as published_at"
    spark.sql(dated).coalesce(1).write.parquet(str(folder / "f.parquet"))
    spark.sql("select 12L as content_id, 'u4' as creator_id, 'IMAGE' as kind").write.parquet(str(folder / "g.parquet"))
    for name in (".hidden.jsonl", "_SUCCESS", "empty.csv", "empty.jsonl"):
        (folder / name).write_text("{" if name.startswith(".") else "", encoding="utf-8")
    return folder


def last_line(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The summary, and the details by source."""
    *details, last = capsys.readouterr().out.rstrip("\n").split("\n")
    return json.loads(last), dict(line.split(": ", 1) for line in details)


def test_a_lakes_life(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    creators = tmp_path / "creators.csv"
    creators.write_text(
        csv_text(("creator_id", "name", "about"), ("u1", "Ana", 'says "hi"'), ("u2", "Bo", "old"), ("u2", "Bo", "old")),
        encoding="utf-8",
    )
    vote = {"item_id": "10", "facet": "category", "annotator_id": "ann", "label": "sport", "voted_at": "2024-01-02"}
    votes = json_lines(
        tmp_path / "votes.jsonl",
        [vote, vote | {"label": "tech", "voted_at": "2024-01-01"}, vote | {"label": "chess"}, vote | {"item_id": "11"}],
    )
    gold = {"item_id": "10", "facet": "category", "label": "sport"}
    other = csv_text(("item", "facet", "answer"), ("10", "risk.spam", "no"))
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "other columns.csv").write_text(other, encoding="utf-8")
    json_lines(
        tmp_path / "gold" / "gold.jsonl",
        [gold, gold, gold | {"item_id": "12"}, gold | {"item_id": "12", "label": "tech"}],
    )
    others: dict[str, Path | str] = {"creators": creators, "votes": votes, "gold_labels": tmp_path / "gold"}
    words = arguments(tmp_path, content=write_contents(spark, tmp_path / "content"), **others)
    lake = Lake(spark, settings_of(words))

    assert run_command("ingest_bronze", ingest_bronze.main, words) == 0
    summary, details = last_line(capsys)
    assert details == {
        "creators": "3 read, 2 kept (2 new or changed), 0 quarantined, 1 duplicates",
        "content": "10 read, 7 kept (7 new or changed), 3 quarantined, 0 duplicates; 10 files, 2 empty",
        "votes": "4 read, 2 kept (2 new or changed), 2 quarantined, 0 duplicates",
        "gold_labels": "5 read, 1 kept (1 new or changed), 3 quarantined, 1 duplicates",
    }
    assert (summary["rows_read"], summary["rows_written"], summary["rows_quarantined"]) == (22, 12, 8)
    written = (tables.CREATORS, tables.CONTENT, tables.VOTES, tables.GOLD_LABELS, tables.QUARANTINE)
    assert summary["table_versions"] == {table.full_name: lake.version(table) for table in written}

    times = "string(published_at) as at"
    found = {r["content_id"]: r for r in lake.read(tables.CONTENT).selectExpr("*", times).collect()}
    assert {name: (row["creator_id"], row["kind"], row["body"], row["at"]) for name, row in found.items()} == {
        "lines": ("u1", "text", "a[1] b.jsonl", None),
        "10": ("u2", "text", "gz 😀 שלום", "2024-02-29 23:00:00"),
        "csv": ("u1", "text", 'two\nlines, "quoted"\r\nand, commas', None),
        "turned": ("u3", "text", "d.csv", "2024-01-01 00:00:00"),
        "csv.gz": ("u1", "text", "e.csv.gz", None),
        "11": ("u4", "text", "parquet", "2024-02-02 00:00:00"),
        "12": ("u4", "image", None, None),
    }
    aside = {
        (row["source"], tuple(row["errors"])): row["raw"] for row in lake.read(tables.QUARANTINE).collect()
    }  # the two conflicting gold labels share a place
    assert aside == {
        ("content", ("missing_body",)): '{"content_id":"bare","creator_id":"u1"}',
        ("content", ("malformed_record",)): "few,fields",
        ("content", ("invalid_utf8",)): '{"content_id":"latin","creator_id":"u1","body":"caf\ufffd"}',
        ("votes", ("superseded_vote",)): json.dumps(vote | {"label": "tech", "voted_at": "2024-01-01"}),
        ("votes", ("unknown_label",)): json.dumps(vote | {"label": "chess"}),
        ("gold_labels", ("missing_item_id", "missing_label")): '{"item":"10","facet":"risk.spam","answer":"no"}',
        ("gold_labels", ("conflicting_gold_label",)): aside["gold_labels", ("conflicting_gold_label",)],
    }
    assert lake.read(tables.QUARANTINE).count() == 8
    about = {row["creator_id"]: row["about"] for row in lake.read(tables.CREATORS).collect()}
    assert about == {"u1": 'says "hi"', "u2": "old"}
    labels = {(row["item_id"], row["label"]) for row in lake.read(tables.VOTES).collect()}
    assert labels == {("10", "sport"), ("11", "sport")}
    assert [(r["item_id"], r["label"]) for r in lake.read(tables.GOLD_LABELS).collect()] == [("10", "sport")]

    # A later file: what is newer replaces, what is older is a duplicate; what was undated stays open to a date. The
    # other sources are the same again, and their tables get no new version.
    later = {"creator_id": "u9", "body": "later"}
    newer, older = later | {"content_id": "10", "published_at": "2024-03-02"}, later | {"content_id": "turned"}
    second = json_lines(
        tmp_path / "second.jsonl",
        [newer, older, older | {"published_at": "2023-12-31"}, later | {"content_id": "csv", "published_at": "2020"}],
    )
    assert run_command("ingest_bronze", main, [*arguments(tmp_path, content=second, **others), *FULL]) == 0
    next_, said = last_line(capsys)
    assert said["content"] == "4 read, 2 kept (2 new or changed), 0 quarantined, 2 duplicates"
    unchanged = ("creators", "votes", "gold_labels")
    assert [said[name] for name in unchanged] == [re.sub(r"\(\d+ new", "(0 new", details[name]) for name in unchanged]
    assert next_["table_versions"]["bronze.content"] > summary["table_versions"]["bronze.content"]
    assert {**next_["table_versions"], "bronze.content": None} == {**summary["table_versions"], "bronze.content": None}
    bodies = {row["content_id"]: row["body"] for row in lake.read(tables.CONTENT).collect()}
    assert bodies == {name: row["body"] for name, row in found.items()} | {"10": "later", "csv": "later"}

    # The same file again writes nothing; unless it is asked for in full, it is not read either.
    assert run_command("ingest_bronze", main, arguments(tmp_path, content=second)) == 0
    unread, said = last_line(capsys)
    assert said == {"content": "0 read, 0 kept (0 new or changed), 0 quarantined, 0 duplicates; 1 files, 1 unchanged"}
    assert unread["table_versions"].items() <= next_["table_versions"].items()
    assert run_command("ingest_bronze", main, [*arguments(tmp_path, content=second), *FULL]) == 0
    third, said = last_line(capsys)
    assert said == {"content": "4 read, 2 kept (0 new or changed), 0 quarantined, 2 duplicates"}
    assert third["rows_written"] == 0 and third["table_versions"].items() <= next_["table_versions"].items()
    assert lake.read(tables.JOB_RUNS).count() == 4


# --- which files a setting names


def ids_of(spark: SparkSession, path: Path | str) -> list[str]:
    found: list[str] = []
    for part in open_source(spark, "sources.content", str(path)):
        column = "get_json_object(value, '$.content_id')" if part.form == "lines" else "string(content_id)"
        found += [row["id"] for row in part.rows.selectExpr(f"{column} as id").collect()]
    return sorted(found)


def test_files_folders_globs_and_delta(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("a1", "a2", "b1"):
        json_lines(tmp_path / f"{name}.jsonl", [{"content_id": name}])
    assert ids_of(spark, tmp_path / "a1.jsonl") == ["a1"]
    assert ids_of(spark, f"file:{tmp_path}/a1.jsonl") == ["a1"]
    assert ids_of(spark, tmp_path / "a*.jsonl") == ["a1", "a2"]
    assert ids_of(spark, tmp_path / "{a1,b1}.jsonl") == ["a1", "b1"]
    assert ids_of(spark, tmp_path) == ["a1", "a2", "b1"]
    delta = tmp_path / "tables" / "d1"
    spark.sql("select 'kept' as content_id").write.format("delta").save(str(delta))
    spark.sql("select 'current' as content_id").write.format("delta").mode("overwrite").save(str(delta))
    assert ids_of(spark, delta) == ["current"], "not the rows that the table no longer has"
    assert ids_of(spark, tmp_path / "tables" / "*") == ["current"]
    with pytest.raises(InputError, match="d1 is a Delta table in a folder"):
        open_source(spark, "sources.content", str(tmp_path))


@pytest.fixture
def damaged(spark: SparkSession, tmp_path: Path) -> dict[str, Path]:
    """Sources that can't be used, by what is wrong with them."""
    folder = tmp_path / "in"
    folder.mkdir()
    made = {
        name: folder / name for name in ("cut.jsonl.gz", "no.parquet", "a.xml", "empty.jsonl", "head.csv", "blank.csv")
    }
    whole = gzip.compress("".join(f'{{"content_id":"{n}"}}\n' for n in range(5000)).encode())
    made["cut.jsonl.gz"].write_bytes(whole[: len(whole) // 2])
    made["no.parquet"].write_bytes(b"PAR1 not really")
    made["a.xml"].write_text("<a/>", encoding="utf-8")
    made["empty.jsonl"].write_text("\n \n", encoding="utf-8")
    made["head.csv"].write_text("content_id,creator_id,body\n", encoding="utf-8")
    made["blank.csv"].write_text("\n\n", encoding="utf-8")
    (folder / "none").mkdir()
    for name, content_id in (("a", "1"), ("b", "'1'")):
        spark.sql(f"select {content_id} as content_id").write.parquet(str(folder / "mixed" / name))
    made |= {"mixed": folder / "mixed"}
    return made | {"missing": folder / "missing.jsonl", "no match": folder / "*.tsv", "empty folder": folder / "none"}


def test_unusable_sources_are_said_in_one_line_and_nothing_is_written(
    spark: SparkSession, tmp_path: Path, damaged: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    creators = json_lines(tmp_path / "creators.jsonl", [{"creator_id": "u1"}])
    words = {
        "cut.jsonl.gz": "it is damaged: Compressed file ended before the end-of-stream marker was reached. Give",
        "no.parquet": "can't be read: ",
        "mixed": "can't be read: ",
        "a.xml": "is of no known kind; use .jsonl, .json, .csv or .parquet, or a Delta folder",
        "empty.jsonl": "is empty; give at least one record",
        "head.csv": "is empty; give at least one record",
        "blank.csv": "is empty; give at least one record",
        "missing": "does not exist; give a file, a folder or a glob that does",
        "no match": "does not exist; give a file, a folder or a glob that does",
        "empty folder": "holds no files; give JSON Lines, CSV, Parquet or Delta",
    }
    for name, path in damaged.items():
        # The creators are fine, and come first: they must not be written either.
        status = run_command("ingest_bronze", ingest_bronze.main, arguments(tmp_path, creators=creators, content=path))
        said = capsys.readouterr()
        assert (status, said.out) == (2, ""), name
        assert said.err.startswith("ingest_bronze: sources.content: ") and said.err.count("\n") == 1
        assert str(path) in said.err and words[name] in said.err
    assert not (tmp_path / "lake").exists()
    with pytest.raises(InputError):
        ingest_bronze.main(settings_of(arguments(tmp_path, votes=damaged["missing"])))


def test_without_any_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("ingest_bronze", ingest_bronze.main, arguments(tmp_path)) == 2
    assert capsys.readouterr().err == (
        "ingest_bronze: sources: none is set; set sources.content (and the like) to a file, folder or glob\n"
    )
    assert not (tmp_path / "lake").exists()
