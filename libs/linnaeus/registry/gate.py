"""Whether a candidate may replace the champion: figures of both on the same held-out contents in, a decision out.

Figures come with their values in the replicates of a bootstrap over creators (see training/bootstrap.py), the same
replicates for both models, so a difference is paired: what a creator's contents do to both is not mistaken for a
difference between them (Efron and Tibshirani, 1993, An introduction to the bootstrap, chapter 16).

Plain percentiles are too near for few creators: they let one in 14 through where one in 20 is meant, of 40 creators.
So the lower bound is the lower of two, Student's and the expanded percentile (Hesterberg, 2015, What teachers should
know about the bootstrap), which tests/registry/test_error_rate.py holds to the configured rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from linnaeus.contracts.columns import CATEGORY_FACET, OVERALL
from linnaeus.contracts.config import Promotion

Floats = npt.NDArray[np.float64]
CALIBRATION_ERROR, RECALL, NODE = "calibration_error", "recall_at_precision", "node"
_MOST_SAID = 3  # checks that a reason names
_FEWEST = 2  # creators, and replicates, that have a spread


@dataclass(frozen=True, eq=False)
class Measured:
    """A figure of one model: its values (1 + replicates,), the first that of the data, on n contents.

    `creators` is how many made those contents, where it was counted; of a mean over facets the fewest of one.
    """

    facet: str
    slice: str
    metric: str
    values: Floats
    n: int
    creators: int | None = None


@dataclass(frozen=True)
class Check:
    """One comparison: by how much the candidate is better, and may be worse.

    The gain lies between `at_least` and `at_most`, each one-sided at the configured error rate. For the calibration
    error better is less. `strict` asks for more than the loss allowed, not for as much.
    """

    facet: str
    slice: str
    metric: str
    candidate: float
    champion: float
    at_least: float
    at_most: float
    loss: float
    strict: bool
    n: int
    creators: int | None = None

    @property
    def gain(self) -> float:
        """How much better the candidate is, as measured."""
        return _sign(self.metric) * (self.candidate - self.champion)

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted as far as this goes."""
        return self.at_least > -self.loss if self.strict else self.at_least >= -self.loss


@dataclass(frozen=True)
class Skipped:
    """A guard that could not be held, and why; `n` contents."""

    facet: str
    slice: str
    metric: str
    n: int
    why: str


@dataclass(frozen=True)
class Decision:
    """The answer, why, all that was compared, and what could not be."""

    promoted: bool
    reason: str
    checks: tuple[Check, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def decide(
    metric: str, candidate: Sequence[Measured], champion: Sequence[Measured] | None, settings: Promotion
) -> Decision:
    """Promote a candidate that is better on the held-out contents and no worse in what is guarded.

    Better: the lower bound of the gain in `metric`, overall and on the mean over the facets that both know, is above
    what may be lost (`max_loss`, none by default: a model is not promoted over one as good). Guarded: `metric` in each
    slice of the configured dimensions with enough contents; of risk, the calibration error and the recall at the
    configured precision. The bounds are one-sided at `error_rate`. `champion` is None where none is in force: then any
    candidate with a figure is promoted.
    """
    own = mean_overall(metric, candidate)
    if own is None or not np.isfinite(own.values[0]):
        return Decision(False, f"the candidate has no {metric}: no held-out content is labelled for it")
    if own.n < settings.min_held_out:
        return Decision(
            False, f"only {own.n} held-out contents are labelled; {settings.min_held_out} are needed to compare"
        )
    if champion is None:
        return Decision(True, f"there was no champion; the candidate's {metric} is {_said(own)} on {own.n} contents")
    both = {one.facet for one in candidate} & {one.facet for one in champion}
    own_of_both, other = (
        mean_overall(metric, [one for one in of if one.facet in both]) for of in (candidate, champion)
    )
    if own_of_both is None or other is None:
        return Decision(True, f"the champion has no {metric} on these contents; the candidate's is {_said(own)}")
    overall = _check(own_of_both, other, settings.max_loss, settings.error_rate, strict=True)
    guards, skipped = _guards(metric, candidate, champion, settings)
    checks = (overall, *guards)
    failed = [one for one in checks if not one.passed]
    if not failed:
        return Decision(True, f"better: {_in_words(overall)}", checks, skipped)
    reason = "; ".join(f"{_verdict(one)}: {_in_words(one)}" for one in failed[:_MOST_SAID])
    if len(failed) > _MOST_SAID:
        reason += f"; and {len(failed) - _MOST_SAID} more"
    return Decision(False, reason, checks, skipped)


def _guards(
    metric: str, candidate: Sequence[Measured], champion: Sequence[Measured], settings: Promotion
) -> tuple[tuple[Check, ...], tuple[Skipped, ...]]:
    others = {(one.facet, one.slice, one.metric): one for one in champion}
    checks, skipped = [], []
    for one in candidate:
        loss = _allowed(one, metric, settings)
        if loss is None:
            continue
        other = others.get((one.facet, one.slice, one.metric))
        if one.n < settings.min_slice:
            why = f"{one.n} contents; {settings.min_slice} are needed"
        elif other is None:
            why = "the champion has no such figure"
        else:
            checks.append(_check(one, other, loss, settings.error_rate, strict=False))
            continue
        skipped.append(Skipped(one.facet, one.slice, one.metric, one.n, why))
    return tuple(checks), tuple(skipped)


def _allowed(one: Measured, metric: str, settings: Promotion) -> float | None:
    """By how much a figure may be worse; None where it is not guarded."""
    dimension = one.slice.partition("=")[0]
    if dimension in settings.guarded:
        return settings.max_slice_loss if one.metric == ("f1" if dimension == NODE else metric) else None
    if one.slice != OVERALL or (one.facet, one.metric) == (CATEGORY_FACET, CALIBRATION_ERROR):
        return None  # the calibration error is guarded of risk alone: levels stand on it
    return {CALIBRATION_ERROR: settings.max_calibration_loss, RECALL: settings.max_recall_loss}.get(one.metric)


def _check(own: Measured, other: Measured, loss: float, error_rate: float, strict: bool) -> Check:
    gains = _sign(own.metric) * (own.values - other.values)
    bounds = _bounds(float(gains[0]), gains[1:][np.isfinite(gains[1:])], own.creators, error_rate)
    values = (float(own.values[0]), float(other.values[0]))
    n = min(own.n, other.n)
    return Check(own.facet, own.slice, own.metric, *values, *bounds, loss, strict, n, own.creators)


def _bounds(gain: float, drawn: Floats, creators: int | None, error_rate: float) -> tuple[float, float]:
    """How low and how high a gain may be, each one-sided, from its values in replicates; no bounds of one creator.

    Student's quantile and the factor on the standard error are those of so many creators, the expanded percentile is
    the one that the same quantile has in the normal distribution.
    """
    if len(drawn) < _FEWEST or (creators is not None and creators < _FEWEST):
        return float("-inf"), float("inf")
    steps = float(stats.norm.isf(error_rate))
    if creators is not None:
        steps = float(stats.t.isf(error_rate, creators - 1)) * (creators / (creators - 1)) ** 0.5
    tail = float(stats.norm.sf(steps))
    spread = steps * float(drawn.std(ddof=1))
    lower, upper = np.quantile(drawn, tail, method="lower"), np.quantile(drawn, 1 - tail, method="higher")
    return min(gain - spread, float(lower)), max(gain + spread, float(upper))


def _sign(metric: str) -> float:
    """-1 for a metric that is better where it is less."""
    return -1.0 if metric == CALIBRATION_ERROR else 1.0


def mean_overall(metric: str, figures: Sequence[Measured]) -> Measured | None:
    """The mean over the facets of a metric overall."""
    found = [one for one in figures if (one.slice, one.metric) == (OVERALL, metric)]
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    values, n = np.mean([one.values for one in found], axis=0), sum(one.n for one in found)
    fewest = min((one.creators for one in found if one.creators is not None), default=None)
    return Measured(f"mean of {len(found)} facets", OVERALL, metric, values, n, fewest)


def _said(one: Measured) -> str:
    return f"{one.values[0]:.4f}"


def _verdict(check: Check) -> str:
    return "not better" if check.strict else "worse, or it can't be told"


def _in_words(check: Check) -> str:
    asked = f"{'more than' if check.strict else 'at least'} {0.0 - check.loss:+.4f} is asked"
    values = f"{check.candidate:.4f} against the champion's {check.champion:.4f}"
    return (
        f"{check.facet}, {check.slice}: {check.metric} {values} on the same {check.n} held-out contents, a gain of at "
        f"least {check.at_least:+.4f} ({asked})"
    )
