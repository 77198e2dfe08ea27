"""Scored contents to one row a creator."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


def roll_up(profiles: DataFrame, creators: DataFrame) -> DataFrame:
    """Rows of gold.creator_profiles, stamp excluded, for every creator who is known or has content.

    A creator's share of a node is the sum of its contents' category probabilities there over the sum of them all, so
    that sure contents weigh more. Risk is the mean probability of each area. Counts are aggregated before the shuffle:
    a creator with millions of contents is no straggler.
    """
    n_content = profiles.groupBy(c.CREATOR_ID).agg(F.count(F.lit(1)).alias(c.N_CONTENT))
    everyone = creators.select(c.CREATOR_ID).union(profiles.select(c.CREATOR_ID)).distinct()
    joined = (
        everyone.join(n_content, c.CREATOR_ID, "left")
        .join(_category_shares(profiles), c.CREATOR_ID, "left")
        .join(_mean_risk(profiles), c.CREATOR_ID, "left")
    )
    return joined.select(
        c.CREATOR_ID,
        c.CATEGORY,
        c.CATEGORY_SHARES,
        c.RISK,
        F.coalesce(c.N_CONTENT, F.lit(0).cast("long")).alias(c.N_CONTENT),
    )


def _category_shares(profiles: DataFrame) -> DataFrame:
    by_node = (
        profiles.where(F.col(c.CATEGORY).isNotNull())
        .groupBy(c.CREATOR_ID, c.CATEGORY)
        # A decimal sum does not depend on the order of its terms, so neither does the share.
        .agg(F.sum(F.col(c.CATEGORY_PROBABILITY).cast("decimal(20,10)")).cast("double").alias("mass"))
    )
    entries = F.array_sort(F.collect_list(F.struct(c.CATEGORY, "mass")))
    gathered = by_node.groupBy(c.CREATOR_ID).agg(
        entries.alias("entries"), F.max(F.struct("mass", c.CATEGORY)).alias("best")
    )
    total = F.aggregate("entries", F.lit(0.0), lambda sum_, entry: sum_ + entry["mass"])
    shares = F.transform(
        "entries", lambda entry: F.struct(entry[c.CATEGORY], (entry["mass"] / F.col("total")).cast("float"))
    )
    return gathered.withColumn("total", total).select(
        c.CREATOR_ID,
        F.col(f"best.{c.CATEGORY}").alias(c.CATEGORY),
        F.map_from_entries(shares).alias(c.CATEGORY_SHARES),
    )


def _mean_risk(profiles: DataFrame) -> DataFrame:
    areas = profiles.select(c.CREATOR_ID, F.explode(c.RISK).alias("area", "chance"))
    mean = F.sum(F.col("chance").cast("decimal(20,10)")).cast("double") / F.count(F.lit(1))
    by_area = areas.groupBy(c.CREATOR_ID, "area").agg(mean.cast("float").alias("chance"))
    entries = F.array_sort(F.collect_list(F.struct("area", "chance")))
    return by_area.groupBy(c.CREATOR_ID).agg(F.map_from_entries(entries).alias(c.RISK))
