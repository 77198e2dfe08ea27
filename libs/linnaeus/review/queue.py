"""What people should label next: the expected gain of one more label, spread over creators and categories.

Uncertainty sampling (Lewis and Gale, 1994, A sequential algorithm for training text classifiers) where votes that are
there already count against more of them (Sheng, Provost and Ipeirotis, 2008, Get another label?).
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

# Names of doubts, as the reason says them.
_NOTHING, _VOTES, _MODEL, _AGAINST, _SUSPECT = (
    "nothing is known of it",
    "annotators disagree",
    "the model is not sure",
    "the model contradicts the votes",
    "a model that did not see the label contradicts it",
)
_DOUBTS, _WHY = "__doubts", "__why"


def candidates(
    contents: DataFrame, labels: DataFrame, profiles: DataFrame, issues: DataFrame, facets: Mapping[str, int]
) -> DataFrame:
    """Every content and facet of which more can be learnt, with `uncertainty` (0 to 1), `reason` and `n_votes`.

    Rows of bronze.content, silver.labels, gold.content_profiles and silver.label_issues; `facets` gives the number of
    classes by facet. Doubts are from 0 to 1: the entropy of the labels' probabilities over the most it can be, that of
    the model's answer, the model's probability where it contradicts the votes, and the margin of a label issue. The
    greatest counts; 1 where nothing is known. A gold label that no issue speaks of is not asked again.
    """
    asked = F.explode(F.array(*[F.lit(name) for name in facets]))
    items = contents.select(
        F.col(c.CONTENT_ID).alias(c.ITEM_ID), c.CREATOR_ID, F.col(c.VIEWS).alias(c.REACH), asked.alias(c.FACET)
    )
    known = labels.select(c.ITEM_ID, c.FACET, c.LABEL, c.UNCERTAINTY, c.N_VOTES, c.SOURCE)
    said = profiles.select(
        F.col(c.CONTENT_ID).alias(c.ITEM_ID), c.CATEGORY, c.CATEGORY_PATH, c.CATEGORY_PROBABILITY, c.RISK
    )
    doubted = issues.select(F.col(c.CONTENT_ID).alias(c.ITEM_ID), c.FACET, c.MARGIN)
    key = [c.ITEM_ID, c.FACET]
    joined = items.join(known, key, "left").join(said, c.ITEM_ID, "left").join(doubted, key, "left")
    classes = F.create_map(*[F.lit(part) for name, n in facets.items() for part in (name, max(2, n))])[F.col(c.FACET)]
    judged = joined.withColumn(_DOUBTS, _doubts(classes)).withColumn(_WHY, F.array_max(_DOUBTS))
    is_settled = (F.col(c.SOURCE) == c.GOLD) & F.col(c.MARGIN).isNull()
    category = F.coalesce(F.when(F.col(c.FACET) == c.CATEGORY_FACET, F.col(c.LABEL)), F.col(c.CATEGORY))
    return judged.where(~F.coalesce(is_settled, F.lit(False))).select(
        c.ITEM_ID,
        c.FACET,
        c.CREATOR_ID,
        category.alias(c.CATEGORY),
        c.REACH,
        F.coalesce(F.col(_WHY)["doubt"], F.lit(1.0)).alias(c.UNCERTAINTY),
        F.coalesce(F.col(_WHY)["why"], F.lit(_NOTHING)).alias(c.REASON),
        F.coalesce(c.N_VOTES, F.lit(0).cast("long")).alias(c.N_VOTES),
    )


def with_priority(rows: DataFrame, reach_weight: float) -> DataFrame:
    """Adds `priority`: one vote among n + 1 moves what is known by 1 / (n + 1) of the doubt; reach weighs by its
    logarithm."""
    weight = F.lit(1.0) + F.lit(reach_weight) * F.log1p(F.greatest(F.coalesce(c.REACH, F.lit(0)), F.lit(0)))
    return rows.withColumn(c.PRIORITY, F.col(c.UNCERTAINTY) / (F.lit(1.0) + F.col(c.N_VOTES)) * weight)


def choose(rows: DataFrame, budget: int, most_a_creator: int, category_share: float) -> DataFrame:
    """At most `budget` rows with `rank`, by priority; equals by a hash of the item, so that no end of the ids is first.

    No creator has more than `most_a_creator`. A category has at most `category_share` of the budget, unless the others
    can't fill it.
    """
    order: list[Column | str] = [F.col(c.PRIORITY).desc(), F.xxhash64(c.ITEM_ID), c.ITEM_ID, c.FACET]
    waiting = rows.where(F.col(c.PRIORITY) > 0)
    of_creator = F.row_number().over(Window.partitionBy(c.CREATOR_ID).orderBy(*order))
    kept = waiting.withColumn("__of_creator", of_creator).where(F.col("__of_creator") <= most_a_creator)
    of_category = F.row_number().over(Window.partitionBy(c.CATEGORY).orderBy(*order))
    # What comes after `budget` others of its category is never chosen: so no category's rows are all brought together.
    ranked = kept.withColumn("__of_category", of_category).where(F.col("__of_category") <= budget)
    is_over = (F.col("__of_category") > max(1, round(budget * category_share))).alias("__over")
    chosen = ranked.select("*", is_over).orderBy("__over", *order).limit(budget)
    place = F.row_number().over(Window.orderBy(*order))  # few: the budget
    return chosen.withColumn(c.RANK, place.cast("long")).drop("__of_creator", "__of_category", "__over")


def with_text(chosen: DataFrame, contents: DataFrame, most_characters: int) -> DataFrame:
    """Adds `text`, title and body cut to a length, or the address of a medium without either."""
    text = F.btrim(F.concat_ws("\n", c.TITLE, c.BODY), F.lit(" \t\r\n"))
    shown = F.when(text != "", text).otherwise(F.coalesce(c.URI, F.lit("")))
    texts = contents.select(F.col(c.CONTENT_ID).alias(c.ITEM_ID), F.substring(shown, 1, most_characters).alias(c.TEXT))
    return texts.join(F.broadcast(chosen), c.ITEM_ID)  # few: the budget


def _doubts(classes: Column) -> Column:
    """Array of (doubt, why), those that can be told."""
    is_category = F.col(c.FACET) == c.CATEGORY_FACET
    area = F.substring(F.col(c.FACET), len(c.RISK_FACET_PREFIX) + 1, 1 << 20)
    risk = F.col(c.RISK)[area].cast("double")
    probability = F.when(is_category, F.col(c.CATEGORY_PROBABILITY).cast("double")).otherwise(
        F.greatest(risk, 1 - risk)
    )
    answer = F.when(risk >= 0.5, c.YES).otherwise(c.NO)
    is_against = F.when(is_category, ~F.array_contains(c.CATEGORY_PATH, F.col(c.LABEL))).otherwise(
        answer != F.col(c.LABEL)
    )
    crowd = F.when(
        F.col(c.SOURCE) == c.CROWD, F.least(F.lit(1.0), F.col(c.UNCERTAINTY) / F.log2(classes.cast("double")))
    )
    doubts = [
        (crowd, _VOTES),
        (_binary_entropy(probability), _MODEL),
        (F.when(is_against & (F.col(c.SOURCE) == c.CROWD), probability), _AGAINST),
        (F.when(F.col(c.MARGIN) < 0, F.least(F.lit(1.0), -F.col(c.MARGIN))), _SUSPECT),
    ]
    found = F.array(*[F.struct(doubt.alias("doubt"), F.lit(why).alias("why")) for doubt, why in doubts])
    return F.filter(found, lambda one: one["doubt"].isNotNull())


def _binary_entropy(p: Column) -> Column:
    """In bits; of the likeliest of many answers 1 where it has less than half."""
    sure = F.least(F.lit(1.0 - 1e-12), F.greatest(F.lit(0.5), p))
    entropy = -(sure * F.log2(sure) + (F.lit(1.0) - sure) * F.log2(F.lit(1.0) - sure))
    return F.when(p.isNotNull(), entropy)
