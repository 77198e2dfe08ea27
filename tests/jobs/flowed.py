"""The lake of a whole flow over `tiny`'s records: tests read it, and work on copies of it (tests/golden.py)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs import flow
from linnaeus.contracts.config import Config, load_config, repository
from tests.jobs import tiny

NAME = "flow"  # among the golden lakes
GRAPH = flow.read_graph((repository() or Path()) / "databricks.yml")
# So that creators of two posts are flagged; and few rounds of all that is fitted or drawn, so that it is quick.
SETTINGS = (
    *tiny.FAST,
    "creators.risk.prior_posts=1",
    "creators.least_contents=1",
    "evaluation.replicates=20",
    "training.logistic.iterations=20",
    "training.split.folds=2",
    "spark.master=local[2]",
)


def records() -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Contents, one of which is a copy of another, and gold labels."""
    content, labels = tiny.records()
    return [*content, content[0] | {"content_id": "copy-of-the-first"}], labels


def settings(folder: Path) -> list[str]:
    """Of the lake in a folder, without sources."""
    own = [f"lake.root={folder / 'lake'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    own += [f"tracking.artifacts={folder / 'artifacts'}"]
    return [*own, *(f"sources.{name}=null" for name in ("content", "creators", "gold_labels")), *SETTINGS]


def run(config: Config, only: str | None = None) -> dict[str, object]:
    """Run the flow, or some of its jobs, and print nothing."""
    with open(os.devnull, "w") as nowhere:
        return flow.run(config, flow.choose(GRAPH, only), Console(file=nowhere, width=100))


def make(folder: Path) -> None:
    """Fill the lake of a folder."""
    run(load_config("local", [*settings(folder), *tiny.write(folder / "sources", *records())]))
