"""The served logistic regression has seen the rows that thresholds are chosen on; the one they are chosen by not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import _train, aggregate_labels, build_embeddings, build_tokens, ingest_bronze, train_category
from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.tracking import Tracking
from linnaeus.training.split import CALIBRATION, TRAIN
from tests.conftest import MakeConfig
from tests.jobs import tiny


@pytest.mark.soak
@pytest.mark.slow
def test_thresholds_are_chosen_by_what_has_not_seen_their_rows(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, labels = tiny.records(36)
    own = tiny.write(tmp_path / "sources", content, labels)
    config = make_config(*tiny.FAST, *own, "training.min_validation=3")
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)
    fit, choose = _train.fit_logistic, _train.predict
    fitted: list[tuple[set[str], Any]] = []
    seen: list[Any] = []

    def fitting(rows: DataFrame, *others: Any) -> Any:
        found = fit(rows, *others)
        fitted.append(({row[c.PART] for row in rows.select(c.PART).distinct().collect()}, found))
        return found

    def choosing(rows: DataFrame, bundle: ModelBundle, *others: Any) -> DataFrame:
        seen.append(bundle.heads[c.CATEGORY].logistic)
        return choose(rows, bundle, *others)

    monkeypatch.setattr(_train, "fit_logistic", fitting)
    monkeypatch.setattr(_train, "predict", choosing)
    train_category.main(config)

    by_parts = {frozenset(parts): found for parts, found in fitted}
    assert set(by_parts) == {frozenset({TRAIN}), frozenset({TRAIN, CALIBRATION})}
    honest, last = by_parts[frozenset({TRAIN})], by_parts[frozenset({TRAIN, CALIBRATION})]
    tracking = Tracking(config)
    version = tracking.version_at(config.registry.category_model, CANDIDATE)
    assert version is not None
    served = tracking.load(version).heads[c.CATEGORY]
    assert seen[0] is honest
    assert served.thresholds and served.logistic is not None and served.logistic.space == last.space
    for name in ("terms", "idf", "coefficients"):
        np.testing.assert_array_equal(getattr(served.logistic, name), getattr(last, name))
    assert set(honest.terms) < set(last.terms), "words of texts that judge are new to the model that is judged"
