"""What one version of the tree changed: births, deaths, splits, merges, renames and moves of nodes, by their ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from linnaeus.contracts import columns as c

BIRTH, DEATH, SPLIT, MERGE, RENAME, MOVE = "birth", "death", "split", "merge", "rename", "move"
KINDS = (BIRTH, DEATH, SPLIT, MERGE, RENAME, MOVE)


@dataclass(frozen=True)
class Change:
    """One change: ids of the version before and of the one that brought it, sorted. `detail`, the same in words, does
    not count when two are compared."""

    kind: str
    from_ids: tuple[str, ...]
    to_ids: tuple[str, ...]
    detail: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, kind: str, before: Iterable[str], after: Iterable[str], detail: str | None = None) -> Change:
        """With the ids sorted, each once. Raises ValueError for a kind that is none."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of change; there are {', '.join(KINDS)}")
        return cls(kind, tuple(sorted(set(before))), tuple(sorted(set(after))), detail)


def change_id(version: int, change: Change) -> str:
    """SHA-256 (hex) of version, kind and ids."""
    said = json.dumps([version, change.kind, change.from_ids, change.to_ids], separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Changes by kind (as in KINDS), then by ids."""
    return tuple(sorted(changes, key=lambda one: (KINDS.index(one.kind), one.from_ids, one.to_ids)))


def change_of(row: Mapping[str, Any]) -> tuple[int, Change]:
    """The version and the change that a row of gold.taxonomy_changes says."""
    change = Change(row[c.KIND], tuple(row[c.FROM_IDS]), tuple(row[c.TO_IDS]), row[c.DETAIL])
    return int(row[c.VERSION]), change
