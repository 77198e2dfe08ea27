"""Reasons against the predictor: what is told adds up to what was predicted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from linnaeus.contracts.bundle import Calibration, FeatureManifest, ModelBundle
from linnaeus.inference.explain import explain_head, head_features, largest_difference
from linnaeus.inference.predictor import FeatureBatch, Predictor
from tests.inference.test_predictor import batch_of
from tests.oracles import FeatureRow, random_bundle, random_rows, with_local_parts, with_logistic

MANIFEST = FeatureManifest("mini@1", "tok", dimension=6, statistics=("a", "b", "c"), buckets=32, bigrams=True)
CLASSES = ("tech", "sport", "politics", "art")
CATEGORY = random_bundle("category", {"category": CLASSES}, MANIFEST, seed=1)
LOCAL = with_local_parts(CATEGORY, "category", {None: ((0, 1), (2,), (3,)), "life": ((0,), (1,))}, seed=3)
RISK = random_bundle("risk", {"spam": ("no", "yes"), "hate": ("no", "yes")}, MANIFEST, seed=2)
ROWS = random_rows(20, MANIFEST, seed=5)


def one(row: FeatureRow) -> tuple[FeatureBatch, list[str]]:
    return batch_of([row]), [f"word {term}" for term in row[2]]


def log_odds(bundle: ModelBundle, name: str, batch: FeatureBatch, answer: str, other: str) -> float:
    chances = dict(zip(bundle.heads[name].classes, Predictor(bundle).predict(batch)[name][0].tolist(), strict=True))
    return math.log(chances[answer] / chances[other])


@pytest.mark.parametrize(
    "bundle",
    [CATEGORY, with_logistic(CATEGORY, "category", 0.3), LOCAL, with_logistic(LOCAL, "category", 0.5)],
    ids=["plain", "mixed", "local", "mixed local"],
)
@pytest.mark.parametrize("pair", [("tech", "sport"), ("sport", "art"), ("art", "politics")])
def test_a_categorys_parts_sum_to_the_log_odds(bundle: ModelBundle, pair: tuple[str, str]) -> None:
    head = bundle.heads["category"]
    for row in ROWS:
        batch, terms = one(row)
        found = explain_head(bundle, "category", batch, terms, *pair)
        assert found.log_odds == pytest.approx(log_odds(bundle, "category", batch, *pair), abs=2e-4)
        parts = (1 - found.logistic_share) * found.booster_log_odds
        parts += found.logistic_share * (found.words.log_odds or 0.0)
        assert found.log_odds == pytest.approx(parts, abs=1e-9)
        for booster in found.boosters:
            assert booster.bias + sum(booster.groups.values()) == pytest.approx(booster.log_odds, abs=1e-6)
        if not head.parts:
            (booster,) = found.boosters
            assert booster.log_odds == pytest.approx(found.booster_log_odds, abs=1e-4)


def test_local_classifiers_are_those_of_the_path() -> None:
    batch, terms = one(ROWS[1])
    tech = explain_head(LOCAL, "category", batch, terms, "tech", "sport")
    assert [(part.node, part.answer) for part in tech.boosters] == [(None, ("tech", "sport")), ("life", ("tech",))]
    assert tech.boosters[1].other == ("sport",)  # the two part below life, above it both are in one branch
    assert tech.boosters[1].log_odds == pytest.approx(tech.booster_log_odds, abs=1e-4)
    assert tech.boosters[0].other in {("politics",), ("art",)}
    art = explain_head(LOCAL, "category", batch, terms, "art", "tech")
    assert [(part.node, part.answer, part.other) for part in art.boosters] == [(None, ("art",), ("tech", "sport"))]
    by_path = math.prod(part.chance for part in tech.boosters)
    chances = Predictor(LOCAL).predict(batch)["category"][0]
    assert by_path == pytest.approx(chances[0], abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_risks_parts_sum_to_the_log_odds_before_calibration(share: float) -> None:
    plain = with_logistic(RISK, "spam", share) if share else RISK
    calibrated = plain.with_head("spam", calibration=Calibration(0.5, -1.0))
    for row in ROWS:
        batch, terms = one(row)
        found = explain_head(calibrated, "spam", batch, terms, "yes", "no")
        assert found.log_odds == pytest.approx(log_odds(plain, "spam", batch, "yes", "no"), abs=2e-4)
        after = log_odds(calibrated, "spam", batch, "yes", "no")
        assert after == pytest.approx(0.5 * found.log_odds - 1.0, abs=1e-3)
        assert (found.words.log_odds is None) == (share == 0.0)


def test_a_content_without_text() -> None:
    bundle = with_logistic(RISK, "spam", 0.5)
    batch, terms = one((None, [0.0, 0.0, 0.0], []))
    found = explain_head(bundle, "spam", batch, terms, "yes", "no")
    assert found.words.words == () and found.words.log_odds == found.words.constant
    assert found.log_odds == pytest.approx(log_odds(bundle, "spam", batch, "yes", "no"), abs=2e-4)


def test_what_boosters_read_is_what_the_predictor_gives_them() -> None:
    batch = batch_of(ROWS)
    features = head_features(CATEGORY, CATEGORY.heads["category"], batch)
    assert features.shape == (20, 6 + 3 + 3 * 4) and features.dtype == np.float32
    np.testing.assert_array_equal(features[:, :9], np.hstack([batch.embeddings, batch.statistics]))


def test_one_content_at_a_time_and_classes_of_the_head() -> None:
    with pytest.raises(ValueError, match="one content"):
        explain_head(RISK, "spam", batch_of(ROWS[:2]), [], "yes", "no")
    batch, terms = one(ROWS[1])
    with pytest.raises(ValueError, match="not in"):
        explain_head(RISK, "spam", batch, terms, "maybe", "no")


def test_largest_difference() -> None:
    assert largest_difference({"a": 0.5, "b": 0.25}, {"a": 0.5, "b": 0.375, "c": 0.125}) == 0.125
    assert largest_difference({"a": 0.5}, {"a": 0.5}) == 0.0
    assert largest_difference({"a": 0.5}, {"b": 0.5}) == 1.0
    assert largest_difference({}, {"b": 0.5}) == 0.0
