"""What labelling tools export, by records that a reader can check by eye: the votes, what is skipped, what is wrong.

The forms are those that the tools document or write: see the modules of linnaeus.bronze.exports.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze import clean
from linnaeus.bronze.exports.reading import Reading
from linnaeus.bronze.exports.votes import as_votes
from linnaeus.bronze.records import from_json_lines, from_rows

LABELS = {"category": ("sport", "tech", "c#", "спорт"), "risk.spam": ("yes", "no", "1", "2", "3", "4", "5")}
Vote = tuple[str | None, str | None, str | None, str | None]
NOBODY = ["missing_annotator_id"]


def vote(label: str | None, who: str | None = "ann", item: str | None = "p/1", facet: str | None = "category") -> Vote:
    return item, facet, who, label


@dataclass(frozen=True)
class Case:
    """A record, the votes that are in it, with their times, and the codes of all else."""

    name: str
    record: dict[str, Any] | str
    votes: tuple[Vote, ...] = ()
    codes: tuple[list[str], ...] = ()
    times: tuple[str | None, ...] = ()
    file: str | None = None
    reading: dict[str, str] = field(default_factory=dict)


def skipped(*reasons: str) -> tuple[list[str], ...]:
    return tuple([f"skipped_{one}"] for one in reasons)


# Label Studio.


def ls_task(*annotations: dict[str, Any], data: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """A task of Label Studio's JSON that was imported from the queue's CSV."""
    own = {"item_id": "p/1", "facet": "category", "annotator_id": "", "label": "", "voted_at": "", "text": "A text"}
    return {
        "id": 17,
        "annotations": list(annotations),
        "file_upload": "a1b2c3d4-review_queue.csv",
        "drafts": [],
        "predictions": [{"id": 1, "result": [ls_result("tech")], "score": 0.9}],
        "data": own | {"labels": "sport|tech", "creator_id": "u1", "priority": 0.5, "reason": "r"} if data is None else data,
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
    Case("one", ls_task(ls_annotation(ls_result("sport"))), (vote("sport", "5"),), times=("2026-11-02 11:00:00.131302",)),
    Case("never updated", ls_task(ls_annotation(ls_result("sport"), updated_at=None)), (vote("sport", "5"),), times=("2026-11-02 10:00:00.13129",)),
    Case("two people, one by mail", ls_task(ls_annotation(ls_result("sport")), ls_annotation(ls_result("tech"), who=MAIL)), (vote("sport", "5"), vote("tech", "ann@x.org"))),
    Case("cancelled", ls_task(ls_annotation(was_cancelled=True), ls_annotation(ls_result("sport"), was_cancelled=True)), codes=skipped("cancelled", "cancelled")),
    Case("drafts", ls_task(drafts=[{"id": 1, "result": [ls_result("sport")]}, {"id": 2}]), codes=skipped("draft", "draft")),
    Case("drafts by number", ls_task(ls_annotation(ls_result("sport")), drafts=[4]), (vote("sport", "5"),), skipped("draft")),
    Case("nobody yet", ls_task(), codes=skipped("unanswered")),
    Case("nothing chosen", ls_task(ls_annotation()), codes=skipped("unanswered")),
    Case("no user", ls_task(ls_annotation(ls_result("sport"), who=None)), codes=(NOBODY,)),
    Case("no user, but told", ls_task(ls_annotation(ls_result("sport"), who=None)), (vote("sport", "eve"),), reading={"annotator": "eve"}),
    Case("blanks, unicode", ls_task(ls_annotation(ls_result(" спорт\n"))), (vote("спорт", "5"),)),
    Case("unknown", ls_task(ls_annotation(ls_result("Sport"))), codes=(["unknown_label"],)),
    Case("several", ls_task(ls_annotation(ls_result("sport", "tech"))), codes=(["several_labels"],)),
    Case("twice the same", ls_task(ls_annotation(ls_result("sport"), ls_result("sport"))), (vote("sport", "5"),)),
    Case("a remark beside it", ls_task(ls_annotation(ls_result("sport"), ls_result("?", name="why", kind="textarea"))), (vote("sport", "5"),)),
    Case("a remark alone", ls_task(ls_annotation(ls_result(kind="textarea", value={"text": ["?"]}))), codes=(["unreadable_answer"],)),
    Case("a span", ls_task(ls_annotation(ls_result(kind="labels") | {"value": RANGE})), codes=(["unreadable_answer"],)),
    Case("a path of a taxonomy", ls_task(ls_annotation(ls_result(kind="taxonomy", value=[["News", "sport"]]))), (vote("sport", "5"),)),
    Case("two paths", ls_task(ls_annotation(ls_result(kind="taxonomy", value=[["News", "sport"], ["tech"]]))), codes=(["several_labels"],)),
    Case("a rating", ls_task(ls_annotation(ls_result(name="stars", kind="rating", value=4)), data={"task": "risk.spam/p/1", "item_id": 1}), (vote("4", "5", facet="risk.spam"),)),
    Case("a number", ls_task(ls_annotation(ls_result(kind="number", value=4)), data={"task": "risk.spam/p/1"}), (vote("4", "5", facet="risk.spam"),)),
    Case("questions of two facets", ls_task(ls_annotation(ls_result("sport", name="category"), ls_result("no", name="risk_spam"), ls_result("9", name="sure"))), (vote("sport", "5"), vote("no", "5", facet="risk.spam"))),
    Case("questions of none", ls_task(ls_annotation(ls_result("sport", name="a"), ls_result("sport", name="b"))), codes=(["several_questions"],)),
    Case("one of them is asked", ls_task(ls_annotation(ls_result("sport", name="a"), ls_result("tech", name="b"))), (vote("tech", "5"),), reading={"question": "b"}),
    Case("another is asked", ls_task(ls_annotation(ls_result("sport", name="a"))), codes=skipped("unanswered"), reading={"question": "b"}),
    Case("no task of the queue", ls_task(ls_annotation(ls_result("sport")), data={"text": "t"}), codes=(["missing_facet", "missing_item_id"],)),
    Case("from the queue's JSON", ls_task(ls_annotation(ls_result("sport")), data={"id": "category/p/1", "text": "t", "meta": {"item_id": "p/1", "facet": "category"}}), (vote("sport", "5"),)),
    Case("numbers of annotations alone", ls_task() | {"annotations": [1, 2]}, codes=([*NOBODY, "unreadable_answer"],)),
    Case("a file of a target storage", ls_annotation(ls_result("sport"), who=MAIL, task=ls_task()), (vote("sport", "ann@x.org"),)),
    Case("no annotations at all", ls_task() | {"annotations": "x"}, codes=([*NOBODY, "unreadable_answer"],)),
]  # fmt: skip


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
    Case("facets", ls_row(category="sport", risk_spam="yes"), (vote("sport", "5"), vote("yes", "5", facet="risk.spam"))),
    Case("a column more", ls_row(choice="sport", url="x"), codes=(["several_questions"],)),
    Case("a column more, but told", ls_row(choice="sport", url="x"), (vote("sport", "5"),), reading={"question": "choice"}),
    Case("an id that was read as a number", ls_row(choice="sport", item_id=7, task="category/007"), (vote("sport", "5", item="007"),)),
    Case("with history and agreement", ls_row(choice="tech", history="[]", agreement=100.0), (vote("tech", "5"),)),
]  # fmt: skip

# doccano.


def doccano(**others: Any) -> dict[str, Any]:
    """A record of the queue's JSON Lines as doccano gives it back: what it does not know stays at the top."""
    own = {"id": "category/p/1", "text": "A text", "options": [{"id": "sport", "text": "Sport"}]}
    return own | {"meta": {"item_id": "p/1", "facet": "category", "creator_id": "u1", "rank": 1}} | others


FILE = "file:/x/ann.jsonl"
DOCCANO = [
    Case("one", doccano(label=["sport"], Comments=[]), (vote("sport"),), file=FILE, times=(None,)),
    Case("older, without comments", doccano(label=["sport"]), (vote("sport"),), file=FILE),
    Case("nothing", doccano(label=[], Comments=["?"]), codes=skipped("unanswered"), file=FILE),
    Case("several", doccano(label=["sport", "tech"]), codes=(["several_labels"],), file=FILE),
    Case("spans", doccano(label=[[0, 4, "sport"]]), codes=(["unreadable_answer"],), file=FILE),
    Case("intents", doccano(cats=["sport"], entities=[]), (vote("sport"),), file=FILE),
    Case("shared", doccano(label=["sport"]), codes=(NOBODY,), file="file:/x/all.jsonl"),
    Case("shared, but told", doccano(label=["sport"]), (vote("sport", "team"),), file="file:/x/all.jsonl", reading={"annotator": "team"}),
    Case("told, whatever the file", doccano(label=["sport"]), (vote("sport", "eve"),), file=FILE, reading={"annotator": "eve"}),
    Case("no file", doccano(label=["sport"]), codes=(NOBODY,)),
    Case("a name with everything", doccano(label=["sport"]), (vote("sport", "ann.b+c@x.org"),), file="s3a://b/ann.b+c@x.org.JSONL.gz"),
    Case("a name in another script", doccano(label=["sport"]), (vote("sport", "ан на"),), file="file:/x/%D0%B0%D0%BD%20%D0%BD%D0%B0.json"),
    Case("a row", doccano(label="sport", meta="{'item_id': 'p/1'}", options="[]"), (vote("sport"),), file="file:/x/ann.csv"),
    Case("a row with several", doccano(label="sport#tech", Comments=""), codes=(["several_labels"],), file=FILE),
    Case("a row with a sign in its label", doccano(label="c#", Comments=""), (vote("c#"),), file=FILE),
    Case("a row with nothing", doccano(label="", Comments=""), codes=skipped("unanswered"), file=FILE),
    Case("from the queue's CSV", {"id": 3, "text": "t", "item_id": "p/1", "facet": "category", "annotator_id": "", "labels": "sport|tech", "reason": "r", "label": ["sport"]}, (vote("sport"),), file=FILE),
    Case("the very old form", {"id": 3, "text": "t", "meta": {"item_id": "p/1", "facet": "risk.spam"}, "annotation_approver": None, "annotations": [{"label": 4, "user": 1}]}, codes=(["unreadable_answer"],), file=FILE),
    Case("the old form", {"id": 3, "text": "t", "meta": {"item_id": "p/1", "facet": "category"}, "annotation_approver": None, "labels": ["sport"]}, (vote("sport"),), file=FILE),
    Case("no task of the queue", {"id": 3, "text": "t", "label": ["sport"]}, codes=(["missing_facet", "missing_item_id"],), file=FILE),
]  # fmt: skip

# Argilla.


def nested(responses: Any, **others: Any) -> dict[str, Any]:
    own = {"id": "category/p/1", "fields": {"text": "t"}, "metadata": {}, "suggestions": {"label": {"value": "tech"}}}
    return own | {"responses": responses, "vectors": {}, "_server_id": "d1"} | others


def flat(name: str, values: Any, users: Any, status: Any, **others: Any) -> dict[str, Any]:
    lists = {f"{name}.responses": values, f"{name}.responses.users": users, f"{name}.responses.status": status}
    own = {
        "id": "category/p/1",
        "_server_id": "d1",
        "text": "t",
        "label.suggestion": "tech",
        "label.suggestion.score": 1,
    }
    return own | lists | others  # fmt: skip


def of_user(who: str, status: str = "submitted", **values: Any) -> dict[str, Any]:
    answers = {name: {"value": value} for name, value in values.items()}
    times = {"inserted_at": "2026-11-02T10:00:00.5", "updated_at": "2026-11-02T11:00:00.5"}
    return {"id": "r", "user_id": who, "status": status, "values": answers or None} | times


def classified(**others: Any) -> dict[str, Any]:
    own = {"text": "t", "inputs": {"text": "t"}, "prediction": [["tech", 0.9]], "prediction_agent": "m"}
    end = {"annotation_agent": "ann", "multi_label": False, "id": "category/p/1", "metadata": {}, "status": "Validated"}
    return own | end | others


ARGILLA = [
    Case("nested", nested({"label": [{"value": "sport", "user_id": "ann"}, {"value": "tech", "user_id": "bob"}]}), (vote("sport"), vote("tech", "bob")), times=(None, None)),
    Case("nested, nobody", nested({}), codes=skipped("unanswered")),
    Case("nested, a rating", nested({"stars": [{"value": 4, "user_id": "ann"}]}, id="risk.spam/p/1"), (vote("4", facet="risk.spam"),)),
    Case("nested, several", nested({"label": [{"value": ["sport", "tech"], "user_id": "ann"}]}), codes=(["several_labels"],)),
    Case("nested, a list of one", nested({"label": [{"value": ["sport"], "user_id": "ann"}]}), (vote("sport"),)),
    Case("nested, ranks", nested({"label": [{"value": [{"value": "sport", "rank": 1}], "user_id": "ann"}]}), codes=(["unreadable_answer"],)),
    Case("nested, a remark", nested({"label": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "ann"}]}), codes=(["several_questions"],)),
    Case("nested, a remark, but told", nested({"label": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "ann"}]}), (vote("sport"),), reading={"question": "label"}),
    Case("nested, a remark beside a facet", nested({"category": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "bob"}]}), (vote("sport"), ), codes=(["unknown_label"],)),
    Case("nested, by metadata", nested({"label": [{"value": "sport", "user_id": "ann"}]}, id="d7", metadata={"item_id": "p/1", "facet": "category"}), (vote("sport"),)),
    Case("flat", flat("label", ["sport", "tech", "tech"], ["ann", "bob", "cid"], ["submitted", "draft", "discarded"]), (vote("sport"),), skipped("draft", "discarded")),
    Case("flat, none", flat("label", None, None, None), codes=skipped("unanswered")),
    Case("flat, several", flat("label", [["sport", "tech"]], ["ann"], ["submitted"]), codes=(["several_labels"],)),
    Case("flat, two questions", flat("category", ["sport"], ["ann"], ["submitted"]) | flat("risk_spam", ["no"], ["bob"], ["submitted"]), (vote("sport"), vote("no", "bob", facet="risk.spam"))),
    Case("flat, as a spreadsheet has it", flat("label", "['sport' 'tech']", "['ann' 'bob']", "['submitted' 'submitted']"), codes=([*NOBODY, "unreadable_answer"],)),
    Case("flat, no status", flat("label", ["sport"], ["ann"], None), (vote("sport"),)),
    Case("by user", {"fields": {"text": "t"}, "external_id": "category/p/1", "metadata": {}, "responses": [of_user("ann", label="sport"), of_user("bob", "draft", label="tech"), of_user("cid", "discarded"), of_user("dan")]}, (vote("sport"),), skipped("draft", "discarded", "unanswered"), times=("2026-11-02 11:00:00.5",)),
    Case("of the Hub, 1.x", {"text": "t", "external_id": "category/p/1", "metadata": "{}", "label": [{"user_id": "ann", "value": "sport", "status": "submitted"}, {"user_id": "bob", "value": None, "status": "discarded"}], "label-suggestion": "tech"}, (vote("sport"),), skipped("discarded")),
    Case("of the Hub, 1.x, nobody", {"text": "t", "external_id": "category/p/1", "metadata": "{}", "label": None, "label-suggestion": None}, codes=skipped("unanswered")),
    Case("classified", classified(annotation="sport"), (vote("sport"),)),
    Case("classified by none", classified(annotation=None, annotation_agent=None, status="Default"), codes=skipped("unanswered")),
    Case("classified, discarded", classified(annotation="sport", status="Discarded"), codes=skipped("discarded")),
    Case("classified, edited", classified(annotation="sport", status="Edited"), codes=skipped("draft")),
    Case("classified, several", classified(annotation=["sport", "tech"], multi_label=True), codes=(["several_labels"],)),
]  # fmt: skip

# Prodigy.


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

# No export.

PLAIN = {"item_id": "p/1", "facet": "category", "annotator_id": "ann", "label": "sport"}
VOTES = [
    Case("a vote", PLAIN, (vote("sport"),)),
    Case("a vote with what a tool has", PLAIN | {"annotation_id": 1, "annotator": "x", "lead_time": 2}, (vote("sport"),)),
    Case("a vote of nobody", PLAIN | {"annotator_id": None}, codes=(NOBODY,)),
    Case("a vote of somebody", PLAIN | {"annotator_id": ""}, (vote("sport", "eve"),), reading={"annotator": "eve"}),
    Case("no vote", {"a": 1}, codes=([*NOBODY, "missing_facet", "missing_item_id", "missing_label"],)),
    Case("a row of the queue", ls_task()["data"], codes=skipped("unanswered")),
    Case("a line of the queue", doccano(), codes=skipped("unanswered")),
    Case("a row of the queue without a name", ls_task()["data"] | {"label": "sport"}, codes=(NOBODY,)),
    Case("no export, as is said", doccano(label=["sport"]), codes=([*NOBODY, "missing_facet", "missing_item_id"],), reading={"form": "votes"}),
    Case("another export, as is said", doccano(label=["sport"]), (vote("sport"),), file=FILE, reading={"form": "doccano"}),
    Case("no JSON", '{"annotations": [', codes=(["malformed_record"],)),
    Case("an array", "[1]", codes=(["malformed_record"],)),
]  # fmt: skip

ALL = [
    (tool, case)
    for tool, cases in (
        ("Label Studio", LABEL_STUDIO),
        ("Label Studio's rows", LABEL_STUDIO_ROWS),
        ("doccano", DOCCANO),
        ("Argilla", ARGILLA),
        ("Prodigy", PRODIGY),
        ("votes", VOTES),
    )
    for case in cases
]


def rows_of(spark: SparkSession, cases: list[tuple[str, Case]]) -> list[Row]:
    """What becomes of the records of cases that are read in the same way, in their order."""
    lines = [(case.file, case.record if isinstance(case.record, str) else json.dumps(case.record)) for _, case in cases]
    frame = spark.createDataFrame(lines, "__path string, value string").coalesce(1)
    reading = Reading(LABELS, **cases[0][1].reading)
    votes = clean.clean_votes(as_votes(from_json_lines(frame, clean.VOTE_FIELDS), reading), LABELS)
    return votes.withColumn("voted_at", F.col("voted_at").cast("string")).collect()


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> Iterator[dict[tuple[str, str], list[Row]]]:
    """The rows of each case; a row of a case that has too many or too few is another's."""
    by_reading: dict[str, list[tuple[str, Case]]] = {}
    for one in ALL:
        by_reading.setdefault(json.dumps(one[1].reading), []).append(one)
    made = {}
    for cases in by_reading.values():
        rows = iter(rows_of(spark, cases))
        for tool, case in cases:
            made[tool, case.name] = list(itertools.islice(rows, len(case.votes) + len(case.codes)))
        assert next(rows, None) is None, "rows that nobody expects"
    yield made


@pytest.mark.parametrize(("tool", "case"), ALL, ids=[f"{tool}: {case.name}" for tool, case in ALL])
def test_each_answer_is_a_vote_or_it_is_said_why_not(
    found: dict[tuple[str, str], list[Row]], tool: str, case: Case
) -> None:
    rows = found[tool, case.name]
    votes = [row for row in rows if not row["errors"]]
    assert [(row["item_id"], row["facet"], row["annotator_id"], row["label"]) for row in votes] == list(case.votes)
    assert [row["errors"] for row in rows if row["errors"]] == list(case.codes)
    if case.times:
        assert [row["voted_at"] for row in votes] == list(case.times)


def test_a_table_with_lists_is_read_as_lists(spark: SparkSession) -> None:
    """Argilla's `to_datasets` as Parquet: lists stay lists."""
    schema = "id string, _server_id string, text string, `answer.responses` array<string>, "
    schema += "`answer.responses.users` array<string>, `answer.responses.status` array<string>"
    rows = [
        ("category/p/1", "s", "t", ["sport", "a, b"], ["ann", "bob"], ["submitted", "submitted"]),
        ("category/2", "s", "t", None, None, None),
    ]
    records = from_rows(spark.createDataFrame(rows, schema).coalesce(1), clean.VOTE_FIELDS)
    found = clean.clean_votes(as_votes(records, Reading(LABELS)), LABELS).collect()
    assert [(row["annotator_id"], row["label"], row["errors"]) for row in found] == [
        ("ann", "sport", []),
        ("bob", "a, b", ["unknown_label"]),
        (None, None, ["skipped_unanswered"]),
    ]


def test_each_answer_has_a_record_of_its_own(spark: SparkSession) -> None:
    """So quarantine tells them apart, and an erasure finds item and creator in it; a vote's is the record as it came."""
    task = ls_task(ls_annotation(ls_result("?")), ls_annotation(ls_result("sport", "tech"), who=MAIL))
    cases = [("", Case("", task)), ("", Case("", PLAIN)), ("", Case("", ls_task(ls_annotation(ls_result("?")), data={})))]
    wrong, several, plain, lost = (json.loads(row["raw"]) for row in rows_of(spark, cases))
    known = {"item_id": "p/1", "facet": "category", "creator_id": "u1", "form": "label_studio"}
    assert wrong.items() >= (known | {"annotator_id": "5", "label": "?"}).items()
    assert several.items() >= (known | {"annotator_id": "ann@x.org"}).items() and "label" not in several
    assert several["answers"] == [{"choices": ["sport", "tech"]}]
    assert plain == PLAIN
    assert json.loads(lost["record"])["id"] == 17, "all that came, where the item can't be told"
