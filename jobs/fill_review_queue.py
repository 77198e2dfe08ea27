"""What people should label next, within a budget, to gold.review_queue and to files that labelling tools import."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs._models import facets_of
from jobs.dependencies import DEPENDENCIES
from linnaeus.bronze.exports.answers import TASK
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, Review
from linnaeus.review.queue import candidates, choose, with_priority, with_text
from linnaeus.runtime.command import FULL, INPUTS, JobResult, exit_with, fingerprint_of, last_run_of
from linnaeus.runtime.files import write_whole
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session

_READ = (tables.CONTENT, tables.LABELS, tables.CONTENT_PROFILES, tables.LABEL_ISSUES)
_FILE = "review_queue"
# The first five are a vote's: whoever fills in label and annotator_id has a file of votes for sources.votes. The last
# says item and facet once more: a tool may read an item_id as a number.
_FIELDS = (
    c.ITEM_ID,
    c.FACET,
    c.ANNOTATOR_ID,
    c.LABEL,
    c.VOTED_AT,
    c.TEXT,
    "labels",
    c.CREATOR_ID,
    c.PRIORITY,
    c.REASON,
    TASK,
)


def main(config: Config) -> JobResult:
    """Fill the queue anew; what was answered or is of less gain now is in it no more."""
    lake = Lake(build_session(config), config)
    review = config.review
    labels_of = _labels_of(config)
    inputs = fingerprint_of(lake, _READ, review.model_dump(exclude={"folder"}), labels_of)
    read, written = 0, 0
    if last_run_of(lake, "fill_review_queue", inputs) is None:
        read, written = _fill(lake, review, labels_of)
    queue = lake.read(tables.REVIEW_QUEUE).orderBy(c.RANK).collect()  # few: the budget
    files = _export(config.review_folder, queue, labels_of)
    details = {"queue": f"{len(queue)} to be labelled, of at most {review.budget}", INPUTS: inputs}
    return JobResult(
        rows_read=read,
        rows_written=written,
        tables=(tables.REVIEW_QUEUE,),
        details=details | ({"files": ", ".join(str(file) for file in files)} if files else {}),
    )


def _fill(lake: Lake, review: Review, labels_of: Mapping[str, tuple[str, ...]]) -> tuple[int, int]:
    """Contents that were looked at, and rows of the queue that are new or differ."""
    contents = lake.read(tables.CONTENT)
    labels, profiles, issues = (lake.read(one) for one in (tables.LABELS, tables.CONTENT_PROFILES, tables.LABEL_ISSUES))
    waiting = candidates(contents, labels, profiles, issues, {facet: len(own) for facet, own in labels_of.items()})
    chosen = choose(
        with_priority(waiting, review.reach_weight), review.budget, review.most_a_creator, review.category_share
    )
    rows = with_text(chosen, contents, review.most_characters).withColumn(c.QUEUED_AT, F.current_timestamp())
    written = lake.replace(rows.select(*tables.REVIEW_QUEUE.columns), tables.REVIEW_QUEUE).written
    return contents.count(), written


def _labels_of(config: Config) -> dict[str, tuple[str, ...]]:
    """The labels that can be given, by facet."""
    risks = facets_of(config, "risk").values()
    return {c.CATEGORY_FACET: config.read_taxonomy().ids} | dict.fromkeys(risks, (c.YES, c.NO))


def _export(folder: Path | None, queue: Sequence[Row], labels_of: Mapping[str, tuple[str, ...]]) -> list[Path]:
    """JSON Lines (doccano, Prodigy, Argilla: `text` with what goes along under `meta`) and CSV (Label Studio,
    spreadsheets; filled in, a source of votes). Exports of these tools are a source of votes too (bronze/exports)."""
    if folder is None:
        return []
    lines = [json.dumps(_task(row, labels_of[row[c.FACET]]), ensure_ascii=False) + "\n" for row in queue]
    stream = io.StringIO()
    sheet = csv.DictWriter(stream, _FIELDS, restval="", extrasaction="ignore", lineterminator="\n")
    sheet.writeheader()
    for row in queue:
        more = {"labels": "|".join(labels_of[row[c.FACET]]), TASK: _name_of(row)}
        sheet.writerow(row.asDict() | more | {c.LABEL: "", c.ANNOTATOR_ID: ""})
    return [
        write_whole(folder / f"{_FILE}.jsonl", "".join(lines)),
        write_whole(folder / f"{_FILE}.csv", stream.getvalue()),
    ]


def _task(row: Row, labels: Sequence[str]) -> dict[str, object]:
    meta = {name: row[name] for name in (c.ITEM_ID, c.FACET, c.CREATOR_ID, c.RANK, c.PRIORITY, c.REASON, c.N_VOTES)}
    options = [{"id": label, c.TEXT: label} for label in labels]  # as Prodigy wants them
    return {"id": _name_of(row), c.TEXT: row[c.TEXT], "options": options, "meta": meta}


def _name_of(row: Row) -> str:
    """What a task is called in the files; exports tell item and facet by it."""
    return f"{row[c.FACET]}/{row[c.ITEM_ID]}"


def command() -> None:
    """Entry point of the wheel."""
    exit_with("fill_review_queue", main, (FULL,), needs=DEPENDENCIES["fill_review_queue"])


if __name__ == "__main__":
    command()
