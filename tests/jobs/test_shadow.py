"""Candidates that score in the shadow: beside the champions' profiles, never among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs import score_content, served_model
from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import MakeConfig
from tests.contents import contents
from tests.oracles import random_bundle, vector_bytes
from tests.runtime.test_tracking import register_as

N = 30
CLASSES = ("business", "politics", "sport")


@pytest.fixture(autouse=True)
def _tracking_uri() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


def test_candidates_score_beside_the_champions(spark: SparkSession, make_config: MakeConfig) -> None:
    config = make_config("scoring.shadow=true", "features.hash_buckets=64")
    lake, tracking, manifest = Lake(spark, config), Tracking(config), manifest_in_force(config)
    rows = contents(spark, {f"c{i}": (None, f"text number {i}") for i in range(N)})
    lake.merge(rows, tables.CONTENT)
    rng = np.random.default_rng(1)
    hashes = {row[c.CONTENT_ID]: row[c.CONTENT_HASH] for row in rows.collect()}
    form = tuple(float(one) for one in rng.normal(size=manifest.n_statistics))
    tokens = [(name, key, manifest.tokenizer, "en", ["a", name], 2, form, 1) for name, key in hashes.items()]
    lake.merge(spark.createDataFrame(tokens, schemas.TOKENS), tables.TOKENS)
    vectors = [
        (key, manifest.embedder, vector_bytes(rng.normal(size=manifest.dimension).astype(np.float32)), None, 1)
        for key in hashes.values()
    ]
    lake.merge(spark.createDataFrame(vectors, schemas.TEXT_EMBEDDINGS), tables.TEXT_EMBEDDINGS)

    model, served_by = config.registry.category_model, Path(served_model.__file__)
    heads = {"category": CLASSES}
    first = register_as(tracking, model, random_bundle("category", heads, manifest, seed=1), served_by)
    tracking.point(model, CHAMPION, first)
    tracking.point(model, CANDIDATE, first)
    assert "beside them" not in score_content.main(config).details  # the candidate is the champion
    assert not lake.exists(tables.SHADOW_PROFILES)

    second = register_as(tracking, model, random_bundle("category", heads, manifest, seed=2), served_by)
    tracking.point(model, CANDIDATE, second)
    found = score_content.main(config)
    assert (found.details["beside them"], found.rows_written) == (f"{model}/2", N)
    profiles, shadow = (
        {row[c.CONTENT_ID]: (row[c.CATEGORY], row[c.CATEGORY_MODEL]) for row in lake.read(table).collect()}
        for table in (tables.CONTENT_PROFILES, tables.SHADOW_PROFILES)
    )
    assert profiles.keys() == shadow.keys() == hashes.keys()
    assert {by for _, by in profiles.values()} == {f"{model}/1"}
    assert {by for _, by in shadow.values()} == {f"{model}/2"}
    assert any(profiles[name][0] != shadow[name][0] for name in hashes)
    assert score_content.main(config).rows_written == 0
    without = make_config("features.hash_buckets=64")
    assert "beside them" not in score_content.main(without).details
