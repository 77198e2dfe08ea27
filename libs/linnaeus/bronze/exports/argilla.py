"""Argilla's exports: records of 2.x, flat (`<question>.responses`) or nested, and of 1.x.

The forms are those of argilla 2.x (`records.to_list`, `to_json`, `to_datasets`), of 1.x's FeedbackDataset (the API's of
both too, with times) and of 1.x's TextClassificationRecord. Nested records of 2.x do not say whether a response was
submitted: each counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from linnaeus.bronze.exports import answers as a

_RESPONSES, _SUGGESTION = ".responses", "-suggestion"
_SKIPPED = {"draft": a.DRAFT, "edited": a.DRAFT, "discarded": a.DISCARDED}


class _Answer(NamedTuple):
    """One user's answer to one question."""

    question: str
    value: Any
    user: str | None
    status: str | None


def is_own(record: a.Record) -> bool:
    """Whether a record is of this tool."""
    is_nested = {"responses", "fields"} <= record.keys() or "_server_id" in record
    return is_nested or _is_flat(record) or _is_classified(record) or bool(_listed_questions(record))


def task(record: a.Record) -> a.Task:
    """What the record is about; 1.x has the queue's id as `external_id`."""
    return a.task_of(record, a.fields_of(record.get("metadata")), {"id": record.get("external_id")})


def responses(record: a.Record) -> list[a.Response]:
    """What people said, of which drafts and discarded responses are no votes."""
    held = a.value_of(record.get("responses"))
    if isinstance(held, list):
        return [_of_user(a.object_of(one)) for one in held]
    if held is not None:
        return _by_user(_nested(a.object_of(held)))
    if _is_flat(record):
        return _by_user(_flat(record))
    if _is_classified(record):
        return [_classified(record)]
    return _by_user(_nested({name: record[name] for name in _listed_questions(record)}))


def _is_flat(record: a.Record) -> bool:
    return any(name.endswith(_RESPONSES) for name in record)


def _is_classified(record: a.Record) -> bool:
    return "annotation_agent" in record or {"annotation", "prediction"} <= record.keys()


def _listed_questions(record: a.Record) -> list[str]:
    """Questions of 1.x's records as the Hub has them: fields that have a suggestion beside them."""
    return [name for name in record if f"{name}{_SUGGESTION}" in record] if "external_id" in record else []


def _of_user(one: a.Record) -> a.Response:
    """A response that has all answers of its user."""
    values = a.fields_of(one.get("values"))
    found = {name: [a.object_of(held).get("value")] for name, held in values.items()}
    at = a.first_text(one.get("updated_at"), one.get("inserted_at"))
    return a.Response(a.text_of(one.get("user_id")), found, at, _skipped(one.get("status")))


def _nested(by_question: a.Record) -> Iterator[_Answer]:
    """Answers that stand in a list a question."""
    for name, held in by_question.items():
        for one in map(a.object_of, a.list_of(held)):
            yield _Answer(name, one.get("value"), a.text_of(one.get("user_id")), one.get("status"))


def _flat(record: a.Record) -> Iterator[_Answer]:
    """Answers whose users and status stand in lists of the same order."""
    for key in [name for name in record if name.endswith(_RESPONSES)]:
        values, users, status = (a.list_of(record.get(f"{key}{end}")) for end in ("", ".users", ".status"))
        for place, value in enumerate(values):
            yield _Answer(key.removesuffix(_RESPONSES), value, a.text_of(_at(users, place)), _at(status, place))


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _by_user(answers: Iterable[_Answer]) -> list[a.Response]:
    """Responses: the answers of each user."""
    found: dict[str | None, dict[str, list[Any]]] = {}
    status: dict[str | None, str | None] = {}
    for one in answers:
        found.setdefault(one.user, {}).setdefault(one.question, []).append(one.value)
        status[one.user] = one.status
    return [a.Response(user, values, None, _skipped(status[user])) for user, values in found.items()]


def _classified(record: a.Record) -> a.Response:
    """The one annotation that a record of 1.x has."""
    who, skip = a.text_of(record.get("annotation_agent")), _skipped(record.get("status"))
    return a.Response(who, {"annotation": [record.get("annotation")]}, None, skip)


def _skipped(status: Any) -> str | None:
    return _SKIPPED.get(status.lower()) if isinstance(status, str) else None
