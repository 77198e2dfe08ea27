"""One-coin Dawid-Skene: each annotator is right with one probability, whatever the label, and else errs evenly.

For annotators with few votes: one number each is what those can support. Method: Zhang, Chen, Zhou and Jordan (2016),
Spectral methods meet EM: a provably optimal algorithm for crowdsourcing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linnaeus.labels.blocks import Numbering
from linnaeus.labels.dawid_skene import DawidSkene, priors_of
from linnaeus.labels.em import LEAST, Arrays, Floats


@dataclass(frozen=True)
class OneCoin(DawidSkene):
    """Estimates: `skills` (by annotator), the `errors` that follow from them, and `priors`."""

    name: str = "one_coin"

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """M-step: the expected share of an annotator's answers that are right."""
        right, votes = _right(sums["counts"], numbering)
        skills = right / np.maximum(votes, LEAST)  # none where all votes were held out
        errors = np.clip(_even(skills, numbering), LEAST, 1 - LEAST)
        return {"skills": skills, "errors": errors, "priors": priors_of(sums)}

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """Each annotator's own share of right answers."""
        right, votes = _right(counts, numbering)
        return _even((right + 0.5) / (votes + 1), numbering)


def _right(counts: Floats, numbering: Numbering) -> tuple[Floats, Floats]:
    """By annotator: expected right answers, and all."""
    right = counts[np.arange(numbering.n_pairs), numbering.pair_label]
    return numbering.by_annotator(right), numbering.by_annotator(counts.sum(axis=1))


def _even(skills: Floats, numbering: Numbering) -> Floats:
    """Answers by true label of annotators who err evenly."""
    n_labels, skill = len(numbering.labels), skills[numbering.pair_annotator]
    errors = np.repeat(((1 - skill) / max(1, n_labels - 1))[:, None], n_labels, axis=1)
    errors[np.arange(numbering.n_pairs), numbering.pair_label] = skill
    return errors
