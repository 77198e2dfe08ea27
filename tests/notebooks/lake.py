"""The lake that the notebooks run on in the tests: constructed texts, scored by models that were trained on them."""

from __future__ import annotations

from pathlib import Path

from jobs import (
    aggregate_labels,
    build_embeddings,
    build_tokens,
    ingest_bronze,
    promote_model,
    roll_up_creators,
    score_content,
    train_category,
    train_risk,
)
from linnaeus.contracts.config import Config, load_config
from linnaeus.runtime.command import execute
from tests.jobs import tiny

MAINS = {
    "ingest_bronze": ingest_bronze.main,
    "build_tokens": build_tokens.main,
    "build_embeddings": build_embeddings.main,
    "aggregate_labels": aggregate_labels.main,
    "train_category": train_category.main,
    "train_risk": train_risk.main,
    "promote_model": promote_model.main,
    "score_content": score_content.main,
    "roll_up_creators": roll_up_creators.main,
}
# Of creators of few posts, so that some are flagged; few replicates and rounds, so that it is quick.
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
    """Fill the lake of a folder: all that comes before the notebooks, job by job."""
    root = Path(folder)
    content, labels = tiny.records()
    copied = content[0] | {"content_id": "copy-of-the-first"}
    sources = tiny.write(root / "sources", [*content, copied], labels)
    config: Config = load_config("local", [*settings(root), *sources])
    for job, main in MAINS.items():
        execute(job, main, config)
