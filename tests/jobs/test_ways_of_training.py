"""Training by soft labels and by a split in time, through the jobs: other models, and nobody on two sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import aggregate_labels, build_embeddings, build_tokens, ingest_bronze, train_risk
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import FINGERPRINT, Tracking
from tests.conftest import MakeConfig
from tests.jobs import tiny


@pytest.mark.soak
@pytest.mark.slow
def test_soft_labels_and_a_split_in_time(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    content, labels = tiny.records(48)
    content = [one for one in content if one["content_id"].startswith(("yes", "no"))]
    votes = [
        {"item_id": one["item_id"], "facet": one["facet"], "annotator_id": who, "label": label}
        for one in labels
        if one["facet"] == "risk.spam"
        for who, label in (("ann", one["label"]), ("bob", one["label"]), ("cid", "no"))
    ]
    file = tmp_path / "votes.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in votes), encoding="utf-8")
    written = tiny.write(tmp_path / "sources", content, [])
    settings = [*tiny.FAST, *(one for one in written if "gold_labels" not in one), f"sources.votes={file}"]
    config = make_config(*settings)
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)
    lake = Lake(spark, config)
    row = lake.read(tables.LABELS).where(F.col(c.ITEM_ID) == "yes-000").first()
    assert row is not None and row[c.POSTERIOR] == pytest.approx({"yes": 2 / 3, "no": 1 / 3})

    found = {}
    ways = {
        "hard": "training.labels=hard",
        "soft": "training.labels=soft",
        "later": "training.split.held_out_after=2024-01-15",
        "never": "training.split.held_out_after=2030-01-01",
    }
    for way, asked in ways.items():
        own = make_config(*settings, asked)
        said = train_risk.main(own).details
        tracking = Tracking(own)
        version = tracking.version_at(own.registry.risk_model, CANDIDATE)
        assert version is not None and train_risk.main(own).details["risk"].endswith("exactly these rows and settings")
        found[way] = (version.tags[FINGERPRINT], tracking.load(version).to_files()["spam.ubj"], said)
    assert len({mark for mark, _, _ in found.values()}) == len(ways)
    assert len({booster for _, booster, _ in found.values()}) >= 3, "hard, soft, and on what was published before"
    assert "other side of" not in found["hard"][2].get("left out", "")
    outside = "labels on the other side of training.split.held_out_after than their creator"
    assert outside in found["later"][2]["left out"] and outside in found["never"][2]["left out"]
    assert "no held-out pr_auc" in found["never"][2]["risk"]
