"""Contents to gold.content_profiles by the champion models, for contents whose text, models or taxonomy changed."""

from __future__ import annotations

import math

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._models import content_features
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.errors import LinnaeusError, NoChampionError
from linnaeus.features.embeddings import without_set_aside
from linnaeus.features.text import text
from linnaeus.inference.pending import pending
from linnaeus.inference.score import ScoringPlan, score
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots
from linnaeus.runtime.tracking import CHAMPION, Tracking, Version


def main(config: Config) -> JobResult:
    """Score with whichever champions there are. Raises NoChampionError where there is none."""
    tracking = Tracking(config)
    category = tracking.version_at(config.registry.category_model, CHAMPION)
    risk = tracking.version_at(config.registry.risk_model, CHAMPION)
    if category is None and risk is None:
        raise NoChampionError(
            f"neither {config.registry.category_model} nor {config.registry.risk_model} has a version with the alias "
            "champion; train and promote one first (train_category, train_risk, promote_model)"
        )
    category_bundle = tracking.load(category) if category else None
    risk_bundle = tracking.load(risk) if risk else None
    session = build_session(config)
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(config.scoring.rows_a_batch))
    lake = Lake(session, config)
    manifest = _one_manifest([bundle for bundle in (category_bundle, risk_bundle) if bundle])
    features = content_features(lake, manifest)
    stamps = _stamps(config, category, risk, manifest)
    todo = pending(features, lake.read(tables.CONTENT_PROFILES), stamps).persist()
    try:
        n_todo = _count(lake, todo, manifest)
        written = 0
        if n_todo > 0:
            plan = _plan(config, category_bundle, risk_bundle)
            partitions = slots(session) * math.ceil(n_todo / (config.scoring.rows_a_partition * slots(session)))
            rows = _profiles(score(todo.repartition(partitions, c.CONTENT_ID), plan), todo, stamps)
            written = lake.merge(rows, tables.CONTENT_PROFILES).written
    finally:
        todo.unpersist()
    used = ", ".join(version.name for version in (category, risk) if version)
    return JobResult(
        rows_read=n_todo, rows_written=written, tables=(tables.CONTENT_PROFILES,), details={"scored with": used}
    )


def _count(lake: Lake, todo: DataFrame, manifest: FeatureManifest) -> int:
    """How many there are. Raises LinnaeusError where some lack features: their scores would mean nothing.

    A text that made the embedder fail is scored without its vector.
    """
    lacks_tokens = F.col(c.STATISTICS).isNull()
    lacks_vector = F.col(c.VECTOR).isNull() & (text() != "")
    counted = todo.agg(F.count(F.lit(1)).alias("all"), F.count(F.when(lacks_tokens | lacks_vector, 1)).alias("lacking"))
    found = counted.first()
    assert found is not None
    n_lacking = found["lacking"]
    if n_lacking:
        lacking = todo.where(lacks_tokens).union(
            without_set_aside(todo.where(~lacks_tokens & lacks_vector), lake.read(tables.QUARANTINE), manifest.embedder)
        )
        n_lacking = lacking.count()
    if n_lacking:
        raise LinnaeusError(
            f"{n_lacking} contents have no tokens or no vector of {manifest.embedder}, which the champion was "
            "trained on; run build_tokens and build_embeddings, or promote a model of the embedder in force"
        )
    return int(found["all"])


def _one_manifest(bundles: list[ModelBundle]) -> FeatureManifest:
    manifests = {bundle.manifest for bundle in bundles}
    if len(manifests) > 1:
        raise LinnaeusError("the category and the risk champion want different features; train and promote both anew")
    return manifests.pop()


def _stamps(
    config: Config, category: Version | None, risk: Version | None, manifest: FeatureManifest
) -> dict[str, str | None]:
    """What rows scored now came from."""
    taxonomy, scoring = config.read_taxonomy(), config.scoring
    thresholds = [scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold]
    areas = [[area.id, area.medium, area.high] for area in config.read_risk().areas]
    return {
        c.CATEGORY_MODEL: category.name if category else None,
        c.RISK_MODEL: risk.name if risk else None,
        c.TAXONOMY_VERSION: fingerprint([taxonomy.version, areas, thresholds]),
        c.FEATURE_MANIFEST: manifest.version,
    }


def _plan(config: Config, category: ModelBundle | None, risk: ModelBundle | None) -> ScoringPlan:
    scoring = config.scoring
    thresholds = (scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold)
    return ScoringPlan.build(category, risk, config.read_taxonomy(), config.read_risk(), thresholds)


def _profiles(scores: DataFrame, features: DataFrame, stamps: dict[str, str | None]) -> DataFrame:
    came_from = features.select(c.CONTENT_ID, c.CREATOR_ID, c.EMBEDDER, c.CONTENT_HASH)
    made = [F.lit(value).cast("string").alias(name) for name, value in stamps.items()]
    rows = scores.join(came_from, c.CONTENT_ID).select("*", *made, F.current_timestamp().alias(c.SCORED_AT))
    return rows.select(*tables.CONTENT_PROFILES.schema.names)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("score_content", main)


if __name__ == "__main__":
    command()
