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
from pyspark.sql import Row, SparkSession

from jobs import fill_review_queue, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig

TREE = "nodes:\n  - {id: sport, name: Sport}\n  - {id: tech, name: Technology}\n"
AREAS = "areas:\n  - {id: spam, name: Spam}\n"
IDS = ("007", "post/1", "пост-2", 'a "b", c')
AT = "2026-11-02T10:00:00.000000Z"

Task = dict[str, Any]


def answer_of(task: Task) -> str:
    """What ann says of each task."""
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


def label_studio(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    """Ann answered, changed her mind once, and skipped nothing; bob skipped all; somebody has begun the first."""
    made = []
    for number, (task, row) in enumerate(zip(tasks, sheet, strict=True)):
        first = annotation("ann@x.org", "tech" if answer_of(task) == "sport" else "no", "2026-11-01T10:00:00Z")
        last = annotation("ann@x.org", answer_of(task), AT)
        skipped = annotation("bob@x.org", "sport", AT) | {"was_cancelled": True, "result": []}
        data = imported(row)
        predictions = [{"id": 1, "result": first["result"], "model_version": "m"}]
        drafts = [{"id": 1, "result": []}] if number == 0 else []
        made.append(
            {"id": number, "annotations": [first, last, skipped], "drafts": drafts, "predictions": predictions, "data": data}
        )  # fmt: skip
    return json.dumps(made, indent=2, ensure_ascii=False)


def annotation(who: str, label: str, at: str) -> dict[str, Any]:
    result = {"id": "a", "type": "choices", "value": {"choices": [label]}, "to_name": "text", "from_name": "answer"}
    return {
        "id": 1, "completed_by": {"id": 3, "email": who, "first_name": "", "last_name": ""}, "result": [result],
        "was_cancelled": False, "created_at": at, "updated_at": at, "lead_time": 3.5, "prediction": {},
    }  # fmt: skip


def label_studio_min(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    ends = {"annotator": "ann@x.org", "annotation_id": 1, "created_at": AT, "updated_at": AT, "lead_time": 3.5}
    rows = [
        imported(row) | {"id": 1, "answer": answer_of(task)} | ends for task, row in zip(tasks, sheet, strict=True)
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def label_studio_csv(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    rows = json.loads(label_studio_min(tasks, sheet))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, sorted(rows[0]), quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


# doccano, Argilla and Prodigy import the JSON Lines.


def doccano(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    """By pandas; nobody answered the last one."""
    del sheet
    rows = [task | {"label": [answer_of(task)], "Comments": []} for task in tasks[:-1]]
    rows.append(tasks[-1] | {"label": [], "Comments": []})
    return str(pd.DataFrame(rows).to_json(orient="records", force_ascii=False, lines=True))


def argilla(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    """A list with `flatten=True`: the records' ids are the queue's; bob's are drafts."""
    del sheet
    rows = [
        {
            "id": task["id"],
            "_server_id": "0e2f",
            "text": task["text"],
            "answer.responses": [answer_of(task), "tech"],
            "answer.responses.users": ["ann", "bob"],
            "answer.responses.status": ["submitted", "draft"],
        }
        for task in tasks
    ]
    return json.dumps(rows)


def argilla_nested(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    """records.to_json."""
    del sheet
    rows = [
        {
            "id": task["id"],
            "fields": {"text": task["text"]},
            "metadata": {},
            "suggestions": {},
            "responses": {"answer": [{"value": answer_of(task), "user_id": "ann"}]},
            "vectors": {},
            "_server_id": "0e2f",
        }
        for task in tasks
    ]
    return json.dumps(rows)


def prodigy(tasks: list[Task], sheet: list[dict[str, str]]) -> str:
    del sheet
    marks = {"_input_hash": 1, "_task_hash": -2, "_view_id": "choice", "answer": "accept", "_timestamp": 1793613600}
    rows = [task | marks | {"accept": [answer_of(task)], "_annotator_id": "ann"} for task in tasks]
    return "".join(json.dumps(row) + "\n" for row in rows)


Writer = Callable[[list[Task], list[dict[str, str]]], str]
# The file of each, who ann is in it, what is no vote, and how many of her votes are overruled.
FILES: dict[str, tuple[Writer, str, str, int]] = {
    "project-1-at-2026-11-03.json": (label_studio, "ann@x.org", ", no votes: 8 cancelled, 1 draft", 8),
    "project-1-min.json": (label_studio_min, "ann@x.org", "", 0),
    "project-1.csv": (label_studio_csv, "ann@x.org", "", 0),
    "ann.jsonl": (doccano, "ann", ", no votes: 1 unanswered", 0),
    "argilla.json": (argilla, "ann", ", no votes: 8 draft", 0),
    "argilla-nested.json": (argilla_nested, "ann", "", 0),
    "prodigy.jsonl": (prodigy, "ann", "", 0),
}


@pytest.fixture
def settings_of_queue(tmp_path: Path) -> list[str]:
    """Settings of a lake with four contents, whose queue has all of them for two facets."""
    for name, text in (("taxonomy", TREE), ("risk", AREAS)):
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    content = [{"content_id": one, "creator_id": f"u-{one}", "body": f"Text of {one}"} for one in IDS]
    (tmp_path / "content.jsonl").write_text("".join(json.dumps(one) + "\n" for one in content), encoding="utf-8")
    paths = [f"{name}.path={tmp_path / name}.yml" for name in ("taxonomy", "risk")]
    return [*paths, f"sources.content={tmp_path}/content.jsonl", "review.category_share=1"]


def test_answers_to_the_queue_come_back_by_each_tool(
    spark: SparkSession, make_config: MakeConfig, settings_of_queue: list[str], tmp_path: Path
) -> None:
    config = make_config(*settings_of_queue)
    ingest_bronze.main(config)
    fill_review_queue.main(config)
    folder = tmp_path / "lake" / "review"
    tasks = [json.loads(line) for line in (folder / "review_queue.jsonl").read_text(encoding="utf-8").splitlines()]
    with (folder / "review_queue.csv").open(encoding="utf-8", newline="") as stream:
        sheet = list(csv.DictReader(stream))
    assert len(tasks) == len(sheet) == 8
    lake = Lake(spark, config)
    for name, (write, who, no_votes, n_overruled) in FILES.items():
        file = tmp_path / name.split(".")[0] / name
        file.parent.mkdir()
        file.write_text(write(tasks, sheet), encoding="utf-8")
        said = ingest_bronze.main(make_config(*settings_of_queue[:2], f"sources.votes={file}")).details["votes"]
        assert said.endswith(f"{n_overruled} quarantined, 0 duplicates{no_votes}"), (name, said)
        assert votes_of(lake, who) == {
            (task["meta"]["item_id"], task["meta"]["facet"], answer_of(task))
            for task in (tasks[:-1] if name == "ann.jsonl" else tasks)
        }, name
        lake.session.sql(f"DELETE FROM delta.`{tmp_path}/lake/bronze/votes`")
    aside = lake.read(tables.QUARANTINE).collect()
    assert {tuple(row[c.ERRORS]) for row in aside} == {("superseded_vote",)}
    assert {json.loads(row[c.RAW])[c.ITEM_ID] for row in aside} == set(IDS), "each answer has a record of its own"


def votes_of(lake: Lake, who: str) -> set[tuple[str, str, str]]:
    rows: list[Row] = lake.read(tables.VOTES).collect()
    assert {row[c.ANNOTATOR_ID] for row in rows} == {who}
    return {(row[c.ITEM_ID], row[c.FACET], row[c.LABEL]) for row in rows}
