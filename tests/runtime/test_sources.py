"""Sources as Spark opens them, against the same files as they are listed without it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.errors import InputError
from linnaeus.runtime.source_files import list_source
from linnaeus.runtime.sources import open_source

FILES = (
    "a1.jsonl", "a2.jsonl", "b1.jsonl", "[x] {y}.jsonl", "in/year=2024/c.jsonl", "in/_d/d.jsonl", "in/.e.jsonl",
    "deep/in/f.jsonl", "a,b.jsonl", "z-1.jsonl", "_g.jsonl", "^.jsonl", "!.jsonl", "é 1.jsonl",
)  # fmt: skip
PATTERNS = (
    "", "*", "in", "in/", "*/", "a*", "a?.jsonl", "{a1,b1}.jsonl", "{a{1,2},b1}*", "[ab]1.jsonl", "[a-b]*", "[!a]*1*",
    "[^a]1.jsonl", "[x] {y}.jsonl", "[[]x*", "*/year=*", "{in,deep/in}", "{a1,}*", "a,b*", "[z-]*", "[!^]*", "?.jsonl",
    "*[0-9].jsonl", "deep/../in", "[a", "{a", "nothing", "a1.jsonl/x", "*.*", "é*",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('{"content_id": "a"}\n', encoding="utf-8")
    return tmp_path


def _opened(spark: SparkSession, path: str) -> set[str]:
    """Files that Spark reads; none where it refuses the path."""
    try:
        parts = open_source(spark, "sources.content", path)
    except InputError:
        return set()
    rows = [row for part in parts for row in part.rows.selectExpr("_metadata.file_path as path").distinct().collect()]
    return {unquote(urlparse(row["path"]).path) for row in rows}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_listed_is_what_spark_reads(spark: SparkSession, folder: Path, pattern: str) -> None:
    path = f"{folder}/{pattern}"
    listed = list_source(path) or []
    # A file of a hidden name that a pattern names is listed, and Spark passes over it in silence.
    assert {one.path for one in listed if not Path(one.path).name.startswith("_")} == _opened(spark, path)
