"""A fit whose executor dies with all it holds, on a local cluster: it goes on from its checkpoint, on another one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyspark
import pytest
import xgboost

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config, repository
from linnaeus.runtime.files import KeptFile
from linnaeus.runtime.spark import build_session
from linnaeus.training.booster import Store, fit_booster, place
from linnaeus.training.examples import CLASS

ROOT = repository() or Path()
EXECUTORS = Path(pyspark.__file__).parent / "work"  # where a local cluster's executors write
WIDTH, N = 6, 200


def killing(file: Path) -> Store:
    """A store that kills the executor of who writes to it, once, and whose log says what each fit began with."""

    class Killing:
        def read(self) -> bytes | None:
            found = KeptFile(file).read()
            with file.with_suffix(".log").open("a") as log:
                log.write(f"{0 if found is None else rounds_of(found)} {executor()}\n")
            return found

        def write(self, content: bytes) -> None:
            KeptFile(file).write(content)
            mark = file.with_suffix(".killed")
            if not mark.exists():
                mark.touch()
                os.kill(executor(), signal.SIGKILL)

    def executor() -> int:
        """The JVM above this worker and its daemon; no other process, least of all one that is not ours."""
        (above,) = (line for line in Path(f"/proc/{os.getppid()}/status").read_text().splitlines() if "PPid" in line)
        pid = int(above.split()[1])
        assert b"CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return pid

    def rounds_of(content: bytes) -> int:
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        return int(booster.num_boosted_rounds())

    return Killing()


def run(folder: Path) -> None:
    """Two fits in a session of its own: an undisturbed one, and one that loses an executor."""
    config = load_config(
        "local", ["spark.master=local-cluster[2,1,1024]", "spark.driver_memory=1g", "spark.executor_memory=1g"]
    )
    settings = config.training.booster.model_copy(update={"rounds": 6, "checkpoint_rounds": 2, "max_depth": 3})
    session = build_session(config, "a lost executor")
    rng = np.random.default_rng(5)
    rows = [(f"c{i:03}", [float(x) for x in rng.normal(size=WIDTH)], i % 2, 1.0) for i in range(N)]
    frame = session.createDataFrame(
        rows, f"{c.CONTENT_ID} string, {c.FEATURES} array<float>, {CLASS} int, {c.WEIGHT} float"
    )
    placed = place(frame, 2)
    for name, store in (("undisturbed", None), ("disturbed", killing(folder / "kept.ubj"))):
        (folder / f"{name}.ubj").write_bytes(fit_booster(placed, 2, 17, settings, checkpoint=store).booster)
    session.stop()


@pytest.mark.slow
def test_a_fit_that_loses_an_executor_goes_on(tmp_path: Path) -> None:
    before = set(EXECUTORS.glob("app-*"))
    script = f"from pathlib import Path; from {__name__} import run; run(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    for folder in set(EXECUTORS.glob("app-*")) - before:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kept.killed").exists()
    begun = [line.split() for line in (tmp_path / "kept.log").read_text().splitlines()]
    assert [rounds for rounds, _ in begun] == ["0", "2"]
    assert len({executor for _, executor in begun}) == 2
    assert (tmp_path / "disturbed.ubj").read_bytes() == (tmp_path / "undisturbed.ubj").read_bytes()
