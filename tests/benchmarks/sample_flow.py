"""Seconds of the whole flow on the sample, first and second run, and the held-out figures of its models.

    .venv/bin/python tests/benchmarks/sample_flow.py

It runs what `make sample` runs, in a folder of its own that is removed at the end, and reads the figures from the
tables with delta-rs. Between the two runs bare onnxruntime embeds the sample's distinct texts, all their tokens, on as
many threads as there are cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deltalake import DeltaTable

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts.config import load_config, resolve
from tests.benchmarks import reference
from tests.benchmarks.support import json_lines, print_table, timed

ASKED = {"first run": "under 360", "second run": "under 90"}
FIGURES = (
    ("linnaeus_category", "macro_f1", "held-out macro-F1, BBC", "0.95"),
    ("linnaeus_risk", "pr_auc", "held-out PR-AUC for spam, SMS", "0.95"),
)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        settings = [f"lake.root={lake}", f"tracking.uri=sqlite:///{folder}/mlflow.db"]
        settings.append(f"tracking.artifacts={folder}/artifacts")
        rows = []
        for name, asked in ASKED.items():
            with timed() as clock:
                summary = _flow(settings)
            rows.append((f"`make sample` after set-up, {name} (s)", asked, f"{clock.seconds:.0f}", _rows(summary)))
            if name == "first run":
                rows.append(_over_bare_onnxruntime(clock.seconds))
        evaluations = DeltaTable(str(lake / "gold" / "model_evaluations")).to_pandas()
    for model, metric, name, asked in FIGURES:
        found = evaluations[(evaluations["model"] == model) & (evaluations["metric"] == metric)].iloc[0]
        rows.append((name, asked, f"{found['value']:.4f}", f"{found['n']} contents of creators never trained on"))
    print_table("The sample's flow", ("figure", "asked", "measured", "on"), rows)


def _flow(settings: list[str]) -> dict[str, int]:
    """One run; its summary is the last line that it prints. Fails where the flow fails."""
    commands = (["-m", "jobs.make_sample"], ["-m", "jobs.flow"])
    arguments = [part for setting in settings for part in ("--set", setting)]
    for command in commands:
        done = subprocess.run(
            [sys.executable, *command, *arguments], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True
        )
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def _over_bare_onnxruntime(flow_seconds: float) -> tuple[str, str, str, str]:
    config = load_config("local")
    records = json_lines(resolve(config.sample.folder) / "content.jsonl")
    texts = sorted({(one.get("title"), one.get("body")) for one in records}, key=str)
    peer = reference.Peer.of(config.embedder)
    reference.load(peer)
    with timed() as clock:
        reference.bare(texts, peer, os.cpu_count() or 1)
    on = f"{len(texts):,} distinct texts, all tokens, in {clock.seconds:.0f} s"
    return ("first run over bare onnxruntime", "at most 1.6", f"{flow_seconds / clock.seconds:.2f}", on)


def _rows(summary: dict[str, int]) -> str:
    return f"{summary['rows_read']:,} rows read, {summary['rows_written']:,} written"


if __name__ == "__main__":
    main()
