"""Gold labels over crowd labels, and annotators measured against the outcome."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

GOLD = "gold"
CROWD = "crowd"


def gold_over_crowd(gold: DataFrame, crowd: DataFrame) -> DataFrame:
    """Rows of silver.labels: the gold label where there is one (probability 1), else the crowd's."""
    key = [c.ITEM_ID, c.FACET]
    sure = gold.select(*key, F.col(c.LABEL).alias("gold_label"))
    joined = crowd.join(sure, key, "full_outer")
    is_gold = F.col("gold_label").isNotNull()
    return joined.select(
        *key,
        F.coalesce("gold_label", c.LABEL).alias(c.LABEL),
        F.when(is_gold, F.lit(1.0)).otherwise(F.col(c.PROBABILITY)).alias(c.PROBABILITY),
        F.coalesce(c.N_VOTES, F.lit(0).cast("long")).alias(c.N_VOTES),
        F.when(is_gold, F.lit(GOLD)).otherwise(F.lit(CROWD)).alias(c.SOURCE),
    )


def annotator_accuracy(votes: DataFrame, labels: DataFrame) -> DataFrame:
    """Rows of silver.annotators: the share of each annotator's votes that agree with the labels, and how many votes."""
    truth = labels.select(c.ITEM_ID, c.FACET, F.col(c.LABEL).alias("truth"))
    judged = votes.join(truth, [c.ITEM_ID, c.FACET])
    agrees = (F.col(c.LABEL) == F.col("truth")).cast("double")
    return judged.groupBy(c.ANNOTATOR_ID, c.FACET).agg(
        F.avg(agrees).alias(c.ACCURACY), F.count(F.lit(1)).alias(c.N_VOTES)
    )
