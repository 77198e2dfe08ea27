"""The tables that creators are rolled up from, and roll-ups of them, as the job makes them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.config import Config, Creators, Node, Taxonomy, load_config
from linnaeus.creators.evidence import pool
from linnaeus.creators.modality import by_kind_and_node
from linnaeus.creators.roll_up import roll_up
from tests.creators.slow import One

INGESTED = datetime.datetime(2026, 1, 1)
TREE = Taxonomy(
    nodes=(
        Node(id="sport", name="Sport"),
        Node(id="football", name="Football", parent="sport"),
        Node(id="tennis", name="Tennis", parent="sport"),
        Node(id="tech", name="Technology"),
        Node(id="arts", name="Arts"),
        Node(id="music", name="Music", parent="arts"),
        Node(id="jazz", name="Jazz", parent="music"),
    )
)


def settings(*overrides: str) -> Creators:
    """`settings("risk.at_least=3")`: those of conf/base.yml but for these."""
    return load_config("local", [f"creators.{one}" for one in overrides]).creators


def profiles(spark: SparkSession, contents: Sequence[One]) -> DataFrame:
    """Rows of gold.content_profiles."""
    rows = []
    for one in contents:
        best = max(one.nodes, key=lambda node: (one.nodes or {})[node]) if one.nodes else None
        made: dict[str, Any] = {
            c.CONTENT_ID: one.content_id,
            c.CREATOR_ID: one.creator_id,
            c.CATEGORY: best,
            c.CATEGORY_PROBABILITY: one.nodes[best] if one.nodes and best else None,
            c.CATEGORY_PROBABILITIES: one.nodes if one.is_map_stored else None,
            c.RISK: one.risk,
            c.CATEGORY_MODEL: one.model if one.nodes else None,
            c.RISK_MODEL: None if one.risk is None else "risk/1",
            c.TAXONOMY_VERSION: one.taxonomy_version,
            c.CONTENT_HASH: "hash",
            c.SCORED_AT: INGESTED,
        }
        rows.append(tuple(made.get(name) for name in schemas.CONTENT_PROFILES.names))
    return spark.createDataFrame(rows, schemas.CONTENT_PROFILES)


def contents_of(spark: SparkSession, contents: Sequence[One]) -> DataFrame:
    """Rows of bronze.content."""
    rows = []
    for one in contents:
        made = {
            c.CONTENT_ID: one.content_id,
            c.CREATOR_ID: one.creator_id,
            c.KIND: one.kind,
            c.PUBLISHED_AT: one.published_at,
            c.VIEWS: one.views,
            c.CONTENT_HASH: "hash",
            c.INGESTED_AT: INGESTED,
        }
        rows.append(tuple(made.get(name) for name in schemas.CONTENT.names))
    return spark.createDataFrame(rows, schemas.CONTENT)


def creators_of(spark: SparkSession, names: Sequence[str]) -> DataFrame:
    """Rows of bronze.creators."""
    return spark.createDataFrame([(name, None, None, None, INGESTED) for name in names], schemas.CREATORS)


def rolled(
    spark: SparkSession,
    contents: Sequence[One],
    creators: Sequence[str] = (),
    by: Creators | None = None,
    partitions: int = 2,
) -> DataFrame:
    """Rows of gold.creator_profiles but for the stamp."""
    by = by or settings()
    scored = profiles(spark, contents).repartition(partitions)
    own = by_kind_and_node(by.modality, TREE)
    pooled = pool(scored, contents_of(spark, contents).repartition(partitions), by, own)
    return roll_up(pooled.cache(), scored, creators_of(spark, creators), by, TREE)


def by_creator(found: DataFrame) -> dict[str, dict[str, Any]]:
    """Collected rows by their creator, who has one."""
    rows = [row.asDict() for row in found.collect()]
    collected = {row.pop(c.CREATOR_ID): row for row in rows}
    assert len(collected) == len(rows)
    return collected


def tree_file(config: Config) -> str:
    """The tree as a file beside the lake, and the setting that points there."""
    from pathlib import Path

    import yaml

    assert config.lake.root is not None
    path = Path(config.lake.root).parent / "tree.yml"
    nodes = [node.model_dump(include={"id", "name", "parent"}) for node in TREE.nodes]
    path.write_text(yaml.safe_dump({"nodes": nodes}))
    return f"taxonomy.path={path}"
