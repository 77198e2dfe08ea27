"""build_embeddings on two executors with JVMs of their own: the same vectors, and the model loaded once by each."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyspark
import pytest
from deltalake import DeltaTable

from linnaeus.contracts.config import repository
from tests.patience import PATIENCE

ROOT = repository() or Path()
EXECUTORS = Path(pyspark.__file__).parent / "work"  # where a local cluster's executors write
LOADED = "Using CPUs"  # what Spark NLP prints when it makes an ONNX session
WORDS = "music live tour guitar recipe bread oven match goal season camera lens film code release".split()


def _sources(folder: Path, n: int) -> str:
    rng = random.Random(3)
    rows = [
        {"content_id": str(i), "creator_id": "c", "body": " ".join(rng.choices(WORDS, k=rng.choice((3, 30, 300))))}
        for i in range(n)
    ]
    file = folder / "content.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"sources.content={file}"


def _vectors(folder: Path, source: str, master: str) -> dict[str, list[float]]:
    settings = [source, "sources.creators=null", "sources.gold_labels=null", f"spark.master={master}"]
    settings += [f"lake.root={folder / 'lake'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    settings += ["spark.driver_memory=2g", "spark.executor_memory=1g", "embedder.windows_a_partition=20"]
    command = [sys.executable, "-m", "jobs.flow", "--env", "local", "--only", "ingest_bronze,build_embeddings"]
    done = subprocess.run(
        [*command, *(part for one in settings for part in ("--set", one))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = DeltaTable(str(folder / "lake/silver/embeddings")).to_pyarrow_table(columns=["content_id", "embedding"])
    return {row["content_id"]: row["embedding"] for row in rows.to_pylist()}


@pytest.mark.soak
@pytest.mark.slow
def test_two_executors_make_the_vectors_of_one_process(tmp_path: Path) -> None:
    source = _sources(tmp_path, 240)
    one = _vectors(tmp_path / "one", source, "local[2]")
    before = set(EXECUTORS.glob("app-*"))
    two = _vectors(tmp_path / "two", source, "local-cluster[2,1,1536]")
    (folder,) = set(EXECUTORS.glob("app-*")) - before
    printed = [log.read_text(encoding="utf-8") for log in folder.glob("*/stdout")]
    shutil.rmtree(folder)
    assert sorted(filter(None, (text.count(LOADED) for text in printed))) == [1, 1]  # of some forty tasks
    assert one.keys() == two.keys() and len(one) == 240
    assert max(float(np.abs(np.array(one[key]) - np.array(two[key])).max()) for key in one) <= 1e-6
