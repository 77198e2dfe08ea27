"""Majority vote: the label that most annotators gave; of equals the first by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linnaeus.labels.blocks import Block, Numbering
from linnaeus.labels.em import Arrays, Floats, answers_of_all, by_pair, vote_shares


@dataclass(frozen=True)
class Majority:
    """Nothing is estimated: a label's probability is its share of the votes."""

    max_iterations: int = 0
    tolerance: float = 0.0
    name: str = "majority"

    def start(self, numbering: Numbering) -> Arrays | None:
        """By the shares of votes."""
        return None

    def posterior(self, block: Block, numbering: Numbering, estimates: Arrays) -> Floats:
        """Shares of the votes."""
        return vote_shares(block, numbering)

    def sums(self, block: Block, numbering: Numbering, posterior: Floats, estimates: Arrays | None) -> Arrays:
        """Votes of each pair."""
        return {"votes": by_pair(block, numbering)}

    def estimate(self, sums: Arrays, numbering: Numbering) -> Arrays:
        """Nothing."""
        return {"votes": sums["votes"]}

    def objective(self, sums: Arrays, estimates: Arrays) -> float:
        """Nothing grows."""
        return float(np.log(len(sums["votes"])))

    def answers(self, counts: Floats, numbering: Numbering, estimates: Arrays | None) -> Floats:
        """Those of all annotators together."""
        return answers_of_all(counts, numbering)
