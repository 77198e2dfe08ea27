"""The whole flow on a standalone cluster: a master and two workers with JVMs of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from linnaeus.contracts.config import repository
from tests.jobs import tiny
from tests.jobs.cluster import standalone
from tests.patience import PATIENCE


@pytest.mark.slow
def test_the_flow_on_two_workers(tmp_path: Path) -> None:
    content, labels = tiny.records()
    settings = [*tiny.FAST, *tiny.write(tmp_path / "sources", content, labels)]
    settings += [f"lake.root={tmp_path / 'lake'}", f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}"]
    settings += [f"tracking.artifacts={tmp_path / 'artifacts'}", "spark.executor_memory=1g", "training.workers=2"]
    with standalone(tmp_path / "cluster") as address:
        given = [part for one in [*settings, f"spark.master={address}"] for part in ("--set", one)]
        command = [sys.executable, "-m", "jobs.flow", "--env", "local", *given]
        done = subprocess.run(command, cwd=repository(), capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["job"] == "flow"

    # Each worker had an executor, and on each of them Python ran.
    for worker in ("work-0", "work-1"):
        executors = list((tmp_path / "cluster" / worker).glob("app-*/*/stderr"))
        assert executors, worker
        assert any("Python" in log.read_text(encoding="utf-8", errors="replace") for log in executors), worker
    profiles = DeltaTable(str(tmp_path / "lake/gold/content_profiles")).to_pyarrow_table().to_pylist()
    assert {row["content_id"] for row in profiles} == {one["content_id"] for one in content}
    assert all(row["category_model"] == "linnaeus_category/1" for row in profiles)
    assert all(row["risk_model"] == "linnaeus_risk/1" and row["embedder"] for row in profiles)
    truth = {one["item_id"]: one["label"] for one in labels if one["facet"] == "category"}
    hits = sum(row["category"] == truth.get(row["content_id"]) for row in profiles)
    assert hits >= 0.9 * len(truth)
