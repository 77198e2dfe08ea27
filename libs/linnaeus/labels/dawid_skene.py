"""Dawid-Skene: each annotator has a confusion matrix.

An annotator a who sees an item of label k answers l with the probability e[a, l, k]; labels have prior probabilities.
Method: Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm; start by
shares of votes, logarithms, the evidence lower bound a vote as what has to grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linnaeus.labels.blocks import Block, Numbering
from linnaeus.labels.em import LEAST, Arrays, Floats, expected_counts, normalised


@dataclass(frozen=True)
class DawidSkene:
    """Estimates: `errors` (pairs of annotator and label by true label) and `priors` (by label)."""

    max_iterations: int = 100
    tolerance: float = 1e-5
    name: str = "dawid_skene"

    def start(self, numbering: Numbering) -> Arrays | None:
        """By the shares of votes."""
        return None

    def posterior(self, block: Block, numbering: Numbering, estimates: Arrays) -> Floats:
        """E-step: the prior times the probabilities of all answers, as logarithms."""
        answers = np.log(estimates["errors"])[block.pairs]
        return normalised(np.add.reduceat(answers, block.firsts, axis=0) + np.log(estimates["priors"]))

    def sums(self, block: Block, numbering: Numbering, posterior: Floats, estimates: Arrays | None) -> Arrays:
        """Expected number of items of each true label behind each pair, and the entropy of the posteriors."""
        certain = np.maximum(posterior, LEAST)
        return {
            "counts": expected_counts(block, numbering, posterior),
            "labels": posterior.sum(axis=0),
            "entropy": np.asarray(-(np.log(certain) * certain).sum()),
        }

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """M-step: shares of an annotator's answers by true label, and shares of the labels."""
        counts = np.maximum(sums["counts"], LEAST)
        errors = counts / numbering.by_annotator(counts)[numbering.pair_annotator]
        return {"errors": errors, "priors": priors_of(sums)}

    def objective(self, sums: Arrays, estimates: Arrays) -> float:
        """The evidence lower bound, each vote with its item's prior, a vote."""
        expected = np.log(estimates["errors"]) + np.log(estimates["priors"])
        return float(((sums["counts"] * expected).sum() + sums["entropy"]) / sums["counts"].sum())

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """Each annotator's own shares."""
        totals = numbering.by_annotator(counts)[numbering.pair_annotator]
        return np.asarray((counts + 0.5) / (totals + 0.5 * len(numbering.labels)))


def priors_of(sums: Arrays) -> Floats:
    """Shares of the labels among the items, none of them zero."""
    shares: Floats = np.maximum(sums["labels"] / sums["labels"].sum(), LEAST)
    return shares
