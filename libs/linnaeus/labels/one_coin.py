"""One-coin Dawid-Skene: each annotator is right with one probability, whatever the label, and else errs evenly.

For annotators with few votes: one number each is what those can support. Method: Zhang, Chen, Zhou and Jordan (2016),
Spectral methods meet EM: a provably optimal algorithm for crowdsourcing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linnaeus.labels.blocks import Numbering
from linnaeus.labels.dawid_skene import DawidSkene, priors_of
from linnaeus.labels.em import LEAST, Arrays


@dataclass(frozen=True)
class OneCoin(DawidSkene):
    """Estimates: `skills` (by annotator), the `errors` that follow from them, and `priors`."""

    name: str = "one_coin"

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """M-step: the expected share of an annotator's answers that are right."""
        counts, label = sums["counts"], numbering.pair_label
        right = counts[np.arange(len(label)), label]
        skills = numbering.by_annotator(right) / numbering.by_annotator(counts.sum(axis=1))
        skill = skills[numbering.pair_annotator]
        errors = np.repeat(((1 - skill) / max(1, counts.shape[1] - 1))[:, None], counts.shape[1], axis=1)
        errors[np.arange(len(label)), label] = skill
        return {"skills": skills, "errors": np.clip(errors, LEAST, 1 - LEAST), "priors": priors_of(sums)}
