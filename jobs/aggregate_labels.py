"""Gold labels and votes to silver.labels (one label an item and facet) and silver.annotators."""

from __future__ import annotations

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.labels.combine import annotator_accuracy, gold_over_crowd
from linnaeus.labels.majority import majority_vote
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session


def main(config: Config) -> JobResult:
    """Aggregate all votes; a gold label stands over them."""
    session = build_session(config)
    lake = Lake(session, config)
    votes, gold = lake.read(tables.VOTES), lake.read(tables.GOLD_LABELS)
    n_votes, n_gold = votes.count(), gold.count()
    labels = gold_over_crowd(gold, majority_vote(votes))
    written = lake.merge(labels, tables.LABELS).written
    if n_votes > 0:
        annotators = annotator_accuracy(votes, lake.read(tables.LABELS))
        written += lake.merge(annotators, tables.ANNOTATORS).written
    return JobResult(
        rows_read=n_votes + n_gold,
        rows_written=written,
        tables=(tables.LABELS, tables.ANNOTATORS),
        details={"labels": f"from {n_gold} gold labels and {n_votes} votes"},
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("aggregate_labels", main)


if __name__ == "__main__":
    command()
