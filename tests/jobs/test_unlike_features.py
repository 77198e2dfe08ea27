"""Models of other features than those that are there: said in a line, nothing scored with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from pyspark.sql import SparkSession

from jobs import score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import LinnaeusError, UnfitError
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import MakeConfig
from tests.jobs import lakes
from tests.oracles import random_bundle
from tests.runtime.test_tracking import register_as

HEADS = {"category": {"category": ("business", "politics", "sport")}, "risk": {"spam": ("no", "yes")}}


class Scene:
    """A lake with contents to score, and models of either family with a manifest like that in force but for changes."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig) -> None:
        self.config = make_config("features.hash_buckets=64", "scoring.shadow=true")
        self.lake, self.tracking = Lake(spark, self.config), Tracking(self.config)
        lakes.fill(self.lake, self.config, [(f"c{i}", "creator") for i in range(8)], {"c0": "sport"}, c.CATEGORY_FACET)

    def model(self, family: Any, alias: str, **changes: Any) -> None:
        manifest = dataclasses.replace(manifest_in_force(self.config), **changes)
        name = getattr(self.config.registry, f"{family}_model")
        bundle = random_bundle(family, HEADS[family], manifest)
        self.tracking.point(name, alias, register_as(self.tracking, name, bundle, Path(served_model.__file__)))


@pytest.fixture
def scene(spark: SparkSession, make_config: MakeConfig) -> Iterator[Scene]:
    before = mlflow.get_tracking_uri()
    yield Scene(spark, make_config)
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize(
    ("category", "risk", "said"),
    [
        ({}, {"buckets": 32}, r"category/1, linnaeus_risk/1 want different features \(buckets 64, not 32\); train and"),
        ({}, {"embedder": "old@1", "bigrams": False}, r"\(embedder .*, not old@1 and bigrams True, not False\)"),
        ({"statistics": ("n_words", "n_smiles")}, None, "the statistics n_smiles are wanted, which this code does not"),
        ({"embedder": "old@1"}, None, "8 contents have no tokens or no vector of old@1, which linnaeus_category/1 was"),
        ({"tokenizer": "old"}, None, "8 contents have no tokens or no vector .* run build_tokens and build_embeddings"),
    ],
)
def test_champions_that_want_what_is_not_there(
    scene: Scene, category: dict[str, Any], risk: dict[str, Any] | None, said: str
) -> None:
    scene.model("category", CHAMPION, **category)
    if risk is not None:
        scene.model("risk", CHAMPION, **risk)
    with pytest.raises(UnfitError, match=said) as error:
        score_content.main(scene.config)
    assert issubclass(UnfitError, LinnaeusError) and "\n" not in str(error.value)
    assert not scene.lake.exists(tables.CONTENT_PROFILES)


def test_a_model_of_fewer_statistics_is_given_those_it_names(scene: Scene) -> None:
    """As one is that was trained before statistics were added."""
    scene.model("category", CHAMPION, statistics=("n_words", "n_links"), buckets=32)
    assert score_content.main(scene.config).rows_written == 8


def test_a_candidate_that_does_not_fit_does_not_stop_the_champions(scene: Scene) -> None:
    scene.model("category", CHAMPION)
    scene.model("risk", CHAMPION)
    scene.model("category", CANDIDATE, buckets=32)
    found = score_content.main(scene.config)
    assert found.rows_written == 8 and found.tables == (tables.CONTENT_PROFILES,)
    assert "linnaeus_category/2, linnaeus_risk/1, not scored: " in found.details["beside them"]
    assert "buckets 32, not 64" in found.details["beside them"]
    assert not scene.lake.exists(tables.SHADOW_PROFILES)
