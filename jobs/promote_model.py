"""Moves the alias `champion` to each family's candidate where it is better on held-out contents, or says why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pyspark.sql import functions as F

from jobs._decisions import Outcome, write_decision
from jobs._models import MAIN_METRIC, facets_of, held_out_figures, main_figure, measured, not_in_force
from jobs._promotion_report import Decided, of_gate, publish
from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family, ModelBundle
from linnaeus.contracts.config import Config
from linnaeus.registry.gate import Decision, Measured, decide
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION, PASSED
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import ROLLED_BACK, Tracking, Version


def main(config: Config) -> JobResult:
    """Decide for both families. A refusal is an answer, not a failure."""
    tracking = Tracking(config)  # first: where it can't be reached nothing else is worth starting
    lake = Lake(build_session(config), config)
    details: dict[str, str] = {}
    written = 0
    families: tuple[tuple[Family, str], ...] = (
        ("category", config.registry.category_model),
        ("risk", config.registry.risk_model),
    )
    for family, model in families:
        candidate, champion = tracking.version_at(model, CANDIDATE), tracking.version_at(model, CHAMPION)
        reason = _settled(candidate, champion, tracking.version_at(model, PASSED))
        if reason is not None or candidate is None:
            details[family] = reason or ""
            continue
        found = _decide(lake, tracking, config, family, candidate, champion)
        written += found.rows
        details[family] = f"{candidate.name} {found.said}"
        if found.report:
            details[f"{family}: report"] = str(found.report)
    return JobResult(rows_read=0, rows_written=written, tables=(tables.PROMOTIONS,), details=details)


def _settled(candidate: Version | None, champion: Version | None, passed: Version | None) -> str | None:
    """Why nothing has to be decided; None where there is."""
    if candidate is None:
        return "there is no candidate"
    if champion is not None and champion.number == candidate.number:
        return f"{champion.name} is the champion already"
    if passed is not None and passed.number == candidate.number:
        return f"{candidate.name} has passed and waits for python -m jobs.approve_model"
    if by := candidate.tags.get(ROLLED_BACK):
        return f"{candidate.name} was rolled back by {by}; python -m jobs.approve_model puts it in force again"
    return None


@dataclass(frozen=True)
class _Done:
    """A decision that is written and carried out: in words, the rows that changed, and where the report is."""

    said: str
    rows: int
    report: Path | None


def _decide(
    lake: Lake, tracking: Tracking, config: Config, family: Family, candidate: Version, champion: Version | None
) -> _Done:
    """Decide, write the row and the report, and only then move the alias.

    So an interrupted run is decided again, and the same way.
    """
    found = compared(lake, tracking, config, family, candidate, champion)
    decision, settings = found.decision, config.promotion.model_dump()
    waits = decision.promoted and config.promotion.approval == "by_hand"
    verdict = "passed, waits for approval" if waits else "promoted" if decision.promoted else "refused"
    reason = f"{verdict}: {decision.reason}" if waits else decision.reason
    then = decision.checks[0].champion if decision.checks else None
    promoted = decision.promoted and not waits
    outcome = Outcome(promoted, reason, MAIN_METRIC[family], found.value, then, found.n)
    written = write_decision(lake, candidate, champion, outcome, settings)
    by = "the gate; a person has the last word (promotion.approval: by_hand)" if waits else "the gate"
    decided = Decided(written.id, candidate, champion, verdict, decision.reason, by, written.at)
    report = publish(config, tracking, decided, of_gate(decided, decision, settings, found.is_recorded))
    if decision.promoted:
        tracking.point(candidate.model, PASSED if waits else CHAMPION, candidate)
    return _Done(f"{verdict}: {decision.reason}", written.rows, report)


@dataclass(frozen=True)
class Comparison:
    """A decision, the candidate's figure and on how many contents, and whether the champion's are of its training."""

    decision: Decision
    value: float | None = None
    n: int = 0
    is_recorded: bool = False


def compared(
    lake: Lake, tracking: Tracking, config: Config, family: Family, candidate: Version, champion: Version | None
) -> Comparison:
    """What the gate says of a candidate against a champion (None: there is none). Nothing is written or moved."""
    bundle = tracking.load(candidate)
    in_force = tracking.load(champion) if champion else None
    if reason := _unfit(bundle, in_force, candidate, config):
        return Comparison(Decision(False, reason))
    own = _own(lake, config, bundle, candidate, champion)
    # The features that the champion was made for may be gone: what was measured when they were there counts.
    is_recorded = in_force is not None and not_in_force(in_force.manifest, config) is not None
    other = None
    if champion is not None and in_force is not None:
        other = (
            _recorded(lake, config, family, champion)
            if is_recorded
            else measured(held_out_figures(lake, config, in_force))
        )
    decision = decide(MAIN_METRIC[family], own, other, config.promotion)
    return Comparison(decision, *main_figure(own, family), is_recorded)


def _own(
    lake: Lake, config: Config, bundle: ModelBundle, candidate: Version, champion: Version | None
) -> list[Measured]:
    """The candidate's figures; where there is nothing to compare them with, those of its training, if on record."""
    if champion is None and (found := _recorded(lake, config, bundle.family, candidate)):
        return found
    return measured(held_out_figures(lake, config, bundle))


def _unfit(bundle: ModelBundle, in_force: ModelBundle | None, candidate: Version, config: Config) -> str | None:
    """Why a candidate can't be judged, or can't stand in the champion's place whatever its figures; or None."""
    if unlike := not_in_force(bundle.manifest, config):
        return f"{candidate.name} wants other features than those in force, {unlike}; train it anew"
    known = set(facets_of(config, bundle.family)) & set(in_force.heads if in_force else ())
    if lacking := sorted(known - set(bundle.heads)):
        return f"{candidate.name} knows nothing of {', '.join(lacking)}, which the champion does; label more and train"
    return None


def _recorded(lake: Lake, config: Config, family: Family, version: Version) -> list[Measured]:
    """A version's figures overall as they were measured after training, the same in every replicate.

    Of the facets that are configured now.
    """
    metric, n_values = MAIN_METRIC[family], 1 + config.evaluation.replicates
    is_this = (F.col(c.MODEL) == version.model) & (F.col(c.VERSION) == version.number)
    is_overall = (F.col(c.METRIC) == metric) & (F.col(c.SLICE) == c.OVERALL)
    is_known = F.col(c.FACET).isin(*facets_of(config, family).values())
    found = lake.read(tables.MODEL_EVALUATIONS).where(is_this & is_overall & is_known).collect()  # few: one a facet
    return [
        Measured(row[c.FACET], c.OVERALL, metric, np.full(n_values, row[c.VALUE]), row[c.N])
        for row in sorted(found, key=lambda row: str(row[c.FACET]))
    ]


def command() -> None:
    """Entry point of the wheel."""
    exit_with("promote_model", main, (FULL,), needs=DEPENDENCIES["promote_model"])


if __name__ == "__main__":
    command()
