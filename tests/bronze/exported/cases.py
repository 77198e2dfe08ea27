"""A record of an export, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LABELS = {"category": ("sport", "tech", "c#", "спорт"), "risk.spam": ("yes", "no", "1", "2", "3", "4", "5")}
Vote = tuple[str | None, str | None, str | None, str | None]
NOBODY = ["missing_annotator_id"]


def vote(label: str | None, who: str | None = "ann", item: str | None = "p/1", facet: str | None = "category") -> Vote:
    return item, facet, who, label


@dataclass(frozen=True)
class Case:
    """A record, the votes that are in it, with their times, and the codes of all else."""

    name: str
    record: dict[str, Any] | str
    votes: tuple[Vote, ...] = ()
    codes: tuple[list[str], ...] = ()
    times: tuple[str | None, ...] = ()
    file: str | None = None
    reading: dict[str, str] = field(default_factory=dict)


def skipped(*reasons: str) -> tuple[list[str], ...]:
    return tuple([f"skipped_{one}"] for one in reasons)
