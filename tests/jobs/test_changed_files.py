"""Which files of a source are read, given those on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs._changed_files import Choice, choose
from linnaeus.contracts import tables
from linnaeus.runtime.file_record import file_id
from linnaeus.runtime.source_files import SourceFile, list_source

A, B, C = (SourceFile(f"/in/{name}", 1, 1, name) for name in "abc")
CHANGED = SourceFile("/in/a", 1, 1, "other bytes")
START = Choice("content", tables.CONTENT, "rules")
ON_RECORD = {file_id(one): one.sha256 for one in (A, B)}


@pytest.mark.parametrize(
    ("files", "to_read", "unchanged", "has_lost"),
    [
        ([A, B], (), (A, B), False),
        ([A, B, C], (C,), (A, B), False),
        ([CHANGED, B], (CHANGED,), (B,), True),
        ([A], (), (A,), True),
        ([C], (C,), (), True),
        ([], (), (), True),
    ],
)
def test_new_and_changed_files_are_read(
    files: list[SourceFile], to_read: tuple[SourceFile, ...], unchanged: tuple[SourceFile, ...], has_lost: bool
) -> None:
    found = choose(START, files, ON_RECORD, is_whole=False)
    assert (found.to_read, found.unchanged, found.has_lost) == (to_read, unchanged, has_lost)
    assert found.is_up_to_date is (files == [A, B])
    assert found.before_it_is_read().files == unchanged


@pytest.mark.parametrize("files", [[A, B, C], [CHANGED, B], [A]])
def test_a_source_that_is_read_as_a_whole(files: list[SourceFile]) -> None:
    found = choose(START, files, ON_RECORD, is_whole=True)
    assert (found.to_read, found.unchanged) == (tuple(files), ())
    assert not choose(START, [A, B], ON_RECORD, is_whole=True).has_something


def test_in_full_all_files_are_read() -> None:
    found = choose(START, [A, B], ON_RECORD, is_whole=False, is_full=True)
    assert (found.to_read, found.is_partial, found.has_lost) == ((A, B), False, False)


def test_where_no_list_counts_all_files_are_read() -> None:
    """Where there is a mark of some list, that must not count again when files or settings are what they were."""
    assert choose(START, [A], None, is_whole=False) == Choice("content", tables.CONTENT, "rules", to_read=(A,))
    assert choose(START, [A], {}, is_whole=False).has_lost


def test_files_that_are_unknown_are_left_to_spark() -> None:
    found = choose(START, None, None, is_whole=False)
    assert (found.is_known, found.has_something, found.is_partial, found.has_lost) == (False, True, False, False)
    assert choose(START, None, ON_RECORD, is_whole=False).has_lost
    assert found.as_read().files == ()


def test_a_path_without_files_is_opened_and_refused() -> None:
    assert choose(START, [], None, is_whole=False).has_something


def test_a_file_that_changed_while_it_was_read_is_not_put_on_record(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("{}\n")
    found = choose(START, list_source(str(tmp_path)), None, is_whole=False)
    (tmp_path / "b.jsonl").write_text('{"content_id": "b"}\n')
    assert [one.path for one in found.as_read().files] == [str(tmp_path / "a.jsonl")]
    assert len(found.to_read) == 2


def test_what_is_said_of_files() -> None:
    assert choose(START, [A, B, C], ON_RECORD, is_whole=False).in_words() == "; 3 files, 2 unchanged"
    assert choose(START, [A, B], None, is_whole=False).in_words() == ""
