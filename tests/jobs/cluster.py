"""A standalone Spark cluster on this machine: a master and workers, JVMs of their own, stopped by their process ids.

    .venv/bin/python -m tests.jobs.cluster --workers 2

prints the master's address for `--set spark.master=…` and runs until Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

from tests.patience import PATIENCE

_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_ADDRESS = re.compile(r"Starting Spark master at (spark://\S+)")
_REGISTERED = "Successfully registered with master"


@contextmanager
def standalone(folder: Path, workers: int = 2, cores: int = 1, memory: str = "2g") -> Iterator[str]:
    """Address of a master that has so many workers, of `cores` and `memory` each; logs and work lie in `folder`.

    Raises TimeoutError where a process does not say within a minute that it is ready.
    """
    with ExitStack() as running:
        said = running.enter_context(_java(folder / "master.log", _MASTER, "--host", "127.0.0.1", "--port", "0"))
        address = _wait_for(said, _ADDRESS)[1]
        sizes = ("--cores", str(cores), "--memory", memory, "--host", "127.0.0.1")
        logs = [
            running.enter_context(
                _java(folder / f"worker-{i}.log", _WORKER, *sizes, "--work-dir", str(folder / f"work-{i}"), address)
            )
            for i in range(workers)
        ]
        for log in logs:
            _wait_for(log, re.compile(_REGISTERED))
        yield address


@contextmanager
def _java(log: Path, main_class: str, *arguments: str) -> Iterator[Path]:
    """A JVM with Spark's classes, in a process group of its own; its log."""
    home = Path(pyspark.__file__).parent
    java = str(Path(os.environ["JAVA_HOME"]) / "bin" / "java") if "JAVA_HOME" in os.environ else shutil.which("java")
    command = [str(java), "-Xmx512m", "-cp", f"{home / 'jars'}/*", main_class, "--webui-port", "0", *arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What bin/load-spark-env.sh would set: a worker starts executors by it.
            env=os.environ | {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.12", "PYSPARK_PYTHON": sys.executable},
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(log: Path, pattern: re.Pattern[str], seconds: float = PATIENCE) -> re.Match[str]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = pattern.search(log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"{log}: {pattern.pattern!r} is not there after {seconds:g} s: {log.read_text()[-2000:]}")


def main() -> None:
    """Run a cluster until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cores", type=int, default=1, help="of each worker")
    parser.add_argument("--memory", default="3g", help="of each worker")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        standalone(Path(folder), options.workers, options.cores, options.memory) as address,
    ):
        print(f"--set spark.master={address}   (Ctrl-C stops it)", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
