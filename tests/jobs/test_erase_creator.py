"""An erasure end to end on a tiny lake: what goes, what stays, that files and logs hold nothing, and cut-off runs."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import (
    aggregate_labels,
    build_tokens,
    erase_creator,
    fill_review_queue,
    ingest_bronze,
    roll_up_creators,
)
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, ErasureError
from linnaeus.features.embeddings import SET_ASIDE_BY
from linnaeus.runtime.command import run_command
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig
from tests.jobs import tiny
from tests.oracles import vector_bytes

WHO = "sport-creator-3"
STEPS = ("_begun", "_remember", "_keys", "_log", "_take_out", "_purge", "_left")


FILES = tables.SOURCE_FILES.full_name  # other ones where the sources were copied to


def sources(folder: Path) -> list[str]:
    """A tiny lake's, with votes, a text of WHO's that another creator has too, and records that can't be used."""
    content, labels = tiny.records(12)
    own = next(one for one in content if one["creator_id"] == WHO)
    content.append(own | {"content_id": "copied", "creator_id": "copyist"})
    content.append(own | {"content_id": "alone", "body": "a text that nobody else has"})
    content.append(own | {"content_id": "broken", "body": None})
    content.append({"content_id": "mention", "creator_id": "copyist", "body": f"{WHO} is who I follow"})
    settings = tiny.write(folder, content, labels)
    votes = [
        {"item_id": item, "facet": "category", "annotator_id": who, "label": "tech"}
        for item in ("alone", "copied", WHO, "sport-000")
        for who in ("ann", "bob")
    ]
    (folder / "votes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in votes), encoding="utf-8")
    with (folder / "content.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(f'{{"content_id": "torn", "creator_id": "{WHO}", "bo\n{{"content_id": "x", "cre\n')
    return [
        *tiny.FAST,
        *settings,
        f"sources.votes={folder / 'votes.jsonl'}",
        "review.budget=500",
        "review.most_a_creator=50",
    ]


def fill(lake: Lake, config: Config) -> None:
    """All tables, as jobs would have written them; what models make is written as it is."""
    ingest_bronze.main(config)
    build_tokens.main(config)
    aggregate_labels.main(config)
    content, stamp = lake.read(tables.CONTENT), manifest_in_force(config).embedder
    numbers = [0.5, 0.25]
    hashes = [row[0] for row in content.select(c.CONTENT_HASH).distinct().collect()]
    texts = [(one, stamp, vector_bytes(numbers), None, 2) for one in [*hashes, "an older text's"]]
    lake.merge(lake.session.createDataFrame(texts, schemas.TEXT_EMBEDDINGS), tables.TEXT_EMBEDDINGS)
    rows = content.select(c.CONTENT_ID, c.CONTENT_HASH, F.lit(stamp).alias(c.EMBEDDER))
    vectors = rows.select("*", F.array(*map(F.lit, numbers)).cast("array<float>").alias(c.EMBEDDING))
    lake.merge(vectors.withColumn(c.SIGNATURE, F.lit(None).cast("array<int>")), tables.EMBEDDINGS)
    profiles = [
        (row[c.CONTENT_ID], row[c.CREATOR_ID], "sport", ["sport"], 0.75, None, {"spam": 0.5}, {"spam": "low"}, "m/1",
         "r/1", "t", "f", stamp, row[c.CONTENT_HASH], row[c.INGESTED_AT], None, {"sport": 0.75})
        for row in content.collect()
    ]  # fmt: skip
    scored = lake.session.createDataFrame(profiles, schemas.CONTENT_PROFILES)
    for table in (tables.CONTENT_PROFILES, tables.SHADOW_PROFILES):
        lake.merge(scored, table)
    issues = content.selectExpr(
        "content_id", "'category' as facet", "1L as rank", "'tech' as label", "'sport' as suggested", "0D as margin",
        "'gold' as source", "'why' as reason", "ingested_at as found_at",
    )  # fmt: skip
    lake.merge(issues, tables.LABEL_ISSUES)
    failed = content.where(F.col(c.CONTENT_ID).isin("alone", "copied", "sport-000")).selectExpr(
        "sha2(content_id, 256) as record_id", f"'{SET_ASIDE_BY}' as source", "body as raw",
        "cast(null as binary) as raw_bytes", "array('embedding_failed') as errors", "1L as occurrences", "ingested_at",
        "'too long' as detail",
    )  # fmt: skip
    lake.merge(failed, tables.QUARANTINE)
    fill_topics(lake)
    roll_up_creators.main(config)
    fill_review_queue.main(config)


def fill_topics(lake: Lake) -> None:
    """Every content at a topic, as one that shows it; every creator's share of it."""
    one, none = F.lit(1).cast("long"), F.lit(None)
    content = lake.read(tables.CONTENT)
    made = {
        c.NODE_ID: F.lit("t-1"),
        c.VERSION: one,
        c.PROBABILITY: F.lit(0.9).cast("float"),
        c.PROBABILITIES: none.cast("map<string,float>"),
        c.SIMILARITY: none.cast("float"),
        c.REASON: F.lit("topic"),
        c.RANK: one,
        c.N: one,
        c.SHARE: F.lit(1.0).cast("float"),
    }
    rows = content.select(c.CONTENT_ID, c.CREATOR_ID).withColumns(made)
    for table in (tables.TOPIC_ASSIGNMENTS, tables.TOPIC_REPRESENTATIVES):
        lake.merge(rows.select(*table.columns), table)
    shares = rows.select(*tables.TOPIC_SHARES_BY_CREATOR.columns).distinct()
    lake.merge(shares, tables.TOPIC_SHARES_BY_CREATOR)


def rows_of(root: Path) -> dict[str, list[str]]:
    """All tables as another reader reads them, the stamps left out."""
    return {
        table.full_name: tiny.table_rows(root, table.full_name, table.stamps)
        for table in tables.ALL
        if table.layer != "ops" and (root / table.layer / table.name).exists()
    }


def is_of(row: dict[str, Any], own: set[str]) -> bool:
    return row.get("creator_id") == WHO or bool({row.get("content_id"), row.get("item_id")} & own)


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled lake's folder, to be copied, with its sources."""
    from linnaeus.contracts.config import load_config

    root = tmp_path_factory.mktemp("filled")
    config = load_config("local", [*settings_of(root), "spark.master=local[2]"])
    fill(Lake(spark, config), config)
    return root


def settings_of(root: Path) -> list[str]:
    own = [f"lake.root={root / 'lake'}", f"tracking.uri=sqlite:///{root / 'mlflow.db'}"]
    return [*own, f"tracking.artifacts={root / 'artifacts'}", *sources(root / "sources")]


@pytest.mark.slow
def test_an_erasure_leaves_nothing_and_takes_nothing_else(
    spark: SparkSession, filled: Path, tmp_path: Path, make_config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    config = make_config(*sources(tmp_path / "sources"), f"erase.creator_id={WHO}")
    lake, root = Lake(spark, config), tmp_path / "lake"
    before = rows_of(root)
    assert set(before) == {table.full_name for table in tables.ALL if table.layer != "ops"} - {
        "gold.model_evaluations",
        "gold.promotions",
        *(f"gold.{name}" for name in ("taxonomy_nodes", "taxonomy_versions", "taxonomy_changes")),
        "gold.topic_shares_by_week",
    }
    own = {json.loads(row)["content_id"] for row in before["bronze.content"] if json.loads(row)["creator_id"] == WHO}
    assert "alone" in own and len(own) == 2
    hashes = {(row := json.loads(one))["content_id"]: row["content_hash"] for one in before["bronze.content"]}
    assert WHO in (root / "review" / "review_queue.csv").read_text(encoding="utf-8")
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports" / "drift.html").write_text(f"<td>{WHO}</td>", encoding="utf-8")

    words = [word for one in (*settings_given(config), f"erase.creator_id={WHO}") for word in ("--set", one)]
    assert run_command("erase_creator", erase_creator.main, words) == 0
    said = capsys.readouterr().out
    assert WHO not in said and "alone" not in said
    summary = json.loads(said.rstrip().splitlines()[-1])
    assert summary["rows_written"] == sum(len(rows) for rows in before.values()) - sum(map(len, rows_of(root).values()))

    after = rows_of(root)
    for name, rows in before.items():
        parsed = [json.loads(row) for row in rows]
        if name == "silver.text_embeddings":
            gone = {hashes["alone"], "an older text's"}
            expected = [row for row, one in zip(rows, parsed, strict=True) if one["content_hash"] not in gone]
        elif name == "bronze.quarantine":
            expected = [
                row
                for row, one in zip(rows, parsed, strict=True)
                if WHO not in one["raw"] and "nobody" not in one["raw"]
            ]
            assert len(rows) - len(expected) == 3, (
                "two records, and a text that failed; the copied one is another's too"
            )
        else:
            expected = [row for row, one in zip(rows, parsed, strict=True) if not is_of(one, {*own, WHO})]
        assert after[name] == expected, name
        assert name in ("silver.annotators", FILES) or len(expected) < len(rows), name
    assert hashes["copied"] in {json.loads(row)["content_hash"] for row in after["silver.text_embeddings"]}

    # Nothing is left in any file of any table, any log, or beside, by plain substrings; others may name whom they like.
    for file in (one for one in root.rglob("*") if one.is_file()):
        is_parquet = file.suffix == ".parquet"
        content = str(pq.read_table(file).to_pydict()) if is_parquet else file.read_bytes().decode(errors="replace")
        content = content.replace(f"{WHO} is who I follow", "").replace(f"{WHO} is who I foll", "")
        assert WHO not in content, file
        assert "nobody else has" not in content, file
    row = lake.read(tables.ERASURES).first()
    assert row is not None and row["status"] == "done" and row["rows"]["bronze.content"] == 2
    assert {Path(one).name for one in row["files"]} == {"drift.html", "review_queue.csv", "review_queue.jsonl"}
    with pytest.raises(ConfigurationError):
        lake.read(tables.CONTENT, version=0)

    # Again: nothing to do, and it is still shown that nothing is there.
    assert erase_creator.main(config).rows_written == 0
    assert rows_of(root) == after and lake.read(tables.ERASURES).count() == 2

    # The sources still have them; they do not come back, not even to quarantine.
    said_by = ingest_bronze.main(config).details
    assert said_by["content"].endswith("0 duplicates, 4 of erased creators"), said_by["content"]
    assert said_by["creators"].endswith("1 of erased creators") and said_by["votes"].endswith("4 of erased creators")
    assert said_by["gold_labels"].endswith("1 of erased creators")
    assert rows_of(root) | {FILES: []} == after | {FILES: []}
    after = rows_of(root)

    # The files that went in since are not read again after another erasure.
    assert erase_creator.main(config).rows_written == 0
    assert all(said.startswith("0 read") for said in ingest_bronze.main(config).details.values())
    assert rows_of(root) == after

    # A job that wrote late is found, said, and its rows go when it is run again.
    late = spark.createDataFrame([("alone", "category", "tech", 1.0, 0, "gold", None, 0.0, None)], schemas.LABELS)
    lake.merge(late, tables.LABELS)
    (root / "labels.json").write_text(json.dumps({"item_id": "alone"}), encoding="utf-8")
    with pytest.raises(ErasureError, match=r"labels\.json \(item_id\); stop what writes there") as caught:
        erase_creator.main(config)
    assert "alone" not in str(caught.value) and caught.value.exit_status == 1
    (root / "labels.json").unlink()
    erase_creator.main(config)
    assert rows_of(root) == after


def settings_given(config: Config) -> list[str]:
    """Settings that point at a test's own folders."""
    given = {f"sources.{name}": path for name, path in config.sources.model_dump().items() if path is not None}
    given |= {"lake.root": config.lake.root, "tracking.uri": config.tracking.uri}
    given |= {"tracking.artifacts": config.tracking.artifacts}
    return [*tiny.FAST, *(f"{name}={value}" for name, value in given.items()), "spark.master=local[2]"]


@pytest.mark.soak
@pytest.mark.slow
def test_an_erasure_that_is_cut_off_is_finished_by_the_next(
    spark: SparkSession, filled: Path, tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step, and in the midst of the tables."""
    calm = tmp_path / "calm"
    shutil.copytree(filled, calm)
    config = make_config(*sources(calm / "sources"), f"erase.creator_id={WHO}", root=calm)
    erase_creator.main(config)
    expected = rows_of(calm / "lake")

    killed = tmp_path / "killed"
    shutil.copytree(filled, killed)
    config = make_config(*sources(killed / "sources"), f"erase.creator_id={WHO}", root=killed)
    # Before each step, which is after the one before it; and one table of all left out.
    for step, number in [*((step, 1) for step in STEPS[:4]), ("_delete_from", 3), *((step, 1) for step in STEPS[4:])]:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(erase_creator, step, dying(getattr(erase_creator, step), number))
            erase_creator.main(config)
    erase_creator.main(config)
    assert rows_of(killed / "lake") == expected
    (row,) = Lake(spark, config).read(tables.ERASURES).collect()
    (calm_row,) = Lake(spark, make_config(root=calm)).read(tables.ERASURES).collect()
    assert row["status"] == "done" and row["rows"] == calm_row["rows"]


def dying(step: Any, number: int) -> Any:
    """The step, dying at its n-th call."""
    calls = itertools.count(1)

    def call(*arguments: Any) -> Any:
        if next(calls) == number:
            raise KeyboardInterrupt
        return step(*arguments)

    return call


@pytest.mark.soak
@pytest.mark.slow
def test_older_versions_can_be_kept_for_a_while(
    spark: SparkSession, filled: Path, tmp_path: Path, make_config: MakeConfig
) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    given = (*sources(tmp_path / "sources"), f"erase.creator_id={WHO}")
    config = make_config(*given, "erase.retention_hours=200")
    lake = Lake(spark, config)
    n = lake.read(tables.CONTENT).count()
    version = lake.version(tables.CONTENT)
    said = erase_creator.main(config).details
    assert said["searched"].startswith("the newest versions; older ones can be read for 200 hours")
    assert lake.read(tables.CONTENT).count() == n - 2 and lake.read(tables.CONTENT, version).count() == n


def test_what_can_not_be_erased(spark: SparkSession, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^erase\.creator_id is not set"):
        erase_creator.main(make_config())
    with pytest.raises(ConfigurationError, match=r"erase\.creator_id: give an id that YAML takes for a number"):
        make_config("erase={creator_id: 012}")
    assert make_config("erase.creator_id=012").erase.creator_id == "012"
    # Whoever is not there is remembered, and does not come in.
    config = make_config("erase.creator_id=nobody")
    assert erase_creator.main(config).rows_written == 0
    monkeypatch.setenv(config.erase.secret_variable, "another")
    with pytest.raises(ConfigurationError, match=r"LINNAEUS_ERASURE_SECRET .* is not the secret that"):
        erase_creator.main(config)
