"""The review queue's own files, as far as nobody has answered: a row without a label, or a task as it was written."""

from __future__ import annotations

from collections.abc import Container

from linnaeus.bronze.exports import answers as a
from linnaeus.contracts import columns as c


def is_own(record: a.Record, facets: Container[str]) -> bool:
    """Whether a record is one of the queue's that has no label."""
    is_row = "labels" in record and c.REASON in record
    is_line = bool({"options", "meta"} & record.keys()) and a.split_task(a.text_of(record.get("id"))).facet in facets
    return (is_row or is_line) and a.text_of(record.get(c.LABEL)) is None


def task(record: a.Record) -> a.Task:
    """What the record is about."""
    return a.task_of(record, a.fields_of(record.get("meta")))
