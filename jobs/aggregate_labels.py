"""Gold labels and votes to silver.labels (one label an item and facet) and silver.annotators, with a report."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._agreement import report_of
from jobs.dependencies import DEPENDENCIES
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
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached, side_by_side, slots

_VOTES_A_PARTITION = 1_000_000


@dataclass(frozen=True)
class _Facet:
    """A facet: the labels that it has now, and how its labels follow from probabilities."""

    labels: tuple[str, ...]
    rule: Rule


@dataclass(frozen=True, eq=False)
class _Aggregated:
    """A facet's votes that count (cached), its labels (None without votes), and how they came about."""

    votes: DataFrame
    labels: DataFrame | None
    said: str


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

        def aggregate(name: str) -> _Aggregated:
            return _of_facet(config, votes, gold, name, facets[name], sizes[name], held)

        names = sorted(sizes.keys() & facets.keys())
        found = dict(zip(names, side_by_side(aggregate, names), strict=True))
        said |= {name: one.said for name, one in found.items()}
        nothing = lake.session.createDataFrame([], schemas.LABELS).drop(c.SOURCE)
        crowd = reduce(DataFrame.union, [one.labels for one in found.values() if one.labels is not None], nothing)
        written = lake.merge(gold_over_crowd(gold, crowd), tables.LABELS).written
        report = None
        if found:
            counted = reduce(DataFrame.union, [one.votes for one in found.values()])
            parents = config.read_taxonomy().parents
            written += lake.merge(annotators(counted, lake.read(tables.LABELS), parents), tables.ANNOTATORS).written
            report = report_of(lake, config, counted, said)
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
    config: Config, votes: DataFrame, gold: DataFrame, facet: str, kind: _Facet, n_stored: int, held: ExitStack
) -> _Aggregated:
    own = cached(votes.where((F.col(c.FACET) == facet) & F.col(c.LABEL).isin(*kind.labels)), held)
    n_votes = own.count()
    outside = (
        f"; {n_stored - n_votes} votes for labels that the facet has no more left out" if n_stored > n_votes else ""
    )
    if n_votes == 0:
        return _Aggregated(own, None, f"no votes{outside}")
    name: str = config.labels.methods.get(facet, config.labels.method)
    why = ""
    partitions = max(slots(votes.sparkSession), math.ceil(n_votes / _VOTES_A_PARTITION))
    numbered = number_votes(own, gold.where(F.col(c.FACET) == facet), partitions)
    held.callback(numbered.release)
    if name == AUTO:
        name, why = choose(judge_votes(numbered, list(METHODS.values())))
    method = METHODS[name]
    found = fit(numbered, method)
    ended = "" if found.converged or method.tolerance <= 0 else ", not converged"
    said = f"{method.name}, {found.iterations} iterations{ended}: {numbered.n_items} items, {numbered.n_votes} votes"
    said += outside + (f"; {why}" if why else "")
    return _Aggregated(own, labels_of(numbered, facet, method, found, kind.rule), said)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("aggregate_labels", main, (FULL,), needs=DEPENDENCIES["aggregate_labels"])


if __name__ == "__main__":
    command()
