"""What topics are fitted to: contents with their directions, those of one creator capped, drawn by their ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Discovery
from linnaeus.taxonomy.discovery.reduction import principal_components, random_projection
from linnaeus.taxonomy.discovery.vectors import DIRECTION, Directions, with_directions

KEY, IS_FIT = "key", "is_fit"
Keep = Callable[[DataFrame], DataFrame]  # caches a frame until the discovery is done
_LEAST, _RANGE = -(1 << 63), 1 << 64  # of keys


@dataclass(frozen=True, eq=False)
class Material:
    """Contents that have a direction of `width` numbers, on so many partitions: rows with `content_id`, `creator_id`,
    `content_hash`, `key` (a hash of the id), `is_fit` and `direction`. `left_out` had a vector of zeros or none;
    `projection` (width, dimension) is what reduced the vectors, None where nothing did."""

    rows: DataFrame
    partitions: int
    n: int
    left_out: int
    width: int
    projection: Directions | None = None


def with_fit(contents: DataFrame, a_creator: int) -> DataFrame:
    """`content_id`, `creator_id`, `content_hash`, `key`, and `is_fit`: whether it is among the `a_creator` contents of
    its creator that count, drawn by their ids."""
    keyed = contents.select(c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH, _key("sample").alias(KEY))
    rank = F.row_number().over(Window.partitionBy(c.CREATOR_ID).orderBy(_key("creator"), c.CONTENT_ID))
    return keyed.withColumn(IS_FIT, rank <= a_creator)


def material(rows: DataFrame, dimension: int, partitions: int, settings: Discovery, keep: Keep) -> Material:
    """What is fitted to, of `with_fit`'s rows with their `vector`: reduced as the settings say, and kept."""
    spread = rows.repartition(partitions, c.CONTENT_ID)
    projection = _projection(rows, dimension, settings)
    made = keep(with_directions(spread, dimension, projection))
    counted = {row["is_there"]: row["count"] for row in made.groupBy("is_there").count().collect()}  # few: two
    width = dimension if projection is None else len(projection)
    there = made.where("is_there").drop("is_there")
    return Material(there, partitions, counted.get(True, 0), counted.get(False, 0), width, projection)


def _projection(rows: DataFrame, dimension: int, settings: Discovery) -> Directions | None:
    if settings.reduction == "none" or settings.components >= dimension:
        return None
    if settings.reduction == "random_projection":
        return random_projection(dimension, settings.components, settings.seed)
    fitted = with_directions(rows.where(IS_FIT), dimension).where("is_there")
    sample = sample_of(fitted, fitted.count(), settings.sample_contents, dimension)
    return principal_components(sample, settings.components)


def _key(purpose: str) -> Column:
    """A hash of the content's id, for each purpose another: what is drawn by one says nothing of another."""
    return F.xxhash64(F.lit(purpose), F.col(c.CONTENT_ID))


def drawn(rows: DataFrame, n: int, wanted: int, key: Column | None = None) -> DataFrame:
    """About `wanted` of n rows, those with the least keys (ones for fitting, where none are given); all where there are
    no more."""
    if n <= wanted:
        return rows
    least = F.lit(_LEAST + _RANGE * wanted // n)
    return rows.where((_key("fit") if key is None else key) < least)


def sample_of(rows: DataFrame, n: int, wanted: int, width: int) -> Directions:
    """Directions of about `wanted` of n rows, in the order of their keys."""
    return directions_of(sample_rows(rows, n, wanted), width)


def sample_rows(rows: DataFrame, n: int, wanted: int) -> list[tuple[str, bytes]]:
    """`content_id` and `direction` of about `wanted` of n rows, in the order of their keys."""
    chosen = drawn(rows, n, wanted, F.col(KEY)).select(KEY, c.CONTENT_ID, DIRECTION).collect()  # few: the sample
    ordered = sorted(chosen, key=lambda row: (row[KEY], row[c.CONTENT_ID]))
    return [(row[c.CONTENT_ID], bytes(row[DIRECTION])) for row in ordered]


def directions_of(chosen: list[tuple[str, bytes]], width: int) -> Directions:
    """The directions (n, width) of sampled rows."""
    return np.frombuffer(b"".join(one for _, one in chosen), "<i2").reshape(-1, width)
