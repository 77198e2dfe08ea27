"""What the jobs that move the champion share: the row of gold.promotions, written before the alias moves."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import CHAMPION, Tracking, Version


@dataclass(frozen=True)
class Outcome:
    """A decision on a version: what was compared, on how many contents, and why."""

    promoted: bool
    reason: str
    metric: str | None = None
    candidate_metric: float | None = None
    champion_metric: float | None = None
    n: int = 0


def write_decision(lake: Lake, candidate: Version, champion: Version | None, outcome: Outcome, *about: object) -> int:
    """Write the row; the same decision on the same versions, and `about` the same, is written once."""
    said = [candidate.name, champion.name if champion else None, vars(outcome), *about]
    row = (
        fingerprint(said),
        candidate.model,
        candidate.number,
        champion.number if champion else None,
        c.YES if outcome.promoted else c.NO,
        outcome.reason,
        outcome.candidate_metric,
        outcome.champion_metric,
        outcome.metric or "none",
        outcome.n,
        datetime.datetime.now(datetime.timezone.utc),
    )
    rows = lake.session.createDataFrame([row], schemas.PROMOTIONS)
    return lake.merge(rows, tables.PROMOTIONS).written


def decided_by_hand(config: Config) -> tuple[str, str]:
    """The model that a person decides on, and who that is. Raises ConfigurationError where either is not said."""
    known = (config.registry.category_model, config.registry.risk_model)
    model, by = config.decision.model, config.decision.by
    if model not in known:
        raise ConfigurationError(
            f"decision.model: {model!r} is no model of ours; say --set decision.model={known[0]} or {known[1]}"
        )
    if by is None:
        raise ConfigurationError("decision.by is not set; say who decides, --set decision.by=NAME")
    return model, by


def put_in_force(lake: Lake, tracking: Tracking, version: Version, reason: str) -> int:
    """Write a person's decision and make the version the champion. An interrupted run is repeated as it is."""
    champion = tracking.version_at(version.model, CHAMPION)
    # What was decided before tells a decision that is taken again from an interrupted one that is repeated.
    decided = lake.read(tables.PROMOTIONS).where((F.col(c.MODEL) == version.model) & (F.col("promoted") == c.YES))
    others = decided.where(F.col("candidate") != version.number).orderBy(F.col("decided_at").desc(), "decision_id")
    before = others.select("decision_id").first()
    written = write_decision(lake, version, champion, Outcome(True, reason), before["decision_id"] if before else None)
    tracking.point(version.model, CHAMPION, version)
    return written
