"""Why a content was scored as it was: what jobs/explain.py tells, with bars and marked words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Explain
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.unspaced import words_of
from linnaeus.features.text import text
from linnaeus.inference.explain import HeadReasons
from linnaeus.inference.plots import contributions_plot, pieces
from linnaeus.inference.score import LOW
from linnaeus.runtime.report import Section
from linnaeus.suite.context import Context
from linnaeus.suite.pictures import Picture, entitled
from linnaeus.suite.rich_html import Shown, as_html, fragment

_LONGEST_TEXT = 4_000  # characters that are shown
_BEGINS = 90  # characters of a neighbour's text
_LEAST_SHADE = 0.04  # of the weightiest word, from which one is marked
_FOR, _AGAINST = "47, 109, 181", "179, 38, 30"


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Shown):
    """All that can be told of a row of gold.content_profiles. `told` is the job's own (jobs/_explanation.py)."""

    told: Any
    settings: Explain
    texts: Mapping[str, str]  # of the content and its neighbours, as far as they are there still

    @property
    def row(self) -> Mapping[str, Any]:
        """The row that is explained."""
        return self.told.row  # type: ignore[no-any-return]

    @property
    def is_exact(self) -> bool:
        """Whether the prediction was made again and came out as the row has it."""
        return bool(self.told.is_exact)

    @property
    def heads(self) -> list[str]:
        """What has reasons: risk areas that are not low, the most probable first; the category; the others."""
        from jobs._explanation import areas_of

        areas, level = areas_of(self.row), self.row[c.RISK_LEVEL] or {}
        raised = [one for one in areas if level.get(one) != LOW]
        ordered = [*raised, c.CATEGORY, *(one for one in areas if one not in raised)]
        return [one for one in ordered if one in self.told.reasons]

    @property
    def document(self) -> dict[str, Any]:
        """The same for programs: what python -m jobs.explain answers."""
        from jobs._explanation import document

        return document(self.told, self.settings)

    def words(self, head: str | None = None) -> pd.DataFrame:
        """What words add to the log-odds of a head (the first, where none is named), the weightiest first.

        Words (or pairs) that the model can't tell apart are one row. Raises ConfigurationError for a head without
        reasons.
        """
        reasons = self._reasons(head)
        rows = [
            (", ".join(one.terms), one.times, _weight(reasons, one.logistic), one.term_score)
            for one in reasons.words.words
        ]
        return pd.DataFrame(rows, columns=["word", "times", "log_odds", "term_score"])

    def picture(self, head: str | None = None) -> Picture:
        """What each piece adds to the log-odds of a head (the first, where none is named)."""
        reasons = self._reasons(head)
        figure = contributions_plot(reasons, self.settings.n_words)
        title = f"Why {reasons.answer}, not {reasons.other}? Log-odds {reasons.log_odds:+.2f}"
        axes = figure.axes[0]
        entitled(axes, title, axes.get_xlabel())
        data = pd.DataFrame(pieces(reasons, self.settings.n_words), columns=["piece", "log_odds"])
        return Picture(figure, data, f"{title}: what each piece adds")

    def _reasons(self, head: str | None) -> HeadReasons:
        heads = self.heads
        wanted = head or next(iter(heads), None)
        if wanted not in heads:
            why = "; ".join(map(str, self.told.recomputed))
            raise ConfigurationError(
                f"there are no reasons for {wanted!r}; known: {', '.join(heads) or 'none'} ({why})"
            )
        return self.told.reasons[wanted]  # type: ignore[no-any-return]

    @property
    def title(self) -> str:
        """What was found."""
        row = self.row
        found = [" › ".join(row[c.CATEGORY_PATH])] if row[c.CATEGORY] is not None else []
        found += [f"{area}: {level}" for area, level in sorted((row[c.RISK_LEVEL] or {}).items()) if level != LOW]
        return f"Why {', '.join(found) or 'nothing was found'}?"

    def sections(self) -> Sequence[Section]:
        """The job's own, whole."""
        from jobs._explanation import sections

        return sections(self.told, self.settings)

    def _repr_html_(self) -> str:
        from jobs._explanation import areas_of

        row, told = self.row, self.told
        areas = [
            {
                "area": area,
                "probability": row[c.RISK][area],
                "level": row[c.RISK_LEVEL][area],
                "levels": told.levels.get(area, ()),
                "rules": [one for one in told.rules if one.area == area],
            }
            for area in areas_of(row)
        ]
        near = [{**one, "begins": _begins(self.texts.get(one[c.CONTENT_ID]))} for one in told.neighbours]
        return as_html(
            "explanation.html.j2",
            title=self.title,
            content_id=row[c.CONTENT_ID],
            creator_id=row[c.CREATOR_ID],
            said=list(map(str, told.recomputed)),
            notes=told.notes,
            path=told.path,
            accepted=row[c.CATEGORY_ACCEPTED],
            risks=areas,
            reasons=[self._why(head) for head in self.heads],
            neighbours=near,
            fragment=fragment(self.sections()),
        )

    def _why(self, head: str) -> dict[str, Any]:
        reasons = self._reasons(head)
        found = pieces(reasons, self.settings.n_words)
        return {
            "area": None if head == c.CATEGORY else head,
            "is_open": head == c.CATEGORY or (self.row[c.RISK_LEVEL] or {}).get(head) != LOW,
            "answer": reasons.answer,
            "other": reasons.other,
            "log_odds": reasons.log_odds,
            "pieces": found,
            "widest": max((abs(value) for _, value in found), default=0.0) or 1.0,
            "text": marked(self.texts.get(self.row[c.CONTENT_ID], ""), word_weights(reasons)),
        }


def _weight(reasons: HeadReasons, logistic: float | None) -> float | None:
    """What a word adds to the mixture's log-odds, by the logistic regression."""
    return None if logistic is None else reasons.logistic_share * logistic


def word_weights(reasons: HeadReasons) -> dict[str, float]:
    """By single word what it adds; of pairs nothing, since they stand at no one word."""
    found: dict[str, float] = {}
    for one in reasons.words.words:
        value = _weight(reasons, one.logistic)
        found |= {term: value for term in one.terms if value and " " not in term}
    return found


def marked(shown: str, weights: Mapping[str, float]) -> list[tuple[str, str | None]]:
    """A text in pieces, each with the colour that its weight gives it, or None: blue for the answer, red against."""
    most = max(map(abs, weights.values()), default=0.0)
    pieces_of = []
    for piece in words_of(shown):
        weight = weights.get(piece.lower(), 0.0)
        is_marked = most > 0 and abs(weight) >= _LEAST_SHADE * most
        colour = _FOR if weight > 0 else _AGAINST
        shade = f"rgba({colour}, {0.12 + 0.6 * abs(weight) / most:.2f})" if is_marked else None
        pieces_of.append((piece, shade))
    return pieces_of


def _begins(shown: str | None) -> str:
    if shown is None:
        return "(its text is another by now)"
    line = " ".join(shown.split())
    return line if len(line) <= _BEGINS else line[: _BEGINS - 1] + "…"


def explained(context: Context, content_id: str, settings: Mapping[str, Any]) -> Explanation:
    """A row of gold.content_profiles: now's, or that of the context's time.

    Raises InputError where there is no such row, ConfigurationError for a context at a version: rows are explained by
    the tables of a time.
    """
    from jobs._as_written import profile_of
    from jobs.explain import explain

    if context.when.version is not None:
        raise ConfigurationError(
            "explain goes by a time, as every table has versions of its own: suite.at('2026-11-01')"
        )
    chosen = context.config.explain.model_copy(update=dict(settings))
    config = context.config.model_copy(update={"explain": chosen})
    row = profile_of(context.lake, content_id, context.when.time)
    told = explain(context.lake, context.tracking, config, row)
    return Explanation(told, chosen, _texts(context, told))


def _texts(context: Context, told: Any) -> dict[str, str]:
    """Texts by content id; that of the row itself where it is still the one that was scored."""
    row = told.row
    ids = [row[c.CONTENT_ID], *(one[c.CONTENT_ID] for one in told.neighbours)]
    content = context.lake.read(tables.CONTENT).where(F.col(c.CONTENT_ID).isin(*set(ids)))
    shown = F.substring(text(), 1, _LONGEST_TEXT).alias(c.TEXT)
    found = content.select(c.CONTENT_ID, c.CONTENT_HASH, shown).collect()  # few: one, and its neighbours
    return {
        one[c.CONTENT_ID]: one[c.TEXT]
        for one in found
        if one[c.CONTENT_ID] != row[c.CONTENT_ID] or one[c.CONTENT_HASH] == row[c.CONTENT_HASH]
    }
