"""The tab-separated form of the IAB Content Taxonomy (github.com/InteractiveAdvertisingBureau/Taxonomies).

Two header rows, then a row a node: id, the parent's id, name, the names from the root in four tier columns, and the
extension. Lines end by CRLF, nothing is quoted, ids are text ("150", "JLBCU7").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.taxonomy.exchange.document import Document, checked_id, decoded
from linnaeus.taxonomy.tree import CURATED, TIERS, Node, Tree

_SYSTEM, _TITLE, _EXTENSION = "Relational ID System", "Tiered Categories", "Extension"
_HEADINGS = ("Unique ID", "Parent", "Name", "Tier 1", "Tier 2", "Tier 3", "Tier 4", "")
_WIDTH = len(_HEADINGS)


@dataclass(frozen=True)
class _Row:
    line: int
    id: str
    parent: str | None
    name: str
    tiers: tuple[str, ...]
    extension: str


def read(content: bytes | str, where: str) -> Document:
    """The tree of a file, with its extensions; `where` is what errors name, with the line.

    The parents count. A row whose tier columns name more than the nodes above it (two of IAB's own 3.1 do) is let pass
    and told among the notes. Raises ConfigurationError where header rows are not those of the form, a row has cells too
    many, an id stands twice or a parent nowhere, or tier columns and parents contradict each other.
    """
    title, rows = _rows(decoded(content, where), where)
    by_id: dict[str, _Row] = {}
    for row in rows:
        if row.id in by_id:
            raise _wrong(where, row.line, f"id {row.id!r} stands in line {by_id[row.id].line} too; give each its own")
        by_id[row.id] = row
    longer: dict[str, tuple[str, ...]] = {}
    for row in rows:
        names = _names(row, by_id, where)
        if row.tiers not in (names, ()):
            _check_tiers(row, names, where)
            longer[row.id] = row.tiers
    nodes = [Node(row.id, row.name, row.parent, origin=CURATED) for row in rows]
    return Document(
        Tree.of(nodes, where),
        order=tuple(by_id),
        title=title,
        extensions={row.id: row.extension for row in rows if row.extension},
        tiers=longer,
        notes=tuple(_told(by_id[node_id], by_id) for node_id in longer),
    )


def write(document: Document) -> str:
    """The file's text. Raises ConfigurationError for a name or an id with a tab or a line break."""
    tree = document.tree
    lines: list[tuple[str, ...]] = [(_SYSTEM, "", "", document.title or _TITLE, "", "", "", _EXTENSION), _HEADINGS]
    for node in document.ordered():
        names = tuple(tree.nodes[one].name for one in tree.path(node.id))
        stored = document.tiers.get(node.id, names)
        tiers = stored if _goes_by(stored, names) else names  # those of before a rename or a move are old
        padded = (*tiers, *[""] * (TIERS - len(tiers)))
        lines.append((node.id, node.parent or "", node.name, *padded, document.extensions.get(node.id, "")))
    for cells in lines:
        if any(re.search(r"[\t\r\n]", cell) for cell in cells):
            raise ConfigurationError(
                f"node {cells[0]!r} has a tab or a line break, which this form can't hold; rename it"
            )
    return "".join("\t".join(cells) + "\r\n" for cells in lines)


def _rows(text: str, where: str) -> tuple[str | None, list[_Row]]:
    """The title and the nodes' rows; empty lines are passed over."""
    lines = [(number, _cells(line, number, where)) for number, line in enumerate(re.split("\r?\n", text), 1)]
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if not lines:
        raise ConfigurationError(f"{where}: the file is empty; two header rows and a row a node are expected")
    (first, top), (second, headings) = lines[0], (lines[1:] or [(lines[0][0] + 1, [""] * _WIDTH)])[0]
    if top[0].casefold() != _SYSTEM.casefold() or not top[-1].casefold().startswith(_EXTENSION.casefold()):
        raise _wrong(where, first, f"the first header row begins with {_SYSTEM!r} and has {_EXTENSION!r} in column 8")
    for place, heading in enumerate(_HEADINGS[:-1]):
        if headings[place].casefold().removesuffix(" id") != heading.casefold().removesuffix(" id"):
            raise _wrong(
                where, second, f"column {place + 1} of the second header row is {heading!r}, not {headings[place]!r}"
            )
    return top[3] or None, [_row(cells, number, where) for number, cells in lines[2:]]


def _cells(line: str, number: int, where: str) -> list[str]:
    cells = [cell.strip() for cell in line.split("\t")]
    if any(cells[_WIDTH:]):
        raise _wrong(where, number, f"{len(cells)} columns; the form has {_WIDTH}, take the tabs out of names")
    return (cells + [""] * _WIDTH)[:_WIDTH]


def _row(cells: Sequence[str], line: int, where: str) -> _Row:
    node_id, parent, name, *tiers, extension = cells
    if not node_id or not name:
        raise _wrong(where, line, f"no {'name' if node_id else 'id'}; each row has both")
    filled = tuple(tier for tier in tiers if tier)
    if tuple(tiers[: len(filled)]) != filled:
        raise _wrong(where, line, "a tier column is empty before one that is not; fill them from the left")
    return _Row(line, checked_id(node_id, f"{where}, line {line}"), parent or None, name, filled, extension)


def _names(row: _Row, by_id: Mapping[str, _Row], where: str) -> tuple[str, ...]:
    """Names from the root to the row's node, by the parents."""
    names, seen, current = [row.name], {row.id}, row
    while current.parent is not None:
        if current.parent not in by_id:
            raise _wrong(where, current.line, f"the parent {current.parent!r} is no id of the file; add its row")
        current = by_id[current.parent]
        if current.id in seen:
            raise _wrong(where, row.line, f"node {row.id!r} is below itself by its parents; change one of them")
        seen.add(current.id)
        names.insert(0, current.name)
    if len(names) > TIERS:
        raise _wrong(where, row.line, f"node {row.id!r} is at tier {len(names)} by its parents; {TIERS} are the most")
    return tuple(names)


def _check_tiers(row: _Row, names: tuple[str, ...], where: str) -> None:
    if not _goes_by(row.tiers, names):
        raise _wrong(
            where, row.line, f"the tier columns say {_path(row.tiers)}, the parents {_path(names)}; mend one of them"
        )


def _goes_by(tiers: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether tier columns have the names of the path, in order and from the first to the last, others between."""
    if not 0 < len(tiers) <= TIERS or (tiers[0], tiers[-1]) != (names[0], names[-1]):
        return False
    left = iter(tiers)
    return all(name in left for name in names)


def _told(row: _Row, by_id: Mapping[str, _Row]) -> str:
    above = by_id[row.parent].name if row.parent is not None else "no node"
    return (
        f"line {row.line}: the tier columns say {_path(row.tiers)}, the parent of {row.id!r} is {above}, which counts"
    )


def _path(names: Sequence[str]) -> str:
    return " > ".join(names)


def _wrong(where: str, line: int, what: str) -> ConfigurationError:
    return ConfigurationError(f"{where}, line {line}: {what}")
