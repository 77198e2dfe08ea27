"""Pictures of a lake, by matplotlib: each a function of few rows, with a title, axes that say what they are, a legend
where there is something to tell apart, and colours that are told apart without seeing red or green."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from linnaeus.contracts import columns as c
from linnaeus.runtime.files import write_whole
from linnaeus.suite.counts import COPY, COUNT, EXACT, ITSELF, LEVEL, MONTH, NEAR
from linnaeus.training.plots import reliability

BLUE, ORANGE, GREY, RED = "#2f6db5", "#d08a2e", "#9aa5b1", "#b3261e"
# Okabe and Ito's colours, told apart by (nearly) all eyes; then again with other marks.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a00", "#000000")
MARKS = "os^Dv"
_DOTS_AN_INCH = 110
_LONGEST = 30  # characters of a name beside a plot
_MOST_MONTHS = 14  # that are named under an axis


@dataclass(frozen=True, eq=False)
class Picture:
    """A plot, the numbers behind it, and what it shows in a sentence (what is read out where no picture is seen)."""

    figure: Figure
    data: pd.DataFrame
    says: str

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.figure.savefig(stream, format="png", dpi=_DOTS_AN_INCH, bbox_inches="tight")
        return stream.getvalue()

    def __repr__(self) -> str:
        return f"Picture: {self.says}"

    def save(self, path: str | Path) -> Path:
        """Write it, in the form that the file's name ends on: .png or .svg."""
        stream, to = io.BytesIO(), Path(path)
        self.figure.savefig(stream, format=to.suffix.lstrip("."), dpi=_DOTS_AN_INCH, bbox_inches="tight")
        return write_whole(to, stream.getvalue())


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def short(name: object) -> str:
    """A name that fits beside a plot."""
    text = str(name)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def entitled(axes: Axes, title: str, across: str = "", up: str = "") -> None:
    """Title and names of the axes, to the letter: a `$` in a label is no formula."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", parse_math=False)
    axes.set_xlabel(across, parse_math=False)
    axes.set_ylabel(up, parse_math=False)


def _in_thousands(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _legend_beside(axes: Axes, title: str) -> None:
    axes.legend(title=title, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), alignment="left")


def histogram(levels: pd.DataFrame, title: str, across: str, up: str) -> Picture:
    """Bars of `count` by `level`, each twice as wide as the one before."""
    figure, axes = canvas(6.4, 3.4)
    names = [_from_to(int(level)) for level in levels[LEVEL]]
    drawn = axes.bar(names, levels[COUNT], color=BLUE)
    axes.bar_label(drawn, [f"{n:,}" for n in levels[COUNT]], fontsize=8, padding=2)
    entitled(axes, title, across, up)
    _in_thousands(axes.yaxis)
    axes.margins(y=0.12)
    axes.tick_params(axis="x", rotation=45)
    most = int(levels[COUNT].to_numpy().argmax()) if len(levels) else 0
    said = f"{title}: most have {names[most]} ({levels[COUNT].iloc[most]:,})" if len(levels) else f"{title}: none"
    return Picture(figure, levels, said)


def _from_to(level: int) -> str:
    low, high = 2**level - 1, 2 ** (level + 1) - 2
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def ranking(counts: pd.DataFrame, column: str, title: str, across: str) -> Picture:
    """Bars of `count` by the values of a column, the most frequent on top, each with its share."""
    figure, axes = canvas(6.4, 0.32 * max(len(counts), 3) + 1.1)
    total = max(int(counts[COUNT].sum()), 1)
    names = [short(name) for name in counts[column]]
    drawn = axes.barh(range(len(counts)), counts[COUNT], color=BLUE)
    axes.set_yticks(range(len(counts)), names, parse_math=False)
    axes.invert_yaxis()
    axes.bar_label(drawn, [f"{n:,} ({n / total:.1%})" for n in counts[COUNT]], fontsize=8, padding=3)
    entitled(axes, title, across)
    _in_thousands(axes.xaxis)
    axes.margins(x=0.2)
    first = f"{names[0]} is the most frequent, {counts[COUNT].iloc[0] / total:.0%}" if names else "there is nothing"
    return Picture(figure, counts, f"{title}: {first} of {total:,}")


def over_time(months: pd.DataFrame) -> Picture:
    """Stacked bars of contents a month, by kind."""
    wide = months.pivot_table(index=MONTH, columns=c.KIND, values=COUNT, fill_value=0, aggfunc="sum")
    figure, axes = canvas(8.4, 3.2)
    below = np.zeros(len(wide))
    for place, kind in enumerate(wide.columns):
        axes.bar(range(len(wide)), wide[kind], bottom=below, color=COLOURS[place % len(COLOURS)], label=str(kind))
        below = below + wide[kind].to_numpy()
    step = max(1, -(-len(wide) // _MOST_MONTHS))
    axes.set_xticks(range(0, len(wide), step), list(wide.index[::step]), rotation=45, ha="right", fontsize=9)
    entitled(axes, "Contents published a month", "month (UTC)", "contents")
    _in_thousands(axes.yaxis)
    if len(wide.columns):
        _legend_beside(axes, "kind")
    span = f"{wide.index[0]} to {wide.index[-1]}" if len(wide) else "no dates"
    return Picture(figure, months, f"Contents published a month, {span}")


def duplicates(counts: pd.DataFrame, at_least: float) -> Picture:
    """One bar: originals, near and exact copies among the contents."""
    figure, axes = canvas(8.4, 1.8)
    total, left = max(int(counts[COUNT].sum()), 1), 0
    by_kind = dict(zip(counts[COPY], counts[COUNT], strict=True))
    for kind, colour in ((ITSELF, BLUE), (NEAR, COLOURS[1]), (EXACT, COLOURS[5])):
        n = int(by_kind.get(kind, 0))
        axes.barh([0], [n], left=left, color=colour, label=f"{kind}: {n:,} ({n / total:.1%})")
        left += n
    axes.set_yticks([])
    entitled(axes, f"Originals and copies (near: {at_least:.0%} of the word triples agree)", "contents")
    _in_thousands(axes.xaxis)
    axes.spines["left"].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    copied = int(by_kind.get(NEAR, 0)) + int(by_kind.get(EXACT, 0))
    return Picture(figure, counts, f"{copied:,} of {total:,} contents ({copied / total:.1%}) are copies of another")


def coverage(counts: pd.DataFrame, n_content: int) -> Picture:
    """By facet the share of the contents that have a label, stacked by where it is from."""
    facets = sorted(set(counts[c.FACET]))
    figure, axes = canvas(6.8, 0.42 * max(len(facets), 2) + 1.2)
    left = np.zeros(len(facets))
    for source, colour in ((c.GOLD, COLOURS[1]), (c.CROWD, COLOURS[0])):
        of = counts[counts[c.SOURCE] == source].set_index(c.FACET)[COUNT]
        if of.empty:
            continue
        shares = np.array([of.get(facet, 0) for facet in facets]) / max(n_content, 1)
        axes.barh(range(len(facets)), shares, left=left, color=colour, label=source)
        left = left + shares
    for place, share in enumerate(left):
        axes.text(share + 0.01, place, f"{share:.1%}", va="center", fontsize=9)
    axes.set_yticks(range(len(facets)), [short(one) for one in facets], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    entitled(axes, "How much is labelled?", f"share of the {n_content:,} contents")
    if facets:
        _legend_beside(axes, "label from")
    told = ", ".join(f"{facet} {share:.0%}" for facet, share in zip(facets, left, strict=True))
    return Picture(figure, counts, f"Share of the contents with a label: {told or 'none'}")


def labels(counts: pd.DataFrame) -> Picture:
    """Bars of labels, a colour a facet."""
    figure, axes = canvas(6.8, 0.3 * max(len(counts), 3) + 1.2)
    facets = list(dict.fromkeys(counts[c.FACET]))
    for place, facet in enumerate(facets):
        at = np.flatnonzero((counts[c.FACET] == facet).to_numpy())
        drawn = axes.barh(at, counts[COUNT].to_numpy()[at], color=COLOURS[place % len(COLOURS)], label=short(facet))
        axes.bar_label(drawn, [f"{n:,}" for n in counts[COUNT].to_numpy()[at]], fontsize=8, padding=3)
    axes.set_yticks(range(len(counts)), [short(one) for one in counts[c.LABEL]], parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    entitled(axes, "Which labels are there?", "contents")
    _in_thousands(axes.xaxis)
    if facets:
        _legend_beside(axes, "facet")
    return Picture(figure, counts, f"Contents by label of {', '.join(map(short, facets)) or 'no facet'}")


def scattered(points: npt.NDArray[np.float64], names: Sequence[object], of: str, explained: float) -> Picture:
    """Contents in the plane of their vectors' two main directions, a colour and mark a name."""
    figure, axes = canvas(7.2, 5.2)
    named = pd.Series(["(none)" if name is None else str(name) for name in names], dtype=object)
    for place, (name, n) in enumerate(named.value_counts().items()):
        at = (named == name).to_numpy()
        colour, mark = COLOURS[place % len(COLOURS)], MARKS[(place // len(COLOURS)) % len(MARKS)]
        label = f"{short(name)} ({n:,})"
        axes.scatter(points[at, 0], points[at, 1], s=11, alpha=0.55, color=colour, marker=mark, label=label, lw=0)
    axes.set_xticks([])
    axes.set_yticks([])
    title = f"Embeddings, by the label of {of} ({len(points):,} contents)"
    entitled(axes, title, "first main direction", "second main direction")
    if len(points):
        _legend_beside(axes, of)
        for handle in axes.get_legend().legend_handles:  # type: ignore[union-attr]
            handle.set_sizes([40])  # type: ignore[union-attr]
            handle.set_alpha(1)  # type: ignore[union-attr]
    said = f"{len(points):,} contents by {of} in two directions that hold {explained:.0%} of the vectors' variance"
    data = pd.DataFrame({"x": points[:, 0], "y": points[:, 1], of: named})
    return Picture(figure, data, said)


def creators_by_share(creators: pd.DataFrame) -> Picture:
    """A dot a creator: its largest share, by the category that it is of; filled where the category is accepted."""
    figure, axes = canvas(7.2, 0.5 * max(creators[c.CATEGORY].nunique(), 3) + 1.3)
    order = list(creators[c.CATEGORY].value_counts().index)
    scatter = np.random.default_rng(0).uniform(-0.32, 0.32, len(creators))
    rows = creators[c.CATEGORY].map({name: place for place, name in enumerate(order)}).to_numpy(dtype=float) + scatter
    accepted = creators["accepted"].to_numpy(dtype=bool)
    shares = creators[c.SHARE].to_numpy(dtype=float)
    axes.scatter(shares[accepted], rows[accepted], s=16, color=BLUE, alpha=0.6, lw=0, label="accepted: sure enough")
    axes.scatter(
        shares[~accepted], rows[~accepted], s=16, facecolors="none", edgecolors=ORANGE, lw=0.9, label="not accepted"
    )
    named = [f"{short(name)} ({(creators[c.CATEGORY] == name).sum():,})" for name in order]
    axes.set_yticks(range(len(order)), named, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.25, axis="x")
    entitled(axes, f"How much of one category do creators make? ({len(creators):,})", "share of the creator's content")
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    half = float((shares >= 0.5).mean()) if len(shares) else 0.0
    return Picture(figure, creators, f"{half:.0%} of {len(creators):,} creators make at least half of one category")


def risks(chances: Mapping[str, npt.NDArray[np.float64]], levels: Mapping[str, tuple[float, float]]) -> Picture:
    """Contents by the probability of each risk area, and where the levels medium and high begin."""
    figure = Figure(figsize=(6.8, 2.5 * max(len(chances), 1)), layout="constrained")
    grid = figure.subplots(max(len(chances), 1), 1, squeeze=False)[:, 0]
    found = []
    for axes, (area, values) in zip(grid, chances.items(), strict=False):
        counts, edges = np.histogram(values, bins=20, range=(0, 1))
        axes.bar(edges[:-1], counts, width=0.048, align="edge", color=BLUE)
        for at, name, colour in zip(levels.get(area, ()), ("medium from", "high from"), (ORANGE, RED), strict=False):
            axes.axvline(at, color=colour, linestyle="--", label=f"{name} {at:.2f}")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, None)
        _in_thousands(axes.yaxis)
        axes.spines[["top", "right"]].set_visible(False)
        entitled(axes, f"Risk of {short(area)} ({len(values):,} contents)", "probability", "contents (log scale)")
        if area in levels:
            _legend_beside(axes, "level")
        found.append(pd.DataFrame({"area": area, "from": edges[:-1], COUNT: counts}))
    data = pd.concat(found) if found else pd.DataFrame({"area": [], "from": [], COUNT: []})
    return Picture(figure, data, f"Contents by the probability of {', '.join(chances) or 'no risk'}")


def side_by_side(rows: pd.DataFrame, first: str, second: str) -> Picture:
    """Figures of two versions with their intervals: rows `name`, `first`, `first_lower`, …; a pair of dots each."""
    figure, axes = canvas(7.4, 0.5 * max(len(rows), 2) + 1.4)
    for offset, key, name, colour, mark in ((-0.13, "a", first, GREY, "s"), (0.13, "b", second, BLUE, "o")):
        at = np.arange(len(rows)) + offset
        value = rows[key].to_numpy(dtype=float)
        low, high = rows[f"{key}_lower"].to_numpy(dtype=float), rows[f"{key}_upper"].to_numpy(dtype=float)
        axes.hlines(at, low, high, color=colour, lw=2)
        axes.plot(value, at, mark, color=colour, label=name, markersize=6)
    axes.set_yticks(range(len(rows)), [short(one) for one in rows["name"]], parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(alpha=0.25, axis="x")
    entitled(axes, "Figures on the held-out contents", "value, with its 95% interval")
    _legend_beside(axes, "version")
    return Picture(figure, rows, f"{len(rows)} figures of {first} and {second} with their intervals")


def neighbour_agreement(rows: pd.DataFrame, names: tuple[str, str], k: int) -> Picture:
    """Two panels: how often neighbours have the content's own label by embedder, and how many neighbours both share."""
    figure = Figure(figsize=(9.4, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    both = rows.dropna(subset=["first", "second"])
    for place, key in enumerate(("first", "second")):
        mean = float(both[key].mean()) if len(both) else 0.0
        error = 1.96 * float(both[key].std(ddof=1)) / len(both) ** 0.5 if len(both) > 1 else 0.0
        left.bar([place], [mean], width=0.6, yerr=[error], capsize=4, color=(GREY, BLUE)[place])
        left.text(place, mean / 2, f"{mean:.1%}", ha="center", color="w", fontweight="bold")
    left.set_xticks([0, 1], [short(one).replace(" (", "\n(") for one in names], fontsize=8, parse_math=False)
    left.set_ylim(0, 1)
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    entitled(left, "Neighbours of the same label", "", f"share of the {k} nearest")
    shared = np.bincount(rows["shared"].to_numpy(dtype=int), minlength=k + 1)
    right.bar(range(k + 1), shared, color=COLOURS[2])
    entitled(right, "Neighbours that both embedders find", f"of the {k} nearest, found by both", "contents")
    _in_thousands(right.yaxis)
    mean = float(rows["shared"].mean()) / k if len(rows) else 0.0
    return Picture(figure, rows, f"{mean:.0%} of the {k} nearest neighbours are the same by {names[0]} and {names[1]}")


def topics(nodes: pd.DataFrame) -> Picture:
    """Bars of the leaves' sizes with their keywords, a colour for each node at the top."""
    figure, axes = canvas(8.6, 0.36 * max(len(nodes), 3) + 1.2)
    roots = list(dict.fromkeys(nodes["root"]))
    for place, root in enumerate(roots):
        at = np.flatnonzero((nodes["root"] == root).to_numpy())
        axes.barh(at, nodes[c.SIZE].to_numpy()[at], color=COLOURS[place % len(COLOURS)], label=short(root))
    for place, (size, words) in enumerate(zip(nodes[c.SIZE], nodes[c.KEYWORDS], strict=True)):
        axes.text(size, place, f"  {size:,}   {words}", va="center", fontsize=8, parse_math=False)
    axes.set_yticks(range(len(nodes)), [short(one) for one in nodes[c.NAME]], parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.8)
    entitled(axes, "Topics, by what stands above them", "contents")
    _in_thousands(axes.xaxis)
    if len(roots) > 1:
        figure.legend(title="top of the tree", frameon=False, loc="outside lower center", ncols=4)
    return Picture(
        figure, nodes, f"{len(nodes)} topics, the largest of {int(nodes[c.SIZE].max()) if len(nodes) else 0:,}"
    )


def binned_levels(levels: Mapping[str, npt.NDArray[np.float64]]) -> pd.DataFrame:
    """The points of a reliability plot as rows: facet, mean probability, share that is true, contents."""
    found = []
    for facet, one in sorted(levels.items()):
        if len(one):
            mean, share, n = reliability(one)
            found.append(pd.DataFrame({c.FACET: facet, c.PROBABILITY: mean, "true": share, c.N: n}))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({c.FACET: [], c.PROBABILITY: []})
