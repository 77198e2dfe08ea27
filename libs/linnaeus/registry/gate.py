"""Whether a candidate may replace the champion: figures in, a decision out."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """The answer and why."""

    promoted: bool
    reason: str


def decide(
    metric: str, candidate: float | None, champion: float | None, n: int, max_loss: float, min_held_out: int
) -> Decision:
    """Promote where the candidate's figure is no worse than the champion's, less `max_loss`, on the same n contents.

    `champion` is None where none is in force: then any candidate with a figure is promoted.
    """
    if candidate is None or math.isnan(candidate):
        return Decision(False, f"the candidate has no {metric}: no held-out content is labelled for it")
    if n < min_held_out:
        return Decision(False, f"only {n} held-out contents are labelled; {min_held_out} are needed to compare")
    if champion is None:
        return Decision(True, f"there was no champion; the candidate's {metric} is {candidate:.4f} on {n} contents")
    said = f"{metric} {candidate:.4f} against the champion's {champion:.4f} on the same {n} held-out contents"
    if candidate >= champion - max_loss:
        return Decision(True, f"no worse: {said}")
    return Decision(False, f"worse: {said} (a loss of {max_loss:.4f} is allowed)")
