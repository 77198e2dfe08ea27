"""Majority vote: the label most annotators gave."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


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
