"""The slices that models are judged in: by language, kind, the creator's size, and whether the creator is new."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

LANGUAGE, KIND, SIZE, CREATOR = "language", "kind", "creator_size", "creator"
_FEW, _MANY = 10, 100


def with_dimensions(
    rows: DataFrame, content: DataFrame, tokens: DataFrame, days: int
) -> tuple[DataFrame, dict[str, Column]]:
    """`rows` (with `content_id`, `creator_id` and `kind`) with what their slices are of, and each dimension's value.

    A creator's size is the number of contents, `new` one whose first content was published within `days` of the newest
    content of all (null where no time is known).
    """
    creators = content.groupBy(c.CREATOR_ID).agg(
        F.count(F.lit(1)).alias("__n"), F.min(c.PUBLISHED_AT).alias("__first"), F.max(c.PUBLISHED_AT).alias("__last")
    )
    newest = creators.agg(F.max("__last").alias("__newest"))
    made = (
        rows.join(creators.drop("__last"), c.CREATOR_ID, "left")
        .join(tokens.select(c.CONTENT_ID, F.col(c.LANGUAGE).alias("__language")), c.CONTENT_ID, "left")
        .crossJoin(F.broadcast(newest))
    )
    n, since = F.col("__n"), F.date_add(F.col("__newest"), -days)
    size = F.when(n < _FEW, f"under {_FEW}").when(n < _MANY, f"{_FEW} to {_MANY - 1}").otherwise(f"{_MANY} or more")
    age = F.when(F.col("__first") >= since, "new").when(F.col("__first").isNotNull(), "known")
    return made, {LANGUAGE: F.col("__language"), KIND: F.col(c.KIND), SIZE: size, CREATOR: age}
