"""HTML reports: one file, plots inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from linnaeus.runtime.files import write_whole

_TEMPLATES = Environment(
    loader=PackageLoader("linnaeus.runtime", "templates"),
    autoescape=select_autoescape(["html", "j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Grid:
    """A table: its header, and rows of as many cells each. Numbers are set to the right, and so is what stands under
    the names in `right`; the rows in `marked` (by their place) stand out."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str | int | float | None]]
    right: tuple[str, ...] = ()
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Plot:
    """A plot and what it shows, in a sentence."""

    figure: Figure
    caption: str


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, a paragraph or more, tables, plots."""

    title: str
    paragraphs: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    plots: tuple[Plot, ...] = ()


def write_report(folder: Path | None, name: str, title: str, sections: Sequence[Section]) -> Path | None:
    """Write `<folder>/<name>.html`, whole or not at all; None where there is no folder for it."""
    return None if folder is None else write_page(folder, name, as_page(title, sections))


def write_page(folder: Path | None, name: str, page: str) -> Path | None:
    """The same, of a page that was made elsewhere."""
    return None if folder is None else write_whole(folder / f"{name}.html", page)


def as_page(title: str, sections: Sequence[Section]) -> str:
    """The report as HTML, whole by itself."""
    return _TEMPLATES.get_template("report.html.j2").render(title=title, sections=_with_plots(sections))


def as_fragment(sections: Sequence[Section]) -> str:
    """The sections as HTML, to stand in a page that has its own head and style: a notebook's, say."""
    return _TEMPLATES.get_template("sections.html.j2").render(sections=_with_plots(sections))


def _with_plots(sections: Sequence[Section]) -> list[tuple[Section, list[tuple[str, str]]]]:
    """Each section with its plots' data URLs and captions."""
    return [(one, [(_inline(plot), plot.caption) for plot in one.plots]) for one in sections]


def print_report(title: str, sections: Sequence[Section], console: Console | None = None) -> None:
    """Print the report on a terminal (or into a file, without colours), all but its plots."""
    console = console or Console(highlight=False)
    console.rule(Text(_printable(title), style="bold"))
    for section in sections:
        console.print(Text(f"\n{_printable(section.title)}", style="bold"))
        for paragraph in section.paragraphs:
            console.print(Text(_printable(paragraph)))
        for grid in section.grids:
            console.print(_as_table(grid))


def _as_table(grid: Grid) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    is_number = [any(isinstance(row[place], int | float) for row in grid.rows) for place in range(len(grid.header))]
    for name, of_numbers in zip(grid.header, is_number, strict=True):
        is_right = of_numbers or name in grid.right
        table.add_column(Text(_printable(name)), justify="right" if is_right else "left", overflow="fold")
    for place, row in enumerate(grid.rows):
        table.add_row(*[Text(_printable(_shown(one))) for one in row], style="red" if place in grid.marked else None)
    return table


def _shown(value: str | int | float | None) -> str:
    """A cell as the page shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _printable(text: str) -> str:
    """Without control characters: what a content or an id holds must not move the cursor or set colours."""
    return "".join(one if one == "\n" or one.isprintable() else "\ufffd" for one in text)


def _inline(plot: Plot) -> str:
    """The plot as a data URL; the same bytes for the same plot."""
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "linnaeus"}):
        plot.figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
