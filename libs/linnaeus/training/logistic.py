"""Distributed multinomial logistic regression on TF-IDF of hashed terms, for the mixture with the booster.

Rows stay on the workers, the tasks of one barrier stage (see booster.py). The first runs L-BFGS (Liu and Nocedal, 1989,
On the limited memory BFGS method for large scale optimization) and tells the others the weights to evaluate; losses and
gradients are summed over all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, StructField, StructType
from scipy import optimize, sparse
from scipy.special import log_expit, logsumexp
from xgboost import collective

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Logistic
from linnaeus.contracts.lexical import Floats, term_counts, terms_of, unit_tf_idf
from linnaeus.training.examples import CLASS
from linnaeus.training.workers import Batches, fitted_by, together

Doubles = npt.NDArray[np.float64]
_FITTED = StructType([StructField("weights", BinaryType())])
_END = np.zeros(0)  # what the first worker says when it is done
# As scikit-learn's: of the gradient of the mean loss, and of the loss itself.
_GRADIENT, _LOSS = 1e-4, 64 * np.finfo(float).eps


def fit_logistic(placed: DataFrame, idf: Floats, n_classes: int, settings: Logistic) -> Floats:
    """Coefficients (n_scores, buckets + 1), the constant last; n_scores is one for two classes, else one a class.

    `placed` has `terms`, `class_index` and `weight`, a partition a worker. Minimised is the weighted sum of the rows'
    log losses and half the penalty times the squared coefficients, without the constants.
    """
    shape = (1 if n_classes == 2 else n_classes, len(idf) + 1)
    shared = placed.sparkSession.sparkContext.broadcast(idf)

    def run(batches: Batches) -> Batches:
        with together() as rank:
            rows = _Rows.read(batches, shared.value, shape)
            if rank > 0:
                _follow(rows)
            found = [_lead(rows, settings)] if rank == 0 else []
        for weights in found:
            yield pa.RecordBatch.from_arrays([pa.array([weights.tobytes()], pa.binary())], names=_FITTED.names)

    fitted = fitted_by(placed.select(c.TERMS, CLASS, c.WEIGHT), run, _FITTED)
    shared.unpersist()
    return np.frombuffer(fitted["weights"]).reshape(shape).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Rows:
    """A worker's rows: unit TF-IDF and a constant (n, buckets + 1), classes, weights; and the coefficients' shape."""

    features: sparse.csr_matrix
    classes: npt.NDArray[np.int64]
    weights: Doubles
    shape: tuple[int, int]

    @staticmethod
    def read(batches: Batches, idf: Floats, shape: tuple[int, int]) -> _Rows:
        features, classes, weights = [sparse.csr_matrix((0, shape[1]))], [np.empty(0, np.int64)], [np.empty(0)]
        for batch in batches:
            unit = unit_tf_idf(term_counts(*terms_of(batch.column(c.TERMS)), len(idf)), idf)
            features.append(sparse.hstack([unit, np.ones((unit.shape[0], 1))], format="csr"))
            classes.append(np.asarray(batch.column(CLASS), dtype=np.int64))
            weights.append(np.asarray(batch.column(c.WEIGHT), dtype=np.float64))
        return _Rows(sparse.vstack(features).tocsr(), np.concatenate(classes), np.concatenate(weights), shape)

    def loss(self, flat: Doubles) -> Doubles:
        """The sum of the rows' losses at these coefficients, and its gradient, behind one another."""
        scores = np.asarray(self.features @ flat.reshape(self.shape).T)
        loss, slope = _binary(scores, self.classes) if self.shape[0] == 1 else _multinomial(scores, self.classes)
        gradient = (self.features.T @ (slope * self.weights[:, None])).T
        return np.concatenate([[loss @ self.weights], gradient.reshape(-1)])


def _binary(scores: Doubles, classes: npt.NDArray[np.int64]) -> tuple[Doubles, Doubles]:
    """Each row's loss, and its derivative by the score (n, 1)."""
    margin, truth = scores[:, 0], classes.astype(float)
    return -(truth * log_expit(margin) + (1 - truth) * log_expit(-margin)), (np.exp(log_expit(margin)) - truth)[:, None]


def _multinomial(scores: Doubles, classes: npt.NDArray[np.int64]) -> tuple[Doubles, Doubles]:
    """Each row's loss, and its derivatives by the scores (n, classes)."""
    logs = scores - logsumexp(scores, axis=1, keepdims=True) if len(scores) else scores
    rows = np.arange(len(classes))
    slope = np.exp(logs)
    slope[rows, classes] -= 1.0
    return -logs[rows, classes], slope


def _lead(rows: _Rows, settings: Logistic) -> Doubles:
    """The coefficients, by the first worker."""
    total = float(collective.allreduce(np.array([rows.weights.sum()]), collective.Op.SUM)[0])
    penalised = np.ones(rows.shape)
    penalised[:, -1] = 0.0
    penalty = settings.penalty * penalised.reshape(-1)

    def objective(flat: Doubles) -> tuple[float, Doubles]:
        collective.broadcast(flat, 0)
        summed = collective.allreduce(rows.loss(flat), collective.Op.SUM)
        loss = summed[0] + (penalty * flat) @ flat / 2
        return loss / total, (summed[1:] + penalty * flat) / total

    found = _minimised(objective, penalty.size, settings.iterations)
    collective.broadcast(_END, 0)
    return found


def _follow(rows: _Rows) -> None:
    """Evaluate where the first worker says, until it has ended."""
    collective.allreduce(np.array([rows.weights.sum()]), collective.Op.SUM)
    while len(flat := collective.broadcast(_END, 0)) > 0:
        collective.allreduce(rows.loss(flat), collective.Op.SUM)


def _minimised(objective: Callable[[Doubles], tuple[float, Doubles]], size: int, iterations: int) -> Doubles:
    options = {"maxiter": iterations, "gtol": _GRADIENT, "ftol": _LOSS}
    return np.asarray(optimize.minimize(objective, np.zeros(size), jac=True, method="L-BFGS-B", options=options).x)
