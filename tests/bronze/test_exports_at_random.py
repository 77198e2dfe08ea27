"""Answers at random through each tool's form and back, without Spark; and that no JSON whatever stops the reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.bronze.exports import answers, doccano
from linnaeus.bronze.exports.reading import ANSWER_CODES, SKIPPED, Reading

LABELS = {"category": ("sport", "tech", "c#", "спорт", "a/b"), "risk.spam": ("yes", "no", "1", "5")}
READING = Reading(LABELS)


class Answer(NamedTuple):
    """What one person said of a task: labels, and whether they handed it in."""

    who: str
    labels: tuple[str, ...]
    status: str


class Answered(NamedTuple):
    """A task with the answers of several people, each once."""

    item: str
    facet: str
    answers: tuple[Answer, ...]


def outcome(answer: Answer) -> str:
    """A label, or the code that an answer is to have."""
    if answer.status != "submitted":
        return f"{SKIPPED}{answer.status}"
    if not answer.labels:
        return f"{SKIPPED}unanswered"
    return answer.labels[0] if len(answer.labels) == 1 else "several_labels"


# Writers of the tools' forms: records, each with the file that it lies in.
Writer = Callable[[Answered], Iterator[tuple[dict[str, Any], str]]]


def queue_line(task: Answered) -> dict[str, Any]:
    meta = {"item_id": task.item, "facet": task.facet, "creator_id": "u"}
    return {"id": f"{task.facet}/{task.item}", "text": "t", "options": [], "meta": meta}


def queue_row(task: Answered) -> dict[str, Any]:
    own = {"item_id": task.item, "facet": task.facet, "annotator_id": "", "label": "", "voted_at": "", "text": "t"}
    return own | {"labels": "a|b", "creator_id": "u", "reason": "r", "task": f"{task.facet}/{task.item}"}


def label_studio(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    made = []
    for one in task.answers:
        result = [{"from_name": "c", "type": "choices", "value": {"choices": list(one.labels)}}] if one.labels else []
        made.append({"completed_by": {"email": one.who}, "result": result, "was_cancelled": one.status == "cancelled"})
    yield {"id": 1, "annotations": made, "data": queue_row(task), "predictions": [{"result": [1]}]}, "x.json"


def label_studio_rows(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    """The tool writes none for what was cancelled."""
    for one in task.answers:
        if one.status == "submitted":
            value = one.labels[0] if len(one.labels) == 1 else json.dumps({"choices": one.labels}) if one.labels else ""
            row = {"annotation_id": 1, "annotator": one.who, "lead_time": 1.5, "id": 3, "choice": value}
            yield queue_row(task) | row, "x.csv"


def of_doccano(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    for one in task.answers:
        yield queue_line(task) | {"label": list(one.labels), "Comments": []}, f"file:/a%20b/{one.who}.jsonl"


def of_doccano_rows(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    for one in task.answers:
        row = {"id": f"{task.facet}/{task.item}", "text": "t", "label": "#".join(one.labels), "Comments": ""}
        yield row, f"file:/x/{one.who}.csv"


def argilla_flat(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    columns = {"responses": [list(one.labels) for one in task.answers]}
    columns |= {"responses.users": [one.who for one in task.answers]}  # type: ignore[dict-item]
    columns |= {"responses.status": [one.status for one in task.answers]}  # type: ignore[dict-item]
    lists = {f"label.{name}": value for name, value in columns.items()}
    yield {"id": f"{task.facet}/{task.item}", "_server_id": "s", "text": "t"} | lists, "x.json"


def argilla_by_user(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    made = [
        {"user_id": one.who, "status": one.status, "values": {"q": {"value": list(one.labels)}}} for one in task.answers
    ]
    yield {"fields": {}, "external_id": f"{task.facet}/{task.item}", "metadata": {}, "responses": made}, "x.json"


def prodigy(task: Answered) -> Iterator[tuple[dict[str, Any], str]]:
    for one in task.answers:
        marks = {"_task_hash": 1, "answer": "ignore" if one.status == "cancelled" else "accept"}
        yield queue_line(task) | marks | {"accept": list(one.labels), "_annotator_id": one.who}, "x.jsonl"


FORMS: dict[str, tuple[Writer, tuple[str, ...]]] = {
    "label_studio": (label_studio, ("submitted", "cancelled")),
    "label_studio_rows": (label_studio_rows, ("submitted", "cancelled")),
    "doccano": (of_doccano, ("submitted",)),
    "doccano_rows": (of_doccano_rows, ("submitted",)),
    "argilla_flat": (argilla_flat, ("submitted", "draft", "discarded")),
    "argilla_by_user": (argilla_by_user, ("submitted", "draft", "discarded")),
    "prodigy": (prodigy, ("submitted", "cancelled")),
}
PEOPLE = ("ann", "bob@x.org", "ан+на", "7")


def tasks(status: tuple[str, ...]) -> st.SearchStrategy[Answered]:
    ids = st.sampled_from(["p-1", "p/1", "007", "1e3", 'ü "x"', "category/1"])

    def answered(facet: str, item: str) -> st.SearchStrategy[Answered]:
        labels = st.lists(st.sampled_from(LABELS[facet]), max_size=2, unique=True).map(tuple)
        one = st.builds(Answer, st.sampled_from(PEOPLE), labels, st.sampled_from(status))
        people = st.lists(one, max_size=3, unique_by=lambda answer: answer.who).map(tuple)
        return st.builds(Answered, st.just(item), st.just(facet), people)

    return st.tuples(st.sampled_from(sorted(LABELS)), ids).flatmap(lambda pair: answered(*pair))


@pytest.mark.parametrize("form", list(FORMS))
@settings(max_examples=60)
@given(data=st.data())
def test_what_people_said_comes_back(form: str, data: st.DataObject) -> None:
    write, status = FORMS[form]
    task = data.draw(tasks(status))
    found = []
    for record, file in write(task):
        votes = READING.votes_in(json.dumps(record), file)
        assert votes
        assert all((one.item_id, one.facet) == (task.item, task.facet) for one in votes)
        found += [(one.annotator_id, one.code or one.label) for one in votes]
    said = [(one.who, outcome(one)) for one in task.answers]
    if form == "label_studio_rows":
        said = [pair for pair in said if pair[1] != f"{SKIPPED}cancelled"]
    elif not said and found:
        said = [(None, f"{SKIPPED}unanswered")]
    assert sorted(found, key=str) == sorted(said, key=str)


KEYS = [
    "data",
    "annotations",
    "result",
    "value",
    "type",
    "choices",
    "completed_by",
    "drafts",
    "annotation_id",
    "annotator",
]
KEYS += [
    "responses",
    "fields",
    "_server_id",
    "q.responses",
    "q.responses.users",
    "values",
    "status",
    "annotation_agent",
]
KEYS += [
    "label",
    "cats",
    "Comments",
    "id",
    "meta",
    "metadata",
    "answer",
    "_task_hash",
    "accept",
    "_timestamp",
    "labels",
]
KEYS += ["reason", "taxonomy", "external_id", "x", "x-suggestion", "user_id", "annotation_approver", "rating"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(
    ["", " ", "category/1", "choices", "accept", "draft", "[1", '["a"]', '{"a":1}', "\ud800", "\0", "é"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), st.sampled_from([None, "", "file:/%", "a.jsonl"]))
def test_no_record_stops_the_reading(record: dict[str, Any], file: str | None) -> None:
    votes = READING.votes_in(json.dumps(record), file)
    for one in votes or ():
        assert json.loads(one.raw)
        assert one.code in (None, *ANSWER_CODES) or one.code.startswith(SKIPPED)
        assert one.code or one.label, "a vote without a label and without a reason"
        assert all(field is None or isinstance(field, str) for field in one)
    assert votes != []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"data":' * 50_000, '{"annotations":1', "1", '"x"', ""])
def test_what_is_no_record_is_no_export(text: str) -> None:
    assert READING.votes_in(text, None) is None


def test_a_lone_surrogate_is_no_label() -> None:
    (one,) = READING.votes_in('{"id": "category/1", "label": ["\\ud800"], "Comments": []}', "ann.jsonl") or []
    assert one.code == "unreadable_answer"
    assert one.raw.isascii()


@pytest.mark.parametrize(
    ("file", "who"),
    [
        ("file:/x/ann.jsonl", "ann"),
        ("file:/x/ann.b+c%40x.org.JSONL.gz", "ann.b+c@x.org"),
        ("/x/%D0%B0%D0%BD%20%D0%BD%D0%B0.json", "ан на"),
        ("s3a://b/x/all.jsonl", None),
        ("all.CSV", None),
        ("/x/alla.csv", "alla"),
        ("", None),
        (None, None),
    ],
)
def test_a_file_of_doccano_names_its_user(file: str | None, who: str | None) -> None:
    assert doccano.annotator(file) == who


def test_numbers_are_as_they_are_written() -> None:
    assert answers.loaded("[1.0, 20240001, 1e3, NaN, 123456789012345678901]") == [
        "1.0", "20240001", "1e3", "NaN", "123456789012345678901",
    ]  # fmt: skip
