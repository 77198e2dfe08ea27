"""Gold labels and votes to silver.labels (one label an item and facet) and silver.annotators."""

from __future__ import annotations

import math
from contextlib import ExitStack

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.labels.aggregate import METHODS, labels_of
from linnaeus.labels.auto import AUTO, choose, judge_votes
from linnaeus.labels.blocks import number_votes
from linnaeus.labels.combine import annotator_accuracy, gold_over_crowd
from linnaeus.labels.em import fit
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots

_VOTES_A_PARTITION = 1_000_000


def main(config: Config) -> JobResult:
    """Aggregate each facet's votes by its method; a gold label stands over them."""
    session = build_session(config)
    lake = Lake(session, config)
    votes, gold = lake.read(tables.VOTES), lake.read(tables.GOLD_LABELS)
    n_gold = gold.count()
    sizes = {row[c.FACET]: row["count"] for row in votes.groupBy(c.FACET).count().collect()}  # few: facets
    said = {}
    with ExitStack() as held:
        crowd = session.createDataFrame([], schemas.LABELS).drop(c.SOURCE)
        for facet, n_votes in sorted(sizes.items()):
            found, said[facet] = _of_facet(config, votes, gold, facet, n_votes, held)
            crowd = crowd.union(found)
        written = lake.merge(gold_over_crowd(gold, crowd), tables.LABELS).written
    if sizes:
        annotators = annotator_accuracy(votes, lake.read(tables.LABELS))
        written += lake.merge(annotators, tables.ANNOTATORS).written
    return JobResult(
        rows_read=sum(sizes.values()) + n_gold,
        rows_written=written,
        tables=(tables.LABELS, tables.ANNOTATORS),
        details={"labels": f"from {n_gold} gold labels and {sum(sizes.values())} votes"} | said,
    )


def _of_facet(
    config: Config, votes: DataFrame, gold: DataFrame, facet: str, n_votes: int, held: ExitStack
) -> tuple[DataFrame, str]:
    """The facet's labels, and how they came about."""
    name, why = config.labels.methods.get(facet, config.labels.method), ""
    partitions = max(slots(votes.sparkSession), math.ceil(n_votes / _VOTES_A_PARTITION))
    of_facet = F.col(c.FACET) == facet
    numbered = number_votes(votes.where(of_facet), gold.where(of_facet), partitions)
    held.callback(numbered.release)
    if name == AUTO:
        name, why = choose(judge_votes(numbered, list(METHODS.values())))
    method = METHODS[name]
    found = fit(numbered, method)
    ended = "" if found.converged or method.tolerance <= 0 else ", not converged"
    said = f"{method.name}, {found.iterations} iterations{ended}: {numbered.n_items} items, {numbered.n_votes} votes"
    return labels_of(numbered, facet, method, found), f"{said}; {why}" if why else said


def command() -> None:
    """Entry point of the wheel."""
    exit_with("aggregate_labels", main)


if __name__ == "__main__":
    command()
