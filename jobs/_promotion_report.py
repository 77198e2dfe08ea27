"""The reports on decisions: what was compared, what came of it, who decided. A page each, also beside the run."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Row

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config
from linnaeus.registry.gate import Check, Decision
from linnaeus.registry.plots import gains_plot
from linnaeus.runtime.model_tags import table_of
from linnaeus.runtime.report import Grid, Plot, Section, as_page, write_report
from linnaeus.runtime.tracking import Tracking, Version

FOLDER = "promotions"
_MOST_DRAWN = 40  # checks of a plot that can be read
_LONGEST = 32  # characters of a tag's value: a fingerprint is told from another by fewer
_MOST_SKIPPED = 60  # guards that a page lists

_READING = (
    "Both models are judged on the same held-out contents, by creators that neither was trained on. A gain is how much "
    "better the candidate is; of the calibration error, how much lower. Its lower and upper bounds come from a "
    "bootstrap over creators, the same replicates for both models; the true gain lies beyond either in at most "
    "{rate:.0%} of cases. The figure overall passes where the lower bound is above the allowed loss, a guarded one "
    "where it is not below."
)
_RECORDED = (
    "The features that the champion was made for are no longer there: its figures are those recorded when it was "
    "trained, without what chance does to them, and the guards of slices have nothing to compare with."
)


@dataclass(frozen=True)
class Decided:
    """A decision as it is reported: its id in gold.promotions, the versions, what was said, by whom, and when."""

    id: str
    candidate: Version
    champion: Version | None
    verdict: str
    reason: str
    by: str
    at: datetime.datetime


def of_gate(decided: Decided, decision: Decision, settings: Mapping[str, object], is_recorded: bool) -> list[Section]:
    """The page of a decision by the gate. `is_recorded`: the champion's figures are those of its training."""
    sections = [_summary(decided, ("candidate", "champion"))]
    if decision.checks:
        sections.append(_compared(decision.checks, float(str(settings["error_rate"])), is_recorded))
    if decision.skipped:
        sections.append(_skipped(decision))
    rows = [(f"promotion.{name}", _as_text(value)) for name, value in settings.items()]
    return [*sections, Section("Settings", (), (Grid(("setting", "value"), rows),))]


def of_person(decided: Decided, before: Sequence[Row]) -> list[Section]:
    """The page of a person's decision, with those before it (rows of gold.promotions, the newest first)."""
    sections = [_summary(decided, ("now in force", "before"))]
    if before:
        header = ("decided at (UTC)", "version", "champion then", "promoted", "figure", "value", "why")
        names = ("decided_at", "candidate", "champion", "promoted", c.METRIC, "candidate_metric", "reason")
        rows = [[_as_text(row[name]) if name == "decided_at" else row[name] for name in names] for row in before]
        said = f"Earlier decisions on {decided.candidate.model}, the newest first:"
        sections.append(Section("Decisions before", (said,), (Grid(header, rows),)))
    return sections


def publish(config: Config, tracking: Tracking, decided: Decided, sections: Sequence[Section]) -> Path | None:
    """Write the page where reports go (None where they go nowhere), and beside the run of the version decided on.

    The same decision, taken again, writes the same page in the same place.
    """
    title = f"{decided.candidate.name}: {decided.verdict}"
    name = f"{decided.candidate.model}-{decided.candidate.number}-{decided.id[:10]}"
    tracking.attach(decided.candidate, f"{FOLDER}/{name}.html", as_page(title, sections))
    folder = config.reports_folder
    return write_report(folder / FOLDER if folder else None, name, title, sections)


def _summary(decided: Decided, roles: tuple[str, str]) -> Section:
    """What was decided, by whom, and what the versions came from."""
    champion = decided.champion
    said = f"{decided.candidate.name} is {decided.verdict}: {decided.reason}."
    against = f"The champion was {champion.name}." if champion else "There was no champion."
    by = f"Decided {_as_text(decided.at)} UTC by {decided.by}. {against}"
    versions = [decided.candidate, *([champion] if champion and champion.name != decided.candidate.name else [])]
    header = ("", *roles[: len(versions)])
    tags = sorted({name for one in versions for name in one.tags})
    rows = [
        ("version", *(one.name for one in versions)),
        ("trained (UTC)", *(_as_text(one.registered_at) if one.registered_at else None for one in versions)),
        *((_name_of(tag), *(_shortened(one.tags.get(tag)) for one in versions)) for tag in tags),
    ]
    return Section("Decision", (said, by), (Grid(header, rows),))


def _compared(checks: Sequence[Check], error_rate: float, is_recorded: bool) -> Section:
    ordered = sorted(checks, key=lambda one: one.passed)  # a stable sort: the main figure leads those like it
    header = (
        "", "facet and slice", "figure", "candidate", "champion", "gain", "at least", "at most", "allowed loss",
        "contents", "creators",
    )  # fmt: skip
    rows = [
        (
            "passed" if one.passed else "failed", f"{one.facet}, {one.slice}", one.metric, f"{one.candidate:.4f}",
            f"{one.champion:.4f}", f"{one.gain:+.4f}", _bound(one.at_least), _bound(one.at_most),
            f"{one.loss:.4f}", one.n, one.creators,
        )
        for one in ordered
    ]  # fmt: skip
    failed = frozenset(place for place, one in enumerate(ordered) if not one.passed)
    drawn = ordered[:_MOST_DRAWN]
    caption = "The gain with its bounds; failed checks are red and hollow. Dotted: how low the lower bound may lie."
    if len(ordered) > len(drawn):
        caption += f" The first {len(drawn)} of {len(ordered)}."
    verdict = f"{len(failed)} of {len(checks)} checks failed." if failed else f"All {len(checks)} checks passed."
    said = (verdict, _READING.format(rate=error_rate), *([_RECORDED] if is_recorded else []))
    grid = Grid(header, rows, header[3:], failed)
    return Section("What was compared", said, (grid,), (Plot(gains_plot(drawn), caption),))


def _bound(value: float) -> str | None:
    return f"{value:+.4f}" if math.isfinite(value) else None


def _skipped(decision: Decision) -> Section:
    listed = sorted(decision.skipped, key=lambda one: (-one.n, one.facet, one.slice))[:_MOST_SKIPPED]
    said = f"{len(decision.skipped)} guards were not held: they stand on too little to tell chance from loss."
    if len(listed) < len(decision.skipped):
        said += f" The {len(listed)} greatest:"
    rows = [(one.facet, one.slice, one.metric, one.why) for one in listed]
    return Section("What could not be compared", (said,), (Grid(("facet", "slice", "figure", "why"), rows),))


def _name_of(tag: str) -> str:
    table = table_of(tag)
    return f"version of {table}" if table else tag.replace("_", " ")


def _shortened(value: str | None) -> str | None:
    return value if value is None or len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"


def _as_text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
