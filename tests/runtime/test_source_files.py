"""The files behind a source, and what their fingerprint notices: names and bytes, no times."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from linnaeus.runtime.source_files import SourceFile, fingerprint_of_files, fingerprint_of_source, list_source

DAY = 86_400 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that are read and, beside them, those that are not."""
    made = tmp_path / "in"
    for name in ("a1.jsonl", "a2.jsonl", "b1.csv", "deep/year=2024/c.jsonl", "[x] {y}.jsonl"):
        _write(made / name, name)
    for name in (".hidden.jsonl", "_SUCCESS", "deep/_temporary/d.jsonl", ".cache/e.jsonl", ".a1.jsonl.crc"):
        _write(made / name, "not read")
    (made / "empty").mkdir()
    return made


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _delta(folder: Path, version: int, commit: str) -> None:
    _write(folder / "_delta_log" / f"{version:020d}.json", commit)


def _names(path: str | Path) -> list[str]:
    """Names of the files of a source."""
    files = list_source(str(path))
    assert files is not None
    return [Path(one.path).name for one in files]


def test_a_folder_gives_all_files_below_it_but_hidden_ones(folder: Path) -> None:
    assert _names(folder) == ["[x] {y}.jsonl", "a1.jsonl", "a2.jsonl", "b1.csv", "c.jsonl"]
    assert _names(f"{folder}/") == _names(folder)
    assert _names(f"{folder}/deep/../") == _names(folder)
    assert _names(folder / "empty") == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a1.jsonl", ["a1.jsonl"]),
        ("a*.jsonl", ["a1.jsonl", "a2.jsonl"]),
        ("a?.jsonl", ["a1.jsonl", "a2.jsonl"]),
        ("{a1,b1}.*", ["a1.jsonl", "b1.csv"]),
        ("{a{1,2},b1}.*", ["a1.jsonl", "a2.jsonl", "b1.csv"]),
        ("[ab]1.*", ["a1.jsonl", "b1.csv"]),
        ("[a-b]1.*", ["a1.jsonl", "b1.csv"]),
        ("[!b]1.*", ["a1.jsonl"]),
        ("[^b]1.*", ["a1.jsonl"]),
        ("*/year=*/c.jsonl", ["c.jsonl"]),
        ("{deep/year=2024,.}/[ac]*", ["a1.jsonl", "a2.jsonl", "c.jsonl"]),
        ("*.tsv", []),
        ("missing.jsonl", []),
        ("a1.jsonl/below", []),
        (".*", [".hidden.jsonl"]),  # a file that a pattern names; Hadoop never names its checksums
    ],
)
def test_globs(folder: Path, pattern: str, expected: list[str]) -> None:
    if pattern == ".*":
        shutil.rmtree(folder / ".cache")
    assert sorted(_names(f"{folder}/{pattern}")) == expected


def test_a_file_is_listed_with_its_size_time_and_hash(folder: Path) -> None:
    os.utime(folder / "a1.jsonl", ns=(DAY, DAY + 1))
    expected = SourceFile(str(folder / "a1.jsonl"), 8, DAY + 1, hashlib.sha256(b"a1.jsonl").hexdigest())
    assert list_source(f"file:{folder}/a1.jsonl") == list_source(f"file://{folder}/a1.jsonl") == [expected]


def test_a_delta_table_is_listed_by_its_newest_version(folder: Path) -> None:
    _delta(folder / "tables" / "d", 0, "first")
    _delta(folder / "tables" / "d", 1, "second")
    _write(folder / "tables" / "d" / "part.parquet", "rows of an older version too")
    (found,) = list_source(str(folder / "tables" / "*")) or []
    assert (found.path, found.version, found.is_delta) == (str(folder / "tables" / "d"), 1, True)
    assert found.sha256 == hashlib.sha256(b"second").hexdigest()


@pytest.mark.parametrize(
    "path", ["s3a://bucket/a.jsonl", "dbfs:/a", "abfss://c@a/b", "file://host/a", "hdfs:/a", "{in}/[a", "{in}/a\\*"]
)
def test_what_spark_alone_can_tell_is_unknown(folder: Path, path: str) -> None:
    named = path.replace("{in}", str(folder))
    assert list_source(named) is None and fingerprint_of_source(named) is None


def test_a_delta_table_below_a_folder_is_unknown(folder: Path) -> None:
    """The job refuses it, and says so."""
    _delta(folder / "deep" / "table", 0, "first")
    assert list_source(str(folder)) is None


def test_a_delta_table_whose_commit_is_not_there_is_unknown(folder: Path) -> None:
    _write(folder / "table" / "_delta_log" / f"{3:020d}.checkpoint.parquet", "state")
    assert list_source(str(folder / "table")) is None


def test_a_file_that_can_not_be_read_is_unknown(folder: Path) -> None:
    (folder / "broken.jsonl").symlink_to(folder / "nowhere")
    assert list_source(str(folder)) is None


def test_where_another_file_system_is_the_default_a_bare_path_is_unknown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"spark.hadoop.fs.defaultFS": "hdfs://name"}
    assert list_source(str(folder), other) is None
    assert list_source(f"file:{folder}", other) is not None
    assert list_source(str(folder), {"spark.hadoop.fs.defaultFS": "file:///"}) is not None
    with monkeypatch.context() as patch:
        patch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")
        assert list_source(str(folder)) is None
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "15.4")
    assert list_source(str(folder)) is None
    assert list_source("/Volumes/a/b/missing") == []


def test_the_fingerprint_is_of_names_and_bytes_alone(folder: Path) -> None:
    before = fingerprint_of_source(str(folder))
    assert before is not None and len(before) == 64
    for file in list_source(str(folder)) or []:
        os.utime(file.path, ns=(DAY, DAY))
    assert fingerprint_of_source(str(folder)) == before


@pytest.mark.parametrize("change", ["bytes", "name", "gone", "new", "hidden"])
def test_what_the_fingerprint_notices(folder: Path, change: str) -> None:
    before, state = fingerprint_of_source(str(folder)), (folder / "a1.jsonl").stat()
    if change == "bytes":  # as many as before, with the time that they had
        (folder / "a1.jsonl").write_text("A1.jsonl")
        os.utime(folder / "a1.jsonl", ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "name":
        (folder / "a1.jsonl").rename(folder / "a9.jsonl")
    elif change == "gone":
        (folder / "a1.jsonl").unlink()
    else:
        shutil.copy2(folder / "a1.jsonl", folder / (".a9.jsonl" if change == "hidden" else "a9.jsonl"))
    assert (fingerprint_of_source(str(folder)) == before) is (change == "hidden")


def test_a_delta_table_made_anew_or_restored_has_another_fingerprint(tmp_path: Path) -> None:
    _delta(tmp_path / "d", 0, "first")
    _delta(tmp_path / "d", 1, "second")
    before = fingerprint_of_source(str(tmp_path / "d"))
    _delta(tmp_path / "d", 2, "RESTORE to version 0")
    restored = fingerprint_of_source(str(tmp_path / "d"))
    shutil.rmtree(tmp_path / "d")
    _delta(tmp_path / "d", 0, "first")
    _delta(tmp_path / "d", 1, "another second")
    assert len({before, restored, fingerprint_of_source(str(tmp_path / "d"))}) == 3


def test_no_files_have_no_fingerprint(folder: Path) -> None:
    assert fingerprint_of_source(str(folder / "missing")) is None
    assert fingerprint_of_source(str(folder / "empty")) is None


def test_the_order_of_files_does_not_matter() -> None:
    files = [SourceFile(name, 1, 1, "0") for name in ("/a", "/b")]
    assert fingerprint_of_files(files) == fingerprint_of_files(files[::-1])


def test_large_files_are_read_in_blocks(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 7)
    (tmp_path / "a.jsonl").write_bytes(content)
    (found,) = list_source(str(tmp_path / "a.jsonl")) or []
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
