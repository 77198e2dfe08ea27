"""A fit goes on where an executor, not just a Python worker, is lost in the middle of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from linnaeus.contracts.config import repository
from tests.patience import PATIENCE

ROOT = repository() or Path()
EXECUTORS = Path(pyspark.__file__).parent / "work"  # where a local cluster's executors write


@pytest.mark.slow
def test_a_lost_executor_does_not_lose_the_fit(tmp_path: Path) -> None:
    before = set(EXECUTORS.glob("app-*"))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("lose_executor.py")), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "libs")])},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    for folder in set(EXECUTORS.glob("app-*")) - before:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["killed"] and said["same"]
    assert said["begun"] == [0, 4], "from nothing, and then from the last checkpoint"
