"""The lake that the notebooks run on in the tests: constructed texts, scored by models that were trained on them."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from jobs import flow
from linnaeus.contracts.config import load_config, repository
from tests.jobs import tiny

# All that comes before what the notebooks show, as a flow runs it: side by side where it can be.
JOBS = (
    "ingest_bronze",
    "build_tokens",
    "build_embeddings",
    "aggregate_labels",
    "train_category",
    "train_risk",
    "promote_model",
    "score_content",
    "roll_up_creators",
)
# So that creators of two posts are flagged; and few rounds of all that is fitted or drawn, so that it is quick.
OWN = (
    "creators.risk.prior_posts=1",
    "creators.least_contents=1",
    "evaluation.replicates=20",
    "training.logistic.iterations=20",
    "training.split.folds=2",
    "spark.master=local[2]",
)


def settings(folder: Path) -> list[str]:
    """Of the lake in a folder, whoever opens it."""
    own = [f"lake.root={folder / 'lake'}", f"tracking.uri=sqlite:///{folder / 'mlflow.db'}"]
    own += [f"tracking.artifacts={folder / 'artifacts'}"]
    return [*own, *(f"sources.{name}=null" for name in ("content", "creators", "gold_labels")), *tiny.FAST, *OWN]


def make(folder: str) -> None:
    """Fill the lake of a folder."""
    root = Path(folder)
    content, labels = tiny.records()
    copied = content[0] | {"content_id": "copy-of-the-first"}
    config = load_config("local", [*settings(root), *tiny.write(root / "sources", [*content, copied], labels)])
    graph = flow.choose(flow.read_graph((repository() or Path()) / "databricks.yml"), ",".join(JOBS))
    flow.run(config, graph, Console(file=io.StringIO(), force_jupyter=False))
