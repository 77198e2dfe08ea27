"""Moves the alias `champion` to each family's candidate where it is no worse on held-out contents, or says why not."""

from __future__ import annotations

import datetime

from pyspark.sql import functions as F

from jobs._models import MAIN_METRIC, held_out_figures, main_figure
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.registry.gate import Decision, decide
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import CANDIDATE, CHAMPION, Tracking, Version


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
        if candidate is None:
            details[family] = "there is no candidate"
            continue
        if champion is not None and champion.number == candidate.number:
            details[family] = f"{champion.name} is the champion already"
            continue
        decision, new_rows = _decide(lake, tracking, config, family, candidate, champion)
        # The decision is written before the alias moves: an interrupted run is decided again, and the same way.
        if decision.promoted:
            tracking.point(model, CHAMPION, candidate)
        written += new_rows
        details[family] = f"{candidate.name} {'promoted' if decision.promoted else 'refused'}: {decision.reason}"
    return JobResult(rows_read=0, rows_written=written, tables=(tables.PROMOTIONS,), details=details)


def _decide(
    lake: Lake, tracking: Tracking, config: Config, family: Family, candidate: Version, champion: Version | None
) -> tuple[Decision, int]:
    bundle = tracking.load(candidate)
    value, n = main_figure(held_out_figures(lake, config, bundle), family)
    in_force = tracking.load(champion) if champion else None
    other: float | None = None
    if champion is not None and in_force is not None:
        if in_force.manifest.embedder == bundle.manifest.embedder:
            other, _ = main_figure(held_out_figures(lake, config, in_force), family)
        else:  # the vectors it was made for are gone: what was measured when they were there counts
            other = _recorded(lake, champion, MAIN_METRIC[family])
    gate = config.promotion
    decision = decide(MAIN_METRIC[family], value, other, n, gate.max_loss, gate.min_held_out)
    row = (
        fingerprint([candidate.name, champion.name if champion else None, value, other, n, gate.model_dump()]),
        candidate.model,
        candidate.number,
        champion.number if champion else None,
        c.YES if decision.promoted else c.NO,
        decision.reason,
        value,
        other,
        MAIN_METRIC[family],
        n,
        datetime.datetime.now(datetime.timezone.utc),
    )
    rows = lake.session.createDataFrame([row], schemas.PROMOTIONS)
    return decision, lake.merge(rows, tables.PROMOTIONS).written


def _recorded(lake: Lake, version: Version, metric: str) -> float | None:
    """A version's mean figure over its facets as it was measured after training, or None."""
    is_this = (F.col(c.MODEL) == version.model) & (F.col(c.VERSION) == version.number)
    is_overall = (F.col(c.METRIC) == metric) & (F.col(c.SLICE) == "overall")
    found = lake.read(tables.MODEL_EVALUATIONS).where(is_this & is_overall).agg(F.avg(c.VALUE).alias("value")).first()
    return found["value"] if found is not None else None


def command() -> None:
    """Entry point of the wheel."""
    exit_with("promote_model", main)


if __name__ == "__main__":
    command()
