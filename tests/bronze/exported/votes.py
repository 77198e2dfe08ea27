"""Votes and other records that are no export, and settings that say so."""

from __future__ import annotations

from tests.bronze.exported.cases import NOBODY, Case, skipped, vote
from tests.bronze.exported.doccano import FILE, doccano
from tests.bronze.exported.label_studio import ls_task

PLAIN = {"item_id": "p/1", "facet": "category", "annotator_id": "ann", "label": "sport"}
VOTES = [
    Case("a vote", PLAIN, (vote("sport"),)),
    Case(
        "a vote with what a tool has", PLAIN | {"annotation_id": 1, "annotator": "x", "lead_time": 2}, (vote("sport"),)
    ),
    Case("a vote of nobody", PLAIN | {"annotator_id": None}, codes=(NOBODY,)),
    Case("a vote of somebody", PLAIN | {"annotator_id": ""}, (vote("sport", "eve"),), reading={"annotator": "eve"}),
    Case("no vote", {"a": 1}, codes=([*NOBODY, "missing_facet", "missing_item_id", "missing_label"],)),
    Case("a row of the queue", ls_task()["data"], codes=skipped("unanswered")),
    Case("a line of the queue", doccano(), codes=skipped("unanswered")),
    Case("a row of the queue without a name", ls_task()["data"] | {"label": "sport"}, codes=(NOBODY,)),
    Case(
        "no export, as is said",
        doccano(label=["sport"]),
        codes=([*NOBODY, "missing_facet", "missing_item_id"],),
        reading={"form": "votes"},
    ),
    Case(
        "another export, as is said", doccano(label=["sport"]), (vote("sport"),), file=FILE, reading={"form": "doccano"}
    ),
    Case("no JSON", '{"annotations": [', codes=(["malformed_record"],)),
    Case("an array", "[1]", codes=(["malformed_record"],)),
]
