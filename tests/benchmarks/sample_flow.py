"""Seconds of the whole flow on the sample: first, again, with a few new contents, and without its embeddings.

    .venv/bin/python tests/benchmarks/sample_flow.py [--bare]

It runs what `make sample` runs, in a folder of its own that is removed at the end, and reads the figures from the
tables with delta-rs. `--bare` also times onnxruntime without Spark on all of the sample's distinct texts, in this run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config, resolve
from tests.benchmarks.support import as_make, print_table, timed

ROOT = Path(__file__).parents[2]
FIGURES = (
    ("linnaeus_category", "macro_f1", "held-out macro-F1, BBC", "0.95"),
    ("linnaeus_risk", "pr_auc", "held-out PR-AUC for spam, SMS", "0.95"),
)
_NEW = 10  # contents


@dataclass(frozen=True)
class Lake:
    """A lake with its registry in a folder, and where its contents come from."""

    folder: Path
    content: Path

    @property
    def settings(self) -> list[str]:
        """What leads a command there."""
        folder = self.folder
        return [
            f"lake.root={folder / 'lake'}",
            f"tracking.uri=sqlite:///{folder}/mlflow.db",
            f"tracking.artifacts={folder}/artifacts",
            f"sources.content={self.content}",
            # As `make sample` has it: there the sources lie in sample.folder.
            f"embedder.most_windows={load_config('local').sample.most_windows}",
        ]

    def run(self) -> tuple[float, dict[str, Any]]:
        """Run what `make sample` runs: its seconds, starts included, and the flow's summary."""
        arguments = [part for setting in self.settings for part in ("--set", setting)]
        with timed() as clock:
            for command in (["-m", "jobs.make_sample"], ["-m", "jobs.flow", *arguments]):
                done = subprocess.run(
                    [sys.executable, *command], cwd=ROOT, env=as_make(), stdout=subprocess.PIPE, check=True
                )
        return clock.seconds, json.loads(done.stdout.splitlines()[-1])

    def seconds_by_job(self) -> str:
        """Each job's seconds in the newest run."""
        rows = DeltaTable(str(self.folder / "lake" / "ops" / "job_runs")).to_pyarrow_table().to_pylist()
        newest = {row["job"]: row["seconds"] for row in sorted(rows, key=lambda row: row["started_at"])}
        return ", ".join(f"{job} {seconds:.1f}" for job, seconds in newest.items())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, evaluations = _measured(Path(folder))
    if options.bare:
        first = float(rows[0][2])
        seconds = _bare_seconds()
        rows.append(("bare onnxruntime, two threads, all of the distinct texts (s)", "", f"{seconds:.0f}", ""))
        rows.append(("the first run over it", "1.6", f"{first / seconds:.2f}", ""))
    for model, metric, name, asked in FIGURES:
        found = evaluations[(evaluations["model"] == model) & (evaluations["metric"] == metric)].iloc[0]
        rows.append((name, asked, f"{found['value']:.4f}", f"{found['n']} contents of creators never trained on"))
    print_table("The sample's flow", ("figure", "asked", "measured", "on, and seconds of each job"), rows)


def _measured(folder: Path) -> tuple[list[Sequence[str]], Any]:
    content = folder / "content.jsonl"
    shutil.copy(_sample_content(), content)
    lake, rows = Lake(folder / "one", content), []

    def run(name: str, asked: str, where: Lake) -> None:
        seconds, summary = where.run()
        counts = f"{summary['rows_read']:,} rows read, {summary['rows_written']:,} written"
        rows.append((name, asked, f"{seconds:.1f}", f"{counts}; {where.seconds_by_job()}"))
        print(rows[-1], file=sys.stderr, flush=True)

    run("`make sample` after set-up, first run (s)", "", lake)
    run("again, nothing changed (s)", "10", lake)
    evaluations = DeltaTable(str(lake.folder / "lake" / "gold" / "model_evaluations")).to_pandas()
    _add(content, _NEW)
    run(f"again, {_NEW} new contents (s)", "45", lake)
    other = Lake(folder / "two", content)
    vectors = Path("lake") / "silver" / "text_embeddings"
    shutil.copytree(lake.folder / vectors, other.folder / vectors)
    run("an empty lake with stored vectors (s)", "90", other)
    return rows, evaluations


def _sample_content() -> Path:
    subprocess.run([sys.executable, "-m", "jobs.make_sample"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return resolve(load_config("local").sample.folder) / "content.jsonl"


def _add(content: Path, n: int) -> None:
    """Add contents without a label: the first ones again, each with a word before its body."""
    lines = content.read_text(encoding="utf-8").split("\n")[:n]
    made = []
    for place, line in enumerate(lines):
        record = json.loads(line)
        made.append(record | {"content_id": f"new-{place}", "body": f"Again: {record['body']}"})
    with content.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in made)


def _bare_seconds() -> float:
    from tests.benchmarks import reference
    from tests.benchmarks.texts import distinct

    config = load_config("local")
    texts = distinct(config, None, "sample")
    peer = reference.Peer.of(config.embedder)
    reference.load(peer)
    with timed() as clock:
        reference.bare(texts, peer, 2)
    return clock.seconds


if __name__ == "__main__":
    main()
