"""CSV: rows as they were written, by any delimiter and line ends; what can't be read is counted line by line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.errors import InputError
from linnaeus.runtime import csv_records as module
from linnaeus.runtime.csv_records import csv_records

NAMES = ("content_id", "creator_id", "body")
HEAD = "content_id,creator_id,body\n"
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
CELLS = st.text(st.sampled_from('ab ,;|\t"\n\r\u2028é\x85😀'), max_size=6)


def read(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Rows, and the lines that are none."""
    found = list(csv_records(io.StringIO(text, newline=""), NAMES))
    return [json.loads(one.text) for one in found if not one.is_broken], [one.text for one in found if one.is_broken]


def test_a_header_line_again() -> None:
    """In another case, with blanks, or of a file whose columns stood in another order; empty cells are no names."""
    rows = ["content_id, Creator_ID,body", "body,content_id,creator_id", "CONTENT_ID,creator_id ,Body"]
    others = ["content_id,u,body", "content_id,,body", "c,u,x", '"content_id,body",u,x']
    lines = "content_id, Creator_ID,body\n" + "\n".join([*rows, *others])
    found = list(csv_records(io.StringIO(lines), NAMES))
    assert [one.is_header for one in found] == [True] * len(rows) + [False] * len(others)
    assert not any(one.is_broken for one in found)


def written(row: list[str], delimiter: str, end: str) -> str:
    buffer = io.StringIO()
    has_ends = any("\r" in cell or "\n" in cell for cell in row)
    quoting = csv.QUOTE_ALL if has_ends else csv.QUOTE_MINIMAL  # that quotes the writer's own line ends alone
    csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(row)
    return buffer.getvalue()


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    ends=st.lists(ENDS, min_size=6, max_size=6),
)
def test_rows_come_back_as_they_were_written(rows: list[list[str]], delimiter: str, ends: list[str]) -> None:
    """Whatever ends the header and each of the rows."""
    lines = [written(row, delimiter, end) for row, end in zip([list(NAMES), *rows], ends, strict=False)]
    expected = [{name: cell for name, cell in zip(NAMES, row, strict=True) if cell} for row in rows]
    assert read("".join(lines)) == (expected, [])


def plain_rows(text: str) -> list[list[str]] | None:
    """RFC 4180 by the letter, a character at a time, without blank lines; None where a quote is not as it says."""
    rows: list[list[str]] = []
    row: list[str] = []
    cell, state = "", "start"
    ended = text if text.endswith(("\n", "\r")) else text + "\n"
    for one, after in zip(ended, ended[1:] + " ", strict=True):
        if one == '"' and state != "bare":
            cell += '"' if state == "closing" else ""
            state = {"start": "quoted", "quoted": "closing", "closing": "quoted"}[state]
        elif state == "quoted":
            cell += one
        elif one in ",\n" or (one == "\r" and after != "\n"):
            is_blank = one != "," and state == "start" and not row
            row, cell, state = [*row, cell], "", "start"
            if one != ",":
                rows, row = (rows if is_blank else [*rows, row]), []
        elif one != "\r" and state == "closing":
            return None
        elif one != "\r":
            state, cell = "bare", cell + one
    return None if state == "quoted" else rows


@given(st.text(st.sampled_from('ab,,"\n\n\r'), max_size=30))
def test_any_text_below_a_header(body: str) -> None:
    """Where it is as the RFC says its rows are read; else no line is lost, and no cell has what is no cell's."""
    found, broken = read(HEAD + body)
    rows = plain_rows(body)
    if rows is not None:
        good = [row for row in rows if len(row) == 3]
        assert found == [{name: cell for name, cell in zip(NAMES, row, strict=True) if cell} for row in good]
        assert bool(broken) == (len(good) < len(rows))
    n_lines = sum(bool(line.strip()) for line in io.StringIO(body, newline=""))
    assert len(found) + len(broken) <= n_lines
    assert all(one in body for one in broken)
    if rows is None:
        assert broken


def test_a_quote_that_is_never_closed() -> None:
    text = HEAD + 'q1,u1,fine\nq2,u2,"he said hello\nq3,u3,fine\nq4,u4,fine\n'
    good, broken = read(text)
    assert good == [{"content_id": "q1", "creator_id": "u1", "body": "fine"}]
    assert broken == ['q2,u2,"he said hello', "q3,u3,fine", "q4,u4,fine"]


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        ('q,u,"lone\nr,u,"quoted, yes"\n', ['q,u,"lone', 'r,u,"quoted, yes"']),
        ('q,u,"lone\nr,u,x "yes"\n', ['q,u,"lone', 'r,u,x "yes"']),
        ('q,u,"a "word" in it"\n', ['q,u,"a "word" in it"']),
        ('q,u,"escaped \\"so\\""\n', ['q,u,"escaped \\"so\\""']),
        ('q,"u\nr",x,y\n', ['q,"u', 'r",x,y']),
        ("few,fields\n", ["few,fields"]),
        ("one,two,many,fields\r\n", ["one,two,many,fields"]),
        ('q,u,"\n\n\nto the end', ['q,u,"', "to the end"]),
    ],
)
def test_rows_that_can_not_be_read(rows: str, broken: list[str]) -> None:
    good, found = read(HEAD + rows + "z,u,after\n" * (not rows.endswith("end")))
    assert found == broken
    assert [one["content_id"] for one in good] == ["z"] * (not rows.endswith("end"))


def test_a_cell_without_end_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 100)
    good, broken = read(HEAD + 'q,u,"lone\n' + "r,u,x\n" * 100)
    assert len(good) + len(broken) == 101 and 10 < len(broken) < 30


@pytest.mark.parametrize(
    "header",
    [
        "content_id,creator_id,body",
        " Content_ID ,\tCREATOR_ID,Body ",
        "\ufeffcontent_id,creator_id,body",
        '"content_id","creator_id","body"',
        "Content ID,creator  id,\u00a0body",
        "content_id;creator_id;body",
        "content_id\tcreator_id\tbody",
        "Content_Id|creator_id|body",
        "sep=;\ncontent_id;creator_id;body",
        '"sep=\t"\r\ncontent_id\tcreator_id\tbody',
        "\n \r\ncontent_id,creator_id,body",
    ],
)
def test_headers(header: str) -> None:
    delimiter = next(one for one in "\t;|," if one in header.replace("\tC", "C").splitlines()[-1])
    assert read(f"{header}\r\n{delimiter.join('1ux')}\n") == ([{"content_id": "1", "creator_id": "u", "body": "x"}], [])


def test_other_columns_are_left_alone() -> None:
    assert read("content_id,tag,tag,,\n1,a,b,c,\n") == ([{"content_id": "1", "tag": "a", "tag (2)": "b", "": "c"}], [])
    assert read("Author;Text\na,b;c\n") == ([{"Author": "a,b", "Text": "c"}], [])
    assert read("creator_id\nu, v\n") == ([], ["u, v"])


@pytest.mark.parametrize("header", ["content_id,body,body", "content_id;body; Body", "content_id,BODY,body,x"])
def test_a_column_that_stands_twice_is_refused(header: str) -> None:
    with pytest.raises(InputError, match=r"the column body stands twice \((.ody|BODY), .?.ody\)\. Remove or rename"):
        read(f"{header}\n1,2,3\n")


@pytest.mark.parametrize("text", ["", "\n \n", HEAD, HEAD.strip()])
def test_no_rows(text: str) -> None:
    assert read(text) == ([], [])
