"""Label Studio's exports: JSON (tasks with their annotations), JSON_MIN, CSV and TSV (a row an annotation).

A target storage has a JSON file an annotation, with its task in it. The forms are those of Label Studio 1.x: the page
"Export annotations" of its guide, and what `label_studio_sdk.converter` writes.
"""

from __future__ import annotations

from typing import Any

from linnaeus.bronze.exports import answers as a
from linnaeus.contracts import columns as c

_TAGS = ("choices", "taxonomy", "rating", "number")  # that answer a question on the whole task
# Columns of a row that are no answers: the tool's own, and those of the task that the queue's files give it.
_OWN = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "history", "score")
_QUEUE = (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.VOTED_AT, c.TEXT, "labels", c.CREATOR_ID, c.PRIORITY, c.REASON)
_NO_ANSWERS = {*_OWN, *_QUEUE, a.TASK, "options", "meta", c.RANK, c.N_VOTES}


def is_own(record: a.Record) -> bool:
    """Whether a record is of this tool."""
    is_row = "annotation_id" in record and bool({"annotator", "lead_time", "updated_at"} & record.keys())
    return _is_task(record) or _is_annotation(record) or is_row


def task(record: a.Record) -> a.Task:
    """What the record is about."""
    whole = a.fields_of(record[a.TASK]) if _is_annotation(record) else record
    data = a.fields_of(whole["data"]) if whole is not record or _is_task(record) else record
    return a.task_of(data, a.fields_of(data.get("meta")))


def responses(record: a.Record) -> list[a.Response]:
    """What people said: annotations, of which skipped ones and drafts are no votes."""
    if _is_annotation(record):
        return [_of_annotation(record)]
    if not _is_task(record):
        return [_of_row(record)]
    drafts = [a.Response(None, skip=a.DRAFT)] * len(a.list_of(record.get("drafts")))
    return [_of_annotation(a.object_of(one)) for one in a.list_of(record["annotations"])] + drafts


def _is_task(record: a.Record) -> bool:
    return "data" in record and "annotations" in record


def _is_annotation(record: a.Record) -> bool:
    return "result" in record and "data" in a.fields_of(record.get(a.TASK))


def _of_annotation(annotation: a.Record) -> a.Response:
    who = _user(annotation.get("completed_by"))
    at = a.first_text(annotation.get("updated_at"), annotation.get("created_at"))
    if annotation.get("was_cancelled") is True:
        return a.Response(who, voted_at=at, skip=a.CANCELLED)
    results = [a.object_of(one) for one in a.list_of(annotation.get("result"))]
    # Where there is nothing but regions and texts, they show that the answer is no label.
    asked = [one for one in results if one.get("type") in _TAGS] or results
    found: dict[str, list[Any]] = {}
    for one in asked:
        found.setdefault(str(one.get("from_name")), []).append(one.get("value"))
    return a.Response(who, found, at)


def _user(completed_by: Any) -> str | None:
    """A user's mail address, as the tool's CSV has it, or number, where that is all there is."""
    user = a.fields_of(completed_by)
    return a.first_text(user.get("email"), user.get("id")) if user else a.text_of(completed_by)


def _of_row(row: a.Record) -> a.Response:
    """Answers are what neither the tool nor the queue knows of; `label` is the queue's own, unless it is filled."""
    found = {name: [value] for name, value in row.items() if name not in _NO_ANSWERS and not name.startswith("_data_")}
    return a.Response(
        a.text_of(row.get("annotator")), found, a.first_text(row.get("updated_at"), row.get("created_at"))
    )
