"""Run by test_lost_executor.py as a process of its own: a fit on two executors with JVMs of their own, one of which is
killed. Prints whether the booster is that of a fit nobody disturbed, and with how many rounds each try began."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import xgboost
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config
from linnaeus.runtime.files import KeptFile
from linnaeus.runtime.spark import build_session
from linnaeus.training.booster import VALIDATION, fit_booster, place
from tests.training.test_booster import _SCHEMA as SCHEMA
from tests.training.test_booster import SETTINGS, rows_of

_KILL_AT = 4  # rounds


class Killing:
    """A store that kills its executor, once, when four rounds are written."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> bytes | None:
        found = KeptFile(self._file).read()
        with self._file.with_suffix(".log").open("a") as log:
            log.write(f"{_rounds(found)}\n")
        return found

    def write(self, content: bytes) -> None:
        KeptFile(self._file).write(content)
        mark = self._file.with_suffix(".killed")
        if _rounds(content) == _KILL_AT and not mark.exists():
            mark.touch()
            os.kill(_parent(os.getppid()), signal.SIGKILL)  # Python's daemon is a child of the executor's JVM


def _rounds(content: bytes | None) -> int:
    if content is None:
        return 0
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return int(booster.num_boosted_rounds())


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def main(folder: Path) -> None:
    settings = ["spark.master=local-cluster[2,1,1024]", "spark.driver_memory=1g", "spark.executor_memory=1g"]
    session = build_session(load_config("local", [*settings, "spark.shuffle_partitions=2"]), "a lost executor")
    frame = place(session.createDataFrame(rows_of(3), SCHEMA), 2)
    frame = frame.withColumn(VALIDATION, F.xxhash64(c.CONTENT_ID) % 3 == 0)
    file = folder / "one.ubj"
    disturbed = fit_booster(frame, 3, 17, SETTINGS, True, Killing(file))
    undisturbed = fit_booster(frame, 3, 17, SETTINGS, True)
    begun = [int(line) for line in file.with_suffix(".log").read_text().split()]
    is_same = disturbed.booster == undisturbed.booster and disturbed.loss == undisturbed.loss
    session.stop()
    print(json.dumps({"killed": file.with_suffix(".killed").exists(), "same": is_same, "begun": begun}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
