"""A table of things with columns of most kinds, and writes to it: for tests of what reads and writes tables."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    FloatType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Lake


def column(name: str, kind: Any, required: bool = False) -> StructField:
    return StructField(name, kind, True, {"comment": f"What {name} is", "required": required})


SCHEMA = StructType(
    [
        column("kind", StringType(), required=True),
        column("number", LongType(), required=True),
        column("name", StringType(), required=True),
        column("share", FloatType()),
        column("shares", MapType(StringType(), FloatType())),
        column("words", ArrayType(StructType([StructField("word", StringType()), StructField("n", LongType())]))),
        column("form", StructType([StructField("x", FloatType()), StructField("y", StringType())])),
        column("seen_at", TimestampType(), required=True),
    ]
)
THINGS = Table("silver", "things", ("kind", "number"), SCHEMA, "Things, for tests of small writes", ("seen_at",))
NOW = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
Row = tuple[Any, ...]


def thing(number: int, name: str = "one", kind: str = "a", share: float | None = 0.5) -> Row:
    return (kind, number, name, share, {"x": 0.25}, [("w", number)], (0.5, None), NOW)


class Steps:
    """Writes that are drawn by chance, the same for every lake."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def rows(self, n: int) -> list[Row]:
        chosen = self.rng.sample(range(20), n)
        return [self.row(number) for number in chosen]

    def row(self, number: int) -> Row:
        rng = self.rng
        share = rng.choice([None, 0.0, -0.0, 0.5, float("nan")])
        shares = rng.choice([None, {}, {"x": 0.5, "y": None}, {"y": None, "x": 0.5}, {"x": float("nan")}])
        words = rng.choice([None, [], [("w", 1), None], [(None, None)]])
        form = rng.choice([None, (None, "y"), (float("nan"), None), (-0.0, "y"), (0.0, "y")])
        return ("ab"[number % 2], number, rng.choice(["one", "two"]), share, shares, words, form, NOW)

    def step(self) -> Callable[[SparkSession, Lake], Any]:
        rows, what = self.rows(self.rng.randrange(0, 9)), self.rng.randrange(6)
        new = [self.row(100 + self.rng.randrange(10**6))]

        def frame(spark: SparkSession) -> DataFrame:
            return spark.createDataFrame(rows, SCHEMA).coalesce(2)

        return {
            0: lambda spark, lake: lake.merge(frame(spark), THINGS),
            1: lambda spark, lake: lake.merge(rows, THINGS),
            2: lambda spark, lake: lake.insert_new(frame(spark), THINGS),
            3: lambda spark, lake: lake.append(new, THINGS),
            4: lambda spark, lake: lake.delete(frame(spark), THINGS) if lake.exists(THINGS) else 0,
            5: lambda spark, lake: lake.replace(frame(spark), THINGS),
        }[what]
