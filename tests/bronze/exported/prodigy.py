"""Prodigy: tasks with an answer."""

from __future__ import annotations

from typing import Any

from tests.bronze.exported.cases import Case, skipped, vote
from tests.bronze.exported.doccano import doccano


def prodigy(**others: Any) -> dict[str, Any]:
    marks = {"_input_hash": -1, "_task_hash": 2, "_view_id": "choice", "answer": "accept", "_timestamp": 1793700000}
    return doccano() | marks | {"_annotator_id": "db-ann", "_session_id": "db-ann"} | others


PRODIGY = [
    Case("one", prodigy(accept=["sport"]), (vote("sport", "db-ann"),), times=("2026-11-03 10:00:00",)),
    Case("several", prodigy(accept=["sport", "tech"]), codes=(["several_labels"],)),
    Case("none", prodigy(accept=[]), codes=skipped("unanswered")),
    Case("ignored", prodigy(accept=["sport"], answer="ignore"), codes=skipped("cancelled")),
    Case("one label, accepted", prodigy(label="sport"), (vote("sport", "db-ann"),)),
    Case("one label, rejected", prodigy(label="sport", answer="reject"), codes=skipped("rejected")),
    Case("by session", prodigy(accept=["sport"], _annotator_id=None, _session_id="db-bob"), (vote("sport", "db-bob"),)),
]
