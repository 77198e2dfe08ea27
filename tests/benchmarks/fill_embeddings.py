"""What build_embeddings costs: a run with 1% changed over a full one, 40,000 texts over 10,000, and its memory.

(After the 40,000, 1% of those is changed too: what a run costs whatever there is to embed weighs less there.)

    .venv/bin/python tests/benchmarks/fill_embeddings.py [changes] [growth] [memory]

Each is the whole job on a lake of its own in a temporary folder, on distinct real texts. The memory is the most that
the JVM (heap in use after a collection, and all of the process) and its Python workers held, sampled five times a
second, while bodies of a megabyte are embedded by an executor of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import build_embeddings
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from tests.benchmarks.reference import Text
from tests.benchmarks.support import print_table, timed
from tests.benchmarks.texts import distinct
from tests.contents import contents

CHANGED = 200
TEXTS = 20_000
SMALL, LARGE = 10_000, 40_000
BODIES, BODY_BYTES = 2, 1_000_000


def main() -> None:
    """Measure and print; each session in a process of its own, since Spark NLP takes one a process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="{changes,growth,memory}")
    parser.add_argument("--memory-of", nargs=2, metavar=("MEGABYTES", "HEAP"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := sorted(set(options.what) - {"changes", "growth", "memory"}):
        parser.error(f"there is no {unknown[0]!r}")
    chosen = options.what or ("changes", "growth", "memory")
    if options.memory_of is None and len(chosen) > 1:
        for name in chosen:
            subprocess.run([sys.executable, __file__, name], check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.memory_of is not None:
            print(json.dumps(_memory_of(Path(folder), *options.memory_of)))
        elif chosen[0] == "memory":
            memory()
        else:
            {"changes": changes, "growth": growth}[chosen[0]](Path(folder))


def changes(folder: Path) -> None:
    """A full run, and one after 1% of the contents changed."""
    config = _config(folder)
    session = build_session(config, "benchmark")
    texts = distinct(config, TEXTS + CHANGED)
    _put(session, config, texts[:TEXTS])
    full = _seconds(config)
    rows = []
    for attempt in range(3):
        changed = [(title, f"{body} (edited, {attempt})") for title, body in texts[TEXTS : TEXTS + CHANGED]]
        _put(session, config, changed)
        again = _seconds(config)
        rows.append((f"{CHANGED} changed, run {attempt + 1}", f"{again:.1f}", f"{again / full:.3f}"))
    nothing = _seconds(config)
    rows.append(("nothing changed", f"{nothing:.1f}", f"{nothing / full:.3f}"))
    header = ("run of build_embeddings", "seconds", "over the full run (asked, with 1% changed: at most 0.05)")
    print_table(f"Cost of change: {TEXTS:,} contents", header, [("full", f"{full:.1f}", "1"), *rows])
    session.stop()


def growth(folder: Path) -> None:
    """Cost a text at two sizes."""
    config = _config(folder)
    session = build_session(config, "benchmark")
    texts, edited = distinct(config, LARGE), "(edited)"
    _put(session, config, texts[:200])
    _seconds(config)  # the JVM is warm for both
    costs = []
    for n in (SMALL, LARGE):
        shutil.rmtree(folder / "lake")
        # Of the same texts' lengths: every fourth of the larger set is the smaller one.
        _put(session, config, texts if n == LARGE else texts[:: LARGE // SMALL])
        costs.append(_seconds(config) / n * 1000)
    rows = [(f"{n:,}", f"{cost:.2f}") for n, cost in zip((SMALL, LARGE), costs, strict=True)]
    rows.append(("ratio (asked: at most 1.1)", f"**{costs[1] / costs[0]:.2f}**"))
    print_table("Cost a text, all distinct, the whole job", ("texts", "milliseconds a text"), rows)
    _put(session, config, [(title, f"{body} {edited}") for title, body in texts[: LARGE // 100]])
    again, full = _seconds(config), costs[1] * LARGE / 1000
    changed = [("full", f"{full:.1f}", "1"), (f"{LARGE // 100} changed", f"{again:.1f}", f"**{again / full:.3f}**")]
    print_table(f"Cost of change: {LARGE:,} contents", ("run of build_embeddings", "seconds", "over the full"), changed)
    session.stop()


def memory() -> None:
    """Memory while bodies of a megabyte are embedded, under three settings."""
    rows = []
    for setting in (("1", "1g"), ("8", "1g"), ("8", "2g")):
        command = [sys.executable, __file__, "--memory-of", *setting]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append((*setting, *json.loads(done.stdout.splitlines()[-1])))
    header = ("megabytes_a_partition", "executor_memory", "executor's JVM, MiB", "its Python workers, MiB", "seconds")
    title = f"Peak resident memory of one executor with two cores: {BODIES} bodies of {BODY_BYTES / 1e6:.0f} MB"
    print_table(title, header, rows)


def _memory_of(folder: Path, megabytes: str, heap: str) -> tuple[int, int, int]:
    """Peak MiB of the executor's JVM and of its Python workers, and seconds."""
    config = _config(
        folder,
        "spark.master=local-cluster[1,2,3072]",
        f"spark.executor_memory={heap}",
        f"embedder.megabytes_a_partition={megabytes}",
    )
    session = build_session(config, "benchmark")
    words = " ".join(f"{title or ''} {body or ''}" for title, body in distinct(config, 15_000))
    bodies: list[Text] = [(None, words[i * BODY_BYTES : (i + 1) * BODY_BYTES]) for i in range(BODIES)]
    _put(session, config, bodies)
    with peak_memory() as found:
        seconds = _seconds(config)
    session.stop()
    return round(found["jvm"]), round(found["python"]), round(seconds)


def _config(folder: Path, *overrides: str) -> Config:
    # Both of the JVM's compilers, as conf/local.yml advises for large tables.
    own = [f"lake.root={folder / 'lake'}", "spark.master=local[2]", "spark.extra={}"]
    return load_config("local", [*own, *overrides])


def _put(session: SparkSession, config: Config, texts: list[Text]) -> None:
    """Contents by their place: the same place again is a change."""
    rows = contents(session, {f"{i:08d}": text for i, text in enumerate(texts)})
    Lake(session, config).merge(rows, tables.CONTENT)


def _seconds(config: Config) -> float:
    with timed() as clock:
        result = build_embeddings.main(config)
    print(f"{result.rows_written} written in {clock.seconds:.1f} s", file=sys.stderr, flush=True)
    return clock.seconds


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """The most resident memory, in MiB, of executors' JVMs (a local session's own) and of their Python workers."""
    found, ended = {"jvm": 0.0, "python": 0.0}, threading.Event()

    def watch() -> None:
        while not ended.is_set():
            now = {"jvm": 0.0, "python": 0.0}
            for kind, size in _executors():
                now[kind] += size
            for kind in found:
                found[kind] = max(found[kind], now[kind])
            time.sleep(0.2)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _executors() -> Iterator[tuple[str, float]]:
    """Kind and resident MiB of this process's executors; those of another session on the machine are not counted."""
    found = {int(folder.name): folder for folder in Path("/proc").glob("[0-9]*")}
    parents = {process: _parent(folder) for process, folder in found.items()}
    for process, folder in found.items():
        if not _descends(process, parents):
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            pages = int((folder / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
        if b"CoarseGrainedExecutorBackend" in command or (b"SparkSubmit" in command and b"local[" in command):
            yield "jvm", pages * 4096 / 2**20
        elif b"pyspark.daemon" in command:
            yield "python", pages * 4096 / 2**20


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _descends(process: int, parents: dict[int, int]) -> bool:
    while process in parents:
        process = parents[process]
        if process == os.getpid():
            return True
    return False


if __name__ == "__main__":
    main()
