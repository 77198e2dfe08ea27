"""What training, promotion and scoring share: the features of a lake's contents, and the figures of a bundle."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config
from linnaeus.contracts.schemas import STATISTICS
from linnaeus.features.tokens import tokenizer_version
from linnaeus.features.vector import features_of
from linnaeus.inference.score import PREDICTION_PREFIX, predict
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.lake import Reader
from linnaeus.training.evaluation import (
    CREATOR,
    OVERALL,
    PREDICTED,
    SLICES,
    Figure,
    category_figures,
    judged,
    risk_figures,
)
from linnaeus.training.examples import examples
from linnaeus.training.slices import with_dimensions
from linnaeus.training.split import HELD_OUT

# The figure that a promotion compares, by family.
MAIN_METRIC = {"category": "macro_f1", "risk": "pr_auc"}


def manifest_in_force(config: Config) -> FeatureManifest:
    """What features are by this configuration."""
    return FeatureManifest(
        embedder=identity(config.embedder),
        tokenizer=tokenizer_version(config.tokens),
        dimension=config.embedder.dimension,
        statistics=tuple(STATISTICS.names),
        buckets=config.features.hash_buckets,
        bigrams=config.features.bigrams,
    )


def content_features(lake: Reader, manifest: FeatureManifest) -> DataFrame:
    """Every content with the features that a manifest names; those of another embedder or tokenizer are absent."""
    made = [lake.read(table) for table in (tables.CONTENT, tables.TOKENS, tables.EMBEDDINGS)]
    return features_of(*made, manifest)


def facets_of(config: Config, family: str) -> dict[str, str]:
    """Facets by head: `category`, or one a risk area."""
    if family == "category":
        return {c.CATEGORY: c.CATEGORY_FACET}
    return {area: c.RISK_FACET_PREFIX + area for area in config.read_risk().ids}


def held_out_figures(lake: Reader, config: Config, bundle: ModelBundle) -> dict[str, list[Figure]]:
    """Figures by facet of a bundle on the held-out contents that are labelled now, overall and by slice."""
    rows = content_features(lake, bundle.manifest)
    content, tokens = lake.read(tables.CONTENT), lake.read(tables.TOKENS)
    figures: dict[str, list[Figure]] = {}
    for head, facet in facets_of(config, bundle.family).items():
        if head not in bundle.heads:
            continue
        labelled = examples(rows, lake.read(tables.LABELS), facet, config.training.split)
        held_out = labelled.where(F.col(c.PART) == HELD_OUT)
        sliced = judged(*with_dimensions(held_out, content, tokens, config.evaluation.new_creator_days))
        scored = predict(sliced, bundle, (CREATOR, SLICES, c.LABEL)).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            figures[facet] = _figures(scored, head, bundle, config)
        finally:
            scored.unpersist()
    return figures


def main_figure(figures: Mapping[str, list[Figure]], family: str) -> tuple[float | None, int]:
    """The mean of the compared figure over a family's facets, overall, and how many contents it stands on."""
    wanted = [f for found in figures.values() for f in found if (f.slice, f.metric) == (OVERALL, MAIN_METRIC[family])]
    if not wanted:
        return None, 0
    return sum(f.value for f in wanted) / len(wanted), sum(f.n for f in wanted)


def _figures(scored: DataFrame, head: str, bundle: ModelBundle, config: Config) -> list[Figure]:
    probabilities, seed = F.col(PREDICTION_PREFIX + head), config.training.split.seed
    if bundle.family == "risk":
        rows = scored.select(
            CREATOR,
            SLICES,
            probabilities[1].cast("double").alias(c.PROBABILITY),
            (F.col(c.LABEL) == c.YES).alias("is_positive"),
        )
        return risk_figures(rows, config.evaluation, seed)
    classes, best = bundle.heads[head].classes, F.array_max(probabilities)
    names = F.array(*[F.lit(name) for name in classes])
    predicted = F.element_at(names, F.call_function("array_position", probabilities, best).cast("int"))
    rows = scored.select(CREATOR, SLICES, c.LABEL, predicted.alias(PREDICTED), best.cast("double").alias(c.PROBABILITY))
    labels = [row[c.LABEL] for row in rows.select(c.LABEL).distinct().collect()]  # few: at most the taxonomy's nodes
    return category_figures(rows, [*classes, *labels], config.read_taxonomy().parents, config.evaluation, seed)
