"""Gold labels over crowd labels."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


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
        F.when(is_gold, F.lit(c.GOLD)).otherwise(F.lit(c.CROWD)).alias(c.SOURCE),
        c.ENTROPY,
        F.when(is_gold, F.lit(0.0)).otherwise(F.col(c.UNCERTAINTY)).alias(c.UNCERTAINTY),
        F.when(~is_gold, F.col(c.POSTERIOR)).alias(c.POSTERIOR),
    )
