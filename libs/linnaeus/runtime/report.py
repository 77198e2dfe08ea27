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
    return None if folder is None else write_whole(folder / f"{name}.html", as_page(title, sections))


def as_page(title: str, sections: Sequence[Section]) -> str:
    """The report as HTML, whole by itself."""
    return _TEMPLATES.get_template("report.html.j2").render(
        title=title, sections=[(one, [(_inline(plot), plot.caption) for plot in one.plots]) for one in sections]
    )


def _inline(plot: Plot) -> str:
    """The plot as a data URL; the same bytes for the same plot."""
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "linnaeus"}):
        plot.figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
