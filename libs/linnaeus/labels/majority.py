"""Majority vote: the label most annotators gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.labels.blocks import Block, Numbering
from linnaeus.labels.em import Arrays, Floats, by_pair, vote_shares


def majority_vote(votes: DataFrame) -> DataFrame:
    """`item_id`, `facet`, `label`, `probability` (share of the votes) and `n_votes`, once an item and facet.

    Ties go to the first label by name, so that the answer does not depend on the order of the votes.
    """
    counted = votes.groupBy(c.ITEM_ID, c.FACET, c.LABEL).agg(F.count(F.lit(1)).alias("n"))
    # The least of (-n, label) is the most frequent label, the first by name among equals.
    best = F.min(F.struct((-F.col("n")).alias("minus_n"), F.col(c.LABEL))).alias("best")
    by_item = counted.groupBy(c.ITEM_ID, c.FACET).agg(best, F.sum("n").alias(c.N_VOTES))
    return by_item.select(
        c.ITEM_ID,
        c.FACET,
        F.col(f"best.{c.LABEL}").alias(c.LABEL),
        (-F.col("best.minus_n") / F.col(c.N_VOTES)).alias(c.PROBABILITY),
        c.N_VOTES,
    )


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
