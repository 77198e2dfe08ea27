"""SHAP values against XGBoost's own margins, by group and by name."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost

from linnaeus.contracts.bundle import FeatureManifest
from linnaeus.inference.contributions import Columns, a_class_each, booster_reasons, shap_values
from tests.oracles import random_bundle

MANIFEST = FeatureManifest("mini@1", "tok", dimension=6, statistics=("a", "b", "c"), buckets=32, bigrams=True)
GROUPS = ["embedding", "statistics", "term_scores", "vector_scores", "class_similarities"]


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("has_vector", [True, False])
def test_values_and_bias_are_the_margin(n_classes: int, has_vector: bool) -> None:
    classes = tuple("abcde"[:n_classes])
    head = random_bundle("category", {"category": classes}, MANIFEST, seed=n_classes).heads["category"]
    columns = Columns.of(MANIFEST, head.linear, classes)
    rng = np.random.default_rng(n_classes)
    booster = xgboost.Booster()
    booster.load_model(bytearray(head.booster))
    for _ in range(10):
        features = rng.normal(size=(1, len(columns.names))).astype(np.float32)
        if not has_vector:
            features[0, : MANIFEST.dimension] = np.nan
        margins = booster.predict(xgboost.DMatrix(features), output_margin=True).reshape(-1)
        values = shap_values(head.booster, features)
        assert values.shape == (1 if n_classes == 2 else n_classes, features.shape[1] + 1)
        np.testing.assert_allclose(values.sum(axis=1), margins, atol=1e-4)
        each = a_class_each(values)
        found = booster_reasons(each, features, (1, 0), columns, classes, None, tuple((i,) for i in range(n_classes)))
        difference = margins[0] if n_classes == 2 else margins[1] - margins[0]
        assert found.log_odds == pytest.approx(difference, abs=1e-4)
        assert found.bias + sum(found.groups.values()) == pytest.approx(difference, abs=1e-4)
        assert found.chance == pytest.approx(np.exp(each.sum(axis=1))[1] / np.exp(each.sum(axis=1)).sum())
        assert (found.answer, found.other, list(found.groups)) == (("b",), ("a",), GROUPS)
        by_name = {one.name: one for one in found.features}
        of_statistics = [by_name[name] for name in MANIFEST.statistics]
        assert sum(one.contribution for one in of_statistics) == pytest.approx(found.groups["statistics"], abs=1e-6)
        assert [one.value for one in of_statistics] == pytest.approx(features[0, 6:9].tolist())
        sizes = [abs(one.contribution) for one in found.features]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("n_classes", "n_scores"), [(2, 1), (4, 4)])
def test_groups_cover_all_columns_and_names_those_that_mean_something(n_classes: int, n_scores: int) -> None:
    classes = tuple("abcd"[:n_classes])
    linear = random_bundle("category", {"category": classes}, MANIFEST).heads["category"].linear
    columns = Columns.of(MANIFEST, linear, classes)
    assert [name for name, _, _ in columns.groups] == GROUPS
    covered = [place for _, start, end in columns.groups for place in range(start, end)]
    assert covered == list(range(len(columns.names))) and len(covered) == 6 + 3 + 2 * n_scores + n_classes
    assert columns.names[:10] == (*[None] * 6, "a", "b", "c", f"term_scores of {classes[-n_scores]}")
    assert columns.names[-1] == f"class_similarities of {classes[-1]}" and None not in columns.names[6:]


def test_the_other_way_round_is_the_opposite() -> None:
    classes = ("no", "yes")
    head = random_bundle("risk", {"spam": classes}, MANIFEST, seed=4).heads["spam"]
    columns = Columns.of(MANIFEST, head.linear, classes)
    features = np.random.default_rng(0).normal(size=(1, len(columns.names))).astype(np.float32)
    values = a_class_each(shap_values(head.booster, features))
    yes, no = (
        booster_reasons(values, features, places, columns, classes, None, ((0,), (1,))) for places in ((1, 0), (0, 1))
    )
    assert yes.log_odds == -no.log_odds != 0
    assert yes.groups == {name: -value for name, value in no.groups.items()}
    assert yes.chance + no.chance == pytest.approx(1.0)
