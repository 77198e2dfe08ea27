"""Ridge regression of class indicators on embeddings, in closed form.

Hoerl and Kennard (1970), Ridge regression. The normal equations are sums over rows: summed by fold in one pass, they
give the full model and, by subtraction, the model without each fold.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, IntegerType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import with_constant
from linnaeus.training.examples import CLASS
from linnaeus.training.refusal import check_vectors

Batches = Iterable[pa.RecordBatch]
_MOMENTS = StructType([StructField("fold", IntegerType()), StructField("moments", BinaryType())])


def fit_ridge(
    train: DataFrame, column: str, n_classes: int, dimension: int, folds: int, penalty: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Coefficients (n_scores, dimension + 1) of all rows, and (folds, n_scores, dimension + 1) of those without a fold.

    `train` has `content_id`, vectors of the dimension in `column` (binary or array<float>; null: zeros), `class_index`,
    `weight` and `fold`; the constant comes last. In the workers InputError is raised where a vector is not finite.
    """
    moments = _moments_by_fold(train, column, n_classes, dimension + 1, folds)
    total = moments.sum(axis=0)
    without = np.stack([solve(total - moments[fold], dimension + 1, penalty) for fold in range(folds)])
    return solve(total, dimension + 1, penalty), without


def solve(moments: npt.NDArray[np.float64], width: int, penalty: float) -> npt.NDArray[np.float32]:
    """Coefficients (n_scores, width) from [X'X | X'Y] (width, width + classes); for two classes their difference."""
    gram, targets = moments[:, :width], moments[:, width:]
    weights = np.linalg.solve(gram + penalty * np.eye(width), targets).T
    if len(weights) == 2:
        weights = weights[1:] - weights[:1]
    return weights.astype(np.float32)


def _moments_by_fold(train: DataFrame, column: str, n_classes: int, width: int, folds: int) -> npt.NDArray[np.float64]:
    def run(batches: Batches) -> Batches:
        summed = np.zeros((folds, width, width + n_classes))
        for batch in batches:
            rows = with_constant(batch.column(column), width - 1)
            check_vectors(batch, column, rows)
            rows = rows.astype(np.float64)
            targets = np.eye(n_classes)[np.asarray(batch.column(CLASS))]
            weight = np.asarray(batch.column(c.WEIGHT), dtype=np.float64)[:, None]
            fold = np.asarray(batch.column(c.FOLD))
            for one in np.unique(fold):
                inside = fold == one
                summed[one] += (rows[inside] * weight[inside]).T @ np.hstack([rows[inside], targets[inside]])
        yield pa.RecordBatch.from_arrays(
            [pa.array(range(folds), pa.int32()), pa.array([one.tobytes() for one in summed], pa.binary())],
            names=_MOMENTS.names,
        )

    total = np.zeros((folds, width, width + n_classes))
    rows = train.select(c.CONTENT_ID, column, CLASS, c.WEIGHT, c.FOLD).mapInArrow(run, _MOMENTS)
    for row in rows.collect():  # few: one a fold and partition, and a partition is a worker's
        total[row["fold"]] += np.frombuffer(row["moments"]).reshape(width, width + n_classes)
    return total
