"""Models: what versions there are, what they are worth, and two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import Family
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError, LinnaeusError
from linnaeus.registry.gate import CALIBRATION_ERROR, Check, Decision
from linnaeus.registry.plots import gains_plot
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION, PASSED
from linnaeus.runtime.report import Grid, Plot, Section
from linnaeus.runtime.tracking import Tracking, Version
from linnaeus.suite import pictures
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.pictures import Picture
from linnaeus.suite.rich_html import Shown
from linnaeus.suite.table_access import nearest
from linnaeus.training.figures import is_of_curve

_ALIASES = (CHAMPION, PASSED, CANDIDATE)
_KEY = [c.FACET, c.SLICE, c.METRIC]
_OF_ONE = [c.VALUE, c.LOWER, c.UPPER, c.N]
_MOST_SLICES = 60  # rows that are listed


def registered(config: Config) -> dict[Family, str]:
    """The registered names by family."""
    return {"category": config.registry.category_model, "risk": config.registry.risk_model}


def family_of(config: Config, model: str) -> Family:
    """The family of a registered name, or of a family's own. Raises ConfigurationError for neither."""
    for family, name in registered(config).items():
        if model in (family, name):
            return family
    known = [*registered(config), *registered(config).values()]
    raise ConfigurationError(f"there is no model {model!r}; did you mean {nearest(model, known)[0]!r}?")


def version_named(tracking: Tracking, config: Config, given: str | int, model: str | None = None) -> Version:
    """The version that is meant by `linnaeus_category/3`, or, with the model, by 3, `champion` or `candidate`.

    Raises ConfigurationError where that is none.
    """
    name, _, number = str(given).rpartition("/")
    if not name and model is None:
        example = config.registry.category_model
        raise ConfigurationError(f"version {given!r}: of which model? write '{example}/{given}', or model='category'")
    name = registered(config)[family_of(config, name or str(model))]
    found = tracking.version_at(name, number) if number in _ALIASES else tracking.version(name, number)
    if found is None:
        there = [one.number for one in tracking.versions(name)]
        known = f"its versions: {', '.join(there)}" if there else "nothing was trained yet"
        raise ConfigurationError(f"{name} has no version {number!r}; {known}")
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Models(Shown):
    """Registered versions by family, the newest first, with their aliases and main figures."""

    rows: pd.DataFrame

    @property
    def title(self) -> str:
        """What these are."""
        return "Models"

    def sections(self) -> Sequence[Section]:
        """A section a model."""
        names = ("version", "role", "trained", "figure", "value", "from", "to", "held-out contents")
        if self.rows.empty:
            said = "Nothing was trained yet: suite.run('train_category'), suite.run('train_risk')."
            return [Section("None", (said,))]
        return [
            Section(str(model), (), (Grid(names, [tuple(map(_plain, row)) for row in of[list(names)].to_numpy()]),))
            for model, of in self.rows.groupby("model", sort=True)
        ]


def _plain(value: object) -> str | int | float | None:
    """A value of a pandas frame as a grid shows it."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str | int | float) else str(value)


def _with_interval(value: float, lower: float, upper: float) -> str | None:
    """`0.976 (0.957–0.990)`; None for a figure that a version does not have."""
    if pd.isna(value):
        return None
    return f"{value:.3f}" if pd.isna(lower) or pd.isna(upper) else f"{value:.3f} ({lower:.3f}–{upper:.3f})"


def _signed(value: float) -> str | None:
    return None if pd.isna(value) else f"{value:+.3f}"


def models_of(context: Context) -> Models:
    """All registered versions of both families."""
    from jobs._models import MAIN_METRIC

    tracking, found = context.tracking, []
    measured = _main_figures(
        context, {name: MAIN_METRIC[family] for family, name in registered(context.config).items()}
    )
    for model in registered(context.config).values():
        at = {alias: tracking.version_at(model, alias) for alias in _ALIASES}
        for one in tracking.versions(model):
            roles = [alias for alias, version in at.items() if version and version.number == one.number]
            figure = measured.get((model, one.number))
            trained = f"{one.registered_at:%Y-%m-%d %H:%M}" if one.registered_at else None
            row = {"model": model, "version": one.name, "role": ", ".join(roles), "trained": trained}
            row |= {"figure": None, "value": None, "from": None, "to": None, "held-out contents": None}
            found.append(row if figure is None else row | figure)
    columns = ["model", "version", "role", "trained", "figure", "value", "from", "to", "held-out contents"]
    return Models(pd.DataFrame(found, columns=columns, dtype=object))


def _main_figures(context: Context, metric: dict[str, str]) -> dict[tuple[str, str], dict[str, object]]:
    """By model and version its main figure overall; the mean of a risk's areas, without an interval."""
    if not context.exists(tables.MODEL_EVALUATIONS):
        return {}
    rows = context.read(tables.MODEL_EVALUATIONS).where(F.col(c.SLICE) == c.OVERALL)
    few = rows.where(F.col(c.METRIC).isin(*metric.values())).collect()  # few: a row a version and facet
    found: dict[tuple[str, str], dict[str, object]] = {}
    for model, wanted in metric.items():
        for number in {row[c.VERSION] for row in few if row[c.MODEL] == model}:
            own = [row for row in few if (row[c.MODEL], row[c.VERSION], row[c.METRIC]) == (model, number, wanted)]
            if own:
                only = own[0] if len(own) == 1 else None
                found[model, number] = {
                    "figure": wanted,
                    "value": sum(row[c.VALUE] for row in own) / len(own),
                    "from": only[c.LOWER] if only else None,
                    "to": only[c.UPPER] if only else None,
                    "held-out contents": sum(row[c.N] for row in own),
                }
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Two versions: the figures that were measured after training, and both judged on the same contents now.

    `figures` has a row a facet, slice and metric: `a` and `b` with their intervals, and by how much b is more.
    `decision` is the gate's, as if b asked to take a's place; None where `why_not` says why it can't be told.
    """

    a: Version
    b: Version
    figures: pd.DataFrame
    decision: Decision | None
    why_not: str | None

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{self.a.name} and {self.b.name}"

    @cached_property
    def overall(self) -> pd.DataFrame:
        """The figures of all held-out contents."""
        return self.figures[self.figures[c.SLICE] == c.OVERALL].reset_index(drop=True)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What the gate compares, each with its bounds."""
        return self.decision.checks if self.decision else ()

    def picture(self) -> Picture:
        """The figures overall of both, with their intervals; errors, which are better small, are left to the table."""
        shown = self.overall[self.overall[c.METRIC] != CALIBRATION_ERROR]
        rows = shown.assign(name=shown[c.FACET] + " · " + shown[c.METRIC])
        return pictures.side_by_side(rows, self.a.name, self.b.name)

    def sections(self) -> Sequence[Section]:
        """The answer, the paired comparison, and the figures side by side."""
        return [self._answer(), self._side_by_side("Overall", self.overall)]

    def folded(self) -> Sequence[Section]:
        """The same figures by slice."""
        rows = self.figures[self.figures[c.SLICE] != c.OVERALL]
        return [] if rows.empty else [self._side_by_side("By slice", rows)]

    def _answer(self) -> Section:
        if self.decision is None:
            return Section("Is it better?", (f"That can't be told: {self.why_not}.",))
        verdict = "would be promoted" if self.decision.promoted else "would be refused"
        said = f"If {self.b.name} asked to take the place of {self.a.name}, it {verdict}: {self.decision.reason}."
        if not self.checks:
            return Section("Is it better?", (said,))
        reading = (
            "Both are judged on the same held-out contents. The line of a gain says how small and how large it may be; "
            "dotted: how low its lower end may lie. What fails is red and hollow."
        )
        return Section(
            "Is it better?", (said, reading), (), (Plot(gains_plot(self.checks[:40]), "Gain of the second"),)
        )

    def _side_by_side(self, title: str, rows: pd.DataFrame) -> Section:
        names = [self.a.name, self.b.name]
        header = ("facet", "slice", "figure", *names, "difference", "contents")
        cells = [
            (
                str(one.facet), str(one.slice), str(one.metric), _with_interval(one.a, one.a_lower, one.a_upper),
                _with_interval(one.b, one.b_lower, one.b_upper), _signed(one.difference),
                None if pd.isna(one.n) else int(one.n),
            )
            for one in rows.head(_MOST_SLICES).astype(object).itertuples()
        ]  # fmt: skip
        more = len(rows) - len(cells)
        said = "Measured after each was trained, with 95% intervals by a bootstrap over creators."
        told = (said, *([f"{more} more rows are in .figures."] if more else []))
        return Section(title, told, (Grid(header, cells, (*names, "difference", "contents")),))


def compare(context: Context, first: str | int, second: str | int, model: str | None, paired: bool) -> Comparison:
    """Two versions of one model. Raises ConfigurationError where they are of two."""
    tracking, config = context.tracking, context.config
    names = [str(given).rpartition("/")[0] for given in (first, second)]
    model = model or next((name for name in names if name), None)
    a, b = (version_named(tracking, config, given, model) for given in (first, second))
    if a.model != b.model:
        raise ConfigurationError(f"{a.name} and {b.name} are of two models; compare versions of one")
    decision, why_not = _paired(context, tracking, a, b) if paired else (None, "it was not asked for (paired=False)")
    return Comparison(a, b, _figures(context, a, b), decision, why_not)


def _paired(context: Context, tracking: Tracking, a: Version, b: Version) -> tuple[Decision | None, str | None]:
    from jobs.promote_model import compared

    try:
        family = family_of(context.config, a.model)
        return compared(context.lake, tracking, context.config, family, candidate=b, champion=a).decision, None
    except LinnaeusError as error:
        return None, str(error)


def _figures(context: Context, a: Version, b: Version) -> pd.DataFrame:
    rows = context.read(tables.MODEL_EVALUATIONS).where(F.col(c.MODEL) == a.model)
    rows = rows.where(F.col(c.VERSION).isin(a.number, b.number))
    found = fetched(rows.select(c.VERSION, *_KEY, *_OF_ONE))  # few: the figures of two versions
    found = found[~found[c.METRIC].map(is_of_curve).astype(bool)]
    sides = []
    for number, side in ((a.number, "a"), (b.number, "b")):
        own = found[found[c.VERSION] == number].drop(columns=c.VERSION)
        sides.append(
            own.rename(columns={c.VALUE: side, c.LOWER: f"{side}_lower", c.UPPER: f"{side}_upper", c.N: f"{side}_n"})
        )
    both = sides[0].merge(sides[1], on=_KEY, how="outer")
    both["difference"] = both["b"] - both["a"]
    both["n"] = both[["a_n", "b_n"]].min(axis=1)
    is_overall = (both[c.SLICE] != c.OVERALL).rename("place")
    return both.assign(place=is_overall).sort_values(["place", *_KEY]).drop(columns="place").reset_index(drop=True)
