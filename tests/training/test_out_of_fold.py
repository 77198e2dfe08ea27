"""Out-of-fold probabilities against scikit-learn's ridge on the same scores, and that no row saw its own label."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.linear_model import Ridge

from linnaeus.contracts import columns as c
from linnaeus.training.examples import CLASS
from linnaeus.training.linear import SCORES, fit_linear, with_scores
from linnaeus.training.out_of_fold import as_probabilities, out_of_fold
from tests.training.test_linear import FOLDS, MANIFEST, SETTINGS, Data


@pytest.mark.parametrize("n_classes", [2, 4])
def test_against_ridge_on_the_scores(spark: SparkSession, n_classes: int) -> None:
    data = Data(n_classes, 3)
    frame = data.frame(spark).repartition(3).cache()
    found = out_of_fold(frame, n_classes, MANIFEST, FOLDS, SETTINGS, (c.CONTENT_ID,), DataFrame.cache)
    assert found.columns == [c.CONTENT_ID, c.PROBABILITIES]
    ours = {row[c.CONTENT_ID]: row[c.PROBABILITIES] for row in found.collect()}
    _, without = fit_linear(frame, n_classes, MANIFEST, FOLDS, SETTINGS)
    scored = with_scores(frame, without)
    rows = {row[c.CONTENT_ID]: row[SCORES] for row in scored.collect()}
    scores = np.array([rows[f"content {i}"] for i in range(len(rows))], dtype=np.float64)
    targets = np.eye(n_classes)[data.classes]
    for fold in range(FOLDS):
        seen, held = data.folds != fold, np.flatnonzero(data.folds == fold)
        with_constant = np.hstack([scores, np.ones((len(scores), 1))])
        model = Ridge(alpha=SETTINGS.ridge_penalty, fit_intercept=False)
        model.fit(with_constant[seen], targets[seen], sample_weight=data.weights[seen])
        said = model.predict(with_constant[held])
        said = said[:, 1:] - said[:, :1] if n_classes == 2 else said
        expected = as_probabilities(said)
        np.testing.assert_allclose([ours[f"content {i}"] for i in held], expected, atol=2e-4)
        np.testing.assert_allclose(expected.sum(axis=1), 1.0)


def test_a_label_hardly_moves_what_is_said_of_its_own_row(spark: SparkSession) -> None:
    frame = Data(3, 5).frame(spark).repartition(2)
    rows = [f"content {i}" for i in (0, 50, 100)]
    turned = F.when(F.col(c.CONTENT_ID).isin(*rows), (F.col(CLASS) + 1) % 3).otherwise(F.col(CLASS)).cast("int")

    def said_of(given: DataFrame) -> np.ndarray:
        found = out_of_fold(given.cache(), 3, MANIFEST, FOLDS, SETTINGS, (c.CONTENT_ID,), DataFrame.cache).collect()
        return np.array([row[c.PROBABILITIES] for row in sorted(found) if row[c.CONTENT_ID] in rows])

    # Not at all by the first level; by the second a little, since scores of other rows are what it is fitted on.
    np.testing.assert_allclose(said_of(frame), said_of(frame.withColumn(CLASS, turned)), atol=0.1)
