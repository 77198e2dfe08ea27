"""What pictures are made of: few rows, counted where the data are."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.features.near_duplicates import near_duplicates

LEVEL, COUNT, OTHERS, MONTH = "level", "count", "others", "month"
COPY, EXACT, NEAR, ITSELF = "copy", "exact copy", "near copy", "original"
_MOST_LEVELS = 20


def fetched(few: DataFrame) -> pd.DataFrame:
    """A few rows, here: who calls it says why they are few."""
    return pd.DataFrame(few.toPandas())  # few: each caller says why


def by_power_of_two(rows: DataFrame, value: Column) -> DataFrame:
    """`level` (from 2^level - 1 on) and `count` of the rows, by a whole number."""
    level = F.least(F.floor(F.log2(value + 1)), F.lit(_MOST_LEVELS)).alias(LEVEL)
    return rows.groupBy(level).agg(F.count(F.lit(1)).alias(COUNT)).orderBy(LEVEL)


def by_value(rows: DataFrame, column: str, most: int) -> DataFrame:
    """`column` and `count` of its `most` frequent values, the most frequent first, and of all others together."""
    counted = rows.groupBy(F.col(column).cast("string").alias(column)).agg(F.count(F.lit(1)).alias(COUNT))
    place = F.row_number().over(Window.orderBy(F.desc(COUNT), column))
    named = counted.select(F.when(place <= most, F.col(column)).otherwise(OTHERS).alias(column), COUNT)
    summed = named.groupBy(column).agg(F.sum(COUNT).alias(COUNT))
    return summed.orderBy(F.col(column) == OTHERS, F.desc(COUNT), column)


def by_month(content: DataFrame) -> DataFrame:
    """`month` (yyyy-MM), `kind` and `count` of contents; those without a date are left out."""
    dated = content.where(F.col(c.PUBLISHED_AT).isNotNull())
    month = F.date_format(c.PUBLISHED_AT, "yyyy-MM").alias(MONTH)
    return dated.groupBy(month, c.KIND).agg(F.count(F.lit(1)).alias(COUNT)).orderBy(MONTH, c.KIND)


def contents_a_creator(content: DataFrame) -> DataFrame:
    """`level` and `count` of creators by how many contents each has."""
    each = content.groupBy(c.CREATOR_ID).agg(F.count(F.lit(1)).alias(c.N))
    return by_power_of_two(each, F.col(c.N))


def copies(content: DataFrame, embeddings: DataFrame, at_least: float) -> DataFrame:
    """`copy` (original, exact copy or near copy) and `count` of contents.

    Of equal texts the content with the least id is the original; a near copy is one that is itself no exact copy and
    whose text is like an earlier one's (features/near_duplicates.py).
    """
    first = Window.partitionBy(c.CONTENT_HASH).orderBy(c.CONTENT_ID)
    has_text = F.col(c.TITLE).isNotNull() | F.col(c.BODY).isNotNull()
    placed = content.select(c.CONTENT_ID, has_text.alias("has_text"), F.row_number().over(first).alias("place"))
    originals = placed.where(F.col("place") == 1).select(c.CONTENT_ID)
    near = near_duplicates(embeddings.join(originals, c.CONTENT_ID, "left_semi"), c.CONTENT_ID, at_least)
    marked = placed.join(near.select(c.CONTENT_ID, F.lit(True).alias("near")), c.CONTENT_ID, "left")
    is_exact = (F.col("place") > 1) & F.col("has_text")
    kind = F.when(is_exact, EXACT).when(F.col("near"), NEAR).otherwise(ITSELF).alias(COPY)
    return marked.groupBy(kind).agg(F.count(F.lit(1)).alias(COUNT)).orderBy(COPY)


def coverage(labels: DataFrame) -> DataFrame:
    """`facet`, `source` (gold or crowd) and `count` of labels."""
    return labels.groupBy(c.FACET, c.SOURCE).agg(F.count(F.lit(1)).alias(COUNT)).orderBy(c.FACET, c.SOURCE)


def by_label(labels: DataFrame, most: int) -> DataFrame:
    """`facet`, `label` and `count` of each facet's `most` frequent labels."""
    counted = labels.groupBy(c.FACET, c.LABEL).agg(F.count(F.lit(1)).alias(COUNT))
    place = F.row_number().over(Window.partitionBy(c.FACET).orderBy(F.desc(COUNT), c.LABEL))
    ranked = counted.withColumn(c.PLACE, place).where(F.col(c.PLACE) <= most).drop(c.PLACE)
    return ranked.orderBy(c.FACET, F.desc(COUNT), c.LABEL)


def drawn(rows: DataFrame, key: str, most: int) -> DataFrame:
    """At most so many rows: those whose key has the least hash, the same ones whenever it is asked."""
    return rows.orderBy(F.xxhash64(key), key).limit(most)
