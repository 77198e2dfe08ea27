"""Checksums of versions: what they say after each kind of commit, and when none is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from linnaeus.runtime.arrow_rows import from_plain
from linnaeus.runtime.checksums import write_checksum
from linnaeus.runtime.history import LOG
from tests.runtime.test_small_writes import THINGS, thing, writes


def checksum(folder: Path, version: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / LOG / f"{version:020d}.crc").read_text())
    return found


def check(folder: Path, version: int) -> None:
    """It says what a reader finds that puts the version together from the log alone."""
    said = checksum(folder, version)
    bare = Path(shutil.copytree(folder, folder.with_name(f"bare-{version}"), ignore=shutil.ignore_patterns("*.crc")))
    table = DeltaTable(str(bare), version=version)
    sizes = table._table.get_add_file_sizes()
    assert {file["path"]: file["size"] for file in said["allFiles"]} == sizes
    assert (said["numFiles"], said["tableSizeBytes"]) == (len(sizes), sum(sizes.values()))
    assert not any(file["dataChange"] for file in said["allFiles"])
    assert json.loads(said["metadata"]["schemaString"]) == json.loads(table.schema().to_json())
    assert said["metadata"]["id"] == str(table.metadata().id)
    assert said["metadata"]["description"] == THINGS.description
    assert (said["protocol"]["minReaderVersion"], said["protocol"]["minWriterVersion"]) == (1, 2)
    assert (said["numMetadata"], said["numProtocol"]) == (1, 1)


def test_each_version_has_one_that_says_what_it_consists_of(tmp_path: Path) -> None:
    small = writes(tmp_path)
    folder = small.folder(THINGS)
    small.append_rows([thing(1), thing(2)], THINGS)
    small.append_rows([thing(3)], THINGS)
    small.merge(from_plain([thing(1, "new")], THINGS), THINGS)
    small.replace(from_plain([thing(5)], THINGS), THINGS)
    small.delete(from_plain([thing(5)], THINGS).select(["kind", "number"]), THINGS)
    assert small.version(THINGS) == 5
    for version in range(6):
        check(folder, version)


def test_none_is_written_where_it_can_not_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = writes(tmp_path)
    small.append_rows([thing(1)], THINGS)
    log = small.folder(THINGS) / LOG
    first = log / f"{1:020d}.crc"

    def is_written_after(text: str | None) -> bool:
        first.unlink(missing_ok=True)
        first.with_name(f"{2:020d}.crc").unlink(missing_ok=True)
        if text is not None:
            first.write_text(text)
        return write_checksum(log, 2)

    kept = first.read_text()
    small.append_rows([thing(2)], THINGS)
    assert is_written_after(kept)
    first.unlink()
    assert write_checksum(log, 2), "there is one"
    assert not is_written_after(None), "another program wrote the version before"
    assert not is_written_after('{"numFiles": 1}'), "nor by one that does not list the files"
    assert not is_written_after("{"), "nor by one that was cut off"
    commit = log / f"{2:020d}.json"
    actions = commit.read_text()
    commit.write_text(actions + '\n{"txn": {"appId": "a", "version": 1}}\n')
    assert not is_written_after(kept), "an action that is not known here"
    commit.write_text(actions)
    monkeypatch.setattr("linnaeus.runtime.checksums._MOST_FILES", 1)
    assert not is_written_after(kept)
