"""Columns as people name them, in headers and in folders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.errors import InputError
from linnaeus.runtime.column_names import path_columns, wanted_columns

NAMES = ("kind", "facet", "creator_id", "title")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["Creator_ID", " title", "Kind "], ["creator_id", "title", "kind"]),
        (["creator id", "CREATOR  ID x"], ["creator_id", "CREATOR  ID x"]),
        (["creator-id", "creatorid", "titles"], ["creator-id", "creatorid", "titles"]),
        (["x", "x", "X"], ["x", "x", "X"]),
        ([], []),
    ],
)
def test_case_and_blanks_do_not_count(found: list[str], expected: list[str]) -> None:
    assert wanted_columns(found, NAMES) == expected


def test_a_wanted_column_that_stands_twice() -> None:
    with pytest.raises(InputError, match=r"the column kind stands twice \(Kind,  kind\)\. Remove or rename one"):
        wanted_columns(["Kind", "title", " kind"], NAMES)
    assert wanted_columns(["Kind", "kind"], NAMES, may_be_twice=True) == ["kind", "kind"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/in/kind=video/a.jsonl", {"kind": "video"}),
        ("/in/Kind=video/facet=risk.spam/a.jsonl", {"kind": "video", "facet": "risk.spam"}),
        ("/in/creator_id=007/year=2024/a.jsonl", {"creator_id": "007"}),
        ("/in/creator_id=__HIVE_DEFAULT_PARTITION__/a.jsonl", {"creator_id": None}),
        ("/in/title=a%2Fb%3Dc+d 100%25/a.jsonl", {"title": "a/b=c+d 100%"}),
        ("/in/title=100%/a.jsonl", {"title": "100%"}),
        ("/in/title=é=x/a.jsonl", {"title": "é=x"}),
        ("/in/title=/a.jsonl", {"title": ""}),
        ("/in/kind=a/kind=b/a.jsonl", {"kind": "b"}),
        ("/in/kind=video.jsonl", {}),
        ("/in/=x/kinds=y/a.jsonl", {}),
    ],
)
def test_folders_tell_columns(path: str, expected: dict[str, str | None]) -> None:
    assert path_columns(path, NAMES) == expected


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda one: one != "__HIVE_DEFAULT_PARTITION__"))
def test_values_as_spark_writes_them(value: str) -> None:
    """Spark escapes these signs and leaves all others (ExternalCatalogUtils.escapePathName)."""
    escaped = "".join(f"%{ord(one):02X}" if one < " " or one in "\"#%'*/:=?\\\x7f{[]^" else one for one in value)
    assert path_columns(f"/in/title={escaped}/a.parquet", NAMES) == {"title": value}
