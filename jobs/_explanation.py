"""An explanation as it is told: a document for programs, a page and a terminal for people."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Explain
from linnaeus.inference.contributions import BoosterReasons
from linnaeus.inference.explain import HeadReasons
from linnaeus.inference.neighbours import SIMILARITY
from linnaeus.inference.plots import contributions_plot
from linnaeus.inference.words import Word
from linnaeus.runtime.report import Grid, Plot, Section

_SAME = 1e-5  # probabilities, in single precision: other processors and libraries may round otherwise
EQUAL, DIFFERS, GONE = "equal", "differs", "not recomputed"
_PROVENANCE = (
    c.CATEGORY_MODEL,
    c.RISK_MODEL,
    c.EMBEDDER,
    c.TAXONOMY_VERSION,
    c.FEATURE_MANIFEST,
    c.CONTENT_HASH,
    c.SCORED_AT,
)
_READING = (
    "Log-odds of {answer} over {other}: what is above zero speaks for {answer}. Those of the boosters are SHAP values, "
    "which sum to them exactly; those of words are coefficients times TF-IDF."
)
_OF_PARTS = (
    "Local classifiers multiply their probabilities, one a branching on the path; each tells its own branch from the "
    "other class's or, where both are in one branch, from the next probable."
)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Recomputed:
    """A family's prediction, made again: by how much it differs from the row at most, or why it can't be made."""

    family: str
    model: str
    difference: float | None
    why: str | None = None

    @property
    def verdict(self) -> str:
        """equal, differs or not recomputed."""
        if self.difference is None:
            return GONE
        return EQUAL if self.difference <= _SAME else DIFFERS

    def __str__(self) -> str:
        if self.verdict == EQUAL:
            return f"{self.family}: recomputed by {self.model}: equal to the row"
        if self.verdict == DIFFERS:
            return (
                f"{self.family}: recomputed by {self.model}: differs from the row, probabilities by up to "
                f"{self.difference:.6f}; the reasons are those of what was recomputed, not of the row"
            )
        return f"{self.family}: not recomputed: {self.why}"


@dataclass(frozen=True)
class PathNode:
    """A node of the category path, its probability and that from which it is accepted, where these can be told."""

    node: str
    probability: float | None
    accepted_from: float | None


@dataclass(frozen=True)
class FiredRule:
    """A rule that fired: its level and which of its words and domains stand in the text, where these can be told."""

    area: str
    id: str
    level: str | None
    found: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Explained:
    """All that is told of a row: `reasons` by head, `levels` (medium and high) by area, `own_labels` and `neighbours`
    as rows, the versions of the tables that were read, and notes on what could not be."""

    row: Row
    recomputed: tuple[Recomputed, ...]
    path: tuple[PathNode, ...]
    levels: Mapping[str, tuple[float, float]]
    rules: tuple[FiredRule, ...]
    reasons: Mapping[str, HeadReasons]
    own_labels: Sequence[Row]
    neighbours: Sequence[Row]
    versions: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether every family was recomputed and came out as the row has it."""
        return all(one.verdict == EQUAL for one in self.recomputed)


def document(told: Explained, settings: Explain) -> dict[str, Any]:
    """The explanation for programs. Contents' ids stand under `content_id`, where an erasure finds them."""
    row = told.row
    return {
        c.CONTENT_ID: row[c.CONTENT_ID],
        c.CREATOR_ID: row[c.CREATOR_ID],
        "is_exact": told.is_exact,
        "recomputed": {
            one.family: {"verdict": one.verdict, "difference": one.difference, "why": one.why}
            for one in told.recomputed
        },
        "provenance": {name: _plain(row[name]) for name in _PROVENANCE} | {"tables": dict(told.versions)},
        c.CATEGORY: {
            c.CATEGORY_PATH: [vars(one) for one in told.path],
            c.CATEGORY_ACCEPTED: row[c.CATEGORY_ACCEPTED],
            "reasons": _reasons(told.reasons.get(c.CATEGORY), settings),
        }
        if row[c.CATEGORY] is not None
        else None,
        c.RISK: {
            area: {
                c.PROBABILITY: row[c.RISK][area],
                "level": row[c.RISK_LEVEL][area],
                "medium_from": told.levels.get(area, (None, None))[0],
                "high_from": told.levels.get(area, (None, None))[1],
                "rules": [
                    {"id": one.id, "level": one.level, "tokens": one.found} for one in told.rules if one.area == area
                ],
                "reasons": _reasons(told.reasons.get(area), settings),
            }
            for area in areas_of(row)
        },
        "labels": [dict(one) for one in told.own_labels],
        "neighbours": [dict(one) for one in told.neighbours],
        "notes": list(told.notes),
    }


def areas_of(row: Row) -> list[str]:
    """A row's risk areas, the most probable first."""
    risk = row[c.RISK] or {}
    return sorted(risk, key=lambda area: (-risk[area], area))


def _reasons(reasons: HeadReasons | None, settings: Explain) -> dict[str, Any] | None:
    if reasons is None:
        return None
    words = reasons.words
    return {
        "answer": reasons.answer,
        "over": reasons.other,
        "log_odds": reasons.log_odds,
        "booster_log_odds": reasons.booster_log_odds,
        "logistic_log_odds": words.log_odds,
        "logistic_share": reasons.logistic_share,
        "logistic_constant": words.constant,
        "boosters": [
            vars(one) | {"features": [vars(feature) for feature in one.features[: settings.n_features]]}
            for one in reasons.boosters
        ],
        "words": [
            {"tokens": one.terms, "times": one.times, "logistic": one.logistic, "term_score": one.term_score}
            for one in words.words[: settings.n_words]
        ],
        "words_unknown_to_the_model": words.n_unknown,
    }


def sections(told: Explained, settings: Explain) -> list[Section]:
    """The explanation for people."""
    made = [_summary(told), _provenance(told)]
    if told.row[c.CATEGORY] is not None:
        made.append(_category(told))
    if c.CATEGORY in told.reasons:
        made.append(_why(f"Why {told.reasons[c.CATEGORY].answer}", told.reasons[c.CATEGORY], settings))
    if told.row[c.RISK]:
        made.append(_risks(told))
    made += [
        _why(f"Why {area} is {told.row[c.RISK][area]:.3f}", told.reasons[area], settings)
        for area in areas_of(told.row)
        if area in told.reasons
    ]
    if told.own_labels or told.neighbours:
        made.append(_labels(told))
    return made


def _summary(told: Explained) -> Section:
    """Ids stand in cells of their own: so an erasure finds them whatever they look like."""
    row = told.row
    rows = [("content", row[c.CONTENT_ID]), ("creator", row[c.CREATOR_ID])]
    if row[c.CATEGORY] is not None:
        rows += [
            ("category", " › ".join(row[c.CATEGORY_PATH])),
            ("its probability", f"{row[c.CATEGORY_PROBABILITY]:.3f}"),
            ("accepted", row[c.CATEGORY_ACCEPTED] or "no node"),
        ]
    rows += [(f"risk of {area}", f"{row[c.RISK_LEVEL][area]} ({row[c.RISK][area]:.3f})") for area in areas_of(row)]
    said = tuple(str(one) for one in told.recomputed)
    return Section("The row", (*said, *told.notes), (Grid(("", "value"), rows),))


def _provenance(told: Explained) -> Section:
    rows = [(name.replace("_", " "), _plain(told.row[name])) for name in _PROVENANCE]
    rows += [(f"version of {name}", str(version)) for name, version in sorted(told.versions.items())]
    return Section("What it came from", (), (Grid(("", "value"), rows),))


def _category(told: Explained) -> Section:
    rows = [(one.node, one.probability, one.accepted_from) for one in told.path]
    return Section("Category", (), (Grid(("node", "probability", "accepted from"), rows),))


def _risks(told: Explained) -> Section:
    row = told.row
    rows = []
    for area in areas_of(row):
        medium, high = told.levels.get(area, (None, None))
        fired = "; ".join(_rule(one) for one in told.rules if one.area == area)
        rows.append((area, row[c.RISK][area], row[c.RISK_LEVEL][area], medium, high, fired or "none"))
    header = ("area", "chance", "level", "medium from", "high from", "rules that fired")
    return Section("Risk", (), (Grid(header, rows),))


def _rule(rule: FiredRule) -> str:
    level = f" ({rule.level})" if rule.level else ""
    return f"{rule.id}{level}" + (f": {', '.join(rule.found)}" if rule.found else "")


def _why(title: str, reasons: HeadReasons, settings: Explain) -> Section:
    said = [_READING.format(answer=reasons.answer, other=reasons.other), _sum(reasons)]
    if len(reasons.boosters) > 1 or reasons.boosters[0].node is not None:
        said.append(_OF_PARTS)
    unknown = reasons.words.n_unknown
    if unknown:
        said.append(f"{unknown} of its words or pairs are not in the vocabulary of the logistic regression.")
    grids = [_groups(reasons.boosters)]
    grids += [_features(one, settings.n_features) for one in reasons.boosters if one.features]
    if reasons.words.words:
        grids.append(_words(reasons, settings.n_words))
    caption = f"What each piece adds to {reasons.log_odds:+.3f}; weighted as the mixture weighs them."
    plot = Plot(contributions_plot(reasons, settings.n_words), caption)
    return Section(title, tuple(said), tuple(grids), (plot,))


def _sum(reasons: HeadReasons) -> str:
    """How boosters and logistic regression come together."""
    if reasons.logistic_share == 0 or reasons.words.log_odds is None:
        return f"Log-odds before calibration: {reasons.log_odds:+.3f}, by the booster alone."
    share = reasons.logistic_share
    return (
        f"Log-odds before calibration: {reasons.log_odds:+.3f} = {1 - share:g} × {reasons.booster_log_odds:+.3f} by "
        f"the booster and {share:g} × {reasons.words.log_odds:+.3f} by the logistic regression on words, of which "
        f"{reasons.words.constant or 0.0:+.3f} whatever the words."
    )


def _groups(boosters: Sequence[BoosterReasons]) -> Grid:
    """SHAP values by group, a column a booster."""
    header = ("feature group", *(_branch(one) or "SHAP value" for one in boosters))
    rows = [(name, *(f"{one.groups[name]:+.3f}" for one in boosters)) for name in boosters[0].groups]
    rows.append(("whatever the content", *(f"{one.bias:+.3f}" for one in boosters)))
    rows.append(("sum", *(f"{one.log_odds:+.3f}" for one in boosters)))
    return Grid(header, rows, header[1:])


def _branch(one: BoosterReasons) -> str:
    return "" if one.node is None and len(one.answer) == 1 else f"below {one.node or 'the top'}: {_names(one.answer)}"


def _names(classes: Sequence[str]) -> str:
    return classes[0] if len(classes) == 1 else f"{classes[0]} and {len(classes) - 1} more"


def _features(booster: BoosterReasons, most: int) -> Grid:
    named = _branch(booster)
    header = (f"feature, {named}" if named else "feature", "its value", "SHAP value")
    rows = [(one.name, one.value, f"{one.contribution:+.3f}") for one in booster.features[:most]]
    return Grid(header, rows, header[1:])


def _words(reasons: HeadReasons, most: int) -> Grid:
    header = ("word or pair", "times", "logistic regression", "term score")
    rows = [
        (_together(one), one.times, None if one.logistic is None else f"{one.logistic:+.3f}", f"{one.term_score:+.4f}")
        for one in reasons.words.words[:most]
    ]
    return Grid(header, rows, header[1:])


def _together(word: Word) -> str:
    """Terms that are hashed to one number weigh together, as the model can't tell them apart."""
    return word.terms[0] if len(word.terms) == 1 else f"{', '.join(word.terms)} (one number)"


def _labels(told: Explained) -> Section:
    grids = []
    if told.own_labels:
        of_own = (c.FACET, c.LABEL, c.PROBABILITY, c.SOURCE)
        rows = [[one[name] for name in of_own] for one in told.own_labels]
        grids.append(Grid(("facet", "its own label", "probability", "source"), rows))
    if told.neighbours:
        of_near = (c.FACET, c.CONTENT_ID, c.LABEL, SIMILARITY, c.PROBABILITY, c.SOURCE)
        rows = [[one[name] for name in of_near] for one in told.neighbours]
        grids.append(Grid(("facet", "content", "label", "cosine", "label's probability", "source"), rows))
    said = ("Labelled contents whose embeddings are nearest, in the versions of the tables that are named above.",)
    return Section("Labels", said if told.neighbours else (), tuple(grids))


def _plain(value: str | datetime.datetime | None) -> str | None:
    """A time in ISO 8601, a text as it is."""
    return value.isoformat() if isinstance(value, datetime.datetime) else value
