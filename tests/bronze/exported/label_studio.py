"""Label Studio: JSON, and rows of JSON_MIN and CSV."""

from __future__ import annotations

from typing import Any

from tests.bronze.exported.cases import NOBODY, Case, skipped, vote


def ls_task(*annotations: dict[str, Any], data: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """A task of Label Studio's JSON that was imported from the queue's CSV."""
    own: dict[str, Any] = {"item_id": "p/1", "facet": "category", "annotator_id": "", "label": "", "voted_at": ""}
    own |= {"text": "A text", "labels": "sport|tech", "creator_id": "u1", "priority": 0.5, "reason": "r"}
    return {
        "id": 17,
        "annotations": list(annotations),
        "file_upload": "a1b2c3d4-review_queue.csv",
        "drafts": [],
        "predictions": [{"id": 1, "result": [ls_result("tech")], "score": 0.9}],
        "data": own if data is None else data,
        "meta": {},
        "created_at": "2026-11-01T08:00:00.000000Z",
        "total_annotations": len(annotations),
        "project": 3,
    } | others  # fmt: skip


def ls_result(*choices: str, name: str = "choice", kind: str = "choices", value: Any = None) -> dict[str, Any]:
    held = {kind: list(choices) if value is None else value}
    return {"id": "x", "type": kind, "value": held, "origin": "manual", "to_name": "text", "from_name": name}


def ls_annotation(*results: dict[str, Any], who: Any = 5, **others: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "completed_by": who,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-02T10:00:00.131290Z",
        "updated_at": "2026-11-02T11:00:00.131302Z",
        "lead_time": 7.6,
        "prediction": {},
        "task": 17,
    } | others


MAIL = {"id": 5, "email": "ann@x.org", "first_name": "", "last_name": ""}
RANGE = {"start": 0, "end": 3, "text": "abc", "labels": ["sport"]}
LABEL_STUDIO = [
    Case(
        "one", ls_task(ls_annotation(ls_result("sport"))), (vote("sport", "5"),), times=("2026-11-02 11:00:00.131302",)
    ),
    Case(
        "never updated",
        ls_task(ls_annotation(ls_result("sport"), updated_at=None)),
        (vote("sport", "5"),),
        times=("2026-11-02 10:00:00.13129",),
    ),
    Case(
        "two people, one by mail",
        ls_task(ls_annotation(ls_result("sport")), ls_annotation(ls_result("tech"), who=MAIL)),
        (vote("sport", "5"), vote("tech", "ann@x.org")),
    ),
    Case(
        "cancelled",
        ls_task(ls_annotation(was_cancelled=True), ls_annotation(ls_result("sport"), was_cancelled=True)),
        codes=skipped("cancelled", "cancelled"),
    ),
    Case(
        "drafts",
        ls_task(drafts=[{"id": 1, "result": [ls_result("sport")]}, {"id": 2}]),
        codes=skipped("draft", "draft"),
    ),
    Case(
        "drafts by number",
        ls_task(ls_annotation(ls_result("sport")), drafts=[4]),
        (vote("sport", "5"),),
        skipped("draft"),
    ),
    Case("nobody yet", ls_task(), codes=skipped("unanswered")),
    Case("nothing chosen", ls_task(ls_annotation()), codes=skipped("unanswered")),
    Case("no user", ls_task(ls_annotation(ls_result("sport"), who=None)), codes=(NOBODY,)),
    Case(
        "no user, but told",
        ls_task(ls_annotation(ls_result("sport"), who=None)),
        (vote("sport", "eve"),),
        reading={"annotator": "eve"},
    ),
    Case("blanks, unicode", ls_task(ls_annotation(ls_result(" спорт\n"))), (vote("спорт", "5"),)),
    Case("unknown", ls_task(ls_annotation(ls_result("Sport"))), codes=(["unknown_label"],)),
    Case("several", ls_task(ls_annotation(ls_result("sport", "tech"))), codes=(["several_labels"],)),
    Case("twice the same", ls_task(ls_annotation(ls_result("sport"), ls_result("sport"))), (vote("sport", "5"),)),
    Case(
        "a remark beside it",
        ls_task(ls_annotation(ls_result("sport"), ls_result("?", name="why", kind="textarea"))),
        (vote("sport", "5"),),
    ),
    Case(
        "a remark alone",
        ls_task(ls_annotation(ls_result(kind="textarea", value={"text": ["?"]}))),
        codes=(["unreadable_answer"],),
    ),
    Case("a span", ls_task(ls_annotation(ls_result(kind="labels") | {"value": RANGE})), codes=(["unreadable_answer"],)),
    Case(
        "a path of a taxonomy",
        ls_task(ls_annotation(ls_result(kind="taxonomy", value=[["News", "sport"]]))),
        (vote("sport", "5"),),
    ),
    Case(
        "two paths",
        ls_task(ls_annotation(ls_result(kind="taxonomy", value=[["News", "sport"], ["tech"]]))),
        codes=(["several_labels"],),
    ),
    Case(
        "a rating",
        ls_task(
            ls_annotation(ls_result(name="stars", kind="rating", value=4)), data={"task": "risk.spam/p/1", "item_id": 1}
        ),
        (vote("4", "5", facet="risk.spam"),),
    ),
    Case(
        "a number",
        ls_task(ls_annotation(ls_result(kind="number", value=4)), data={"task": "risk.spam/p/1"}),
        (vote("4", "5", facet="risk.spam"),),
    ),
    Case(
        "questions of two facets",
        ls_task(
            ls_annotation(
                ls_result("sport", name="category"), ls_result("no", name="risk_spam"), ls_result("9", name="sure")
            )
        ),
        (vote("sport", "5"), vote("no", "5", facet="risk.spam")),
    ),
    Case(
        "questions of none",
        ls_task(ls_annotation(ls_result("sport", name="a"), ls_result("sport", name="b"))),
        codes=(["several_questions"],),
    ),
    Case(
        "one of them is asked",
        ls_task(ls_annotation(ls_result("sport", name="a"), ls_result("tech", name="b"))),
        (vote("tech", "5"),),
        reading={"question": "b"},
    ),
    Case(
        "another is asked",
        ls_task(ls_annotation(ls_result("sport", name="a"))),
        codes=skipped("unanswered"),
        reading={"question": "b"},
    ),
    Case(
        "no task of the queue",
        ls_task(ls_annotation(ls_result("sport")), data={"text": "t"}),
        codes=(["missing_facet", "missing_item_id"],),
    ),
    Case(
        "from the queue's JSON",
        ls_task(
            ls_annotation(ls_result("sport")),
            data={"id": "category/p/1", "text": "t", "meta": {"item_id": "p/1", "facet": "category"}},
        ),
        (vote("sport", "5"),),
    ),
    Case("numbers of annotations alone", ls_task() | {"annotations": [1, 2]}, codes=([*NOBODY, "unreadable_answer"],)),
    Case(
        "a file of a target storage",
        ls_annotation(ls_result("sport"), who=MAIL, task=ls_task()),
        (vote("sport", "ann@x.org"),),
    ),
    Case("no annotations at all", ls_task() | {"annotations": "x"}, codes=([*NOBODY, "unreadable_answer"],)),
]


def ls_row(**others: Any) -> dict[str, Any]:
    """A row of JSON_MIN or CSV."""
    row = ls_task()["data"] | {"id": 17, "annotator": 5, "annotation_id": 7, "lead_time": 7.6}
    times = {"created_at": "2026-11-02T10:00:00Z", "updated_at": "2026-11-02T11:00:00Z"}
    return row | times | others


LABEL_STUDIO_ROWS = [
    Case("one", ls_row(choice="sport"), (vote("sport", "5"),), times=("2026-11-02 11:00:00",)),
    Case("whatever its name", ls_row(sentiment="sport", annotator="ann@x.org"), (vote("sport", "ann@x.org"),)),
    Case("named label", ls_row(label="sport", _data_label=""), (vote("sport", "5"),)),
    Case("several", ls_row(choice={"choices": ["sport", "tech"]}), codes=(["several_labels"],)),
    Case("several, as text", ls_row(choice='{"choices":["sport","tech"]}'), codes=(["several_labels"],)),
    Case("a rating", ls_row(stars=[{"rating": 4}], task="risk.spam/p/1"), (vote("4", "5", facet="risk.spam"),)),
    Case("a rating, as text", ls_row(stars='[{"rating":4}]', facet="risk.spam"), (vote("4", "5", facet="risk.spam"),)),
    Case("a path, as text", ls_row(topic='[{"taxonomy":[["News","sport"]]}]'), (vote("sport", "5"),)),
    Case("nothing chosen", ls_row(choice=""), codes=skipped("unanswered")),
    Case(
        "facets", ls_row(category="sport", risk_spam="yes"), (vote("sport", "5"), vote("yes", "5", facet="risk.spam"))
    ),
    Case("a column more", ls_row(choice="sport", url="x"), codes=(["several_questions"],)),
    Case(
        "a column more, but told",
        ls_row(choice="sport", url="x"),
        (vote("sport", "5"),),
        reading={"question": "choice"},
    ),
    Case(
        "an id that was read as a number",
        ls_row(choice="sport", item_id=7, task="category/007"),
        (vote("sport", "5", item="007"),),
    ),
    Case("with history and agreement", ls_row(choice="tech", history="[]", agreement=100.0), (vote("tech", "5"),)),
]
