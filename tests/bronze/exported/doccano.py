"""doccano: records of JSONL and JSON, and rows of CSV."""

from __future__ import annotations

from typing import Any

from tests.bronze.exported.cases import NOBODY, Case, skipped, vote


def doccano(**others: Any) -> dict[str, Any]:
    """A record of the queue's JSON Lines as doccano gives it back: what it does not know stays at the top."""
    own = {"id": "category/p/1", "text": "A text", "options": [{"id": "sport", "text": "Sport"}]}
    return own | {"meta": {"item_id": "p/1", "facet": "category", "creator_id": "u1", "rank": 1}} | others


FILE = "file:/x/ann.jsonl"
DOCCANO = [
    Case("one", doccano(label=["sport"], Comments=[]), (vote("sport"),), file=FILE, times=(None,)),
    Case("older, without comments", doccano(label=["sport"]), (vote("sport"),), file=FILE),
    Case("a sign in its label", doccano(label=["c#"], Comments=[]), (vote("c#"),), file=FILE),
    Case("a list as text", doccano(label='["c#"]', Comments=""), (vote("c#"),), file=FILE),
    Case("nothing", doccano(label=[], Comments=["?"]), codes=skipped("unanswered"), file=FILE),
    Case("several", doccano(label=["sport", "tech"]), codes=(["several_labels"],), file=FILE),
    Case("spans", doccano(label=[[0, 4, "sport"]]), codes=(["unreadable_answer"],), file=FILE),
    Case("intents", doccano(cats=["sport"], entities=[]), (vote("sport"),), file=FILE),
    Case("shared", doccano(label=["sport"]), codes=(NOBODY,), file="file:/x/all.jsonl"),
    Case(
        "shared, but told",
        doccano(label=["sport"]),
        (vote("sport", "team"),),
        file="file:/x/all.jsonl",
        reading={"annotator": "team"},
    ),
    Case(
        "told, whatever the file",
        doccano(label=["sport"]),
        (vote("sport", "eve"),),
        file=FILE,
        reading={"annotator": "eve"},
    ),
    Case("no file", doccano(label=["sport"]), codes=(NOBODY,)),
    Case(
        "a name with everything",
        doccano(label=["sport"]),
        (vote("sport", "ann.b+c@x.org"),),
        file="s3a://b/ann.b+c@x.org.JSONL.gz",
    ),
    Case(
        "a name in another script",
        doccano(label=["sport"]),
        (vote("sport", "ан на"),),
        file="file:/x/%D0%B0%D0%BD%20%D0%BD%D0%B0.json",
    ),
    Case(
        "a row",
        doccano(label="sport", meta="{'item_id': 'p/1'}", options="[]"),
        (vote("sport"),),
        file="file:/x/ann.csv",
    ),
    Case("a row with several", doccano(label="sport#tech", Comments=""), codes=(["several_labels"],), file=FILE),
    Case("a row with a sign in its label", doccano(label="c#", Comments=""), (vote("c#"),), file=FILE),
    Case("a row with nothing", doccano(label="", Comments=""), codes=skipped("unanswered"), file=FILE),
    Case(
        "from the queue's CSV",
        {
            "id": 3,
            "text": "t",
            "item_id": "p/1",
            "facet": "category",
            "annotator_id": "",
            "labels": "sport|tech",
            "reason": "r",
            "label": ["sport"],
        },
        (vote("sport"),),
        file=FILE,
    ),
    Case(
        "the very old form",
        {
            "id": 3,
            "text": "t",
            "meta": {"item_id": "p/1", "facet": "risk.spam"},
            "annotation_approver": None,
            "annotations": [{"label": 4, "user": 1}],
        },
        codes=(["unreadable_answer"],),
        file=FILE,
    ),
    Case(
        "the old form",
        {
            "id": 3,
            "text": "t",
            "meta": {"item_id": "p/1", "facet": "category"},
            "annotation_approver": None,
            "labels": ["sport"],
        },
        (vote("sport"),),
        file=FILE,
    ),
    Case(
        "no task of the queue",
        {"id": 3, "text": "t", "label": ["sport"]},
        codes=(["missing_facet", "missing_item_id"],),
        file=FILE,
    ),
]
