"""Moves the alias `champion` to each family's candidate where it is better on held-out contents, or says why not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pyspark.sql import functions as F

from jobs._decisions import Outcome, write_decision
from jobs._models import MAIN_METRIC, held_out_figures, main_figure
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Config
from linnaeus.registry.gate import OVERALL, Decision, Measured, decide
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import CANDIDATE, CHAMPION, PASSED, ROLLED_BACK, Tracking, Version
from linnaeus.training.evaluation import Figure


def main(config: Config) -> JobResult:
    """Decide for both families. A refusal is an answer, not a failure."""
    lake = Lake(build_session(config), config)
    tracking = Tracking(config)
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
        said, new_rows = _decide(lake, tracking, config, family, candidate, champion)
        written += new_rows
        details[family] = f"{candidate.name} {said}"
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


def _decide(
    lake: Lake, tracking: Tracking, config: Config, family: Family, candidate: Version, champion: Version | None
) -> tuple[str, int]:
    """What was decided, in words, and the rows written: those come before the alias moves.

    So an interrupted run is decided again, and the same way.
    """
    decision, outcome = _compared(lake, tracking, config, family, candidate, champion)
    by_hand = config.promotion.approval == "by_hand"
    if decision.promoted and by_hand:
        outcome = Outcome(
            **(vars(outcome) | {"promoted": False, "reason": f"passed, waits for approval: {decision.reason}"})
        )
    written = write_decision(lake, candidate, champion, outcome, config.promotion.model_dump())
    if decision.promoted:
        tracking.point(candidate.model, PASSED if by_hand else CHAMPION, candidate)
    if decision.promoted and by_hand:
        return outcome.reason, written
    return f"{'promoted' if decision.promoted else 'refused'}: {decision.reason}", written


def _compared(
    lake: Lake, tracking: Tracking, config: Config, family: Family, candidate: Version, champion: Version | None
) -> tuple[Decision, Outcome]:
    bundle = tracking.load(candidate)
    own = held_out_figures(lake, config, bundle)
    other = _of_champion(lake, tracking, config, family, champion, bundle.manifest.embedder) if champion else None
    decision = decide(MAIN_METRIC[family], _measured(own), other, config.promotion)
    value, n = main_figure(own, family)
    compared = decision.checks[0].champion if decision.checks else None
    return decision, Outcome(decision.promoted, decision.reason, MAIN_METRIC[family], value, compared, n)


def _of_champion(
    lake: Lake, tracking: Tracking, config: Config, family: Family, champion: Version, embedder: str
) -> list[Measured]:
    in_force = tracking.load(champion)
    if in_force.manifest.embedder == embedder:
        return _measured(held_out_figures(lake, config, in_force))
    # The vectors it was made for are gone: what was measured when they were there counts.
    return _recorded(lake, champion, MAIN_METRIC[family], config.evaluation.replicates)


def _measured(figures: Mapping[str, list[Figure]]) -> list[Measured]:
    return [Measured(facet, f.slice, f.metric, f.values, f.n) for facet, found in figures.items() for f in found]


def _recorded(lake: Lake, version: Version, metric: str, replicates: int) -> list[Measured]:
    """A version's figures overall as they were measured after training, the same in every replicate."""
    is_this = (F.col(c.MODEL) == version.model) & (F.col(c.VERSION) == version.number)
    is_overall = (F.col(c.METRIC) == metric) & (F.col(c.SLICE) == OVERALL)
    found = lake.read(tables.MODEL_EVALUATIONS).where(is_this & is_overall).collect()  # few: one a facet
    return [
        Measured(row[c.FACET], OVERALL, metric, np.full(1 + replicates, row[c.VALUE]), row[c.N])
        for row in sorted(found, key=lambda row: str(row[c.FACET]))
    ]


def command() -> None:
    """Entry point of the wheel."""
    exit_with("promote_model", main)


if __name__ == "__main__":
    command()
