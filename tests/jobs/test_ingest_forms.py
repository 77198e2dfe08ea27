"""Sources of other forms, through the job: what can't be read at all is refused, and what can is in the tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from jobs import ingest_bronze
from linnaeus.contracts.config import repository
from linnaeus.runtime.command import run_command
from tests.jobs.test_ingest_bronze import arguments, json_lines, last_line

# Files of which no record can be kept, and what is said of them after `sources.content: no record of it can be kept`.
REFUSED = {
    "other names.csv": (
        b"Content-Id;Author;Text\r\n1;u;x\r\n2;u;y\r\n",
        "(2 missing_body, 2 missing_content_id, 2 missing_creator_id). Columns found: Author, Content-Id, Text. "
        "Give columns of the names body, content_id, creator_id: rename those that hold them.",
    ),
    "other fields.jsonl": (
        b'{"Content_ID":"1","author":"u","body":"x"}\n',
        "(1 missing_content_id, 1 missing_creator_id). Columns found: Content_ID, author, body. "
        "Give columns of the names content_id, creator_id: rename those that hold them.",
    ),
    "latin.csv": (
        "content_id;creator_id;body\r\n1;u;café\r\n".encode("cp1252"),
        "(1 invalid_utf8). Columns found: body, content_id, creator_id. "
        "Set ingest.encoding (it is utf-8; windows-1252, say), or export as UTF-8.",
    ),
    "inside.json": (
        b'{"posts":[{"content_id":"1","creator_id":"u","body":"x"}]}',
        "(1 missing_body, 1 missing_content_id, 1 missing_creator_id). Columns found: posts. "
        "Give columns of the names body, content_id, creator_id: rename those that hold them.",
    ),
    "words.jsonl": (
        b"some words\nand more\n",
        "(2 malformed_record). Give one JSON object a line, an array of objects, or CSV with a header.",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_source_of_which_nothing_can_be_kept(
    spark: SparkSession, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    creators = json_lines(tmp_path / "creators.jsonl", [{"creator_id": "u1"}])
    words = arguments(tmp_path, creators=creators, content=tmp_path / name)
    assert run_command("ingest_bronze", ingest_bronze.main, words) == 2
    assert capsys.readouterr() == (
        "", f"ingest_bronze: sources.content: no record of it can be kept {said}\n"
    )  # fmt: skip
    assert not (tmp_path / "lake").exists()


def test_an_encoding_that_is_set_reads_all_again(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "latin.csv").write_bytes("content_id;creator_id;body\r\n1;u;café\r\n2;u;cafe\r\n".encode("cp1252"))
    words = arguments(tmp_path, content=folder)
    assert run_command("ingest_bronze", ingest_bronze.main, words) == 0
    assert last_line(capsys)[1]["content"] == "2 read, 1 kept (1 new or changed), 1 quarantined, 0 duplicates"
    (folder / "later.csv").write_bytes("content_id;creator_id;body\r\n3;u;é\r\n".encode("cp1252"))
    assert run_command("ingest_bronze", ingest_bronze.main, words) == 0, "a bad new file ends no nightly run"
    last_line(capsys)
    assert run_command("ingest_bronze", ingest_bronze.main, [*words, "--set", "ingest.encoding=Windows-1252"]) == 0
    assert last_line(capsys)[1]["content"].startswith("3 read, 3 kept (2 new or changed), 0 quarantined")
    found = DeltaTable(str(tmp_path / "lake/bronze/content")).to_pyarrow_table().to_pylist()
    assert {row["content_id"]: row["body"] for row in found} == {"1": "café", "2": "cafe", "3": "é"}


def test_folders_by_kind_and_facet(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Spark's partitionBy writes them, in each of its formats."""
    contents = spark.sql("select '1' as content_id, 'u' as creator_id, 'video' as kind, 'a title' as title")
    contents.write.partitionBy("kind").parquet(str(tmp_path / "contents"))
    labels = spark.sql("select '007' as item_id, 'risk.spam' as facet, 'yes' as label")
    labels.write.partitionBy("facet", "item_id").json(str(tmp_path / "labels" / "json"))
    votes = labels.selectExpr("*", "'ann' as annotator_id")
    votes.write.partitionBy("facet").csv(str(tmp_path / "votes"), header=True)
    words = arguments(
        tmp_path, content=tmp_path / "contents", gold_labels=tmp_path / "labels", votes=f"{tmp_path}/votes/facet=*"
    )
    assert run_command("ingest_bronze", ingest_bronze.main, words) == 0
    assert all(said.startswith("1 read, 1 kept") for said in last_line(capsys)[1].values())

    def rows(name: str) -> list[dict[str, object]]:
        return list(DeltaTable(str(tmp_path / "lake/bronze" / name)).to_pyarrow_table().to_pylist())

    assert [(row["content_id"], row["kind"]) for row in rows("content")] == [("1", "video")]
    assert [(row["item_id"], row["facet"]) for row in rows("gold_labels")] == [("007", "risk.spam")]
    assert [(row["item_id"], row["facet"]) for row in rows("votes")] == [("007", "risk.spam")]


@pytest.mark.starts_spark
def test_names_of_any_letters_where_the_locale_is_posix(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "é"
    folder.mkdir()
    json_lines(folder / "無料.jsonl", [{"content_id": "lines", "creator_id": "u", "body": "x"}])
    (folder / "ü.csv").write_text("content_id,creator_id,body\ncsv,u,x\n")
    row = "select 'table' as content_id, 'u' as creator_id, 'x' as body"
    spark.sql(row).coalesce(1).write.parquet(str(folder / "é.parquet"))
    words = arguments(tmp_path, content=folder)
    done = subprocess.run(
        [sys.executable, "-m", "jobs.ingest_bronze", "--env", "local", *words],
        cwd=repository(),
        env={name: value for name, value in os.environ.items() if not name.startswith("LC_")} | {"LC_ALL": "POSIX"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = DeltaTable(str(tmp_path / "lake/bronze/content")).to_pyarrow_table().to_pylist()
    assert {row["content_id"] for row in found} == {"lines", "csv", "table"}
