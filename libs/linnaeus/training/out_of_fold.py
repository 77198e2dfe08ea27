"""Out-of-fold probabilities of labels: what linear models say of each row that saw no row of its creator.

Two levels, both closed form: the scores of linear.py, each by models without the row's fold, and a ridge regression of
class indicators on those scores, again without the row's fold (stacked generalisation: Wolpert, 1992; Breiman, 1996,
Stacked regressions). A row's label has a trace in the scores of other folds' rows, and so in the second level's few
coefficients; it has none in the row's own scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DoubleType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import FeatureManifest
from linnaeus.contracts.config import Linear
from linnaeus.contracts.lexical import list_array, with_constant
from linnaeus.training.examples import CLASS
from linnaeus.training.linear import SCORES, fit_linear, with_scores
from linnaeus.training.ridge import fit_ridge

Batches = Iterable[pa.RecordBatch]
Floats = npt.NDArray[np.float64]


def out_of_fold(
    rows: DataFrame,
    n_classes: int,
    manifest: FeatureManifest,
    folds: int,
    settings: Linear,
    kept: tuple[str, ...],
    cached: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """The columns `kept`, and `probabilities` (array<double>, one a class, summing to one).

    `rows` has what `fit_linear` asks for, and should be cached. `cached` caches the scores, which are read once
    here and once by what comes back; who gave it releases them.
    """
    model, models = fit_linear(rows, n_classes, manifest, folds, settings)
    wanted = dict.fromkeys([c.CONTENT_ID, *kept, CLASS, c.WEIGHT, c.FOLD])
    stacked = cached(with_scores(rows, models).select(*wanted, SCORES))
    _, without = fit_ridge(stacked, SCORES, n_classes, model.n_features, folds, settings.ridge_penalty)
    schema = StructType(
        [stacked.schema[name] for name in kept] + [StructField(c.PROBABILITIES, ArrayType(DoubleType()))]
    )
    shared = rows.sparkSession.sparkContext.broadcast(without)

    def run(batches: Batches) -> Batches:
        coefficients = shared.value
        for batch in batches:
            scores = with_constant(batch.column(SCORES), coefficients.shape[2] - 1)
            fold = np.asarray(batch.column(c.FOLD))
            found = np.einsum("nw,nsw->ns", scores.astype(np.float64), coefficients[fold].astype(np.float64))
            columns = [batch.column(name) for name in kept]
            columns.append(list_array(as_probabilities(found), kind=pa.float64()))
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    return stacked.select(*dict.fromkeys([*kept, SCORES, c.FOLD])).mapInArrow(run, schema)


def as_probabilities(scores: Floats) -> Floats:
    """Regressed indicators, (rows, classes), or for two classes their difference, (rows, 1), as shares of one."""
    if scores.shape[1] == 1:
        second = np.clip((1.0 + scores[:, 0]) / 2.0, 0.0, 1.0)
        return np.stack([1.0 - second, second], axis=1)
    positive = np.maximum(scores, 1e-6)
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))
