"""Linear models on TF-IDF of hashed terms, whose scores are features of the booster.

One is complement naive Bayes (Rennie, Shih, Teevan and Karger, 2003, Tackling the poor assumptions of naive Bayes text
classifiers), the other the cosine to each class's centroid (Han and Karypis, 2000, Centroid-based document
classification). The first weighs a term by the classes it is not of; the second is bound by the classes' own words
alone, and its scale is the same however many rows there are. The sufficient statistics of both are the same sums over
rows, so one pass that sums by fold and class gives the full models and, by subtraction, those without each fold: exact
out-of-fold scores (stacked generalisation: Wolpert, 1992) at the price of one fit. The fold of a row depends on its
creator's id alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    FloatType,
    IntegerType,
    StructField,
    StructType,
)
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import FeatureManifest, LinearModel
from linnaeus.contracts.config import Linear
from linnaeus.contracts.lexical import (
    Floats,
    binary_array,
    list_array,
    term_counts,
    terms_of,
    unit_tf_idf,
    vector_matrix,
)
from linnaeus.training.examples import CLASS
from linnaeus.training.refusal import check_vectors
from linnaeus.training.ridge import fit_ridge

SCORES = "linear_scores"
Batches = Iterable[pa.RecordBatch]
Make = Callable[[pa.RecordBatch, Floats, Floats], Floats]
_SUMS = StructType(
    [StructField(name, BinaryType()) for name in ("indices", "values")] + [StructField("key", IntegerType())]
)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums of unit TF-IDF rows, times their weights: (folds, classes, buckets)."""

    idf: npt.NDArray[np.float32]
    by_fold: npt.NDArray[np.float64]


def fit_linear(
    train: DataFrame, n_classes: int, manifest: FeatureManifest, folds: int, settings: Linear
) -> tuple[LinearModel, tuple[LinearModel, ...]]:
    """The models of all training rows, and those without each fold.

    `train` has `content_id`, `terms`, `vector`, `class_index`, `weight` and `fold`; it is read three times and should
    be cached. In the workers InputError is raised where a vector is not finite.
    """
    sums = _sum_by_fold(train, n_classes, manifest.buckets, folds)
    total = sums.by_fold.sum(axis=0)
    vectors, vectors_without = fit_ridge(train, c.VECTOR, n_classes, manifest.dimension, folds, settings.ridge_penalty)
    model = _model(sums.idf, total, vectors, settings)
    without = (_model(sums.idf, total - sums.by_fold[one], vectors_without[one], settings) for one in range(folds))
    return model, tuple(without)


def with_scores(rows: DataFrame, models: Sequence[LinearModel]) -> DataFrame:
    """Rows with `linear_scores` (array<float>) in the place of `terms`: those of the model at the row's `fold`.

    The scores are those of the terms' model, those of the vectors' (ridge.py), the cosines to the centroids.
    """
    return _by_fold(rows, models, SCORES, (c.TERMS,), lambda batch, vectors, scores: scores)


def with_features(rows: DataFrame, models: Sequence[LinearModel], manifest: FeatureManifest) -> DataFrame:
    """Rows with `features` (binary, float32) in the place of `vector`, `statistics` and `terms`: what a booster reads.

    In the order of the manifest's groups; NaN, XGBoost's mark of a missing value, where there is no vector. Scores are
    those of the model at the row's `fold`.
    """

    def assemble(batch: pa.RecordBatch, vectors: Floats, scores: Floats) -> Floats:
        return np.hstack([vectors, vector_matrix(batch.column(c.STATISTICS), manifest.n_statistics, 0.0), scores])

    return _by_fold(rows, models, c.FEATURES, (c.VECTOR, c.STATISTICS, c.TERMS), assemble, BinaryType())


def _model(idf: Floats, totals: npt.NDArray[np.float64], vectors: Floats, settings: Linear) -> LinearModel:
    return LinearModel(idf, centred(complement_weights(totals, settings.smoothing)), vectors, centroids(totals))


def centroids(totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Directions (classes, buckets), each of norm one, of sums of unit rows; zero for a class without any term."""
    sums = np.maximum(totals, 0.0)  # what subtraction leaves below zero is rounding
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Floats = (sums / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return unit


def centred(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Weights less their mean over the classes: what the scores of all classes share tells none of them apart."""
    return weights if len(weights) == 1 else (weights - weights.mean(axis=0)).astype(np.float32)


def complement_weights(totals: npt.NDArray[np.float64], smoothing: float) -> npt.NDArray[np.float32]:
    """Coefficients (n_scores, buckets) from sums (classes, buckets): minus a term's log frequency outside a class."""
    complement = np.maximum(totals.sum(axis=0) - totals, 0.0) + smoothing
    weights: npt.NDArray[np.float64] = -np.log(complement / complement.sum(axis=1, keepdims=True))
    if len(weights) == 2:
        weights = weights[1:] - weights[:1]
    return weights.astype(np.float32)


def _sum_by_fold(train: DataFrame, n_classes: int, buckets: int, folds: int) -> _Sums:
    documents, n_rows = _document_frequencies(train, buckets)
    idf = (np.log((1 + n_rows) / (1 + documents)) + 1).astype(np.float32)
    shared = train.sparkSession.sparkContext.broadcast(idf)

    def run(batches: Batches) -> Batches:
        summed = sparse.csr_matrix((folds * n_classes, buckets))
        for batch in batches:
            unit = unit_tf_idf(term_counts(*terms_of(batch.column(c.TERMS)), buckets), shared.value)
            key = np.asarray(batch.column(c.FOLD)) * n_classes + np.asarray(batch.column(CLASS))
            weight = np.asarray(batch.column(c.WEIGHT), dtype=np.float64)
            place = sparse.csr_matrix((weight, (key, np.arange(len(key)))), shape=(folds * n_classes, len(key)))
            summed = summed + place @ unit
        yield _sparse_rows(summed)

    rows = train.select(c.TERMS, CLASS, c.WEIGHT, c.FOLD).mapInArrow(run, _SUMS)
    by_fold = np.zeros((folds * n_classes, buckets))
    for row in rows.collect():  # few: at most folds x classes a partition, in the order of the partitions
        by_fold[row["key"], np.frombuffer(row["indices"], np.int32)] += np.frombuffer(row["values"], np.float64)
    shared.unpersist()
    return _Sums(idf, by_fold.reshape(folds, n_classes, buckets))


def _document_frequencies(train: DataFrame, buckets: int) -> tuple[npt.NDArray[np.int64], int]:
    def run(batches: Batches) -> Batches:
        found, n_rows = np.zeros(buckets), 0
        for batch in batches:
            counts = term_counts(*terms_of(batch.column(c.TERMS)), buckets)
            found += np.bincount(counts.indices, minlength=buckets)
            n_rows += counts.shape[0]
        yield _sparse_rows(sparse.csr_matrix(np.append(found, n_rows)[None, :]))

    total = np.zeros(buckets + 1)
    for row in train.select(c.TERMS).mapInArrow(run, _SUMS).collect():  # few: one a partition
        total[np.frombuffer(row["indices"], np.int32)] += np.frombuffer(row["values"], np.float64)
    return total[:-1].astype(np.int64), int(total[-1])


def _by_fold(
    rows: DataFrame,
    models: Sequence[LinearModel],
    made: str,
    replaced: tuple[str, ...],
    make: Make,
    kind: DataType = ArrayType(FloatType()),  # noqa: B008 (a constant)
) -> DataFrame:
    """Rows with the column `made` in the place of others, from their vectors and the scores of their fold's model."""
    kept = [name for name in rows.columns if name not in replaced]
    schema = StructType([rows.schema[name] for name in kept] + [StructField(made, kind)])
    as_column = binary_array if kind == BinaryType() else list_array
    shared = rows.sparkSession.sparkContext.broadcast(tuple(models))
    n_scores, buckets = models[0].n_features, len(models[0].idf)
    dimension = models[0].vector_coefficients.shape[1] - 1

    def run(batches: Batches) -> Batches:
        by_place = shared.value
        for batch in batches:
            unit = unit_tf_idf(term_counts(*terms_of(batch.column(c.TERMS)), buckets), by_place[0].idf)
            vectors = vector_matrix(batch.column(c.VECTOR), dimension, np.nan)
            check_vectors(batch, c.VECTOR, vectors)
            fold = np.asarray(batch.column(c.FOLD))
            scores = np.zeros((batch.num_rows, n_scores), dtype=np.float32)
            for one in np.unique(fold):
                scores[fold == one] = by_place[one].scores(unit[fold == one], vectors[fold == one])
            columns = [*[batch.column(name) for name in kept], as_column(make(batch, vectors, scores))]
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    return rows.mapInArrow(run, schema)


def _sparse_rows(matrix: sparse.csr_matrix) -> pa.RecordBatch:
    """Rows that are not empty, as their place and two buffers of plain numbers."""
    csr = matrix.tocsr()
    present = [i for i in range(csr.shape[0]) if csr.indptr[i] < csr.indptr[i + 1]]
    spans = [slice(csr.indptr[i], csr.indptr[i + 1]) for i in present]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([csr.indices[span].astype(np.int32).tobytes() for span in spans], pa.binary()),
            pa.array([csr.data[span].astype(np.float64).tobytes() for span in spans], pa.binary()),
            pa.array(present, pa.int32()),
        ],
        names=_SUMS.names,
    )
