"""The booster: reproducible, and at ease with contents without a vector and workers without rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster
from linnaeus.training.booster import fit_booster, place
from linnaeus.training.examples import CLASS
from linnaeus.training.linear import SCORES

SETTINGS = Booster(
    rounds=6, max_depth=3, learning_rate=0.3, subsample=0.8, colsample_bytree=0.7, min_child_weight=0.1, reg_lambda=1.0
)
DIMENSION, N_STATISTICS, N = 3, 2, 90
_SCHEMA = (
    f"{c.CONTENT_ID} string, {c.EMBEDDING} array<float>, {c.STATISTICS} array<float>, {SCORES} array<float>, "
    f"{CLASS} int, {c.WEIGHT} float"
)
Row = tuple[str, list[float] | None, list[float], list[float], int, float]


def rows_of(n_classes: int) -> list[Row]:
    """The first statistic tells the class; every fifth content has no vector."""
    rng = np.random.default_rng(n_classes)
    rows: list[Row] = []
    for i in range(N):
        kind = i % n_classes
        vector = None if i % 5 == 0 else rng.normal(size=DIMENSION).tolist()
        form = [kind + rng.normal(scale=0.1), rng.normal()]
        rows.append((f"c{i:03}", vector, form, rng.normal(size=n_classes).tolist(), kind, 1.0))
    return rows


def matrix_of(rows: list[Row]) -> npt.NDArray[np.float32]:
    absent = [float("nan")] * DIMENSION
    return np.array([(absent if row[1] is None else row[1]) + row[2] + row[3] for row in rows], dtype=np.float32)


def loaded(content: bytes) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return booster


def fit(rows: DataFrame, seed: int = 17) -> bytes:
    return fit_booster(place(rows, 2), DIMENSION, seed, SETTINGS)


def test_the_same_rows_give_the_same_bytes_whatever_the_partitioning(spark: SparkSession) -> None:
    rows = rows_of(3)
    first = fit(spark.createDataFrame(rows, _SCHEMA).coalesce(1))
    again = fit(spark.createDataFrame(rows[::-1], _SCHEMA).repartition(5))
    assert first == again
    probabilities = loaded(first).inplace_predict(matrix_of(rows))
    assert probabilities.shape == (N, 3)
    assert np.isfinite(probabilities).all()
    truth = np.array([row[4] for row in rows])
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.95  # those without a vector among them
    assert loaded(first).num_boosted_rounds() == SETTINGS.rounds


def test_a_worker_without_rows(spark: SparkSession) -> None:
    rows = spark.createDataFrame(rows_of(2), _SCHEMA)
    in_one = place(rows, 2).where(F.spark_partition_id() == 0)
    ids = [row[c.CONTENT_ID] for row in in_one.select(c.CONTENT_ID).collect()]
    assert 20 < len(ids) < 70
    chosen = [row for row in rows_of(2) if row[0] in ids]
    booster = loaded(fit(spark.createDataFrame(chosen, _SCHEMA)))
    chances = booster.inplace_predict(matrix_of(chosen))
    assert chances.shape == (len(ids),)  # two classes: one probability, of the second
    truth = np.array([row[4] for row in chosen])
    assert ((chances > 0.5) == truth).mean() > 0.95


def test_place_sorts_by_id_and_spreads(spark: SparkSession) -> None:
    placed = place(spark.createDataFrame(rows_of(2), _SCHEMA).repartition(4), 3)
    parts = placed.select(c.CONTENT_ID).rdd.mapPartitions(lambda part: [[row[0] for row in part]]).collect()
    assert len(parts) == 3
    assert all(part == sorted(part) and len(part) > 10 for part in parts)
    assert sum(map(len, parts)) == N


def test_weights_count(spark: SparkSession) -> None:
    """A class whose rows weigh next to nothing is hardly ever predicted where classes overlap."""
    rows: list[Row] = [
        (f"c{i:03}", [0.0] * DIMENSION, [0.0, 0.0], [0.0, 0.0], i % 2, 0.05 if i % 2 else 1.0) for i in range(40)
    ]
    chances = loaded(fit(spark.createDataFrame(rows, _SCHEMA))).inplace_predict(matrix_of(rows))
    assert chances.max() < 0.2
