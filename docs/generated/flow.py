"""The graph of a flow as a picture, drawn from what `python -m jobs.flow` runs."""

from __future__ import annotations

from pathlib import Path

from jobs.flow import Graph, read_graph

FILE = Path(__file__).parents[2] / "databricks.yml"
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 142, 32, 178, 52  # of a box, and from one to the next, in pixels


def picture(reference: str) -> str:
    """An inline SVG: jobs as boxes, each linked to its description at `reference`, what comes after what as lines."""
    graph = read_graph(FILE)
    columns: dict[str, int] = {}
    for job, needed in graph.items():
        columns[job] = max((columns[one] + 1 for one in needed), default=0)
    places = _places(columns, graph)
    width = max(x for x, _ in places.values()) + _WIDTH + 2
    height = max(y for _, y in places.values()) + _HEIGHT + 2
    lines = [_line(places[one], places[job]) for job, needed in graph.items() for one in sorted(needed)]
    boxes = [_box(job, *place, reference) for job, place in places.items()]
    svg = f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="Jobs in order">'
    return f'<div class="flow">{svg}{"".join(lines)}{"".join(boxes)}</svg></div>'


def _places(columns: dict[str, int], graph: Graph) -> dict[str, tuple[int, int]]:
    """Left upper corners: a column for those that wait as long, about the middle, each near those it comes after."""
    of_column: dict[int, list[str]] = {}
    for job, column in columns.items():
        of_column.setdefault(column, []).append(job)
    most = max(len(jobs) for jobs in of_column.values())
    rows: dict[str, float] = {}
    for column in sorted(of_column):
        heights = {job: sum(rows[one] for one in graph[job]) / max(1, len(graph[job])) for job in of_column[column]}
        for row, job in enumerate(sorted(heights, key=lambda one: heights[one])):
            rows[job] = row + (most - len(heights)) / 2
    return {job: (1 + columns[job] * _ACROSS, 1 + int(rows[job] * _DOWN)) for job in columns}


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT // 2, end[0], end[1] + _HEIGHT // 2
    bend = min(40, (x2 - x1) / 2 + 4)
    return f'<path d="M{x1} {y1} C{x1 + bend:g} {y1} {x2 - bend:g} {y2} {x2} {y2}"/>'


def _box(job: str, x: int, y: int, reference: str) -> str:
    text = f'<text x="{x + _WIDTH / 2:g}" y="{y + _HEIGHT / 2 + 4:g}">{job}</text>'
    box = f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
    return f'<a href="{reference}#{job}">{box}{text}</a>'
