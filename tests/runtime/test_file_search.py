"""A search through files: what is found where, what is no find, and what is taken out."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linnaeus.contracts import tables
from linnaeus.contracts.hashed_ids import CREATOR, ITEM, TEXT, Hasher
from linnaeus.runtime.file_search import Wanted, is_distinctive, search_file, search_folder, search_table, take_out

HASHER = Hasher("salt", "secret")
GONE = [(CREATOR, "ann"), (CREATOR, "creator-0042"), (ITEM, "7"), (ITEM, "post-0001"), (TEXT, "ab" * 32)]
WANTED = Wanted(frozenset(HASHER.of(*one) for one in GONE), HASHER)


def where(file: Path, wanted: Wanted = WANTED) -> list[str]:
    return [hit.where for hit in search_file(file, wanted)]


def parquet(folder: Path, **columns: object) -> Path:
    file = folder / f"part-{len(list(folder.iterdir()))}.parquet"
    pq.write_table(pa.table(columns), file)
    return file


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"creator_id": ["bob", None, "ann"]}, ["creator_id"]),
        ({"creator_id": ["7", "post-0001"], "label": ["ann", "7"]}, []),  # ids of another kind
        ({"creator_id": ["7"], "label": ["ann"]}, []),
        ({"content_id": ["7"], "item_id": ["8"]}, ["content_id"]),
        ({"content_hash": ["ab" * 32], "embedder": ["ab" * 32]}, ["content_hash"]),
        ({"reason": ["as creator-0042 said"]}, ["reason"]),
        # Others may name whom they like.
        ({"body": ["creator-0042"], "tokens": [["creator-0042"]], "title": ["ann"]}, []),
        ({"details": [{"who": "creator-0042"}]}, ["who"]),
        ({"shares": pa.array([[("creator-0042", 1.0)]], pa.map_(pa.string(), pa.float32()))}, ["shares"]),
        ({"ids": [[["x"], ["post-0001"]]]}, ["ids"]),
        ({"n": [7], "creator_id": pa.array([None], pa.string())}, []),
        ({"creator_id": pa.array(["bob", "ann"], pa.string_view())}, ["creator_id"]),  # as delta-rs writes texts
        ({"ids": pa.array([["post-0001"]], pa.list_(pa.string_view()))}, ["ids"]),
        ({"creator_id": pa.array(["ann"], pa.large_string())}, ["creator_id"]),
    ],
)
def test_parquet(tmp_path: Path, columns: dict[str, object], found: list[str]) -> None:
    assert where(parquet(tmp_path, **columns)) == found


def test_records_are_searched_by_their_fields(tmp_path: Path) -> None:
    own = WANTED.of_table(tables.QUARANTINE)

    def found(raw: str) -> bool:
        return where(parquet(tmp_path, raw=[raw]), own) == ["raw"]

    assert found('{"creator_id": "ann", "body": "x"}') and found('{"content_id": 7}') and found('{"item_id":"\\u0037"}')
    assert not found('{"creator_id": "7", "body": "ann creator-0042"}')
    assert found('{"creator_id": "creator-0042", "body') and not found("ann wrote")


def test_logs_name_values_in_their_statistics(tmp_path: Path) -> None:
    stats = {"minValues": {"creator_id": "ann", "body": "creator-0042"}, "maxValues": {"creator_id": "zoe"}}
    log = tmp_path / "_delta_log"
    log.mkdir()
    lines = [{"commitInfo": {"operation": "WRITE"}}, {"add": {"path": "p", "stats": json.dumps(stats)}}]
    (log / "0.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (log / "0.crc").write_text(json.dumps({"allFiles": [{"stats": json.dumps(stats)}]}), encoding="utf-8")
    (log / ".0.json.crc").write_bytes(b"crc\0\0\1creator")
    pq.write_table(pa.table({"add": [{"path": "p", "stats": json.dumps(stats)}]}), log / "0.checkpoint.parquet")
    (log / "1.json").write_text('{"commitInfo":{"predicate":"(creator_id = \'creator-0042\')"}}', encoding="utf-8")
    hits = search_table(tmp_path, tables.CONTENT, WANTED)
    assert sorted((hit.file.name, hit.where) for hit in hits) == [
        ("0.checkpoint.parquet", "stats"),
        ("0.crc", "creator_id"),
        ("0.json", "creator_id"),
        ("1.json", "predicate"),
    ]
    assert str(hits[0]).startswith(str(log)) and "ann" not in str(hits[0])


def test_rows_are_taken_out_of_what_people_label(tmp_path: Path) -> None:
    tasks = [
        {"text": "x", "meta": {"item_id": i, "creator_id": who}}
        for i, who in (("1", "bob"), ("2", "ann"), ("7", "bob"))
    ]
    (tmp_path / "queue.jsonl").write_text("".join(json.dumps(one) + "\n" for one in tasks), encoding="utf-8")
    sheet = 'item_id,text,creator_id\n1,"two\nlines, ann",bob\n2,x,ann\n7,y,bob\n'
    (tmp_path / "queue.csv").write_text(sheet, encoding="utf-8")
    (tmp_path / "report.html").write_text("<td>zoe</td><td>ann</td>", encoding="utf-8")
    (tmp_path / "other.html").write_text("<p>ann and bob</p>", encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"\xff\0creator-0042\0")
    assert len(search_folder(tmp_path, WANTED)) == 6
    assert [one.name for one in take_out(tmp_path, WANTED)] == ["model.bin", "queue.csv", "queue.jsonl", "report.html"]
    assert search_folder(tmp_path, WANTED) == [] and take_out(tmp_path, WANTED) == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["other.html", "queue.csv", "queue.jsonl"]
    assert (tmp_path / "queue.csv").read_text(encoding="utf-8") == 'item_id,text,creator_id\n1,"two\nlines, ann",bob\n'
    assert json.loads((tmp_path / "queue.jsonl").read_text(encoding="utf-8")) == tasks[0]
    (tmp_path / "queue.csv").write_text(sheet, encoding="utf-8")
    assert search_folder(tmp_path, WANTED, but=(tmp_path,)) == [] and search_folder(tmp_path / "none", WANTED) == []


def test_what_can_hardly_be_a_word() -> None:
    assert is_distinctive("creator-0042") and is_distinctive("12345678") and not is_distinctive("football")
    assert not is_distinctive("a1") and not is_distinctive("1" * 300)
