"""From votes to labels, agreement, issues and the review queue, and back: answers are votes again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import aggregate_labels, build_embeddings, build_tokens, fill_review_queue, find_label_issues, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.jobs import tiny

WRONG = {"sport-003": "tech", "tech-005": "politics"}
TREE = """nodes:
  - {id: news, name: News}
  - {id: sport, name: Sport, parent: news}
  - {id: tech, name: Technology, parent: news}
  - {id: politics, name: Politics, parent: news}
"""


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> str:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"sources.{name}={file}"


def vote(item: str, facet: str, who: str, label: str, second: int = 0) -> dict[str, object]:
    at = f"2024-02-01T08:{second // 60:02d}:{second % 60:02d}Z"
    return {"item_id": item, "facet": facet, "annotator_id": who, "label": label, "voted_at": at}


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    content, labels = tiny.records(12)
    given = [one | {"label": WRONG.get(one["item_id"], one["label"])} for one in labels if one["facet"] == "category"]
    given = [one for one in given if one["item_id"] not in ("sport-000", "sport-001")]
    votes = [vote("sport-000", "category", who, "sport", i * 7) for i, who in enumerate(("ann", "bob", "cid"))]
    votes += [
        vote("sport-001", "category", "ann", "sport", 30),
        vote("sport-001", "category", "bob", "tech", 40),
        vote("yes-000", "risk.spam", "ann", "5", 50),
        vote("yes-000", "risk.spam", "bob", "4", 60),
        vote("yes-000", "risk.spam", "cid", "no", 70),
        vote("no-000", "risk.spam", "ann", "1", 80),
        vote("no-000", "risk.spam", "bob", "2", 90),
    ]
    taxonomy = tmp_path / "taxonomy.yml"
    taxonomy.write_text(TREE, encoding="utf-8")
    own = tiny.write(tmp_path / "sources", [one | {"views": 100} for one in content], given)
    return [*tiny.FAST, *own, write(tmp_path, "votes", votes), f"taxonomy.path={taxonomy}", "review.budget=20"]


@pytest.mark.soak
@pytest.mark.slow
def test_from_votes_to_the_queue_and_back(
    spark: SparkSession, make_config: MakeConfig, sources: list[str], tmp_path: Path
) -> None:
    config = make_config(*sources)
    lake = Lake(spark, config)
    ingest_bronze.main(config)
    said = aggregate_labels.main(config).details

    labels = {(row[c.FACET], row[c.ITEM_ID]): row for row in lake.read(tables.LABELS).collect()}
    assert labels["category", "sport-000"][c.LABEL] == "sport"
    split = labels["category", "sport-001"]
    # One for sport and one for tech: at a half each is as likely, at more their parent is what is known.
    assert (split[c.LABEL], split[c.ENTROPY], split[c.UNCERTAINTY]) == ("sport", 1.0, 1.0)
    backed = make_config(*sources, "labels.back_off_threshold=0.6")
    aggregate_labels.main(backed)
    again = lake.read(tables.LABELS).where(F.col(c.ITEM_ID) == "sport-001").first()
    assert again is not None and (again[c.LABEL], again[c.PROBABILITY]) == ("news", 1.0)
    spam = labels["risk.spam", "yes-000"]
    assert (spam[c.LABEL], spam[c.N_VOTES]) == ("yes", 3)
    assert labels["severity.spam", "yes-000"][c.LABEL] == "4", "the lower of two medians"
    assert labels["severity.spam", "no-000"][c.LABEL] == "1"

    report = Path(said["report"]).read_text(encoding="utf-8")
    assert "Krippendorff" in report and report.count("<img") == 9, "three plots a facet"
    who = {(row[c.ANNOTATOR_ID], row[c.FACET]): row for row in lake.read(tables.ANNOTATORS).collect()}
    assert who["cid", "risk.spam"][c.ACCURACY] == 0.0 and who["ann", "risk.spam"][c.ACCURACY] == 1.0
    # "news" is what is known of sport-001: neither voter was wrong.
    assert who["ann", "category"][c.ACCURACY] == who["bob", "category"][c.ACCURACY] == 1.0
    assert who["ann", "category"][c.SECONDS_A_VOTE] == 30.0

    build_tokens.main(config)
    build_embeddings.main(config)
    find_label_issues.main(config)
    issues = {row[c.CONTENT_ID]: row for row in lake.read(tables.LABEL_ISSUES).collect()}
    assert WRONG.keys() <= issues.keys()
    assert issues["sport-003"][c.SUGGESTED] == "sport" and issues["sport-003"][c.SOURCE] == "gold"
    version = lake.version(tables.LABEL_ISSUES)
    find_label_issues.main(config)
    assert lake.version(tables.LABEL_ISSUES) == version, "the same labels, the same issues: nothing is written"

    done = fill_review_queue.main(config)
    queue = {(row[c.ITEM_ID], row[c.FACET]): row for row in lake.read(tables.REVIEW_QUEUE).collect()}
    assert len(queue) == 20 == done.rows_written
    assert sorted(row[c.RANK] for row in queue.values()) == list(range(1, 21))
    creators = [row[c.CREATOR_ID] for row in queue.values()]
    assert max(creators.count(one) for one in creators) <= 5

    file = tmp_path / "lake" / "review" / "review_queue.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        sheet = list(csv.DictReader(stream))
    tasks = [
        json.loads(line) for line in (tmp_path / "lake" / "review" / "review_queue.jsonl").read_text().splitlines()
    ]
    assert [one["meta"]["item_id"] for one in tasks] == [one["item_id"] for one in sheet]
    assert all(one["text"] and one["options"] for one in tasks)
    # A person fills in what is asked, and the file is a source of votes.
    answered = [one | {"annotator_id": "eve", "label": one["labels"].split("|")[0]} for one in sheet]
    answers = tmp_path / "answers.csv"
    with answers.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(answered[0]))
        writer.writeheader()
        writer.writerows(answered)
    back = make_config(*sources, f"sources.votes={answers}", "sources.content=null", "sources.gold_labels=null")
    result = ingest_bronze.main(back)
    assert result.details["votes"].startswith("20 read, 20 kept (20 new or changed), 0 quarantined")
    assert lake.read(tables.VOTES).where(F.col(c.ANNOTATOR_ID) == "eve").count() == 20


def test_what_contradicts_or_lies_outside_is_said(
    spark: SparkSession, make_config: MakeConfig, sources: list[str], tmp_path: Path
) -> None:
    ingest_bronze.main(make_config(*sources))
    # The taxonomy loses a node, the risks an area: their votes are there and count no more.
    taxonomy, risk = tmp_path / "small.yml", tmp_path / "risk.yml"
    taxonomy.write_text("nodes:\n  - {id: tech, name: T}\n", encoding="utf-8")
    risk.write_text("areas: []\n", encoding="utf-8")
    config = make_config(*sources, f"taxonomy.path={taxonomy}", f"risk.path={risk}", "labels.method=dawid_skene")
    said = aggregate_labels.main(config).details
    assert (
        said["category"].startswith("dawid_skene")
        and "4 votes for labels that the facet has no more left out" in said["category"]
    )
    assert said["risk.spam"] == "no facet any more: 5 votes left out"
    # All votes contradict the only gold label of their item: it stands, and nothing is no number.
    changed = write(tmp_path, "votes", [vote("tech-000", "category", who, "politics") for who in "abc"])
    config = make_config(*sources, changed)
    result = ingest_bronze.main(config)
    assert result.rows_quarantined == 0
    aggregate_labels.main(config)
    row = Lake(spark, config).read(tables.LABELS).where(F.col(c.ITEM_ID) == "tech-000").first()
    assert row is not None and (row[c.LABEL], row[c.PROBABILITY], row[c.SOURCE]) == ("tech", 1.0, "gold")
    accuracy = Lake(spark, config).read(tables.ANNOTATORS).where(F.col(c.ANNOTATOR_ID) == "a").first()
    assert accuracy is not None and accuracy[c.ACCURACY] == 0.0


def test_a_vote_that_changes_between_runs_is_kept_in_quarantine(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path
) -> None:
    first = write(tmp_path, "votes", [vote("i", "category", "ann", "sport", 10)])
    ingest_bronze.main(make_config(first))
    second = write(tmp_path, "votes", [vote("i", "category", "ann", "tech", 20)])
    result = ingest_bronze.main(make_config(second))
    assert (result.rows_read, result.rows_written, result.rows_quarantined) == (1, 1, 0)
    config = make_config(write(tmp_path, "votes", [vote("i", "category", "ann", "politics", 15)]))
    result = ingest_bronze.main(config)
    assert (result.rows_written, result.rows_quarantined) == (0, 1), "late, and of another mind"
    lake = Lake(spark, config)
    assert [row[c.LABEL] for row in lake.read(tables.VOTES).collect()] == ["tech"]
    aside = [(json.loads(row[c.RAW])["label"], row[c.ERRORS]) for row in lake.read(tables.QUARANTINE).collect()]
    assert sorted(aside) == [("politics", ["superseded_vote"]), ("sport", ["superseded_vote"])]
