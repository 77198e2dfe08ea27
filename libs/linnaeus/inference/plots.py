"""A plot of reasons: what booster and words add to the log-odds, piece by piece."""

from __future__ import annotations

from matplotlib.figure import Figure

from linnaeus.inference.explain import HeadReasons

_BLUE, _GREY, _RED = "#2f6db5", "#9aa5b1", "#b3261e"
_LONGEST = 34  # characters of a name beside the plot


def pieces(reasons: HeadReasons, most_words: int) -> list[tuple[str, float]]:
    """Names of pieces and what each adds to the mixed log-odds, to which they sum up to single precision.

    Of several local classifiers the sum alone is a piece: their products' log-odds are no sum of their columns'.
    """
    share, words = reasons.logistic_share, reasons.words
    if len(reasons.boosters) == 1 and reasons.boosters[0].other == (reasons.other,):
        (booster,) = reasons.boosters
        found = [*((name.replace("_", " "), value) for name, value in booster.groups.items()), ("bias", booster.bias)]
    else:
        found = [("local boosters", reasons.booster_log_odds)]
    made = [(name, (1 - share) * value) for name, value in found]
    if words.log_odds is None or share == 0:
        return made
    known = [(", ".join(one.terms), share * one.logistic) for one in words.words if one.logistic is not None]
    rest = sum(value for _, value in known[most_words:])
    made += [(f"“{name}”", value) for name, value in known[:most_words]]
    made += [("other words", rest)] if len(known) > most_words else []
    return [*made, ("constant of words", share * (words.constant or 0.0))]


def contributions_plot(reasons: HeadReasons, most_words: int) -> Figure:
    """Bars of what the pieces add: to the right what speaks for the answer, to the left what speaks for the other."""
    found = pieces(reasons, most_words)
    figure = Figure(figsize=(7.2, 0.9 + 0.27 * len(found)), layout="constrained")
    axes = figure.subplots()
    values = [value for _, value in found]
    axes.barh(range(len(found)), values, color=[_BLUE if value >= 0 else _RED for value in values], height=0.7)
    axes.axvline(0.0, color=_GREY, linewidth=1)
    axes.set_yticks(range(len(found)), [_short(name) for name, _ in found], fontsize=8, parse_math=False)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel(f"log-odds of {reasons.answer} over {reasons.other}", parse_math=False)
    axes.grid(alpha=0.25, axis="x")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
