"""The tab-separated forms of the IAB Content Taxonomy (github.com/InteractiveAdvertisingBureau/Taxonomies).

From 2.0 on: a row with the title, a row of headings, then a row a node. It has the node's id, the parent's id, the
name, the names from the root in tier columns, and (from 2.1 on) the extension. Columns are found by their headings. In
1.0 the headings are IAB Code, Tier and IAB Category, and an id names its parent: IAB1-2 is below IAB1. Lines end by
CRLF, nothing is quoted, ids are text ("150", "JLBCU7"). Files are written in the form of 3.1.
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
_OF_1_0 = ("iab code", "tier", "iab category")
_TIER = re.compile(r"tier ([1-9])")
_PARTS = f"columns are headed {', '.join(_HEADINGS[:-1])}"


@dataclass(frozen=True)
class _Columns:
    """Where a row has what; `extension` is None where no column has it."""

    id: int
    parent: int
    name: int
    tiers: tuple[int, ...]
    extension: int | None

    @property
    def used(self) -> set[int]:
        places = {self.id, self.parent, self.name, *self.tiers}
        return places if self.extension is None else places | {self.extension}


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

    The parents count. Each row whose tier columns say something else than the names of the nodes above it is told among
    the notes; most of IAB's own versions have some. Raises ConfigurationError where there are no headings of such a
    form, a row has cells too many, an id stands twice, a parent nowhere, or a node is at a fifth tier.
    """
    title, rows = _rows(decoded(content, where), where)
    by_id: dict[str, _Row] = {}
    for row in rows:
        if row.id in by_id:
            raise _wrong(where, row.line, f"id {row.id!r} stands in line {by_id[row.id].line} too; give each its own")
        by_id[row.id] = row
    named = {row.id: _names(row, by_id, where) for row in rows}
    odd = [row for row in rows if row.tiers not in (named[row.id], ())]
    return Document(
        Tree.of([Node(row.id, row.name, row.parent, origin=CURATED) for row in rows], where),
        order=tuple(by_id),
        title=title,
        extensions={row.id: row.extension for row in rows if row.extension},
        tiers={row.id: row.tiers for row in odd if _goes_by(row.tiers, named[row.id])},
        notes=tuple(_told(row, named[row.id], by_id) for row in odd),
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
    split = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in _numbered(text)]
    lines = [(number, cells) for number, cells in split if any(cells)]
    if not lines:
        raise ConfigurationError(f"{where}: the file is empty; headings and a row a node are expected")
    if tuple(cell.casefold() for cell in lines[0][1][:3]) == _OF_1_0:
        return None, [_row_of_1_0(cells, number, where) for number, cells in lines[1:]]
    place = next((place for place, (_, cells) in enumerate(lines[:2]) if _plain(cells[0]) == "unique id"), None)
    if place is None:
        raise _wrong(
            where,
            lines[0][0],
            f"neither of the first two rows begins with {_HEADINGS[0]!r}, nor the first with 'IAB Code'. "
            "Give a table of IAB's with its headings",
        )
    above = lines[0][1] if place == 1 else []
    columns = _columns(lines[place], above, where)
    title = above[3] if len(above) > 3 and above[3] else None
    return title, [_row(cells, number, columns, where) for number, cells in lines[place + 1 :]]


def _numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(re.split("\r\n|\r|\n", text), 1))


def _plain(heading: str) -> str:
    return " ".join(heading.casefold().split())


def _columns(headings: tuple[int, list[str]], above: Sequence[str], where: str) -> _Columns:
    """The columns by their headings; the extension's stands in the row above them, or among them."""
    number, cells = headings
    plain = [_plain(cell).removesuffix(" id") for cell in cells]
    for name in ("parent", "name"):
        if name not in plain:
            raise _wrong(where, number, f"no column is headed {name.capitalize()!r}; {_PARTS}")
    tiers = {found[1]: place for place, cell in enumerate(plain) if (found := _TIER.fullmatch(cell))}
    if list(tiers) != [str(tier) for tier in range(1, len(tiers) + 1)]:
        raise _wrong(where, number, f"the tier columns are {', '.join(tiers)}; {_PARTS}")
    said = [place for row in (cells, above) for place, cell in enumerate(row) if _is_extension(cell)]
    return _Columns(0, plain.index("parent"), plain.index("name"), tuple(tiers.values()), said[0] if said else None)


def _is_extension(heading: str) -> bool:
    return _plain(heading).lstrip("*").startswith(_EXTENSION.casefold())


def _row(cells: list[str], line: int, columns: _Columns, where: str) -> _Row:
    if any(cell for place, cell in enumerate(cells) if place > max(columns.used)):
        raise _wrong(
            where, line, f"{len(cells)} columns; the form has {max(columns.used) + 1}, take the tabs out of names"
        )
    padded = cells + [""] * (max(columns.used) + 1 - len(cells))
    extension = "" if columns.extension is None else padded[columns.extension]
    tiers = tuple(padded[place] for place in columns.tiers)
    while tiers and not tiers[-1]:
        tiers = tiers[:-1]
    node_id = _checked(padded[columns.id], padded[columns.name], line, where)
    return _Row(line, node_id, padded[columns.parent] or None, padded[columns.name], tiers, extension)


def _row_of_1_0(cells: list[str], line: int, where: str) -> _Row:
    if any(cells[3:]):
        raise _wrong(where, line, f"{len(cells)} columns; the form has 3, take the tabs out of names")
    code, _, name = (cells + [""] * 3)[:3]
    parent = code.rpartition("-")[0]
    return _Row(line, _checked(code, name, line, where), parent or None, name, (), "")


def _checked(node_id: str, name: str, line: int, where: str) -> str:
    if not node_id or not name:
        raise _wrong(where, line, f"no {'name' if node_id else 'id'}; each row has both")
    return checked_id(node_id, f"{where}, line {line}")


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


def _goes_by(tiers: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether tier columns have the names of the path, in order and from the first to the last, others between."""
    if not 0 < len(tiers) <= TIERS or not all(tiers) or (tiers[0], tiers[-1]) != (names[0], names[-1]):
        return False
    left = iter(tiers)
    return all(name in left for name in names)


def _told(row: _Row, names: tuple[str, ...], by_id: Mapping[str, _Row]) -> str:
    said = f"line {row.line}: the tier columns say {_path(row.tiers)}, "
    if _goes_by(row.tiers, names):
        above = by_id[row.parent].name if row.parent is not None else "no node"
        return f"{said}the parent of {row.id!r} is {above}, which counts"
    return f"{said}the parents {_path(names)}, which count"


def _path(names: Sequence[str]) -> str:
    return " > ".join(name or "(empty)" for name in names)


def _wrong(where: str, line: int, what: str) -> ConfigurationError:
    return ConfigurationError(f"{where}, line {line}: {what}")
