"""Whole flows on a tiny lake: what they leave, that a second run changes nothing, and that a killed one is finished."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import build_embeddings, flow
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, repository
from linnaeus.contracts.errors import NoChampionError
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.command import execute
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import MakeConfig
from tests.golden import Golden, copied
from tests.jobs import flowed, tiny
from tests.jobs.flowed import run
from tests.patience import PATIENCE

ROOT = repository() or Path()
WRITTEN = [table for table in tables.ALL if table is not tables.JOB_RUNS]


def versions(spark: SparkSession, config: Config) -> dict[str, int | None]:
    lake = Lake(spark, config)
    return {table.full_name: lake.version(table) for table in WRITTEN}


@pytest.fixture(scope="module")
def calm(spark: SparkSession, golden: Golden) -> Path:
    """A folder in which a flow ran that nobody disturbed. Who writes there works on a copy."""
    return golden.made(flowed.NAME, flowed.make)


@pytest.mark.slow
def test_the_flow_fills_every_table_and_a_second_run_changes_nothing(
    spark: SparkSession, make_config: MakeConfig, calm: Path, tmp_path: Path
) -> None:
    content, labels = flowed.records()
    copied(calm, tmp_path)
    config = make_config(*flowed.SETTINGS, *tiny.write(tmp_path / "sources", content, labels))
    lake = Lake(spark, config)
    profiles = {row["content_id"]: row for row in lake.read(tables.CONTENT_PROFILES).collect()}
    creators = {row["creator_id"]: row for row in lake.read(tables.CREATOR_PROFILES).collect()}
    assert set(profiles) == {one["content_id"] for one in content}
    assert set(creators) == {one["creator_id"] for one in content} | {"silent"}
    assert creators["silent"]["n_content"] == 0
    hits = sum(profiles[one["item_id"]]["category"] == one["label"] for one in labels if one["facet"] == "category")
    assert hits >= 0.9 * 72
    assert all(set(row["risk"]) == {"spam"} and 0 <= row["risk"]["spam"] <= 1 for row in profiles.values())
    tracking = Tracking(config)
    for model in (config.registry.category_model, config.registry.risk_model):
        champion, candidate = tracking.version_at(model, CHAMPION), tracking.version_at(model, CANDIDATE)
        assert champion is not None and candidate is not None and champion.number == candidate.number == "1"
        assert champion.tags["delta_silver_labels"] == str(lake.version(tables.LABELS))
        stamps = {row["feature_manifest"] for row in profiles.values()}
        assert stamps == {champion.tags["feature_manifest"]} == {tracking.load(champion).manifest.version}

    settings = [*flowed.SETTINGS, *tiny.write(tmp_path / "sources", content, labels)]
    assert run(config)["rows_written"] == 0  # the copy's sources lie elsewhere: they are read, and put on record
    before = versions(spark, config)
    assert run(make_config(*settings, "run.full=true"))["rows_written"] == 0
    assert versions(spark, config) == before
    # The same once more where no JVM can start: what is as it was is not looked at by Spark.
    said = _said(_start(tmp_path, settings, JAVA_HOME="/nowhere"))
    assert json.loads(said.splitlines()[-1])["table_versions"].items() <= before.items(), said
    assert said.count(flow._UP_TO_DATE) >= len(flowed.GRAPH), said

    new = [content[0] | {"content_id": f"new-{i}", "body": tiny.text("sport", 1000 + i)} for i in range(10)]
    copy = content[0] | {"content_id": "copy"}
    config = make_config(*flowed.SETTINGS, *tiny.write(tmp_path / "sources", [*content, *new, copy], labels))
    run(config, "ingest_bronze, build_tokens")
    embedded = execute("build_embeddings", build_embeddings.main, config)
    assert embedded["details"]["embedded"] == "10 distinct texts"  # type: ignore[index]
    assert embedded["rows_written"] == 11
    run(config, "score_content, roll_up_creators")
    assert lake.read(tables.CONTENT_PROFILES).count() == len(content) + 11


@pytest.mark.soak
@pytest.mark.slow
def test_one_family_alone_is_enough(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    content, labels = tiny.records()
    only = [one for one in labels if one["facet"] == "category"]
    config = make_config(*tiny.FAST, *tiny.write(tmp_path / "sources", content, only))
    run(config)
    row = Lake(spark, config).read(tables.CONTENT_PROFILES).first()
    assert row is not None and row["category"] is not None and row["risk"] is None and row["risk_model"] is None
    assert Tracking(config).version_at(config.registry.risk_model, CANDIDATE) is None


def test_without_a_champion_nothing_is_scored(spark: SparkSession, config: Config) -> None:
    from jobs.score_content import main

    with pytest.raises(NoChampionError, match="train and promote one first"):
        main(config)
    assert not Lake(spark, config).exists(tables.CONTENT_PROFILES)


def _start(folder: Path, settings: list[str], **environment: str) -> subprocess.Popen[str]:
    own = [f"lake.root={folder / 'lake'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    own += [f"tracking.artifacts={folder / 'artifacts'}", "spark.master=local[2]", *settings]
    arguments = [part for setting in own for part in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.flow", "--env", "local", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"} | environment,
        text=True,
    )


def _said(process: subprocess.Popen[str], seconds: float = PATIENCE) -> str:
    """What a flow printed. One that does not end says where its threads stand, those of Python and those of the JVM."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        stacks: list[str] = []
        if jstack := shutil.which("jstack"):  # a JDK has it, not every Java
            java = subprocess.run(["pgrep", "-g", str(process.pid), "java"], capture_output=True, text=True)
            stacks = [
                subprocess.run([jstack, pid], capture_output=True, text=True).stdout for pid in java.stdout.split()
            ]
        os.kill(process.pid, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("\n".join([f"not done after {seconds} s", process.communicate()[0], *stacks]))


def _finished_jobs(folder: Path) -> int:
    """Runs that ops.job_runs has, by its log: one commit makes the table, every other adds a run."""
    return max(0, len(list((folder / "lake/ops/job_runs/_delta_log").glob("*.json"))) - 1)


@pytest.mark.soak
@pytest.mark.slow
def test_a_flow_killed_in_job_after_job_ends_in_the_same_tables(calm: Path, tmp_path: Path) -> None:
    settings = [*flowed.SETTINGS, *tiny.write(tmp_path / "sources", *flowed.records())]
    killed = tmp_path / "killed"
    # Each round starts all over, gets some jobs further than the one before, and dies in the middle of the next.
    for jobs_done, pause in ((0, 12.0), (2, 1.0), (4, 4.0), (5, 6.0), (7, 2.0)):
        process, before = _start(killed, settings), _finished_jobs(killed)
        deadline = time.monotonic() + PATIENCE
        while _finished_jobs(killed) - before < jobs_done and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    output = _said(_start(killed, settings))
    assert json.loads(output.splitlines()[-1])["job"] == "flow", output
    compared = [table for table in WRITTEN if (calm / "lake" / table.layer / table.name).exists()]
    assert len(compared) >= 10
    for table in compared:
        expected = tiny.table_rows(calm / "lake", table.full_name, table.stamps)
        assert tiny.table_rows(killed / "lake", table.full_name, table.stamps) == expected, table.full_name
