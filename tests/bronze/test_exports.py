"""What labelling tools export, by records that a reader can check by eye: the votes, what is skipped, what is wrong.

The forms are those that the tools document or write: see the modules of linnaeus.bronze.exports.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from linnaeus.bronze import clean
from linnaeus.bronze.exports.reading import Reading
from linnaeus.bronze.exports.votes import as_votes
from linnaeus.bronze.records import from_json_lines, from_rows
from tests.bronze.exported.argilla import ARGILLA
from tests.bronze.exported.cases import LABELS, Case
from tests.bronze.exported.doccano import DOCCANO
from tests.bronze.exported.label_studio import LABEL_STUDIO, LABEL_STUDIO_ROWS, MAIL, ls_annotation, ls_result, ls_task
from tests.bronze.exported.prodigy import PRODIGY
from tests.bronze.exported.votes import PLAIN, VOTES

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
    """So quarantine tells them apart, and an erasure finds item and creator; a vote's is the record as it came."""
    task = ls_task(ls_annotation(ls_result("?")), ls_annotation(ls_result("sport", "tech"), who=MAIL))
    cases = [
        ("", Case("", task)),
        ("", Case("", PLAIN)),
        ("", Case("", ls_task(ls_annotation(ls_result("?")), data={}))),
    ]
    wrong, several, plain, lost = (json.loads(row["raw"]) for row in rows_of(spark, cases))
    known = {"item_id": "p/1", "facet": "category", "creator_id": "u1", "form": "label_studio"}
    assert wrong.items() >= (known | {"annotator_id": "5", "label": "?"}).items()
    assert several.items() >= (known | {"annotator_id": "ann@x.org"}).items() and "label" not in several
    assert several["answers"] == [{"choices": ["sport", "tech"]}]
    assert plain == PLAIN
    assert json.loads(lost["record"])["id"] == 17, "all that came, where the item can't be told"
