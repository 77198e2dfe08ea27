"""Values of people's files, from the file to the table: what is read, what is set aside, and what is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import ingest_bronze
from linnaeus.contracts import tables
from linnaeus.runtime.command import run_command
from linnaeus.runtime.lake import Lake
from tests.jobs.test_ingest_bronze import arguments, json_lines, last_line, settings_of


def test_values_of_files(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids that pandas made doubles join those that are whole; a header line in mid-file; a torn text."""
    posts = tmp_path / "posts"
    posts.mkdir()
    numbers = {"content_id": [101.0, 102.0, None], "creator_id": [7, 7, 7], "views": [12345678.0, None, 950.0]}
    pd.DataFrame(numbers | {"body": ["one", "two", "three"]}).to_parquet(posts / "a.parquet")
    header = "content_id,creator_id,body,published_at\n"
    (posts / "b.csv").write_text(f"{header}20240001.0,7,four,2024-W09-4\n{header}v1.0,7,five,2024-02-29t24:00z\n")
    json_lines(
        posts / "c.jsonl",
        [
            '{"content_id":103.0,"creator_id":7,"body":"six","title":NaN,"views":9.5E2}',
            '{"content_id":{"$oid":"65f0"},"creator_id":7,"body":"seven"}',
            '{"content_id":104,"creator_id":7,"body":"torn \\ud83d"}',
        ],
    )
    votes = tmp_path / "votes.csv"
    votes.write_text("item_id,facet,annotator_id,label\n101.0,category,1.0,sport \n102,risk.spam,1,4.0\n")
    gold = tmp_path / "gold.parquet"
    labels = {"item_id": [101.0, 20240001.0, 1.5, 2.0**53], "facet": "category", "label": "sport"}
    pd.DataFrame(labels).to_parquet(gold)
    words = arguments(tmp_path, content=posts, votes=votes, gold_labels=gold)
    assert run_command("ingest_bronze", ingest_bronze.main, words) == 0
    _, details = last_line(capsys)
    assert details == {
        "content": "9 read, 5 kept (5 new or changed), 4 quarantined, 0 duplicates, 1 with an id such as 101.0 read as "
        "101, 1 with NaN or Infinity read as nothing",
        "votes": "2 read, 2 kept (2 new or changed), 0 quarantined, 0 duplicates, 1 with an id such as 101.0 read as "
        "101, 2 with a label or facet read without blanks or .0",
        "gold_labels": "4 read, 2 kept (2 new or changed), 2 quarantined, 0 duplicates",
    }
    lake = Lake(spark, settings_of(words))
    rows = lake.read(tables.CONTENT).selectExpr("content_id", "views", "title", "string(published_at)").collect()
    assert {tuple(row) for row in rows} == {
        ("101", 12345678, None, None),
        ("102", None, None, None),
        ("103", 950, None, None),
        ("20240001", None, None, "2024-02-29 00:00:00"),
        ("v1.0", None, None, "2024-03-01 00:00:00"),
    }
    aside = lake.read(tables.QUARANTINE).selectExpr("source", "errors[0]", "size(errors)").collect()
    assert sorted(tuple(row) for row in aside) == [
        ("content", "missing_content_id", 1),
        ("content", "repeated_header", 1),
        ("content", "unreadable_body", 1),
        ("content", "unreadable_id", 1),
        ("gold_labels", "unreadable_id", 1),
        ("gold_labels", "unreadable_id", 1),
    ]
    assert {row["item_id"] for row in lake.read(tables.GOLD_LABELS).collect()} == {"101", "20240001"}
    found = {(row["item_id"], row["annotator_id"], row["label"]) for row in lake.read(tables.VOTES).collect()}
    assert found == {("101", "1", "sport"), ("102", "1", "4")}
