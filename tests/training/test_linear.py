"""The linear models against scikit-learn, fitted anew for every fold."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import ComplementNB

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import FeatureManifest, LinearModel
from linnaeus.contracts.config import Config, Linear
from linnaeus.contracts.errors import InputError
from linnaeus.runtime.command import JobResult, perform
from linnaeus.training.examples import CLASS
from linnaeus.training.linear import SCORES, centred, centroids, complement_weights, fit_linear, with_scores
from linnaeus.training.ridge import fit_ridge
from tests.oracles import vector_bytes

BUCKETS, DIMENSION, FOLDS, N = 40, 5, 3, 240
SETTINGS = Linear(smoothing=0.3, ridge_penalty=2.0)
MANIFEST = FeatureManifest("e@1", "t", DIMENSION, ("length", "links"), BUCKETS, True)
Matrix = npt.NDArray[np.float64]


class Data:
    """Random rows: some without terms, some without a vector, of unequal weights and classes."""

    def __init__(self, n_classes: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.n_classes = n_classes
        self.classes = rng.choice(n_classes, N, p=np.arange(1, n_classes + 1) / sum(range(1, n_classes + 1)))
        self.folds = rng.integers(0, FOLDS, N)
        self.weights = rng.uniform(0.4, 1.0, N).astype(np.float32)
        lengths = rng.integers(0, 12, N)
        self.terms = [
            (rng.integers(0, 12, n) + 8 * kind * rng.integers(0, 2, n)).tolist()
            for n, kind in zip(lengths, self.classes, strict=True)
        ]
        self.vectors = rng.normal(size=(N, DIMENSION)).astype(np.float32)
        self.vectors[:, 0] += self.classes
        self.has_vector = rng.random(N) > 0.15

    def frame(self, spark: SparkSession) -> DataFrame:
        rows = [
            (
                f"content {i}",
                self.terms[i],
                vector_bytes(self.vectors[i]) if self.has_vector[i] else None,
                int(self.classes[i]),
                float(self.weights[i]),
                int(self.folds[i]),
            )
            for i in range(N)
        ]
        names = f"{c.TERMS} array<int>, {c.VECTOR} binary, {CLASS} int, {c.WEIGHT} float, {c.FOLD} int"
        return spark.createDataFrame(rows, f"{c.CONTENT_ID} string, {names}")

    @property
    def tf_idf(self) -> Matrix:
        """Unit rows, by loops."""
        counts = np.zeros((N, BUCKETS))
        for row, terms in enumerate(self.terms):
            for term in terms:
                counts[row, term] += 1
        idf = np.log((1 + N) / (1 + (counts > 0).sum(axis=0))) + 1
        weighted = counts * idf
        norms = np.linalg.norm(weighted, axis=1, keepdims=True)
        return weighted / np.where(norms == 0, 1, norms)

    @property
    def inputs(self) -> Matrix:
        """Vectors with the constant, zeros where there is none."""
        vectors = np.where(self.has_vector[:, None], self.vectors, 0.0)
        return np.hstack([vectors, np.ones((N, 1))])

    def terms_model(self, inside: npt.NDArray[np.bool_]) -> Matrix:
        """scikit-learn's coefficients of the rows `inside`, centred over the classes, or their difference."""
        model = ComplementNB(alpha=SETTINGS.smoothing)
        model.fit(self.tf_idf[inside], self.classes[inside], sample_weight=self.weights[inside])
        return self._told_apart(model.feature_log_prob_, centre=True)

    def vectors_model(self, inside: npt.NDArray[np.bool_]) -> Matrix:
        """scikit-learn's ridge regression of the rows `inside`; the constant is penalised too."""
        targets = np.eye(self.n_classes)[self.classes[inside]]
        model = Ridge(alpha=SETTINGS.ridge_penalty, fit_intercept=False, solver="cholesky")
        model.fit(self.inputs[inside], targets, sample_weight=self.weights[inside])
        return self._told_apart(model.coef_, centre=False)

    def similarities(self, inside: npt.NDArray[np.bool_]) -> Matrix:
        """Cosines of all rows to the mean of the rows `inside` of each class."""
        rows = self.tf_idf
        of_class = [inside & (self.classes == one) for one in range(self.n_classes)]
        means = np.stack([np.average(rows[one], axis=0, weights=self.weights[one]) for one in of_class])
        return rows @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T

    def _told_apart(self, weights: Matrix, centre: bool) -> Matrix:
        if self.n_classes == 2:
            return weights[1:] - weights[:1]
        return weights - weights.mean(axis=0) if centre else weights


Fitted = tuple[Data, LinearModel, npt.NDArray[np.float32], DataFrame]


def fit(spark: SparkSession, data: Data, partitions: int) -> tuple[LinearModel, npt.NDArray[np.float32], DataFrame]:
    rows = data.frame(spark).repartition(partitions).persist()
    model, without = fit_linear(rows, data.n_classes, MANIFEST, FOLDS, SETTINGS)
    scored = with_scores(rows, without)
    scores = {row[c.CONTENT_ID]: row[SCORES] for row in scored.select(c.CONTENT_ID, SCORES).collect()}
    assert len(scores) == N
    return model, np.array([scores[f"content {i}"] for i in range(N)], dtype=np.float32), scored


@pytest.fixture(scope="module", params=[2, 4], ids=["two classes", "four classes"])
def fitted(request: pytest.FixtureRequest, spark: SparkSession) -> Fitted:
    data = Data(request.param, seed=request.param)
    return data, *fit(spark, data, partitions=3)


def test_the_model_is_that_of_all_rows(fitted: Fitted) -> None:
    data, model, _, _ = fitted
    everything = np.ones(N, dtype=bool)
    np.testing.assert_allclose(model.term_coefficients, data.terms_model(everything), atol=1e-5)
    np.testing.assert_allclose(model.vector_coefficients, data.vectors_model(everything), atol=1e-5)
    n_scores = 1 if data.n_classes == 2 else data.n_classes
    assert model.term_coefficients.shape == (n_scores, BUCKETS)
    assert model.vector_coefficients.shape == (n_scores, DIMENSION + 1)
    assert model.centroids.shape == (data.n_classes, BUCKETS)
    np.testing.assert_allclose(np.linalg.norm(model.centroids, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(data.tf_idf @ model.centroids.T, data.similarities(everything), atol=1e-5)
    assert model.n_features == 2 * n_scores + data.n_classes


def test_scores_are_those_of_a_fit_without_the_fold(fitted: Fitted) -> None:
    data, _, scores, _ = fitted
    expected = np.zeros_like(scores)
    for fold in range(FOLDS):
        own, others = data.folds == fold, data.folds != fold
        by_terms = data.tf_idf[own] @ data.terms_model(others).T
        by_vector = data.inputs[own] @ data.vectors_model(others).T
        expected[own] = np.hstack([by_terms, by_vector, data.similarities(others)[own]])
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_scores_are_not_those_of_the_whole_model(fitted: Fitted) -> None:
    data, model, scores, _ = fitted
    by_terms, by_vector = data.tf_idf @ model.term_coefficients.T, data.inputs @ model.vector_coefficients.T
    whole = np.hstack([by_terms, by_vector, data.tf_idf @ model.centroids.T])
    has_terms = np.array([bool(terms) for terms in data.terms])
    assert (np.abs(scores - whole)[has_terms] > 1e-4).any(axis=1).all()


def test_scores_point_to_the_class(fitted: Fitted) -> None:
    """The sign: a term's weight is high for the class it occurs in."""
    data, _, scores, _ = fitted
    n_scores = 1 if data.n_classes == 2 else data.n_classes
    similar = scores[:, 2 * n_scores :] - scores[:, 2 * n_scores :].mean(axis=1, keepdims=True)
    if data.n_classes == 2:
        similar = similar[:, 1:] * 4
    for part in (scores[:, :n_scores], scores[:, n_scores : 2 * n_scores], similar):
        if data.n_classes == 2:
            assert part[data.classes == 1].mean() > part[data.classes == 0].mean() + 0.1
        else:
            assert part[np.arange(N), data.classes].mean() > part.mean() + 0.1


def test_all_columns_but_the_terms_are_kept(fitted: Fitted) -> None:
    data, _, _, scored = fitted
    assert scored.columns == [c.CONTENT_ID, c.VECTOR, CLASS, c.WEIGHT, c.FOLD, SCORES]
    assert scored.schema[SCORES].dataType.simpleString() == "array<float>"
    rows = {
        row[c.CONTENT_ID]: row for row in scored.where(F.col(c.CONTENT_ID).isin("content 0", "content 1")).collect()
    }
    for i in range(2):
        row = rows[f"content {i}"]
        assert row[c.VECTOR] == (vector_bytes(data.vectors[i]) if data.has_vector[i] else None)
        assert (row[CLASS], row[c.FOLD]) == (data.classes[i], data.folds[i])


def test_partitions_change_no_more_than_the_last_digits(spark: SparkSession, fitted: Fitted) -> None:
    data, model, scores, _ = fitted
    again, scores_again, _ = fit(spark, data, partitions=1)
    np.testing.assert_array_equal(again.idf, model.idf)
    np.testing.assert_allclose(again.term_coefficients, model.term_coefficients, atol=1e-6)
    np.testing.assert_allclose(again.vector_coefficients, model.vector_coefficients, atol=1e-6)
    np.testing.assert_allclose(again.centroids, model.centroids, atol=1e-6)
    np.testing.assert_allclose(scores_again, scores, atol=1e-5)


def test_terms_of_one_bucket_are_one_term(spark: SparkSession, fitted: Fitted) -> None:
    """To the last bit: hashed to numbers beyond the buckets, texts give the models that their buckets gave."""
    data, model, scores, _ = fitted
    finer = copy.copy(data)
    finer.terms = [[term + BUCKETS * i for i, term in enumerate(row)] for row in data.terms]
    again, scores_again, _ = fit(spark, finer, partitions=3)
    for name, array in vars(model).items():
        np.testing.assert_array_equal(getattr(again, name), array)
    np.testing.assert_array_equal(scores_again, scores)


def test_complement_weights_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.5, size=(60, 12)).astype(float)
    classes = rng.integers(0, 3, 60)
    totals = np.stack([counts[classes == one].sum(axis=0) for one in range(3)])
    expected: Any = ComplementNB(alpha=0.5).fit(counts, classes).feature_log_prob_
    found = complement_weights(totals, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(centred(found), expected - expected.mean(axis=0), atol=1e-6)


def test_two_classes_give_the_difference_of_their_weights() -> None:
    totals = np.array([[3.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
    expected = -np.log([[3.5, 0.5, 1.5]]) + np.log([[0.5, 5.5, 1.5]]) + np.log(5.5 / 7.5)
    found = complement_weights(totals, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[0, 0] < 0 < found[0, 1]  # the second class's term speaks for it
    np.testing.assert_array_equal(centred(found), found)


def test_rounding_below_zero_does_not_hurt() -> None:
    """A class without any row in the other folds leaves a complement that subtraction may make -1e-17."""
    totals = np.array([[1.0, 2.0], [-1e-17, 0.0]])
    assert np.isfinite(complement_weights(totals, 0.3)).all()
    np.testing.assert_allclose(centroids(totals), [np.array([1.0, 2.0]) / 5**0.5, [0.0, 0.0]], rtol=1e-6)


def test_ridge_of_rows_without_any_vector_is_the_mean(spark: SparkSession) -> None:
    data = Data(2, seed=1)
    data.has_vector[:] = False
    whole, without = fit_ridge(data.frame(spark), c.VECTOR, 2, DIMENSION, FOLDS, 1e-6)
    assert without.shape == (FOLDS, 1, DIMENSION + 1)
    share = np.average(data.classes, weights=data.weights)
    np.testing.assert_allclose(whole[0], [0.0] * DIMENSION + [2 * share - 1], atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused_by_its_content(
    spark: SparkSession, config: Config, value: float
) -> None:
    """One that is absent is none; both where the models are fitted and where rows are read that are only judged."""
    data = Data(2, 5)
    place = int(np.flatnonzero(data.has_vector)[0])
    data.vectors[place, 2] = value
    frame = data.frame(spark)
    said = f"content content {place}: numbers of `vector` are NaN or infinite; run build_embeddings anew"

    def main(config: Config) -> JobResult:
        fit_linear(frame, 2, MANIFEST, FOLDS, SETTINGS)
        return JobResult()

    with pytest.raises(InputError) as raised:
        perform("train_risk", main, config)
    assert str(raised.value) == said
    _, without = fit_linear(Data(2, 5).frame(spark), 2, MANIFEST, FOLDS, SETTINGS)
    with pytest.raises(Exception, match=said):
        with_scores(frame, without).collect()
