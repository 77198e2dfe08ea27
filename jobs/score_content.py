"""Contents to gold.content_profiles by the champion models, for contents whose text, models or taxonomy changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs._models import content_features, differences, unknown_statistics
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, RiskAreas, fingerprint
from linnaeus.contracts.errors import NoChampionError, UnfitError
from linnaeus.contracts.tables import Table
from linnaeus.features.embeddings import without_set_aside
from linnaeus.features.text import text
from linnaeus.inference.pending import pending
from linnaeus.inference.rules import with_rules
from linnaeus.inference.score import ScoringPlan, score
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots
from linnaeus.runtime.tracking import CANDIDATE, CHAMPION, Tracking, Version


@dataclass(frozen=True)
class _Models:
    """The versions of both families that contents are scored with; one may be absent."""

    category: Version | None
    risk: Version | None

    @property
    def names(self) -> str:
        return ", ".join(version.name for version in (self.category, self.risk) if version)


def main(config: Config) -> JobResult:
    """Score with whichever champions there are. Raises NoChampionError where there is none.

    Where `scoring.shadow` is set the candidates score beside them, to gold.shadow_profiles.
    """
    tracking = Tracking(config)
    champions = _at(tracking, config, CHAMPION)
    if champions.category is None and champions.risk is None:
        raise NoChampionError(
            f"neither {config.registry.category_model} nor {config.registry.risk_model} has a version with the alias "
            "champion; train and promote one first (train_category, train_risk, promote_model)"
        )
    session = build_session(config)
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(config.scoring.rows_a_batch))
    lake = Lake(session, config)
    n_todo, written = _score(lake, tracking, config, champions, tables.CONTENT_PROFILES)
    details, written_to = {"scored with": champions.names}, [tables.CONTENT_PROFILES]
    shadow = _shadow(tracking, config, champions) if config.scoring.shadow else None
    if shadow is not None:
        details["beside them"] = shadow.names
        try:
            _, n_beside = _score(lake, tracking, config, shadow, tables.SHADOW_PROFILES)
        except UnfitError as error:  # the champions' profiles are whole: what follows must not wait for a candidate
            details["beside them"] += f", not scored: {error}"
        else:
            written += n_beside
            written_to.append(tables.SHADOW_PROFILES)
    return JobResult(rows_read=n_todo, rows_written=written, tables=tuple(written_to), details=details)


def _at(tracking: Tracking, config: Config, alias: str) -> _Models:
    models = (config.registry.category_model, config.registry.risk_model)
    return _Models(*(tracking.version_at(model, alias) for model in models))


def _shadow(tracking: Tracking, config: Config, champions: _Models) -> _Models | None:
    """The candidates, and the champion of a family that has none; None where these are the champions."""
    candidates = _at(tracking, config, CANDIDATE)
    models = _Models(candidates.category or champions.category, candidates.risk or champions.risk)
    return None if models.names == champions.names else models


def _score(lake: Lake, tracking: Tracking, config: Config, models: _Models, table: Table) -> tuple[int, int]:
    """Bring a table of profiles up to date by these models: how many contents had to be scored, and rows written."""
    category = tracking.load(models.category) if models.category else None
    risk = tracking.load(models.risk) if models.risk else None
    manifest = _one_manifest(models, category, risk)
    stamps = _stamps(config, models.category, models.risk, manifest)
    todo = pending(content_features(lake, manifest), lake.read(table), stamps).persist()
    try:
        n_todo = _count(lake, todo, models, manifest)
        if n_todo == 0:
            return 0, 0
        plan = _plan(config, category, risk)
        n_slots = slots(lake.session)
        partitions = n_slots * math.ceil(n_todo / (config.scoring.rows_a_partition * n_slots))
        scored = score(todo.repartition(partitions, c.CONTENT_ID), plan)
        return n_todo, lake.merge(_profiles(scored, todo, stamps, config.read_risk()), table).written
    finally:
        todo.unpersist()


def _count(lake: Lake, todo: DataFrame, models: _Models, manifest: FeatureManifest) -> int:
    """How many there are. Raises UnfitError where some lack features: their scores would mean nothing.

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
        raise UnfitError(
            f"{n_lacking} contents have no tokens or no vector of {manifest.embedder}, which {models.names} was "
            "trained on; run build_tokens and build_embeddings, or promote a model of the embedder in force"
        )
    return int(found["all"])


def _one_manifest(models: _Models, category: ModelBundle | None, risk: ModelBundle | None) -> FeatureManifest:
    """The features that all models want. Raises UnfitError where they differ, or can't be made."""
    manifests = [bundle.manifest for bundle in (category, risk) if bundle]
    if differing := differences(manifests[0], manifests[-1]):
        raise UnfitError(f"{models.names} want different features ({differing}); train and promote both anew")
    if unknown := unknown_statistics(manifests[0]):
        raise UnfitError(
            f"{models.names}: the statistics {', '.join(unknown)} are wanted, which this code does not make; train and "
            "promote anew"
        )
    return manifests[0]


def _stamps(
    config: Config, category: Version | None, risk: Version | None, manifest: FeatureManifest
) -> dict[str, str | None]:
    """What rows scored now came from."""
    taxonomy, scoring = config.read_taxonomy(), config.scoring
    thresholds = [scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold, scoring.least_probability]
    areas = [
        [area.id, area.medium, area.high, *[rule.model_dump() for rule in area.rules]]
        for area in config.read_risk().areas
    ]
    return {
        c.CATEGORY_MODEL: category.name if category else None,
        c.RISK_MODEL: risk.name if risk else None,
        c.TAXONOMY_VERSION: fingerprint([taxonomy.version, areas, thresholds]),
        c.FEATURE_MANIFEST: manifest.version,
    }


def _plan(config: Config, category: ModelBundle | None, risk: ModelBundle | None) -> ScoringPlan:
    scoring = config.scoring
    thresholds = (scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold)
    return ScoringPlan.build(
        category, risk, config.read_taxonomy(), config.read_risk(), thresholds, scoring.least_probability
    )


def _profiles(scores: DataFrame, features: DataFrame, stamps: dict[str, str | None], areas: RiskAreas) -> DataFrame:
    came_from = features.select(c.CONTENT_ID, c.CREATOR_ID, c.EMBEDDER, c.CONTENT_HASH, text().alias(c.TEXT))
    made = [F.lit(value).cast("string").alias(name) for name, value in stamps.items()]
    rows = with_rules(scores.join(came_from, c.CONTENT_ID), F.col(c.TEXT), areas)
    rows = rows.select("*", *made, F.current_timestamp().alias(c.SCORED_AT))
    return rows.select(*tables.CONTENT_PROFILES.schema.names)


def command() -> None:
    """Entry point of the wheel."""
    exit_with("score_content", main)


if __name__ == "__main__":
    command()
