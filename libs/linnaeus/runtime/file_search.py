"""A search through files for ids of which only hashes are known: data and logs of tables, and what jobs write beside.

Spark and Delta take no part in it: Parquet is read by Arrow, column by column, whatever version of a table names the
file or none. A value counts where its place is one for ids (a column or field of that name, or declared for the table).
Elsewhere, where any word may stand, it counts where it can hardly be a word: see `is_distinctive`.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from linnaeus.contracts import columns as c
from linnaeus.contracts.hashed_ids import CREATOR, ITEM, TEXT, Hasher
from linnaeus.contracts.tables import Table
from linnaeus.runtime.files import write_whole

_FIELDS = {c.CREATOR_ID: CREATOR, c.CONTENT_ID: ITEM, c.ITEM_ID: ITEM, c.CONTENT_HASH: TEXT}
_RECORD = "record"
# Texts of people, in which others may name whom they like, and what is made of those; and who labels, who is another.
_FREE = {c.TITLE, c.BODY, c.TEXT, c.URI, c.NAME, c.ABOUT, c.TOKENS, c.TERMS, c.ANNOTATOR_ID}
_WORDS = re.compile(r"[\w.@\-]+")
_CELLS = re.compile(r">([^<>]+)<")
_LEAST = 8  # characters of an id that is told from a word by itself
_ROWS = 65_536  # of a Parquet file that are read at once
_LONGEST = 256  # characters: no id is longer


@dataclass(frozen=True)
class Hit:
    """Where something was found: a file, and the column, field or part of it."""

    file: Path
    where: str

    def __str__(self) -> str:
        return f"{self.file} ({self.where})"


@dataclass(frozen=True)
class Wanted:
    """What is looked for: hashes of ids. `kinds` says by column or field which kind of id stands there."""

    hashes: frozenset[str]
    hasher: Hasher
    kinds: Mapping[str, str] = field(default_factory=lambda: dict(_FIELDS))

    def of_table(self, table: Table) -> Wanted:
        """The same, with the columns that a table declares."""
        traces = table.traces
        if traces is None:
            return self
        kinds = dict(_FIELDS)
        kinds |= dict.fromkeys(traces.creators, CREATOR) | dict.fromkeys(traces.contents + traces.items, ITEM)
        kinds |= dict.fromkeys(traces.texts, TEXT) | dict.fromkeys(traces.records, _RECORD)
        return Wanted(self.hashes, self.hasher, kinds)

    def is_at(self, name: str, value: str) -> bool:
        """Whether a value that stands in a column or field of this name is one that is looked for."""
        kind = self.kinds.get(name)
        if kind == _RECORD:
            return any(self.is_at(*leaf) for leaf in _of_json(value))
        if kind is not None:
            return self.hasher.of(kind, value) in self.hashes
        return name not in _FREE and (self._is_anywhere(value) or self.in_text(value))

    def _is_anywhere(self, value: str) -> bool:
        return is_distinctive(value) and any(self.hasher.of(kind, value) in self.hashes for kind in (CREATOR, ITEM))

    def in_text(self, text: str) -> bool:
        """Whether a text that may be anything holds an id as a word, if it is distinctive."""
        return any(self._is_anywhere(word) for word in set(_WORDS.findall(text)))


def is_distinctive(value: str) -> bool:
    """Whether a value is an id by its looks: long enough, no longer than ids are, and with a digit."""
    return _LEAST <= len(value) <= _LONGEST and any(one.isdigit() for one in value)


def search_table(folder: Path, table: Table, wanted: Wanted, only: frozenset[Path] | None = None) -> list[Hit]:
    """Search all files of a table's folder, its log among them, or those alone that are in `only`."""
    own = wanted.of_table(table)
    files = [one for one in _files(folder) if only is None or one in only]
    return _search(files, own)


def search_folder(folder: Path, wanted: Wanted, but: tuple[Path, ...] = ()) -> list[Hit]:
    """Search all files of a folder (or one file) but those below others."""
    return _search([one for one in _files(folder) if not any(one.is_relative_to(other) for other in but)], wanted)


def take_out(folder: Path, wanted: Wanted) -> list[Path]:
    """Take rows out of the JSON Lines and CSV files of a folder, and remove other files that hold something."""
    changed = []
    for file in _files(folder):
        if not search_file(file, wanted):
            continue
        if file.suffix == ".jsonl":
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            write_whole(file, "".join(line for line in lines if not _is_in(_of_json(line), wanted)))
        elif file.suffix == ".csv":
            write_whole(file, _without(file, wanted))
        else:
            file.unlink(missing_ok=True)
        changed.append(file)
    return changed


def search_file(file: Path, wanted: Wanted) -> list[Hit]:
    """Where a file holds something. One that goes away meanwhile holds nothing."""
    try:
        return [Hit(file, where) for where in sorted(set(_found_in(file, wanted)))]
    except FileNotFoundError:
        return []


def _search(files: list[Path], wanted: Wanted) -> list[Hit]:
    with ThreadPoolExecutor() as pool:
        return [hit for hits in pool.map(lambda file: search_file(file, wanted), files) for hit in hits]


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else [folder] * folder.is_file()


def _found_in(file: Path, wanted: Wanted) -> Iterator[str]:
    if file.suffix == ".parquet":
        yield from _found_in_parquet(file, wanted)
        return
    content = file.read_bytes().decode("utf-8", errors="replace")
    if file.suffix in (".json", ".jsonl") or (file.suffix == ".crc" and content.startswith("{")):
        for line in content.splitlines():
            yield from (name for name, value in _of_json(line) if wanted.is_at(name, value))
    elif file.suffix == ".csv":
        for row in csv.DictReader(io.StringIO(content, newline="")):
            yield from (name for name, value in _cells(row) if wanted.is_at(name, value))
    elif wanted.in_text(content) or (
        file.suffix == ".html" and any(_names(one, wanted) for one in _CELLS.findall(content))
    ):
        yield "its text"


def _names(cell: str, wanted: Wanted) -> bool:
    """Whether the whole of a cell of a page is an id, however it looks: pages are made anew."""
    value = html.unescape(cell).strip()
    return len(value) <= _LONGEST and any(wanted.hasher.of(kind, value) in wanted.hashes for kind in (CREATOR, ITEM))


def _found_in_parquet(file: Path, wanted: Wanted) -> Iterator[str]:
    opened = pq.ParquetFile(file)
    for name in _string_columns(opened.schema_arrow):
        for batch in opened.iter_batches(batch_size=_ROWS, columns=[name]):
            found = [leaf for leaf, values in _leaves(name, batch.column(0)) if _is_among(leaf, values, wanted)]
            if found:
                yield from found
                break


def _is_among(name: str, values: pa.Array, wanted: Wanted) -> bool:
    if name in _FREE:
        return False
    distinct = values.unique().drop_null().to_pylist()
    kind = wanted.kinds.get(name)
    if kind is not None and kind != _RECORD:
        hashed = wanted.hasher.of_kind(kind)
        return any(hashed(value) in wanted.hashes for value in distinct)
    if name == "stats":  # of a checkpoint: JSON
        return any(wanted.is_at(*leaf) for value in distinct for leaf in _of_json(value))
    return any(wanted.is_at(name, value) for value in distinct)


def _string_columns(schema: pa.Schema) -> list[str]:
    return [one.name for one in schema if any(pa.types.is_string(kind) for kind in _kinds(one.type))]


def _kinds(kind: pa.DataType) -> Iterator[pa.DataType]:
    """All types that are inside a type."""
    if kind.num_fields == 0:
        yield pa.string() if _is_text(kind) else kind
    for place in range(kind.num_fields):
        yield from _kinds(kind.field(place).type)


def _is_text(kind: pa.DataType) -> bool:
    """Whether values are texts, in any of the forms that Arrow has for them: delta-rs writes views where it merges."""
    return str(kind) in ("string", "large_string", "string_view")


def _leaves(name: str, column: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Names of places and their strings; a list's values stand in the place of the list."""
    kind = column.type
    if pa.types.is_map(kind):
        yield from _leaves(name, column.keys)
        yield from _leaves(name, column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(name, column.flatten())
    elif pa.types.is_struct(kind):
        for part, values in zip(kind, column.flatten(), strict=True):
            yield from _leaves(part.name, values)
    elif _is_text(kind):
        yield name, column.cast(pa.string())


def _is_in(leaves: Iterator[tuple[str, str]], wanted: Wanted) -> bool:
    return any(wanted.is_at(name, value) for name, value in leaves)


def _of_json(text: str) -> Iterator[tuple[str, str]]:
    """Strings and whole numbers of a JSON document with the names of their fields; what is none, as one text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield "", text
    else:
        yield from _strings("", document)


def _strings(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(name, inner)
    elif isinstance(value, str):
        # Statistics of a file stand in its log as a text that is JSON again.
        if name == "stats":
            yield from _of_json(value)
        else:
            yield name, value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, str(value)


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name or "", value) for name, value in row.items() if isinstance(value, str))


def _without(file: Path, wanted: Wanted) -> str:
    """A CSV file without its rows that hold something."""
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = [row for row in reader if not _is_in(_cells(row), wanted)]
        names = list(reader.fieldnames or [])
    made = io.StringIO()
    sheet = csv.DictWriter(made, names, extrasaction="ignore", lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(rows)
    return made.getvalue()
