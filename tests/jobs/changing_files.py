"""Sources whose files come, change and go from one run to the next, by a seed; and what two lakes make of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from linnaeus.contracts import tables
from linnaeus.contracts.tables import Table
from tests.jobs import tiny

KEYED = {
    "content": (tables.CONTENT, ("content_id",), "published_at"),
    "creators": (tables.CREATORS, ("creator_id",), "created_at"),
    "votes": (tables.VOTES, ("item_id", "facet", "annotator_id"), "voted_at"),
    "gold_labels": (tables.GOLD_LABELS, ("item_id", "facet"), None),
}
TIMES = (None, *(f"2024-01-{day:02d}T00:00:00Z" for day in range(1, 4)), "9999-12-31")  # the last wins over no other
Records = list[dict[str, Any]]
Key = tuple[Any, ...]


def _content(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(["text", "text", "text", "song"])  # one of them is unknown
    return {
        "content_id": rng.choice("abcdefghijklmnopqrst"),
        "creator_id": rng.choice("uv"),
        "kind": kind,
        "body": rng.choice("xyz"),
    }


def _creator(rng: random.Random) -> dict[str, Any]:
    return {"creator_id": rng.choice("abcdefghijklmnopqrst "), "name": rng.choice(["Ana", "Bo"])}


def _vote(rng: random.Random) -> dict[str, Any]:
    label = rng.choice(["yes", "no", "no", "perhaps"])
    return {"item_id": rng.choice("abcdefgh"), "facet": "risk.spam", "annotator_id": rng.choice("lmn"), "label": label}


def _gold(rng: random.Random) -> dict[str, Any]:
    return {"item_id": rng.choice("abcdef"), "facet": "risk.spam", "label": rng.choice(["yes", "no", "no"])}


MAKE = {"content": _content, "creators": _creator, "votes": _vote, "gold_labels": _gold}


class Sources:
    """Folders of files, one a source. `undecided` are keys by source for which a record is gone that had the time of
    another one: which of them a run kept, and whether it stays, depends on when the files were read."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._rng = folder, random.Random(seed)
        self.files: dict[str, dict[str, Records]] = {name: {} for name in KEYED}
        self.undecided: dict[str, set[Key]] = {name: set() for name in KEYED}
        self._gone: dict[str, set[tuple[Key, str | None, str]]] = {name: set() for name in KEYED}
        self._dropped: dict[str, dict[str, Records]] = {name: {} for name in KEYED}

    def settings(self) -> list[str]:
        return [f"sources.{name}={self.folder / name}" for name in KEYED]

    def change(self) -> None:
        """Some files come, change, go or come back in each source; at least four are there."""
        for name, files in self.files.items():
            before = self._records(name)
            for _ in range(self._rng.choice([0, 1, 1, 2])):
                self._change_one(name, files)
            while len(files) < 4:
                self._change_one(name, files, "come")
            now = self._records(name)
            self._gone[name] |= {self._said(name, one) for one in before if one not in now}
            self._look_for_ties(name, now)
            self._write(name, files)

    def _change_one(self, name: str, files: dict[str, Records], what: str | None = None) -> None:
        rng, dropped = self._rng, self._dropped[name]
        what = what or rng.choice(["come", "come", "change", "grow", "go", "come back"])
        if what == "come" or not files:
            files[f"{rng.randrange(10**6):06d}.jsonl"] = self._some(name)
        elif what == "come back" and dropped:
            file = rng.choice(sorted(dropped))
            files[file] = dropped.pop(file)
        elif what == "change":
            file = rng.choice(sorted(files))
            dropped[file], files[file] = files[file], self._some(name)
        elif what == "grow":
            file = rng.choice(sorted(files))
            files[file] = files[file] + self._some(name)
        elif len(files) > 1:
            file = rng.choice(sorted(files))
            dropped[file] = files.pop(file)

    def _some(self, name: str) -> Records:
        time = KEYED[name][2]
        made = [MAKE[name](self._rng) for _ in range(self._rng.randint(3, 8))]
        return [one if time is None else one | {time: self._rng.choice(TIMES)} for one in made]

    def _records(self, name: str) -> Records:
        return [record for records in self.files[name].values() for record in records]

    def _said(self, name: str, record: dict[str, Any]) -> tuple[Key, str | None, str]:
        _, key, time = KEYED[name]
        return tuple(record[one] for one in key), record.get(time or ""), json.dumps(record, sort_keys=True)

    def _look_for_ties(self, name: str, now: Records) -> None:
        if KEYED[name][2] is None:  # gold labels are read as a whole
            return
        there = {self._said(name, one) for one in now} | self._gone[name]
        for key, time, said in self._gone[name]:
            if any((key, time) == other[:2] and said != other[2] for other in there):
                self.undecided[name].add(key)

    def _write(self, name: str, files: dict[str, Records]) -> None:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in set(folder.iterdir()) - {folder / file for file in files}:
            old.unlink()
        for file, records in files.items():
            (folder / file).write_text("".join(f"{json.dumps(one)}\n" for one in records))

    def decided(self, lake: Path) -> Iterator[tuple[str, list[str]]]:
        """By source, the rows of its table in a lake but those of undecided keys, without stamps of time."""
        for name, (table, key, _) in KEYED.items():
            rows = stored(lake, table)
            yield name, [row for row in rows if tuple(json.loads(row)[one] for one in key) not in self.undecided[name]]

    def set_aside(self, lake: Path) -> dict[str, set[str]]:
        """By source, ids of the records that were set aside, but those of undecided keys."""
        found: dict[str, set[str]] = {name: set() for name in KEYED}
        for row in map(json.loads, stored(lake, tables.QUARANTINE)):
            source, record = row["source"], json.loads(row["raw"])
            if tuple(record[one] for one in KEYED[source][1]) not in self.undecided[source]:
                found[source].add(row["record_id"])
        return found


def stored(lake: Path, table: Table) -> list[str]:
    """A table's rows without stamps of time; none where nothing was ever kept."""
    is_there = (lake / table.layer / table.name).exists()
    return tiny.table_rows(lake, table.full_name, table.stamps) if is_there else []
