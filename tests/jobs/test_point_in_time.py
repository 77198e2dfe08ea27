"""A training is repeated exactly, after all that it read has changed."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import aggregate_labels, build_embeddings, build_tokens, ingest_bronze, train_category
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.aliases import CANDIDATE
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.model_tags import table_of, table_tag
from linnaeus.runtime.tracking import FINGERPRINT, Tracking, Version
from tests.conftest import MakeConfig
from tests.jobs import tiny


def build(config: Config) -> None:
    for job in (ingest_bronze, build_tokens, build_embeddings, aggregate_labels):
        job.main(config)


def candidate(config: Config) -> Version:
    found = Tracking(config).version_at(config.registry.category_model, CANDIDATE)
    assert found is not None
    return found


@pytest.mark.soak
@pytest.mark.slow
def test_a_training_is_repeated_to_the_byte(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> None:
    content, labels = tiny.records()
    content = [one for one in content if not one["content_id"].startswith(("yes", "no"))]
    labels = [one for one in labels if one["facet"] == "category"]
    settings = [*tiny.FAST, *tiny.write(tmp_path / "first", content, labels)]
    config = make_config(*settings)
    build(config)
    said = train_category.main(config).details["category"]
    first = candidate(config)
    files = Tracking(config).load(first).to_files()
    between = datetime.datetime.now(datetime.timezone.utc)
    versions = {table: value for name, value in first.tags.items() if (table := table_of(name)) is not None}
    assert set(versions) == {"bronze.content", "silver.tokens", "silver.text_embeddings", "silver.labels"}

    # Texts are edited, labels are corrected, contents come: a model of what is there now is another.
    edited = [one | {"body": tiny.text("tech", place)} if place % 5 == 0 else one for place, one in enumerate(content)]
    new = [content[0] | {"content_id": f"new-{place}", "body": tiny.text("sport", place)} for place in range(5)]
    corrected = [one | {"label": "politics"} if place % 7 == 0 else one for place, one in enumerate(labels)]
    config = make_config(*tiny.FAST, *tiny.write(tmp_path / "second", [*edited, *new], corrected))
    build(config)
    train_category.main(config)
    second = candidate(config)
    assert (first.number, second.number) == ("1", "2")
    assert Tracking(config).load(second).to_files() != files
    assert second.tags[FINGERPRINT] != first.tags[FINGERPRINT]
    assert not {name: value for name, value in versions.items() if second.tags[table_tag(name)] == value}

    pinned = f"training.versions={{{', '.join(f'{name}: {value}' for name, value in versions.items())}}}"
    then = f"training.as_of={between.isoformat()}"
    lake = Lake(spark, config)
    evaluated = lake.version(tables.MODEL_EVALUATIONS)
    for asked in ([pinned], [then], [pinned, "training.as_of=2001-01-01"]):
        repeated = train_category.main(make_config(*settings, *asked))
        assert repeated.details["category"] == f"{first.name} was trained from exactly these rows and settings"
        assert candidate(config).number == "1"
    assert lake.version(tables.MODEL_EVALUATIONS) == evaluated

    # Where no registry knows it, it is trained anew, and comes out the same; its held-out figures as well.
    for name, asked_for in (("by_version", pinned), ("by_time", then)):
        again = make_config(*settings, asked_for, f"registry.category_model={name}")
        assert train_category.main(again).details["category"] == said.replace(first.name, f"{name}/1")
        assert Tracking(again).load(candidate(again)).to_files() == files
        assert candidate(again).tags == first.tags
    figures = lake.read(tables.MODEL_EVALUATIONS).where("version = '1'").groupBy(c.SLICE, c.METRIC)
    counted = figures.agg(F.count(c.VALUE).alias("models"), F.countDistinct(c.VALUE).alias("values")).collect()
    assert len(counted) > 5 and {(row["models"], row["values"]) for row in counted} == {(3, 1)}

    for asked, words in (
        ("training.versions={silver.labels: 99}", r"silver\.labels: there is no version 99"),
        ("training.versions={silver.lables: 1}", r"training\.versions: 'silver\.lables' is none of what is read"),
        ("training.as_of=2001-01-01T00:00:00Z", r"bronze\.content: 2001-01-01.* is before its first version"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            train_category.main(make_config(*settings, asked))
