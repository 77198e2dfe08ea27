"""Reports: whole files, nothing from elsewhere, what is said in them escaped."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

from linnaeus.runtime.report import Grid, Plot, Section, as_page, print_report, write_report


def figure() -> Figure:
    made = Figure(figsize=(2, 2))
    made.subplots().plot([0, 1], [1, 0])
    return made


def test_a_report(tmp_path: Path) -> None:
    grid = Grid(("annotator", "votes", "accuracy", "kappa"), [("<b>ann</b>", 12345, 0.5, None)])
    section = Section("A & B", ("One.", "Two."), (grid,), (Plot(figure(), 'A "line"'),))
    path = write_report(tmp_path / "reports", "labels", "Labels", [section])
    assert path == tmp_path / "reports" / "labels.html"
    page = path.read_text(encoding="utf-8")
    assert "<b>ann" not in page and "&lt;b&gt;ann" in page and "A &amp; B" in page
    assert "12,345" in page and "0.500" in page and "–" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page), "nothing is loaded from elsewhere"
    (image,) = re.findall(r"base64,([^\"]+)\"", page)
    assert b"<svg" in base64.b64decode(image)
    first = page
    write_report(tmp_path / "reports", "labels", "Labels", [section])
    assert path.read_text(encoding="utf-8") == first, "the same report, the same bytes"
    assert [one.name for one in path.parent.iterdir()] == ["labels.html"], "no half-made file is left"


def test_columns_to_the_right_and_rows_that_stand_out() -> None:
    grid = Grid(("name", "gain"), [("a", "+0.10"), ("b", "-0.10")], right=("gain",), marked=frozenset({1}))
    page = as_page("Page", [Section("S", (), (grid,))])
    assert '<td>a</td><td class="number">+0.10</td>' in page and '<th class="number">gain</th>' in page
    assert page.count('<tr class="marked">') == 1 and page.index('class="marked"') > page.index("+0.10")
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_no_folder_no_report() -> None:
    assert write_report(None, "labels", "Labels", []) is None


def test_a_report_on_a_terminal() -> None:
    grid = Grid(
        ("annotator", "votes", "accuracy", "kappa"), [("[bold]ann[/]", 12345, 0.5, None), ("\x1b[31mred", 2, 0.25, 1.0)]
    )
    section = Section("A & B", ("One\x1b]0;title\x07.", "Two."), (grid,), (Plot(figure(), "A line"),))
    stream = io.StringIO()
    print_report("Page", [section], Console(file=stream, width=100))
    said = stream.getvalue()
    assert "\x1b" not in said and "\x07" not in said and "One\ufffd]0;title\ufffd." in said
    assert "[bold]ann[/]" in said and "12,345" in said and "0.500" in said and "–" in said and "A & B" in said
