"""Prodigy's export (`prodigy db-out`): tasks of the interfaces choice and classification, with an answer each.

The form is that of Prodigy's page on annotation interfaces. Only what was accepted is a vote: rejecting a label says
which it is not.
"""

from __future__ import annotations

import datetime
from typing import Any

from linnaeus.bronze.exports import answers as a
from linnaeus.contracts import columns as c

_SKIPPED = {"reject": a.REJECTED, "ignore": a.CANCELLED}


def is_own(record: a.Record) -> bool:
    """Whether a record is of this tool."""
    return "answer" in record and bool({"_task_hash", "_input_hash"} & record.keys())


def task(record: a.Record) -> a.Task:
    """What the record is about."""
    return a.task_of(record, a.fields_of(record.get("meta")))


def responses(record: a.Record) -> list[a.Response]:
    """What one person said."""
    who = a.first_text(record.get("_annotator_id"), record.get("_session_id"))
    given = record["accept"] if "accept" in record else record.get(c.LABEL)
    skip = _SKIPPED.get(str(record["answer"]))
    return [a.Response(who, {"accept": [given]}, _time(record.get("_timestamp")), skip)]


def _time(seconds: Any) -> str | None:
    """Seconds since 1970 as a time; what is no number as it stands, so that it is said."""
    try:
        return datetime.datetime.fromtimestamp(float(seconds), datetime.timezone.utc).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return a.text_of(seconds)
