"""doccano's exports: JSONL, JSON and CSV of a classification project, a file a user, or `all` where they share labels.

The forms are those of doccano 1.x (backend/data_export). A file names its user, a record does not. Older versions'
JSON has numbers for labels and users, which mean nothing outside: those answers can't be read.
"""

from __future__ import annotations

import re
from collections.abc import Container
from urllib.parse import unquote

from linnaeus.bronze.exports import answers as a
from linnaeus.contracts import columns as c

_SHARED = "all"  # the file of a project whose members share their labels
_JOIN = "#"  # between labels in CSV
_EXTENSIONS = re.compile(r"(\.(jsonl|ndjson|json|csv|tsv|parquet))?(\.(gz|bz2|xz|zst))?$", re.IGNORECASE)


def is_own(record: a.Record, facets: Container[str]) -> bool:
    """Whether a record is of this tool; a row of an older one is known by the queue's `id` alone."""
    is_listed = any(isinstance(a.value_of(record.get(name)), list) for name in (c.LABEL, "cats"))
    is_older = "annotation_approver" in record and bool({"labels", "annotations"} & record.keys())
    is_row = c.LABEL in record and c.ANNOTATOR_ID not in record and a.task_of(record).facet in facets
    return is_listed or is_older or "Comments" in record or is_row


def task(record: a.Record) -> a.Task:
    """What the record is about."""
    return a.task_of(record, a.fields_of(record.get("meta")))


def responses(record: a.Record, labels: Container[str]) -> list[a.Response]:
    """What one person said, whom the file names. `labels` are those of all facets."""
    given = next((record[name] for name in (c.LABEL, "cats", "annotations", "labels") if name in record), None)
    value = a.value_of(given)  # a list, but in CSV
    is_joined = isinstance(value, str) and value not in labels
    return [a.Response(None, {c.LABEL: value.split(_JOIN) if is_joined else [value]})]


def annotator(file: str | None) -> str | None:
    """The user whom a file is of, by its path (percent-encoded); None where it is of all."""
    name = _EXTENSIONS.sub("", unquote(file or "").rsplit("/", 1)[-1])
    return a.text_of(name) if name.lower() != _SHARED else None
