"""Whether a candidate may replace the champion: figures of both on the same held-out contents in, a decision out.

Figures come with their values in the replicates of a bootstrap over creators (see training/bootstrap.py), the same
replicates for both models, so a difference is paired: what a creator's contents do to both is not mistaken for a
difference between them (Efron and Tibshirani, 1993, An introduction to the bootstrap, chapter 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linnaeus.contracts.columns import OVERALL
from linnaeus.contracts.config import Promotion

Floats = npt.NDArray[np.float64]
CALIBRATION_ERROR, RECALL = "calibration_error", "recall_at_precision"


@dataclass(frozen=True, eq=False)
class Measured:
    """A figure of one model: its values (1 + replicates,), the first that of the data, on n contents."""

    facet: str
    slice: str
    metric: str
    values: Floats
    n: int


@dataclass(frozen=True)
class Check:
    """One comparison: by how much the candidate is better, at least (with the configured error rate), and may be worse.

    For the calibration error better is less. `strict` asks for more than the loss allowed, not for as much.
    """

    facet: str
    slice: str
    metric: str
    candidate: float
    champion: float
    at_least: float
    loss: float
    strict: bool
    n: int

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted as far as this goes."""
        return self.at_least > -self.loss if self.strict else self.at_least >= -self.loss


@dataclass(frozen=True)
class Decision:
    """The answer, why, and all that was compared."""

    promoted: bool
    reason: str
    checks: tuple[Check, ...] = ()


def decide(
    metric: str, candidate: Sequence[Measured], champion: Sequence[Measured] | None, settings: Promotion
) -> Decision:
    """Promote a candidate that is better on the held-out contents and no worse in what is guarded.

    Better: the lower bound of the gain in `metric`, overall and on the mean over the facets, is above what may be lost
    (`max_loss`, none by default: a model is not promoted over one as good). Guarded: `metric` in each slice of the
    configured dimensions with enough contents; of risk, the calibration error and the recall at the configured
    precision. The bounds are one-sided at `error_rate`, by the percentiles of paired differences. `champion` is None
    where none is in force: then any candidate with a figure is promoted.
    """
    own = _mean(metric, candidate)
    if own is None or not np.isfinite(own.values[0]):
        return Decision(False, f"the candidate has no {metric}: no held-out content is labelled for it")
    if own.n < settings.min_held_out:
        return Decision(
            False, f"only {own.n} held-out contents are labelled; {settings.min_held_out} are needed to compare"
        )
    if champion is None:
        return Decision(True, f"there was no champion; the candidate's {metric} is {_said(own)} on {own.n} contents")
    other = _mean(metric, champion)
    if other is None:
        return Decision(True, f"the champion has no {metric} on these contents; the candidate's is {_said(own)}")
    overall = _check(own, other, settings.max_loss, settings.error_rate, strict=True)
    checks = (overall, *_guards(metric, candidate, champion, settings))
    failed = [one for one in checks if not one.passed]
    if not failed:
        return Decision(True, f"better: {_in_words(overall)}", checks)
    return Decision(False, "; ".join(f"{_verdict(one)}: {_in_words(one)}" for one in failed[:3]), checks)


def _guards(
    metric: str, candidate: Sequence[Measured], champion: Sequence[Measured], settings: Promotion
) -> tuple[Check, ...]:
    allowed = {(OVERALL, CALIBRATION_ERROR): settings.max_calibration_loss, (OVERALL, RECALL): settings.max_recall_loss}
    others = {(one.facet, one.slice, one.metric): one for one in champion}
    checks = []
    for one in candidate:
        other = others.get((one.facet, one.slice, one.metric))
        dimension = one.slice.partition("=")[0]
        is_guarded = dimension in settings.guarded and one.metric == ("f1" if dimension == "node" else metric)
        loss = settings.max_slice_loss if is_guarded else allowed.get((one.slice, one.metric))
        if other is None or loss is None or one.n < settings.min_slice:
            continue
        if one.facet == "category" and one.metric == CALIBRATION_ERROR:
            continue  # of risk alone: levels stand on it
        checks.append(_check(one, other, loss, settings.error_rate, strict=False))
    return tuple(checks)


def _check(own: Measured, other: Measured, loss: float, error_rate: float, strict: bool) -> Check:
    sign = -1.0 if own.metric == CALIBRATION_ERROR else 1.0
    gains = sign * (own.values - other.values)
    drawn = gains[1:][np.isfinite(gains[1:])]
    at_least = float(np.quantile(drawn, error_rate)) if len(drawn) else float("-inf")
    values = (float(own.values[0]), float(other.values[0]))
    return Check(own.facet, own.slice, own.metric, *values, at_least, loss, strict, min(own.n, other.n))


def _mean(metric: str, figures: Sequence[Measured]) -> Measured | None:
    """The mean over the facets of a metric overall."""
    found = [one for one in figures if (one.slice, one.metric) == (OVERALL, metric)]
    if not found:
        return None
    name = found[0].facet if len(found) == 1 else f"mean of {len(found)} facets"
    values = np.mean([one.values for one in found], axis=0)
    return Measured(name, OVERALL, metric, values, sum(one.n for one in found))


def _said(one: Measured) -> str:
    return f"{one.values[0]:.4f}"


def _verdict(check: Check) -> str:
    return "not better" if check.strict else "worse, or it can't be told"


def _in_words(check: Check) -> str:
    asked = f"{'more than' if check.strict else 'at least'} {-check.loss:+.4f} is asked"
    values = f"{check.candidate:.4f} against the champion's {check.champion:.4f}"
    return (
        f"{check.facet}, {check.slice}: {check.metric} {values} on the same {check.n} held-out contents, a gain of at "
        f"least {check.at_least:+.4f} ({asked})"
    )
