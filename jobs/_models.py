"""What training, promotion and scoring share: the features of a lake's contents, and the figures of a bundle."""

from __future__ import annotations

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
from linnaeus.training.evaluation import Figure, category_figures, risk_figures
from linnaeus.training.examples import examples
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
    """Figures by facet of a bundle on the held-out contents that are labelled now."""
    rows = content_features(lake, bundle.manifest)
    figures: dict[str, list[Figure]] = {}
    for head, facet in facets_of(config, bundle.family).items():
        if head not in bundle.heads:
            continue
        labelled = examples(rows, lake.read(tables.LABELS), facet, config.training.split)
        held_out = labelled.where(F.col(c.PART) == HELD_OUT)
        scored = predict(held_out, bundle, (c.CONTENT_ID, c.LABEL)).persist()
        try:
            figures[facet] = _figures(scored, head, bundle)
        finally:
            scored.unpersist()
    return figures


def main_figure(figures: dict[str, list[Figure]], family: str) -> tuple[float | None, int]:
    """The mean of the compared figure over a family's facets, and how many contents it stands on."""
    wanted = [f for found in figures.values() for f in found if f.metric == MAIN_METRIC[family]]
    if not wanted:
        return None, 0
    return sum(f.value for f in wanted) / len(wanted), sum(f.n for f in wanted)


def _figures(scored: DataFrame, head: str, bundle: ModelBundle) -> list[Figure]:
    probabilities = F.col(PREDICTION_PREFIX + head)
    if bundle.family == "risk":
        judged = scored.select(
            probabilities[1].cast("double").alias("probability"), (F.col(c.LABEL) == c.YES).alias("is_positive")
        )
        return risk_figures(judged, "probability", "is_positive")
    names = F.array(*[F.lit(name) for name in bundle.heads[head].classes])
    best = F.element_at(names, F.call_function("array_position", probabilities, F.array_max(probabilities)).cast("int"))
    return category_figures(scored.select(c.LABEL, best.alias("predicted")), c.LABEL, "predicted")
