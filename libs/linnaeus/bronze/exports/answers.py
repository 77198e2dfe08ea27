"""What exports of labelling tools are brought to: which task a record is about, and what people answered to it.

Plain Python on one record, whose numbers are texts as they are written. A value may stand as it is, or as its JSON
text, as CSV has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linnaeus.contracts import columns as c

Record = Mapping[str, Any]
# Why what stands in an export is no vote.
CANCELLED, DISCARDED, DRAFT, REJECTED, UNANSWERED = "cancelled", "discarded", "draft", "rejected", "unanswered"
TASK = "task"  # <facet>/<item_id>: a tool can't take it for a number, as it may an item_id


class UnreadableError(Exception):
    """What stands where answers are is nothing of the kind."""


@dataclass(frozen=True)
class Task:
    """What a record is about, as far as it tells."""

    item_id: str | None = None
    facet: str | None = None
    creator_id: str | None = None


@dataclass(frozen=True)
class Response:
    """What one person said of a task: answers by question, or why there is none that counts (`skip`)."""

    annotator: str | None
    answers: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    voted_at: str | None = None
    skip: str | None = None


def loaded(text: str) -> Any:
    """The value of a JSON text, its numbers as texts. Raises ValueError."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError as error:
        raise ValueError("too deep") from error


def value_of(value: Any) -> Any:
    """A value, or the one whose JSON text this is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return loaded(value)
        except ValueError:
            return value
    return value


def fields_of(value: Any) -> Record:
    """The fields of an object; none of anything else."""
    made = value_of(value)
    return made if isinstance(made, dict) else {}


def object_of(value: Any) -> Record:
    """An object. Raises UnreadableError."""
    made = value_of(value)
    if not isinstance(made, dict):
        raise UnreadableError
    return made


def list_of(value: Any) -> list[Any]:
    """A list, empty for null. Raises UnreadableError."""
    made = value_of(value)
    if made is None:
        return []
    if not isinstance(made, list):
        raise UnreadableError
    return made


def text_of(value: Any) -> str | None:
    """A text without blanks around it; None where nothing is left, or it is no text or number."""
    return (value.strip() or None) if isinstance(value, str) else None


def first_text(*values: Any) -> str | None:
    """The first text that is not blank."""
    return next((text for one in values if (text := text_of(one)) is not None), None)


def task_of(*places: Record) -> Task:
    """Which item and facet a record is about.

    `places` hold fields of the queue's, the surest first. Its `task` counts more than `item_id`, which a tool may have
    read as a number; its `id` is asked last, as tools have one, too.
    """

    def first(name: str) -> str | None:
        return first_text(*[place.get(name) for place in places])

    sure, other = split_task(first(TASK)), split_task(first("id"))
    item_id = first_text(sure.item_id, first(c.ITEM_ID), other.item_id)
    facet = first_text(sure.facet, first(c.FACET), other.facet)
    return Task(item_id, facet, first(c.CREATOR_ID))


def split_task(key: str | None) -> Task:
    """The task that the queue names so; ids may hold slashes, facets do not."""
    facet, slash, item_id = (key or "").partition("/")
    return Task(item_id, facet) if slash else Task()


def labels_in(answers: Iterable[Any]) -> list[str]:
    """The labels that answers to one question hold, each once.

    Raises UnreadableError where one holds something else (a span, a rank, a region).
    """
    found = [label for one in answers for label in _labels_in(value_of(one))]
    return list(dict.fromkeys(found))


def _labels_in(answer: Any) -> list[str]:
    parts = answer if isinstance(answer, list) else [answer]
    return [label for part in parts for one in _texts_in(part) if (label := text_of(one)) is not None]


def _texts_in(part: Any) -> list[Any]:
    if part is None or isinstance(part, str):
        return [part]
    if not isinstance(part, dict):
        raise UnreadableError
    # Label Studio's tags: Choices, Taxonomy (the path to each node), Rating and Number.
    paths = [list_of(path)[-1:] for path in list_of(part.get("taxonomy"))]
    texts = [*list_of(part.get("choices")), *[one for path in paths for one in path]]
    texts += [part[name] for name in ("rating", "number") if part.get(name) is not None]
    if not {"choices", "taxonomy", "rating", "number"} & part.keys() or not all(isinstance(one, str) for one in texts):
        raise UnreadableError
    return texts
