"""Distributed XGBoost over the assembled feature vector."""

from __future__ import annotations

import logging
from typing import Any

from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Booster
from linnaeus.training.examples import CLASS
from linnaeus.training.linear import SCORES

_FEATURES = "__features"
# It announces each fit's parameters; they are logged to MLflow instead.
logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)


def place(train: DataFrame, workers: int) -> DataFrame:
    """Rows on workers by their id and sorted there: the same rows give the same booster, however they came."""
    return train.repartition(workers, c.CONTENT_ID).sortWithinPartitions(c.CONTENT_ID)


def parameters(settings: Booster, seed: int) -> dict[str, Any]:
    """The settings under XGBoost's own names, the same in Spark and in one process."""
    own = settings.model_dump()
    return {"n_estimators": own.pop("rounds"), **own, "tree_method": "hist", "random_state": seed}


def fit_booster(placed: DataFrame, dimension: int, seed: int, settings: Booster) -> bytes:
    """A booster as UBJSON, fitted on `embedding`, `statistics` and `linear_scores`, with `weight`.

    `placed` has a partition a worker (see `place`), so XGBoost has no reason to move rows again.
    """
    # NaN is XGBoost's mark of a missing value: contents without any text have no vector.
    absent = F.array_repeat(F.lit(float("nan")).cast("float"), dimension)
    vector = F.concat(F.coalesce(F.col(c.EMBEDDING), absent), F.col(c.STATISTICS), F.col(SCORES))
    rows = placed.select(array_to_vector(vector.cast("array<double>")).alias(_FEATURES), CLASS, c.WEIGHT)
    estimator = SparkXGBClassifier(
        features_col=_FEATURES,
        label_col=CLASS,
        weight_col=c.WEIGHT,
        num_workers=placed.rdd.getNumPartitions(),
        force_repartition=False,
        verbosity=0,
        verbose=False,
        **parameters(settings, seed),
    )
    return bytes(estimator.fit(rows).get_booster().save_raw("ubj"))
