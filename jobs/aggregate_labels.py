"""Gold labels and votes to silver.labels (one label an item and facet) and silver.annotators, with a report."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._agreement import report_of
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.labels.aggregate import METHODS, labels_of
from linnaeus.labels.agreement import annotators
from linnaeus.labels.auto import AUTO, choose, judge_votes
from linnaeus.labels.blocks import number_votes
from linnaeus.labels.combine import gold_over_crowd
from linnaeus.labels.em import fit
from linnaeus.labels.rules import BackOff, Median, Rule
from linnaeus.labels.severity import with_severity
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots

_VOTES_A_PARTITION = 1_000_000


@dataclass(frozen=True)
class _Facet:
    """A facet: the labels that it has now, and how its labels follow from probabilities."""

    labels: tuple[str, ...]
    rule: Rule


def main(config: Config) -> JobResult:
    """Aggregate each facet's votes by its method; a gold label stands over them."""
    lake = Lake(build_session(config), config)
    facets = _facets(config)
    severe_from = {area.id: area.severe_from for area in config.read_risk().areas}
    stored_votes, stored_gold = lake.read(tables.VOTES), lake.read(tables.GOLD_LABELS)
    votes = with_severity(stored_votes, severe_from)
    gold = with_severity(stored_gold, severe_from)
    sizes = {row[c.FACET]: row["count"] for row in votes.groupBy(c.FACET).count().collect()}  # few: facets
    said = {facet: f"no facet any more: {n} votes left out" for facet, n in sizes.items() if facet not in facets}
    n_gold = stored_gold.count()
    with ExitStack() as held:
        crowd = lake.session.createDataFrame([], schemas.LABELS).drop(c.SOURCE)
        counted: list[DataFrame] = []
        for name in sorted(sizes.keys() & facets.keys()):
            own = votes.where((F.col(c.FACET) == name) & F.col(c.LABEL).isin(*facets[name].labels))
            own = own.persist(StorageLevel.MEMORY_AND_DISK)
            held.callback(own.unpersist)
            found, said[name] = _of_facet(config, own, gold, name, facets[name].rule, sizes[name], held)
            counted.append(own)
            crowd = crowd if found is None else crowd.union(found)
        written = lake.merge(gold_over_crowd(gold, crowd), tables.LABELS).written
        report = None
        if counted:
            all_votes = counted[0]
            for own in counted[1:]:
                all_votes = all_votes.union(own)
            parents = config.read_taxonomy().parents
            written += lake.merge(annotators(all_votes, lake.read(tables.LABELS), parents), tables.ANNOTATORS).written
            report = report_of(lake, config, all_votes, said)
    n_votes = stored_votes.count()
    details = {"labels": f"from {n_gold} gold labels and {n_votes} votes"} | said
    return JobResult(
        rows_read=n_votes + n_gold,
        rows_written=written,
        tables=(tables.LABELS, tables.ANNOTATORS),
        details=details | ({"report": str(report)} if report else {}),
    )


def _facets(config: Config) -> dict[str, _Facet]:
    """All facets there are, by name."""
    taxonomy, areas = config.read_taxonomy(), config.read_risk().ids
    likeliest = BackOff()
    return (
        {c.CATEGORY_FACET: _Facet(taxonomy.ids, BackOff(config.labels.back_off_threshold, taxonomy.parents))}
        | {c.RISK_FACET_PREFIX + area: _Facet((c.NO, c.YES), likeliest) for area in areas}
        | {c.SEVERITY_FACET_PREFIX + area: _Facet(c.GRADES, Median(c.GRADES)) for area in areas}
    )


def _of_facet(
    config: Config, votes: DataFrame, gold: DataFrame, facet: str, rule: Rule, n_stored: int, held: ExitStack
) -> tuple[DataFrame | None, str]:
    """The facet's labels, and how they came about."""
    n_votes = votes.count()
    outside = (
        f"; {n_stored - n_votes} votes for labels that the facet has no more left out" if n_stored > n_votes else ""
    )
    if n_votes == 0:
        return None, f"no votes{outside}"
    name, why = config.labels.methods.get(facet, config.labels.method), ""
    partitions = max(slots(votes.sparkSession), math.ceil(n_votes / _VOTES_A_PARTITION))
    numbered = number_votes(votes, gold.where(F.col(c.FACET) == facet), partitions)
    held.callback(numbered.release)
    if name == AUTO:
        name, why = choose(judge_votes(numbered, list(METHODS.values())))
    method = METHODS[name]
    found = fit(numbered, method)
    ended = "" if found.converged or method.tolerance <= 0 else ", not converged"
    said = f"{method.name}, {found.iterations} iterations{ended}: {numbered.n_items} items, {numbered.n_votes} votes"
    return labels_of(numbered, facet, method, found, rule), f"{said}{outside}" + (f"; {why}" if why else "")


def command() -> None:
    """Entry point of the wheel."""
    exit_with("aggregate_labels", main)


if __name__ == "__main__":
    command()
