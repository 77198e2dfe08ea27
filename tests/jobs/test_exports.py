"""Files of each labelling tool, as they are written by the tool, through ingest_bronze: they are votes.

The queue's files are made by fill_review_queue; the answers are put into them by hand, in the form of each tool.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import fill_review_queue, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig

TREE = "nodes:\n  - {id: sport, name: Sport}\n  - {id: tech, name: Technology}\n"
AREAS = "areas:\n  - {id: spam, name: Spam}\n"
IDS = ("007", "post/1", "пост-2", 'a "b", c')
AT = "2026-11-02T10:00:00.000000Z"

Task = dict[str, Any]


def answer_of(task: Task) -> str:
    """What whoever answers by a tool says of each task."""
    return "sport" if task["meta"]["facet"] == c.CATEGORY_FACET else "yes"


# Label Studio imports the CSV, by pandas, and exports JSON, JSON_MIN and CSV.


def imported(row: dict[str, str]) -> dict[str, Any]:
    """A row of the queue's CSV as pandas gives it to Label Studio."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(row))
    writer.writeheader()
    writer.writerow(row)
    stream.seek(0)
    return pd.read_csv(stream).fillna("").to_dict("records")[0]


def label_studio(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    """One answered, and changed their mind each time; bob skipped all; somebody has begun the first."""
    made = []
    for number, (task, row) in enumerate(zip(tasks, sheet, strict=True)):
        first = annotation(who, "tech" if answer_of(task) == "sport" else "no", "2026-11-01T10:00:00Z")
        last = annotation(who, answer_of(task), AT)
        skipped = annotation("bob@x.org", "sport", AT) | {"was_cancelled": True, "result": []}
        data = imported(row)
        predictions = [{"id": 1, "result": first["result"], "model_version": "m"}]
        drafts = [{"id": 1, "result": []}] if number == 0 else []
        annotations = {"annotations": [first, last, skipped], "drafts": drafts, "predictions": predictions}
        made.append({"id": number, "data": data} | annotations)
    return json.dumps(made, indent=2, ensure_ascii=False)


def annotation(who: str, label: str, at: str) -> dict[str, Any]:
    result = {"id": "a", "type": "choices", "value": {"choices": [label]}, "to_name": "text", "from_name": "answer"}
    return {
        "id": 1, "completed_by": {"id": 3, "email": who, "first_name": "", "last_name": ""}, "result": [result],
        "was_cancelled": False, "created_at": at, "updated_at": at, "lead_time": 3.5, "prediction": {},
    }  # fmt: skip


def label_studio_min(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    ends = {"annotator": who, "annotation_id": 1, "created_at": AT, "updated_at": AT, "lead_time": 3.5}
    rows = [imported(row) | {"id": 1, "answer": answer_of(task)} | ends for task, row in zip(tasks, sheet, strict=True)]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def label_studio_csv(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    rows = json.loads(label_studio_min(tasks, sheet, who))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, sorted(rows[0]), quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


# doccano, Argilla and Prodigy import the JSON Lines.


def doccano(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    """By pandas; nobody answered the last one."""
    del sheet, who
    rows = [task | {"label": [answer_of(task)], "Comments": []} for task in tasks[:-1]]
    rows.append(tasks[-1] | {"label": [], "Comments": []})
    return str(pd.DataFrame(rows).to_json(orient="records", force_ascii=False, lines=True))


def argilla(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    """A list with `flatten=True`: the records' ids are the queue's; bob's are drafts."""
    del sheet
    rows = [
        {
            "id": task["id"],
            "_server_id": "0e2f",
            "text": task["text"],
            "answer.responses": [answer_of(task), "tech"],
            "answer.responses.users": [who, "bob"],
            "answer.responses.status": ["submitted", "draft"],
        }
        for task in tasks
    ]
    return json.dumps(rows)


def argilla_nested(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    """records.to_json."""
    del sheet
    rows = [
        {
            "id": task["id"],
            "fields": {"text": task["text"]},
            "metadata": {},
            "suggestions": {},
            "responses": {"answer": [{"value": answer_of(task), "user_id": who}]},
            "vectors": {},
            "_server_id": "0e2f",
        }
        for task in tasks
    ]
    return json.dumps(rows)


def prodigy(tasks: list[Task], sheet: list[dict[str, str]], who: str) -> str:
    del sheet
    marks = {"_input_hash": 1, "_task_hash": -2, "_view_id": "choice", "answer": "accept", "_timestamp": 1793613600}
    rows = [task | marks | {"accept": [answer_of(task)], "_annotator_id": who} for task in tasks]
    return "".join(json.dumps(row) + "\n" for row in rows)


Writer = Callable[[list[Task], list[dict[str, str]], str], str]
# The file of each, and who answers by it.
FILES: dict[str, tuple[Writer, str]] = {
    "label_studio/project-1-at-2026-11-03.json": (label_studio, "ls@x.org"),
    "label_studio/min.json": (label_studio_min, "17"),
    "label_studio/project-1.csv": (label_studio_csv, "csv@x.org"),
    "doccano/ан на.jsonl": (doccano, "ан на"),
    "argilla/flat.json": (argilla, "7b5e-flat"),
    "argilla/nested.json": (argilla_nested, "7b5e-nested"),
    "prodigy.jsonl": (prodigy, "db-pro"),
}
N_TASKS = len(IDS) * 2


@pytest.fixture
def queue_settings(tmp_path: Path) -> list[str]:
    """Settings of a lake with four contents, whose queue has all of them for two facets."""
    for name, text in (("taxonomy", TREE), ("risk", AREAS)):
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    content = [{"content_id": one, "creator_id": f"u-{one}", "body": f"Text of {one}"} for one in IDS]
    (tmp_path / "content.jsonl").write_text("".join(json.dumps(one) + "\n" for one in content), encoding="utf-8")
    paths = [f"{name}.path={tmp_path / name}.yml" for name in ("taxonomy", "risk")]
    return [*paths, f"sources.content={tmp_path}/content.jsonl", "review.category_share=1"]


def test_answers_to_the_queue_come_back_by_each_tool(
    spark: SparkSession, make_config: MakeConfig, queue_settings: list[str], tmp_path: Path
) -> None:
    config = make_config(*queue_settings)
    ingest_bronze.main(config)
    fill_review_queue.main(config)
    folder = tmp_path / "lake" / "review"
    tasks = [json.loads(line) for line in (folder / "review_queue.jsonl").read_text(encoding="utf-8").splitlines()]
    with (folder / "review_queue.csv").open(encoding="utf-8", newline="") as stream:
        sheet = list(csv.DictReader(stream))
    assert len(tasks) == len(sheet) == N_TASKS
    expected = set()
    for name, (write, who) in FILES.items():
        file = tmp_path / "exports" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(write(tasks, sheet, who), encoding="utf-8")
        answered = tasks[:-1] if write is doccano else tasks
        expected |= {(who, one["meta"]["item_id"], one["meta"]["facet"], answer_of(one)) for one in answered}

    result = ingest_bronze.main(make_config(*queue_settings[:2], f"sources.votes={tmp_path}/exports"))
    n_votes, n_none = N_TASKS * 7 - 1, N_TASKS + 1 + N_TASKS + 1
    assert result.details["votes"] == (
        f"{n_votes + N_TASKS + n_none} read, {n_votes} kept ({n_votes} new or changed), {N_TASKS} quarantined, "
        f"0 duplicates, no votes: {N_TASKS} cancelled, {N_TASKS + 1} draft, 1 unanswered"
    )
    lake = Lake(spark, config)
    votes = lake.read(tables.VOTES).collect()
    assert {(row[c.ANNOTATOR_ID], row[c.ITEM_ID], row[c.FACET], row[c.LABEL]) for row in votes} == expected
    aside = lake.read(tables.QUARANTINE).collect()
    assert {tuple(row[c.ERRORS]) for row in aside} == {("superseded_vote",)}
    assert len(aside) == N_TASKS, "each answer that was overruled has a record of its own"
    times = {row[c.ANNOTATOR_ID]: str(row[c.VOTED_AT]) for row in votes if row[c.VOTED_AT] is not None}
    assert times == dict.fromkeys(("ls@x.org", "17", "csv@x.org"), "2026-11-02 10:00:00") | {
        "db-pro": "2026-11-02 10:00:00"
    }


def test_who_answered_can_be_told(
    spark: SparkSession, make_config: MakeConfig, queue_settings: list[str], tmp_path: Path
) -> None:
    """A file that is shared by all names nobody: the setting that helps is said, and helps."""
    task = {"id": "category/1", "text": "t", "options": [], "meta": {}, "label": ["sport"], "Comments": []}
    (tmp_path / "all.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
    own = [*queue_settings[:2], f"sources.votes={tmp_path}/all.jsonl"]
    with pytest.raises(InputError, match=r"1 missing_annotator_id.* Set ingest\.votes_annotator "):
        ingest_bronze.main(make_config(*own))
    said = ingest_bronze.main(make_config(*own, "ingest.votes_annotator=team")).details["votes"]
    assert said == "1 read, 1 kept (1 new or changed), 0 quarantined, 0 duplicates"
    (vote,) = Lake(spark, make_config()).read(tables.VOTES).collect()
    assert (vote[c.ITEM_ID], vote[c.ANNOTATOR_ID]) == ("1", "team")
