"""Files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linnaeus.runtime.files import KeptFile, write_whole


@pytest.mark.parametrize(("content", "expected"), [("ä\r\n", b"\xc3\xa4\r\n"), (b"\x00\xff", b"\x00\xff")])
def test_a_file_is_what_was_written(tmp_path: Path, content: str | bytes, expected: bytes) -> None:
    path = write_whole(tmp_path / "new" / "one", "before")
    assert write_whole(path, content).read_bytes() == expected
    assert [one.name for one in path.parent.iterdir()] == ["one"]


def test_who_dies_while_writing_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_whole(tmp_path / "one", "old")

    def dies(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(OSError, match="the disk is full"):
        write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    kept = KeptFile(tmp_path / "folder" / "one")
    assert kept.read() is None
    kept.remove()
    kept.write(b"a")
    kept.write(b"bc")
    assert KeptFile(kept.path).read() == b"bc"
    kept.remove()
    assert kept.read() is None
