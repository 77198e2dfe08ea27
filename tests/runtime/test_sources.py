"""Sources as they are opened: which files a path names, whatever they are called, and what is read of each."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import os
import shutil
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.bronze.records import from_json_lines, from_rows
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.source_files import SourceFile, list_source
from linnaeus.runtime.sources import open_source, reading
from linnaeus.runtime.text_files import How

NAMES = ("content_id", "creator_id", "kind", "body")
HOW = How(NAMES)
FILES = (
    "a1.jsonl", "a2.jsonl", "b1.jsonl", "[x] {y}.jsonl", "in/year=2024/c.jsonl", "in/_d/d.jsonl", "in/.e.jsonl",
    "deep/in/f.jsonl", "a,b.jsonl", "z-1.jsonl", "_g.jsonl", "^.jsonl", "!.jsonl", "é 1.jsonl",
)  # fmt: skip
PATTERNS = (
    "", "*", "in", "in/", "*/", "a*", "a?.jsonl", "{a1,b1}.jsonl", "{a{1,2},b1}*", "[ab]1.jsonl", "[a-b]*", "[!a]*1*",
    "[^a]1.jsonl", "[[]x*", "*/year=*", "{in,deep/in}", "{a1,}*", "a,b*", "[z-]*", "[!^]*", "?.jsonl", "*/*/*",
    "*[0-9].jsonl", "deep/../in", "[a", "{a", "nothing", "a1.jsonl/x", "*.*", "é*",
)  # fmt: skip
# Names with signs that mean something to a shell, to a URL, to Hadoop or to Spark; the last one is no Unicode.
ODD = (
    "posts-2024-02-29T12:30:05", "a:b", ":", "[x] {y}", "a*b", "what?", "100%", "a%20b", "a#b", "a b", " blank ",
    "back\\slash", "a,b", "a;b", "a'b\"c", "+", "$HOME", "~", "é", "無料", "e\u0301", "tab\there", "t:[1]{2}*?%#\\",
    os.fsdecode(b"caf\xe9"),
)  # fmt: skip
Fields = dict[str, Any]


def records(spark: SparkSession, path: Path | str, only: Sequence[SourceFile] | None, how: How = HOW) -> DataFrame:
    """Records of a source, of the files that are listed or of those that Spark lists."""
    parts = open_source(spark, "sources.content", str(path), only, how)
    made = [(from_json_lines if part.form == "lines" else from_rows)(part.rows, NAMES) for part in parts]
    return reduce(DataFrame.union, made)


def fields_of(rows: DataFrame) -> list[Fields]:
    """Those that are not null, by id; and the codes of a record that has some."""
    found = [
        {name: value for name, value in (row["fields"].asDict() if row["fields"] else {}).items() if value is not None}
        | ({"errors": row["errors"], "raw": row["raw"]} if row["errors"] else {})
        for row in rows.collect()
    ]
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def json_line(content_id: str, **more: str) -> str:
    return json.dumps({"content_id": content_id} | more, ensure_ascii=False) + "\n"


# --- which files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(json_line(name), encoding="utf-8")
    return made


def test_what_is_listed_is_what_spark_lists(spark: SparkSession, folder: Path) -> None:
    for pattern in PATTERNS:
        path = f"{folder}/{pattern}"
        listed = [one.path.removeprefix(f"{folder}/") for one in list_source(path) or []]
        try:
            found = [one["content_id"] for one in fields_of(records(spark, path, None))]
        except InputError:
            found = []
        assert sorted(listed) == sorted(found), pattern
        hidden = {name for name in listed if any(part.startswith(("_", ".")) for part in name.split("/"))}
        assert not hidden, "a pattern passes over them, as a shell does"


def is_of_spark(name: str) -> bool:
    return name.isprintable() and not name.startswith("t:[1]")  # a colon, and signs of a glob


def test_names_of_any_signs(spark: SparkSession, tmp_path: Path) -> None:
    """In a folder, in a glob, and each by itself; hidden files are read where they are named."""
    spark.sql("select 'parquet' as creator_id").coalesce(1).write.parquet(str(tmp_path / "p"))
    (table,) = (tmp_path / "p").glob("part-*")
    folder = tmp_path / "in"
    folder.mkdir()
    for place, name in enumerate(ODD):
        (folder / f"{name}.jsonl").write_text(json_line(f"jsonl {place}"), encoding="utf-8")
        (folder / f"{name}.csv").write_text(f"content_id\ncsv {place}\n", encoding="utf-8")
        if is_of_spark(name):
            shutil.copy(table, folder / f"{name}.parquet")
    n_tables = sum(map(is_of_spark, ODD))
    expected = sorted(f"{kind} {place}" for kind in ("csv", "jsonl") for place in range(len(ODD)))
    for path in (str(folder), f"{folder}/*"):
        found = fields_of(records(spark, path, list_source(path)))
        assert sorted(one["content_id"] for one in found if "content_id" in one) == expected
        assert sum(one.get("creator_id") == "parquet" for one in found) == n_tables
    alone = [f"{folder}/{name}.jsonl" for name in ODD if name.isprintable()]
    for path in alone:
        assert [one.path for one in list_source(path) or []] == [path]

    for name in ("_g.jsonl", ".h.csv"):
        (tmp_path / name).write_text({"_g.jsonl": json_line("g"), ".h.csv": "content_id\nh\n"}[name])
    hidden = f"{tmp_path}/{{_g.*,.h*}}"
    assert [one["content_id"] for one in fields_of(records(spark, hidden, list_source(hidden)))] == ["g", "h"]
    for name in ("_t.parquet", "t:[1].parquet", "t\n.parquet"):
        shutil.copy(table, tmp_path / name)
        with pytest.raises(InputError, match=r"t.*\.parquet: Spark does not read a file of this name\. Rename it\."):
            records(spark, "", list_source(f"{tmp_path}/{name}"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.zip", "a.zip is an archive. Unpack it, or pack single files by gzip."),
        ("a.jsonl.ZIP", "is an archive"),
        ("a.xlsx", "is of no known kind; use .jsonl, .json, .csv or .parquet"),
        ("a.gz", "is of no known kind"),
        ("jsonl", "is of no known kind"),
        (os.fsdecode(b"caf\xe9.txt"), r"caf\\udce9.txt is of no known kind"),
    ],
)
def test_kinds_that_are_not_read(spark: SparkSession, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_source(spark, "sources.content", "/in", [SourceFile(f"/in/{name}", 1, 1, "0")])


# --- what is read of each


def csv_of(*rows: tuple[str, ...], **how: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, **how).writerows(rows)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_forms(spark: SparkSession, folder: Path) -> list[Fields]:
    """A file of each form, and what is to be read of them."""
    made: dict[str, tuple[bytes, list[Fields]]] = {}

    def add(name: str, content: str | bytes, *expected: Fields) -> None:
        made[name] = (content.encode() if isinstance(content, str) else content, list(expected))

    three = [json_line(name).strip() for name in ("cr", "crlf", "lf")]
    add("ends.jsonl", f"{three[0]}\r{three[1]}\r\n{three[2]}\n", *({"content_id": one} for one in ("cr", "crlf", "lf")))
    add("array.json", f"[{json_line('a1')},\n{json_line('a2')}]", {"content_id": "a1"}, {"content_id": "a2"})
    add("pretty.json", json.dumps({"content_id": "p", "body": "é"}, indent=2), {"content_id": "p", "body": "é"})
    add("lines.Json", json_line("Json"), {"content_id": "Json"})
    add("A.JSONL.GZ", gzip.compress(json_line("GZ").encode()), {"content_id": "GZ"})
    add("b.csv.BZ2", bz2.compress(b"content_id\nBZ2\n"), {"content_id": "BZ2"})
    add("not packed.jsonl.gz", json_line("plain gz"), {"content_id": "plain gz"})
    add("packed.jsonl", gzip.compress(json_line("gz").encode()), {"content_id": "gz"})
    add("empty.csv.gz", b"")
    add("nothing.csv.gz", gzip.compress(b""))
    add("mark.jsonl", "\ufeff" + json_line("mark"), {"content_id": "mark"})
    add("16.jsonl", json_line("16é").encode("utf-16"), {"content_id": "16é"})
    sheet = csv_of((" Content_ID", "Creator ID", "body"), ("s1", "u", "a;b\r\nc"), delimiter=";")
    add("sheet.csv", sheet.encode("utf-16"), {"content_id": "s1", "creator_id": "u", "body": "a;b\r\nc"})
    add("tab.TSV", "content_id\tbody\rtab\tx\r", {"content_id": "tab", "body": "x"})
    add(
        "c1.csv",
        "content_id,body\nc1,x\r\nc2,y\r\n",
        *({"content_id": f"c{n}", "body": b} for n, b in ((1, "x"), (2, "y"))),
    )
    add(
        "c3.csv",
        "content_id,body\r\nc3,x\nc4,y\r",
        *({"content_id": f"c{n}", "body": b} for n, b in ((3, "x"), (4, "y"))),
    )
    lost = ['q2,u2,"he said hello', "q3,u3,fine"]
    add(
        "quote.csv",
        "\n".join(["content_id,creator_id,body", "q1,u1,x", *lost]),
        {"content_id": "q1", "creator_id": "u1", "body": "x"},
        *({"errors": ["malformed_record"], "raw": one} for one in lost),
    )
    add(
        "latin.csv",
        b"content_id,body\nl1,caf\xe9\nl2,cafe\n",
        {
            "content_id": "l1",
            "body": "caf\ufffd",
            "errors": ["invalid_utf8"],
            "raw": '{"content_id":"l1","body":"caf\ufffd"}',
        },
        {"content_id": "l2", "body": "cafe"},
    )
    add("kind=video/creator_id=007/v.jsonl", json_line("v1") + json_line("v2", kind="image"),
        {"content_id": "v1", "kind": "video", "creator_id": "007"},
        {"content_id": "v2", "kind": "image", "creator_id": "007"})  # fmt: skip
    add("kind=video/creator_id=a%2Fb+c/v.csv", "content_id\nv3\n",
        {"content_id": "v3", "kind": "video", "creator_id": "a/b+c"})  # fmt: skip
    add("kind=__HIVE_DEFAULT_PARTITION__/v.json", f"[{json_line('v4')}]", {"content_id": "v4"})
    for name, (content, _) in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    rows = "('t1', 'x', 'audio', '007'), ('t2', 'x', 'a/b: c', null), ('t3', 'x', 'audio', '1e3')"
    tables = spark.sql(f"select * from values {rows} as t(Content_Id, body, kind, creator_id)").coalesce(1)
    tables.write.partitionBy("kind", "creator_id").parquet(str(folder / "tables"))
    shutil.move(next((folder / "tables").rglob("creator_id=1e3/*.parquet")), folder / "tables" / "T3.PARQUET")
    table = [
        {"content_id": "t1", "body": "x", "kind": "audio", "creator_id": "007"},
        {"content_id": "t2", "body": "x", "kind": "a/b: c"},
        {"content_id": "t3", "body": "x"},
    ]
    return [one for _, expected in made.values() for one in expected] + table


# Files that Spark lists are read by their names, but for `.json`.
TOLD_BY_THEIR_BYTES = {"not packed.jsonl.gz": "plain gz", "packed.jsonl": "gz", "16.jsonl": "16é"}


def test_forms(spark: SparkSession, tmp_path: Path) -> None:
    expected = sorted(write_forms(spark, tmp_path), key=lambda one: json.dumps(one, sort_keys=True))
    assert fields_of(records(spark, tmp_path, list_source(str(tmp_path)))) == expected
    for name in TOLD_BY_THEIR_BYTES:
        (tmp_path / name).unlink()
    others = [one for one in expected if one.get("content_id") not in TOLD_BY_THEIR_BYTES.values()]
    assert fields_of(records(spark, tmp_path, None)) == others, "what Spark alone can list is read alike"


def test_an_encoding_that_is_set(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("content_id;body\na;café €\n".encode("cp1252"))
    (tmp_path / "b.jsonl").write_bytes(json_line("b", body="café").encode("cp1252"))
    (tmp_path / "c.jsonl").write_bytes(json_line("c", body="無料").encode("utf-16"))
    for only in (list_source(str(tmp_path)), None):
        found = fields_of(records(spark, tmp_path, only, How(NAMES, "cp1252")))
        assert sorted(one["body"] for one in found) == ["café", "café €", "無料"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"content_id,Content_ID\n1,2\n", "the column content_id stands twice"),
        ("a.jsonl.gz", gzip.compress(json_line("a").encode())[:-5], "it is damaged"),
        ("a.csv", b"PK\x03\x04", "it is a ZIP archive"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "fine.jsonl").write_text(json_line("fine"))
    with pytest.raises(InputError) as error, reading("sources.content", str(tmp_path)):
        records(spark, tmp_path, list_source(str(tmp_path))).count()
    assert str(error.value).startswith(f"sources.content: {tmp_path}/{name}: ") and said in str(error.value)
