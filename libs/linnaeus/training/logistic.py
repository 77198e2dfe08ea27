"""Distributed multinomial logistic regression on TF-IDF over a vocabulary, for the mixture with the booster.

The vocabulary (vocabulary.py) and not the buckets of the other linear models: terms that share a bucket can't be told
apart, and a text's new terms are most often hashed to a bucket that others have.

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
from linnaeus.contracts.lexical import Floats, Terms, known_counts, term_space, terms_of, unit_tf_idf
from linnaeus.contracts.logistic import LogisticModel
from linnaeus.training.examples import CLASS
from linnaeus.training.vocabulary import vocabulary
from linnaeus.training.workers import Batches, fitted_by, together

Doubles = npt.NDArray[np.float64]
_FITTED = StructType([StructField("idf", BinaryType()), StructField("coefficients", BinaryType())])
_END = np.zeros(0)  # what the first worker says when it is done
# As scikit-learn's: of the gradient of the mean loss, and of the loss itself.
_GRADIENT, _LOSS = 1e-4, 64 * np.finfo(float).eps


def fit_logistic(placed: DataFrame, n_classes: int, buckets: int, settings: Logistic) -> LogisticModel:
    """The model of all rows. Minimised is the weighted sum of their log losses and half the penalty times the squared
    coefficients, without the constants.

    `placed` has `content_id`, `terms` (hashed, with so many buckets), `class_index` and `weight`, a partition a worker.
    """
    n_scores = 1 if n_classes == 2 else n_classes
    terms = vocabulary(placed, settings)
    shared = placed.sparkSession.sparkContext.broadcast(terms)

    def run(batches: Batches) -> Batches:
        with together() as rank:
            rows = _Rows.read(batches, shared.value, n_scores)
            if rank > 0:
                _follow(rows)
            found = [_lead(rows, settings)] if rank == 0 else []
        for flat in found:
            columns = [pa.array([one.tobytes()], pa.binary()) for one in (rows.idf, flat.astype(np.float32))]
            yield pa.RecordBatch.from_arrays(columns, names=_FITTED.names)

    fitted = fitted_by(placed.select(c.TERMS, CLASS, c.WEIGHT), run, _FITTED)
    shared.unpersist()
    idf, flat = (np.frombuffer(fitted[name], np.float32) for name in _FITTED.names)
    return LogisticModel(terms, idf, flat.reshape(n_scores, -1), term_space(buckets))


@dataclass(frozen=True, eq=False)
class _Rows:
    """A worker's rows: unit TF-IDF and a constant (n, terms + 1), classes, weights; how many scores there are; and the
    IDF (terms,) of all workers' rows."""

    features: sparse.csr_matrix
    classes: npt.NDArray[np.int64]
    weights: Doubles
    n_scores: int
    idf: Floats

    @staticmethod
    def read(batches: Batches, terms: Terms, n_scores: int) -> _Rows:
        counts, classes, weights = [sparse.csr_matrix((0, len(terms)))], [np.empty(0, np.int64)], [np.empty(0)]
        for batch in batches:
            counts.append(known_counts(*terms_of(batch.column(c.TERMS)), terms))
            classes.append(np.asarray(batch.column(CLASS), dtype=np.int64))
            weights.append(np.asarray(batch.column(c.WEIGHT), dtype=np.float64))
        counted = sparse.vstack(counts).tocsr()
        idf = _inverse_frequencies(counted)
        features = sparse.hstack([unit_tf_idf(counted, idf), np.ones((counted.shape[0], 1))], format="csr")
        return _Rows(features, np.concatenate(classes), np.concatenate(weights), n_scores, idf)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the coefficients."""
        return self.n_scores, self.features.shape[1]

    def loss(self, flat: Doubles) -> Doubles:
        """The sum of the rows' losses at these coefficients, and its gradient, behind one another."""
        scores = np.asarray(self.features @ flat.reshape(self.shape).T)
        loss, slope = _binary(scores, self.classes) if self.shape[0] == 1 else _multinomial(scores, self.classes)
        gradient = (self.features.T @ (slope * self.weights[:, None])).T
        return np.concatenate([[loss @ self.weights], gradient.reshape(-1)])


def _inverse_frequencies(counts: sparse.csr_matrix) -> Floats:
    """The terms' IDF (terms,) by all workers' counts (rows, terms), as scikit-learn's."""
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    summed = collective.allreduce(np.append(documents, counts.shape[0]).astype(np.float64), collective.Op.SUM)
    return np.asarray(np.log((1 + summed[-1]) / (1 + summed[:-1])) + 1, dtype=np.float32)


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
