"""JSON in files: every record as it stands there, whatever is around it, and every line that is none."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.runtime import json_records
from linnaeus.runtime.json_records import Record, form_of, json_documents, json_lines

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS, one, max_size=3))
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
INDENTS = st.sampled_from([None, 0, 2])
BLANKS = st.text(" \t\r\n", max_size=3)


BLOCKS = st.sampled_from([1, 7, 1 << 18])


def documents(text: str, block: int) -> list[Record]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records, "_BLOCK", block)
        return list(json_documents(io.StringIO(text, newline="")))


@given(st.lists(OBJECTS, max_size=5), INDENTS, st.booleans(), BLANKS, BLOCKS)
def test_an_array_is_its_elements(
    values: list[Any], indent: int | None, is_ascii: bool, blank: str, block: int
) -> None:
    text = blank + json.dumps(values, indent=indent, ensure_ascii=is_ascii) + blank
    found = documents(text, block)
    assert [json.loads(one.text) for one in found] == json.loads(text)
    assert not any(one.is_broken for one in found)


@given(st.lists(OBJECTS, min_size=1, max_size=5), INDENTS, BLANKS, BLOCKS)
def test_documents_one_after_another(values: list[Any], indent: int | None, blank: str, block: int) -> None:
    """As `jq` writes them."""
    text = "".join(json.dumps(one, indent=indent) + "\n" + blank for one in values)
    assert [json.loads(one.text) for one in documents(text, block)] == values


@given(st.lists(OBJECTS, min_size=1, max_size=4), INDENTS, BLOCKS, st.data())
def test_what_is_cut_off_is_said(values: list[Any], indent: int | None, block: int, data: st.DataObject) -> None:
    """Whole elements are read; what is left, line by line, is broken."""
    text = json.dumps(values, indent=indent)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    found = documents(cut, block)
    whole = [json.loads(one.text) for one in found if not one.is_broken]
    assert whole == values[: len(whole)] and any(one.is_broken for one in found)
    rest = [one.text for one in found if one.is_broken and one.text != "["]
    assert all(one in cut for one in rest)


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
@pytest.mark.parametrize(
    ("text", "whole", "broken"),
    [
        ("[]", [], []),
        ("[ ]\n\n", [], []),
        ('[{"a":1},]', ['{"a":1}'], []),
        ('[{"a":1}] x', ['{"a":1}'], [" x"]),
        ('[{"a":1}\n{"b":2}]', ['{"a":1}'], ['{"b":2}]']),
        ('[{"a":1},\n{oops},\n{"b":2}]', ['{"a":1}'], ["{oops},", '{"b":2}]']),
        ("[1.50, 1e3, -0, NaN]", ["1.50", "1e3", "-0", "NaN"], []),
        (f"[{'9' * 5000}]", ["9" * 5000], []),
        (f"[{'[' * 100_000}]", [], [f"{'[' * 100_000}]"]),
        ('[{"a":"\u2028 \x85"}]', ['{"a":"\u2028 \x85"}'], []),
        ('[{"a":1}', ['{"a":1}'], ["["]),
    ],
)
def test_arrays(text: str, whole: list[str], broken: list[str], block: int) -> None:
    found = documents(text, block)
    assert [one.text for one in found if not one.is_broken] == whole
    assert [one.text for one in found if one.is_broken] == broken


def test_a_record_without_end_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "LONGEST", 100)
    text = io.StringIO('[{"a":1},{"b":"' + "x" * 10_000 + '\n{"c":3}]')
    found = list(json_documents(text))
    assert found[0] == Record('{"a":1}') and all(one.is_broken for one in found[1:])
    assert [len(one.text) for one in found[1:]] == [10_006, 8]


@given(st.lists(st.sampled_from(['{"a":1}', "words", '{"b":"\u2028\x85\x0b"}']), max_size=6), st.data())
def test_lines_whatever_ends_them(lines: list[str], data: st.DataObject) -> None:
    ends = [data.draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \t\r\n"])) for _ in lines]
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    assert list(json_lines(io.StringIO(text, newline=""))) == [Record(line) for line in lines]


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("", "lines"),
        ("\n", "lines"),
        ("words", "lines"),
        ('{"a":1}', "lines"),
        ('\ufeff{"a":1}\n{"b":2}', "lines"),
        ('{"a":1', "lines"),
        ('{"a":1 oops}\n{"b":2}', "lines"),
        ('{"a":"x\n{"b":2}', "lines"),
        ("[]\n{}", "lines"),  # a line that is no record among others
        ("[1]\n[2]\n", "lines"),
        ("[]", "documents"),
        ("[]\n \n", "documents"),
        ('[{"a":1}]', "documents"),
        ('[{"a":1},{"b', "documents"),
        ('\ufeff \r\n[\r\n{"a":1}', "documents"),
        ('{\n  "a": 1\n}\n{\n  "a": 2\n}', "documents"),
        ('{"a": 1,\n "b": 2}', "documents"),
        ("{\r  long", "documents"),
    ],
)
def test_the_form_is_told_by_the_beginning(head: str, form: str) -> None:
    assert form_of(head) == form
