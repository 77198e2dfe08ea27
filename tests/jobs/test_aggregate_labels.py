"""aggregate_labels over a lake of a few votes: each facet by its method, gold above all, twice the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import aggregate_labels, ingest_bronze
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.lake import Lake
from tests.conftest import MakeConfig


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> str:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"sources.{name}={file}"


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Ann and Bob are right; Zoe says yes to everything, twice as often as both."""
    votes = []
    for item in range(12):
        right = "yes" if item < 4 else "no"
        answers = {"ann": right, "bob": right, "zoe": "yes", "zed": "yes", "zak": "yes"}
        votes += [
            {"item_id": f"i{item:02d}", "facet": "risk.spam", "annotator_id": who, "label": label}
            for who, label in answers.items()
        ]
    votes += [{"item_id": "i00", "facet": "category", "annotator_id": "ann", "label": "tech"}]
    gold = [{"item_id": f"i{item:02d}", "facet": "risk.spam", "label": "no"} for item in (10, 11)]
    return [write(tmp_path, "votes", votes), write(tmp_path, "gold_labels", gold)]


def labels(spark: SparkSession, config: Config) -> dict[tuple[str, str], tuple[str, float, str]]:
    rows = Lake(spark, config).read(tables.LABELS).collect()
    return {(row[c.FACET], row[c.ITEM_ID]): (row[c.LABEL], row[c.PROBABILITY], row[c.SOURCE]) for row in rows}


@pytest.mark.slow
def test_each_facet_by_its_method(spark: SparkSession, make_config: MakeConfig, sources: list[str]) -> None:
    config = make_config(*sources)
    ingest_bronze.main(config)
    aggregate_labels.main(config)
    by_majority = labels(spark, config)
    assert by_majority["risk.spam", "i05"] == ("yes", 0.6, "crowd")
    assert by_majority["risk.spam", "i10"] == ("no", 1.0, "gold")
    assert by_majority["category", "i00"] == ("tech", 1.0, "crowd")

    config = make_config(*sources, "labels.methods={risk.spam: dawid_skene}")
    result = aggregate_labels.main(config)
    assert result.details["risk.spam"].startswith("dawid_skene, ")
    assert result.details["category"].startswith("majority, 0 iterations: 1 items, 1 votes")
    found = labels(spark, config)
    # Gold shows who says yes to everything: all items are told, not the gold ones alone.
    assert {item: found["risk.spam", f"i{item:02d}"][0] for item in range(12)} == {
        item: "yes" if item < 4 else "no" for item in range(12)
    }
    version = Lake(spark, config).version(tables.LABELS)
    assert aggregate_labels.main(config).rows_written == 0
    assert Lake(spark, config).version(tables.LABELS) == version


def test_an_unknown_method_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigurationError, match=r"labels\.methods"):
        make_config("labels.methods={risk.spam: dawid}")
