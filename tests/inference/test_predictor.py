"""The NumPy predictor against XGBoost itself, a row at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from linnaeus.contracts.bundle import Calibration, FeatureManifest, ModelBundle
from linnaeus.inference.predictor import FeatureBatch, Predictor, mixed
from tests.oracles import FeatureRow, predict_by_hand, random_bundle, random_rows, with_local_parts, with_logistic

MANIFEST = FeatureManifest("mini@1", "tok", dimension=6, statistics=("a", "b", "c"), buckets=32, bigrams=True)
CATEGORY = random_bundle("category", {"category": ("tech", "sport", "politics", "art")}, MANIFEST, seed=1)
RISK = random_bundle(
    "risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, {"spam": Calibration(0.5, -0.75)}, seed=2
)
# Tech and sport are below one node, politics and art, which has a subtree without another class, below the top.
LOCAL = with_local_parts(CATEGORY, "category", {None: ((0, 1), (2,), (3,)), "life": ((0,), (1,))}, seed=3)


def batch_of(rows: list[FeatureRow]) -> FeatureBatch:
    absent = [float("nan")] * MANIFEST.dimension
    terms = [term for row in rows for term in row[2]]
    return FeatureBatch(
        np.array([absent if row[0] is None else row[0] for row in rows], np.float32).reshape(-1, MANIFEST.dimension),
        np.array([row[1] for row in rows], dtype=np.float32).reshape(-1, MANIFEST.n_statistics),
        np.array(terms, dtype=np.int32),
        np.cumsum([0, *(len(row[2]) for row in rows)]).astype(np.int64),
    )


def _calibrated(calibrations: dict[str, Calibration]) -> ModelBundle:
    """RISK with these calibrations and no others."""
    bundle = RISK
    for name in RISK.heads:
        bundle = bundle.with_head(name, calibration=calibrations.get(name))
    return bundle


WITH_KNOTS = RISK.with_head("hate", calibration=Calibration(1.0, 0.0, ((-1.0, -2.0), (-0.2, -0.1), (0.8, 0.4))))


MIXED = with_logistic(with_logistic(RISK, "spam", 0.3), "hate", 0.9)
MIXED_LOCAL = with_logistic(LOCAL, "category", 0.5)


@pytest.mark.parametrize(
    "bundle",
    [CATEGORY, RISK, LOCAL, WITH_KNOTS, MIXED, MIXED_LOCAL],
    ids=["category", "risk", "local", "knots", "mixed", "mixed local"],
)
def test_probabilities_are_those_of_the_booster_and_the_calibration(bundle: ModelBundle) -> None:
    rows = random_rows(200, MANIFEST, seed=3)
    found = Predictor(bundle).predict(batch_of(rows))
    expected = predict_by_hand(bundle, rows)
    assert list(found) == list(bundle.heads)
    for head, probabilities in found.items():
        assert probabilities.dtype == np.float32
        assert probabilities.shape == (200, len(bundle.heads[head].classes))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
        np.testing.assert_allclose(probabilities, expected[head], atol=1e-5)
        assert probabilities[:, 1].std() > 0.01


def test_calibration_moves_the_probabilities_of_its_head_alone() -> None:
    batch = batch_of(random_rows(50, MANIFEST, seed=4))
    calibrated = Predictor(RISK).predict(batch)
    plain = Predictor(_calibrated({})).predict(batch)
    assert (calibrated["spam"] != plain["spam"]).all()
    np.testing.assert_array_equal(calibrated["hate"], plain["hate"])
    order = np.argsort(plain["spam"][:, 1], kind="stable")
    assert (np.diff(calibrated["spam"][order, 1]) >= 0).all()  # a positive slope keeps the ranking


def test_a_mixture_by_hand() -> None:
    first, second = np.array([[0.8, 0.2], [0.5, 0.5]], np.float32), np.array([[0.2, 0.8], [1.0, 0.0]], np.float32)
    np.testing.assert_allclose(mixed(first, second, 0.5), [[0.5, 0.5], [1.0, 0.0]], atol=1e-4)
    np.testing.assert_allclose(mixed(first, second, 0.0), first, atol=1e-6)
    a, b = 0.8**0.75 * 0.2**0.25, 0.2**0.75 * 0.8**0.25
    np.testing.assert_allclose(mixed(first, second, 0.25)[0], [a / (a + b), b / (a + b)], rtol=1e-5)


def test_every_group_of_features_counts() -> None:
    rows = random_rows(60, MANIFEST, seed=5)
    before = Predictor(CATEGORY).predict(batch_of(rows))["category"]
    changes = {
        "embedding": [(None, row[1], row[2]) for row in rows],
        "statistics": [(row[0], [value + 1 for value in row[1]], row[2]) for row in rows],
        "terms": [(row[0], row[1], [term + 7 for term in row[2]]) for row in rows],
    }
    for group, changed in changes.items():
        after = Predictor(CATEGORY).predict(batch_of(list(changed)))["category"]
        assert np.abs(after - before).max() > 0.01, group


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    rows = random_rows(40, MANIFEST, seed=6)
    predictor = Predictor(CATEGORY)
    together = predictor.predict(batch_of(rows))["category"]
    alone = np.concatenate([predictor.predict(batch_of([row]))["category"] for row in rows])
    np.testing.assert_array_equal(alone, together)
    turned = predictor.predict(batch_of(rows[::-1]))["category"]
    np.testing.assert_array_equal(turned[::-1], together)


@pytest.mark.parametrize("bundle", [RISK, LOCAL], ids=["risk", "local"])
def test_a_bundle_read_back_and_more_threads_predict_the_same(bundle: ModelBundle) -> None:
    batch = batch_of(random_rows(100, MANIFEST, seed=7))
    first = Predictor(bundle).predict(batch)
    again = Predictor(ModelBundle.from_files(bundle.to_files()), threads=2).predict(batch)
    assert list(first) == list(bundle.heads)
    for head, probabilities in first.items():
        np.testing.assert_array_equal(again[head], probabilities)


def test_no_rows() -> None:
    found = Predictor(RISK).predict(batch_of([]))
    assert {head: probabilities.shape for head, probabilities in found.items()} == {"spam": (0, 2), "hate": (0, 2)}
    for bundle in (CATEGORY, LOCAL):
        assert Predictor(bundle).predict(batch_of([]))["category"].shape == (0, 4)


def test_a_node_is_as_probable_as_its_own_classifier_says() -> None:
    """Sums up the tree are the conditionals again, so that thresholds of nodes mean what they do of a flat head."""
    batch = batch_of(random_rows(50, MANIFEST, seed=10))
    found = Predictor(LOCAL).predict(batch)["category"]
    top = CATEGORY.with_head(
        "category", classes=("life", "politics", "art"), booster=LOCAL.heads["category"].parts[0].booster
    )
    by_child = Predictor(top).predict(batch)["category"]
    np.testing.assert_allclose(found[:, :2].sum(axis=1), by_child[:, 0], atol=1e-6)
    np.testing.assert_array_equal(found[:, 2:], by_child[:, 1:])


def test_the_callers_arrays_are_left_alone() -> None:
    batch = batch_of(random_rows(30, MANIFEST, seed=8))
    arrays = [getattr(batch, field.name) for field in dataclasses.fields(batch)]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)  # as Arrow's buffers are
    Predictor(CATEGORY).predict(batch)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("dimension", "n_statistics"), [(5, 3), (7, 3), (6, 2), (6, 4), (5, 4)])
def test_other_widths_are_refused(dimension: int, n_statistics: int) -> None:
    """(5, 4) has as many columns in all as the model wants."""
    empty = (np.empty(0, np.int32), np.zeros(3, np.int64))
    batch = FeatureBatch(np.zeros((2, dimension), np.float32), np.zeros((2, n_statistics), np.float32), *empty)
    with pytest.raises(ValueError, match=rf"widths \({dimension}, {n_statistics}\).*trained on \(6, 3\)"):
        Predictor(CATEGORY).predict(batch)


def test_a_certain_booster_stays_finite_under_calibration() -> None:
    sure = _calibrated({"spam": Calibration(1e6, 0.0), "hate": Calibration(-1e6, 0.0)})
    with np.errstate(all="raise", over="ignore", under="ignore"):
        found = Predictor(sure).predict(batch_of(random_rows(50, MANIFEST, seed=9)))
    for probabilities in found.values():
        assert np.isfinite(probabilities).all()
        assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_terms_that_are_not_in_the_vocabulary_reach_the_booster_alone() -> None:
    """Terms of one bucket, one of them known to the logistic regression, are one term to all other models."""
    plain = random_bundle("risk", {"spam": ("no", "yes")}, MANIFEST, seed=2)
    both = with_logistic(plain, "spam", 0.5)
    model = both.heads["spam"].logistic
    assert model is not None
    known = int(model.terms[0])
    unknown = next(term for term in range(known, model.space, MANIFEST.buckets) if term not in model.terms)
    batches = [batch_of([([0.0] * 6, [0.0] * 3, [term])]) for term in (known, unknown)]
    alone = [Predictor(plain).predict(one)["spam"] for one in batches]
    np.testing.assert_array_equal(*alone)
    with_known, with_unknown = (Predictor(both).predict(one)["spam"] for one in batches)
    assert np.abs(with_known - with_unknown).max() > 0.05
    nothing = model.chances(np.empty(0, np.int32), np.zeros(2, np.int64))
    np.testing.assert_allclose(with_unknown, mixed(alone[0], nothing, 0.5), atol=1e-7)
