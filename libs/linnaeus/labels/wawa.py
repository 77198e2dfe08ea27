"""Worker agreement with aggregate: a vote weighs as much as its annotator agrees with the majority.

Method: Appen's "Wawa", as crowd-kit describes it: majority vote, agreement by annotator, weighted majority vote.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linnaeus.labels.blocks import Block, Numbering
from linnaeus.labels.em import LEAST, Arrays, Floats, answers_of_all, by_pair, vote_shares


@dataclass(frozen=True)
class Wawa:
    """Estimates: `skills`, the share of each annotator's votes that the majority (or gold) agrees with."""

    max_iterations: int = 1  # the weights are taken once
    tolerance: float = 0.0
    name: str = "wawa"

    def start(self, numbering: Numbering) -> Arrays | None:
        """By the shares of votes."""
        return None

    def posterior(self, block: Block, numbering: Numbering, estimates: Arrays) -> Floats:
        """Shares of the votes' weights."""
        weights = estimates["skills"][numbering.pair_annotator[block.pairs]]
        return vote_shares(block, numbering, weights)

    def sums(self, block: Block, numbering: Numbering, posterior: Floats, estimates: Arrays | None) -> Arrays:
        """Votes of each pair, and those that the likeliest label agrees with."""
        best = posterior.argmax(axis=1)[block.items]
        agrees = (best == numbering.pair_label[block.pairs]).astype(np.float64)
        return {"agreeing": by_pair(block, numbering, agrees), "votes": by_pair(block, numbering)}

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """The share that agrees."""
        votes = np.maximum(numbering.by_annotator(sums["votes"]), LEAST)  # none where all votes were held out
        return {"skills": numbering.by_annotator(sums["agreeing"]) / votes}

    def objective(self, sums: Arrays, estimates: Arrays) -> float:
        """The share of all votes that agree."""
        return float(sums["agreeing"].sum() / sums["votes"].sum())

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """Those of all annotators together."""
        return answers_of_all(counts, numbering)
