"""Labels that a model can't be trained or judged on: one of a kind, of a kind alone, only among what is held out."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import promote_model, train_category, train_risk
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.runtime.aliases import CANDIDATE, CHAMPION
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from linnaeus.training.split import HELD_OUT, TRAIN
from tests.conftest import MakeConfig
from tests.jobs import lakes

FAST = ("training.booster.rounds=3", "features.hash_buckets=64", "evaluation.replicates=20", "promotion.min_held_out=5")


@pytest.fixture(autouse=True)
def _tracking_uri() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.mark.soak
@pytest.mark.slow
def test_labels_that_hardly_are_there(spark: SparkSession, make_config: MakeConfig) -> None:
    """Of politics there is one example to train on, of entertainment none: it is held out. Of spam nothing says yes."""
    config = make_config(*FAST)
    lake, model = Lake(spark, config), config.registry.category_model
    parts = lakes.creators_by_part(lake, config)
    rows, labels = [], {}

    def add(kind: str, creators: list[str], each: int) -> None:
        for creator in creators:
            for place in range(each):
                rows.append((f"{kind} of {creator}, {place}", creator))
                labels[rows[-1][0]] = kind

    for kind in ("sport", "tech"):
        for creators in parts.values():
            add(kind, creators, 2)
    add("politics", parts[TRAIN][:1], 1)
    add("entertainment", parts[HELD_OUT][:3], 2)
    lakes.fill(lake, config, rows, labels, c.CATEGORY_FACET)
    lakes.label(lake, dict.fromkeys(list(labels)[:40], c.NO), "risk.spam")

    found = train_category.main(config).details
    assert found["left out"].startswith("category: too few training labels of entertainment, politics")
    assert found["category"].startswith(f"{model}/1 trained; held-out macro_f1 0.")
    tracking = Tracking(config)
    version = tracking.version_at(model, CANDIDATE)
    assert version is not None and tracking.load(version).heads["category"].classes == ("sport", "tech")
    figures = lake.read(tables.MODEL_EVALUATIONS).where(F.col(c.SLICE).isin("overall", "node=entertainment"))
    measured = {(row[c.SLICE], row[c.METRIC]): (row[c.VALUE], row[c.N]) for row in figures.collect()}
    n_held_out = measured["overall", "macro_f1"][1]
    assert measured["node=entertainment", "recall"] == (0.0, 6), "what it can't say counts against it"
    assert measured["node=entertainment", "f1"] == (0.0, 6)
    assert n_held_out == 6 + 4 * len(parts[HELD_OUT])
    assert measured["overall", "accuracy"][0] <= 1 - 6 / n_held_out
    assert measured["overall", "macro_f1"][0] <= 2 / 3, "the mean over three classes, one of which is never hit"
    assert measured["overall", "micro_f1"] == measured["overall", "accuracy"]

    risk = train_risk.main(config)
    assert risk.details == {"risk": "not trained: risk.spam: only 'no' has training labels"}
    said = promote_model.main(config).details
    assert said["risk"] == "there is no candidate"
    assert said["category"].startswith(f"{model}/1 promoted: there was no champion")
    assert tracking.version_at(model, CHAMPION) == version
    assert tracking.version_at(config.registry.risk_model, CANDIDATE) is None

    # Where one example is enough politics is a class like the others, though its own fold knows nothing of it.
    config = make_config(*FAST, "training.min_labels_a_class=1")
    found = train_category.main(config).details
    assert "too few training labels of entertainment" in found["left out"] and "politics" not in found["left out"]
    version = tracking.version_at(model, CANDIDATE)
    assert version is not None and version.number == "2"
    assert tracking.load(version).heads["category"].classes == ("politics", "sport", "tech")
