"""A lake with profiles of two creators, written as they are: no model is trained for it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from pyspark.sql import SparkSession

from jobs import served_model
from jobs._models import manifest_in_force
from linnaeus import Suite
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.runtime.aliases import CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from tests.conftest import local_config
from tests.jobs import lakes
from tests.oracles import random_bundle
from tests.runtime.test_tracking import register_as

OWN = ("features.hash_buckets=64", "evaluation.replicates=20", "promotion.min_held_out=1")
N = 60
HEADS = {"category": {"category": ("politics", "sport")}, "risk": {"spam": ("no", "yes")}}


def overrides(root: Path) -> list[str]:
    """Settings of the lake in a folder."""
    return [
        f"lake.root={root / 'lake'}",
        f"tracking.uri=sqlite:///{root / 'mlflow.db'}",
        f"tracking.artifacts={root / 'artifacts'}",
        *(f"sources.{name}=null" for name in ("content", "creators", "gold_labels")),
        *OWN,
    ]


@pytest.fixture(scope="package")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a lake with contents, labels, figures and two versions of a category model."""
    before = mlflow.get_tracking_uri()
    root = tmp_path_factory.mktemp("suite")
    config = local_config(root, *OWN)
    lake, tracking = Lake(spark, config), Tracking(config)
    rows = [(f"c{place:02d}", f"creator {place % 20:02d}") for place in range(N)]
    lakes.fill(
        lake, config, rows, {name: ("sport", "politics")[int(name[1:]) % 2] for name, _ in rows}, c.CATEGORY_FACET
    )
    served_by, manifest = Path(served_model.__file__), manifest_in_force(config)
    for seed in (1, 2):
        bundle = random_bundle("category", HEADS["category"], manifest, seed=seed)
        made = register_as(tracking, config.registry.category_model, bundle, served_by, f"seed {seed}")
        if seed == 1:
            tracking.point(made.model, CHAMPION, made)
    figures = [
        ("linnaeus_category", str(version), "category", part, "macro_f1", value, value - 0.1, value + 0.1, 30)
        for version, value in ((1, 0.5), (2, 0.75))
        for part in (c.OVERALL, "language=en")
    ]
    lake.merge(spark.createDataFrame(figures, schemas.MODEL_EVALUATIONS), tables.MODEL_EVALUATIONS)
    lake.merge(spark.createDataFrame([profile()], schemas.CREATOR_PROFILES), tables.CREATOR_PROFILES)
    yield root
    mlflow.set_tracking_uri(before)


def profile() -> tuple[object, ...]:
    """A row of gold.creator_profiles: a flagged creator, whose id looks like HTML."""
    values = {
        c.CREATOR_ID: "<b>creator 00</b>",
        c.CATEGORY: "sport",
        c.CATEGORY_SHARES: {"sport": 0.75, "politics": 0.25},
        c.CATEGORY_LOWER: {"sport": 0.5, "politics": 0.1},
        c.CATEGORY_UPPER: {"sport": 0.9, "politics": 0.5},
        c.RISK: {"spam": 0.4},
        c.RISK_RATE: {"spam": 0.4},
        c.RISK_CHANCE: {"spam": 0.9},
        c.RISK_AREAS: ["spam"],
        c.N_CONTENT: 3,
        c.AS_OF: datetime.datetime(2026, 1, 1),
        c.ABSTAINED: "few_contents",
    }
    return tuple(values.get(name) for name in tables.CREATOR_PROFILES.columns)


@pytest.fixture
def suite(root: Path) -> Suite:
    """A suite on that lake."""
    return Suite("local", *overrides(root))
