"""A category trained by local classifiers in a tiny tree, with labels at an inner node, and broken off between two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs import _train, aggregate_labels, build_embeddings, build_tokens, ingest_bronze, train_category
from jobs._models import content_features
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config
from linnaeus.inference.score import PREDICTION_PREFIX, predict
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking
from linnaeus.training.booster import Fitted
from tests.conftest import MakeConfig
from tests.jobs import tiny

TOP = "../life & arts"  # a node's id is no file's name
TREE = f"""nodes:
  - {{id: "{TOP}", name: Life}}
  - {{id: sport, name: Sport, parent: "{TOP}"}}
  - {{id: tech, name: Technology, parent: "{TOP}"}}
  - {{id: politics, name: Politics}}
"""
FLAT_TREE = "nodes: [{id: sport, name: S}, {id: tech, name: T}, {id: politics, name: P}]\n"


def bundle_of(config: Config) -> ModelBundle:
    tracking = Tracking(config)
    version = tracking.version_at(config.registry.category_model, CANDIDATE)
    assert version is not None
    return tracking.load(version)


@pytest.mark.soak
@pytest.mark.slow
def test_a_tiny_tree(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, labels = tiny.records(36)
    kinds = {one["item_id"]: one["label"] for one in labels if one["facet"] == "category"}
    content = [one for one in content if one["content_id"] in kinds]
    # What has words of both is of neither, and known to be of their parent.
    mixed = {name for place, name in enumerate(kinds) if place % 3 == 0 and kinds[name] != "politics"}
    for place, one in enumerate(content):
        if one["content_id"] in mixed:
            one["body"] = f"{tiny.text('sport', place, 8)} {tiny.text('tech', place, 8)}"
    true = {name: TOP if name in mixed else kind for name, kind in kinds.items()}
    labels = [{"item_id": name, "facet": "category", "label": label} for name, label in true.items()]
    tree, flat_tree = tmp_path / "tree.yml", tmp_path / "flat.yml"
    tree.write_text(TREE, encoding="utf-8")
    flat_tree.write_text(FLAT_TREE, encoding="utf-8")
    own = [*tiny.FAST, *tiny.write(tmp_path / "sources", content, labels), "training.booster.checkpoint_rounds=2"]
    own.append("training.min_validation=3")
    local = ["training.tree=local", f"taxonomy.path={tree}"]
    config = make_config(*own, *local)
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)

    # The second local fit dies; the first one's rounds are kept, and are not fitted again.
    fit, fitted = _train.fit_booster, []

    def breaks(rows: Any, n_classes: int, *others: Any) -> Fitted:
        fitted.append(n_classes)
        if len(fitted) == 2:
            raise ConnectionError
        return fit(rows, n_classes, *others)

    with monkeypatch.context() as patch:
        patch.setattr(_train, "fit_booster", breaks)
        with pytest.raises(ConnectionError):
            train_category.main(config)
    assert fitted == [2, 3]
    checkpoints = config.checkpoint_folder
    assert checkpoints is not None
    assert [file.name.rsplit("-", 2)[1:] for file in checkpoints.iterdir()] == [["category", "0.ubj"]]
    said = train_category.main(config).details["category"]
    assert said.startswith("linnaeus_category/1 trained") and not list(checkpoints.iterdir())
    bundle = bundle_of(config)
    head = bundle.heads["category"]
    assert head.classes == (TOP, "politics", "sport", "tech") and head.booster == b""
    assert [(part.node, part.groups) for part in head.parts] == [(None, ((0, 2, 3), (1,))), (TOP, ((0,), (2,), (3,)))]
    assert set(head.thresholds) == set(head.classes)

    features = content_features(Lake(spark, config), bundle.manifest)
    rows = predict(features, bundle, (c.CONTENT_ID,)).collect()
    chances = np.array([row[f"{PREDICTION_PREFIX}category"] for row in rows])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-5)
    found = [head.classes[place] for place in chances.argmax(axis=1)]
    hits = [name == true[row[c.CONTENT_ID]] for row, name in zip(rows, found, strict=True)]
    assert np.mean(hits) > 0.85 and set(found) == set(head.classes)

    # Without a break the same comes out; the same rows and settings are not trained again, others are.
    again = make_config(*own, *local, "registry.category_model=again")
    train_category.main(again)
    assert bundle_of(again).to_files() == bundle.to_files()
    assert "was trained from exactly these rows" in train_category.main(config).details["category"]
    train_category.main(make_config(*own, "training.tree=flat", f"taxonomy.path={tree}"))
    flat = bundle_of(config).heads["category"]
    assert flat.parts == () and flat.booster and flat.classes == head.classes

    # In a flat taxonomy there is the one classifier alone, whichever is asked for: TOP is a root like the others.
    train_category.main(make_config(*own, "training.tree=local", f"taxonomy.path={flat_tree}"))
    other = bundle_of(config).heads["category"]
    assert (other.booster, other.parts) == (flat.booster, ())
    assert Lake(spark, config).read(tables.MODEL_EVALUATIONS).select(c.VERSION).distinct().count() == 3
