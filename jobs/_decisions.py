"""What the jobs that move the champion share: a decision's row and report, both written before the alias moves."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pyspark.sql import functions as F

from jobs._promotion_report import Decided, of_person, publish
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking, Version

_MOST_LISTED = 20  # earlier decisions in the report of a person's


@dataclass(frozen=True)
class Outcome:
    """A decision on a version: what was compared, on how many contents, and why."""

    promoted: bool
    reason: str
    metric: str | None = None
    candidate_metric: float | None = None
    champion_metric: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Written:
    """A decision that is on record: its id, when it was taken, and the rows that changed."""

    id: str
    at: datetime.datetime
    rows: int


def write_decision(
    lake: Lake, candidate: Version, champion: Version | None, outcome: Outcome, *about: object
) -> Written:
    """Write the row; the same decision on the same versions, and `about` the same, is written once."""
    said = [candidate.name, champion.name if champion else None, vars(outcome), *about]
    decision_id, at = fingerprint(said), datetime.datetime.now(datetime.timezone.utc)
    row = (
        decision_id,
        candidate.model,
        candidate.number,
        champion.number if champion else None,
        c.YES if outcome.promoted else c.NO,
        outcome.reason,
        outcome.candidate_metric,
        outcome.champion_metric,
        outcome.metric or "none",
        outcome.n,
        at,
    )
    rows = lake.session.createDataFrame([row], schemas.PROMOTIONS)
    return Written(decision_id, at, lake.merge(rows, tables.PROMOTIONS).written)


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


def put_in_force(
    lake: Lake, tracking: Tracking, config: Config, version: Version, verdict: str, reason: str
) -> tuple[int, dict[str, str]]:
    """Write a person's decision and make the version the champion: the rows written, and where the report is.

    An interrupted run is repeated as it is.
    """
    champion = tracking.version_at(version.model, CHAMPION)
    decided = lake.read(tables.PROMOTIONS).where(F.col(c.MODEL) == version.model)
    newest = decided.orderBy(F.col("decided_at").desc(), "decision_id")
    # What was decided before tells a decision that is taken again from an interrupted one that is repeated.
    others = newest.where((F.col("promoted") == c.YES) & (F.col("candidate") != version.number))
    before = others.select("decision_id").first()
    as_text = F.date_format("decided_at", "yyyy-MM-dd HH:mm")
    listed = newest.limit(_MOST_LISTED).withColumn("decided_at", as_text).collect()  # few: those that the report lists
    written = write_decision(lake, version, champion, Outcome(True, reason), before["decision_id"] if before else None)
    by = f"{config.decision.by}, by hand"
    page = Decided(written.id, version, champion, verdict, reason, by, written.at)
    earlier = [row for row in listed if row["decision_id"] != written.id]
    where = publish(config, tracking, page, of_person(page, earlier))
    tracking.point(version.model, CHAMPION, version)
    return written.rows, {"report": str(where)} if where else {}
