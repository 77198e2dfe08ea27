"""One creator: the profile, how it came about, and the contents behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import InputError
from linnaeus.features.text import text
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.rich_html import Shown, as_html, fragment

_MOST_CONTENTS, _MOST_REVISIONS = 10, 20
_BEGINS = 80  # characters of a text
_MOST_SHARES = 12


@dataclass(frozen=True, eq=False, repr=False)
class Creator(Shown):
    """A row of gold.creator_profiles, the creator's name, the history and the contents that count most.

    `contents` is all of theirs as a DataFrame of gold.content_profiles; `riskiest` and `history` are a few rows.
    """

    config: Config
    row: Mapping[str, Any]
    about: Mapping[str, Any]
    contents: DataFrame
    riskiest: pd.DataFrame
    history: pd.DataFrame

    @property
    def title(self) -> str:
        """The creator's name, or id."""
        return str(self.about.get(c.NAME) or self.row[c.CREATOR_ID])

    @property
    def summary(self) -> str:
        """What they are, in a sentence."""
        row = self.row
        n = f"{row[c.N_CONTENT]:,} content{'' if row[c.N_CONTENT] == 1 else 's'}"
        form = f", mostly {row[c.MODALITY]}" if row[c.MODALITY] else ""
        why_none = (row[c.ABSTAINED] or "not told").replace("_", " ")
        made = f"mainly {row[c.CATEGORY_ACCEPTED]}" if row[c.CATEGORY_ACCEPTED] else f"no one category ({why_none})"
        return f"{n}{form}; {made}. Flagged for {', '.join(row[c.RISK_AREAS] or []) or 'nothing'}."

    def sections(self) -> Sequence[Section]:
        """Profile, contents and history, as tables."""
        row = self.row
        shares = [(one["node"], one["share"], one["low"], one["high"]) for one in self._shares()]
        risks = [(one["area"], one["rate"], one["chance"], "yes" if one["flagged"] else "no") for one in self._risks()]
        profile = [
            Section("What they are", (self.summary,)),
            Section("Categories", (), (Grid(("node", "share", "from", "to"), shares),)),
            Section("Risk", (), (Grid(("area", "rate", "chance", "flagged"), risks),)),
        ]
        return [*profile, *self._below()] if row[c.N_CONTENT] else profile[:1]

    def _repr_html_(self) -> str:
        risk = self.config.creators.risk
        return as_html(
            "creator.html.j2",
            title=self.title,
            creator_id=self.row[c.CREATOR_ID],
            about=self.about.get(c.ABOUT),
            summary=self.summary,
            shares=self._shares(),
            accepted=self.row[c.CATEGORY_ACCEPTED],
            risks=self._risks(),
            flag_from=risk.flag_from,
            at_least=risk.at_least,
            next_posts=risk.next_posts,
            fragment=fragment(self._below()),
        )

    def _shares(self) -> list[dict[str, Any]]:
        shares, low, high = (self.row[name] or {} for name in (c.CATEGORY_SHARES, c.CATEGORY_LOWER, c.CATEGORY_UPPER))
        ranked = sorted(shares, key=lambda node: (-shares[node], node))[:_MOST_SHARES]
        return [{"node": one, "share": shares[one], "low": low.get(one), "high": high.get(one)} for one in ranked]

    def _risks(self) -> list[dict[str, Any]]:
        chance, rate = self.row[c.RISK_CHANCE] or {}, self.row[c.RISK_RATE] or {}
        flagged = set(self.row[c.RISK_AREAS] or [])
        ranked = sorted(chance, key=lambda area: (-chance[area], area))
        return [
            {"area": one, "chance": chance[one], "rate": rate.get(one, 0.0), "flagged": one in flagged}
            for one in ranked
        ]

    def _below(self) -> list[Section]:
        made = []
        if len(self.riskiest):
            header = ("content", "category", "largest risk", "chance", "how it begins")
            said = "The riskiest, or where no risk is known the newest. suite.explain(content) says why."
            cells = self.riskiest.astype(object).where(self.riskiest.notna(), None).to_numpy().tolist()
            made.append(Section("Contents", (said,), (Grid(header, cells),)))
        if len(self.history):
            header = ("from (UTC)", "to (UTC)", "what changed", "why", "contents")
            cells = self.history.astype(object).where(self.history.notna(), None).to_numpy().tolist()
            made.append(Section("History", (), (Grid(header, cells),)))
        return made


def creator_of(context: Context, creator_id: str) -> Creator:
    """A creator as of the context's time. Raises InputError for one who has no profile."""
    is_theirs = F.col(c.CREATOR_ID) == creator_id
    found = context.read(tables.CREATOR_PROFILES).where(is_theirs).first()
    if found is None:
        known = context.read(tables.CONTENT).where(is_theirs)
        why = (
            "there is no such creator" if known.isEmpty() else "their contents are there: suite.run('roll_up_creators')"
        )
        raise InputError(f"gold.creator_profiles has no row of creator {creator_id!r}; {why}")
    about = context.read(tables.CREATORS).where(is_theirs).first() if context.exists(tables.CREATORS) else None
    contents = context.read(tables.CONTENT_PROFILES).where(is_theirs)
    return Creator(
        context.config,
        found.asDict(recursive=True),
        about.asDict() if about is not None else {},
        contents,
        _riskiest(context, contents),
        _history(context, creator_id),
    )


def _riskiest(context: Context, contents: DataFrame) -> pd.DataFrame:
    """The contents with the largest risk, the newest of equals first."""
    pairs = F.transform(F.map_entries(c.RISK), lambda one: F.struct(one["value"].alias("p"), one["key"].alias("area")))
    with_risk = contents.select(c.CONTENT_ID, c.CATEGORY, F.array_max(pairs).alias("most"))
    of = context.read(tables.CONTENT).select(
        c.CONTENT_ID, c.PUBLISHED_AT, F.substring(text(), 1, _BEGINS).alias(c.TEXT)
    )
    ordered = with_risk.join(of, c.CONTENT_ID).orderBy(
        F.col("most.p").desc_nulls_last(), F.col(c.PUBLISHED_AT).desc_nulls_last(), c.CONTENT_ID
    )
    chosen = ordered.select(c.CONTENT_ID, c.CATEGORY, "most.area", "most.p", c.TEXT).limit(_MOST_CONTENTS)
    return fetched(chosen)  # few: _MOST_CONTENTS


def _history(context: Context, creator_id: str) -> pd.DataFrame:
    """What changed from when to when, the newest first."""
    if not context.exists(tables.CREATOR_PROFILE_HISTORY):
        return pd.DataFrame()
    rows = context.read(tables.CREATOR_PROFILE_HISTORY).where(F.col(c.CREATOR_ID) == creator_id)
    minute = "yyyy-MM-dd HH:mm"
    told = rows.orderBy(F.desc(c.REVISION)).select(
        F.date_format(c.VALID_FROM, minute).alias("from"),
        F.date_format(c.VALID_TO, minute).alias("to"),
        F.concat_ws("; ", c.CHANGES).alias("changes"),
        F.translate(F.concat_ws(", ", c.REASONS), "_", " ").alias("why"),
        c.N_CONTENT,
    )
    return fetched(told.limit(_MOST_REVISIONS))  # few: _MOST_REVISIONS
