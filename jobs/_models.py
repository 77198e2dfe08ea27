"""What training, promotion and scoring share: the features of a lake's contents, and the figures of a bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.contracts.schemas import STATISTICS
from linnaeus.features.tokens import tokenizer_version
from linnaeus.features.vector import features_of
from linnaeus.inference.rule_search import READING
from linnaeus.inference.score import PREDICTION_PREFIX, predict
from linnaeus.registry.gate import Measured, mean_overall
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.lake import Reader
from linnaeus.runtime.spark import cached
from linnaeus.training.calibration import binned
from linnaeus.training.evaluation import (
    CREATOR,
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

_TRUE = "is_positive"
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


def not_in_force(manifest: FeatureManifest, config: Config) -> str | None:
    """How the features that a model wants differ from those that this configuration makes, in words; None where these
    can be made for it. How terms are hashed does not count: that is done as a model wants it."""
    said = [differences(manifest, manifest_in_force(config), ("embedder", "tokenizer", "dimension"))]
    if unknown := unknown_statistics(manifest):
        said.append(f"the statistics {', '.join(unknown)}, which this code does not make")
    return " and ".join(filter(None, said)) or None


def differences(one: FeatureManifest, other: FeatureManifest, names: Sequence[str] = ()) -> str:
    """In which of its fields (all, or `names`) a manifest differs from another, in words; empty where in none."""
    wanted, there = dataclasses.asdict(one), dataclasses.asdict(other)
    differing = [name for name in names or wanted if wanted[name] != there[name]]
    return " and ".join(f"{name} {_shown(wanted[name])}, not {_shown(there[name])}" for name in differing)


def _shown(value: object) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else str(value)


def unknown_statistics(manifest: FeatureManifest) -> list[str]:
    """Statistics that a model wants and this code does not make."""
    return [name for name in manifest.statistics if name not in STATISTICS.names]


def taxonomy_version_in_force(config: Config) -> str:
    """The fingerprint of taxonomy, areas, rules and thresholds that score_content stamps its rows with."""
    scoring = config.scoring
    thresholds = [scoring.accept_threshold, scoring.medium_threshold, scoring.high_threshold, scoring.least_probability]
    risk = config.read_risk().areas
    areas = [[area.id, area.medium, area.high, *[rule.model_dump() for rule in area.rules]] for area in risk]
    # How texts are searched counts where there are rules alone: scores without any stay as they are.
    how = [READING] if any(area.rules for area in risk) else []
    return fingerprint([config.read_taxonomy().version, areas, thresholds, *how])


def content_features(lake: Reader, manifest: FeatureManifest) -> DataFrame:
    """Every content with the features that a manifest names; those of another embedder or tokenizer are absent."""
    content, tokens, vectors = (lake.read(table) for table in (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS))
    return features_of(content, tokens, vectors, manifest)


def facets_of(config: Config, family: str) -> dict[str, str]:
    """Facets by head: `category`, or one a risk area."""
    if family == "category":
        return {c.CATEGORY: c.CATEGORY_FACET}
    return {area: c.RISK_FACET_PREFIX + area for area in config.read_risk().ids}


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a bundle makes of the held-out contents: figures by facet, and counts that plots are made of."""

    figures: dict[str, list[Figure]]
    confusion: dict[tuple[str, str], int]  # of the category: contents by label and prediction
    levels: dict[str, npt.NDArray[np.float64]]  # by facet: probability, positives, negatives (calibration.binned)


def held_out_figures(lake: Reader, config: Config, bundle: ModelBundle) -> dict[str, list[Figure]]:
    """Figures by facet of a bundle on the held-out contents that are labelled now, overall and by slice."""
    with ExitStack() as held:
        return {facet: _figures(rows, bundle, config) for facet, rows in _held_out(lake, config, bundle, held).items()}


def judgement(
    lake: Reader, config: Config, bundle: ModelBundle, labelled: Mapping[str, DataFrame] | None = None
) -> Judgement:
    """The figures of `held_out_figures`, and what is behind them, of labelled examples by facet (None: all there are
    now)."""
    with ExitStack() as held:
        rows = _held_out(lake, config, bundle, held, labelled)
        figures = {facet: _figures(one, bundle, config) for facet, one in rows.items()}
        if bundle.family == "risk":
            return Judgement(figures, {}, {facet: binned(one, c.PROBABILITY, _TRUE) for facet, one in rows.items()})
        is_right = (F.col(c.LABEL) == F.col(PREDICTED)).alias(_TRUE)
        levels = {
            facet: binned(one.select(c.PROBABILITY, is_right), c.PROBABILITY, _TRUE) for facet, one in rows.items()
        }
        confusion = {pair: n for one in rows.values() for pair, n in _confusion(one).items()}
        return Judgement(figures, confusion, levels)


def _held_out(
    lake: Reader, config: Config, bundle: ModelBundle, held: ExitStack, labelled: Mapping[str, DataFrame] | None = None
) -> dict[str, DataFrame]:
    """The bundle's predictions by facet, cached until a block ends: what evaluation.py asks for."""
    facets = {head: facet for head, facet in facets_of(config, bundle.family).items() if head in bundle.heads}
    if labelled is None:
        rows, labels = content_features(lake, bundle.manifest), lake.read(tables.LABELS)
        labelled = {facet: examples(rows, labels, facet, config.training.split) for facet in facets.values()}
    content, tokens = lake.read(tables.CONTENT), lake.read(tables.TOKENS)
    found = {}
    for head, facet in facets.items():
        held_out = labelled[facet].where(F.col(c.PART) == HELD_OUT)
        sliced = judged(*with_dimensions(held_out, content, tokens, config.evaluation.new_creator_days))
        found[facet] = cached(_answers(predict(sliced, bundle, (CREATOR, SLICES, c.LABEL)), head, bundle), held)
    return found


def _answers(scored: DataFrame, head: str, bundle: ModelBundle) -> DataFrame:
    """Of a risk its probability and whether it is true; of the category label, prediction and its probability."""
    probabilities = F.col(PREDICTION_PREFIX + head)
    if bundle.family == "risk":
        chance = probabilities[1].cast("double").alias(c.PROBABILITY)
        return scored.select(CREATOR, SLICES, chance, (F.col(c.LABEL) == c.YES).alias(_TRUE))
    best = F.array_max(probabilities)
    names = F.array(*[F.lit(name) for name in bundle.heads[head].classes])
    predicted = F.element_at(names, F.call_function("array_position", probabilities, best).cast("int"))
    return scored.select(CREATOR, SLICES, c.LABEL, predicted.alias(PREDICTED), best.cast("double").alias(c.PROBABILITY))


def _figures(rows: DataFrame, bundle: ModelBundle, config: Config) -> list[Figure]:
    seed = config.training.split.seed
    if bundle.family == "risk":
        return risk_figures(rows, config.evaluation, seed)
    labels = [row[c.LABEL] for row in rows.select(c.LABEL).distinct().collect()]  # few: at most the taxonomy's nodes
    classes = [*bundle.heads[c.CATEGORY].classes, *labels]
    return category_figures(rows, classes, config.read_taxonomy().parents, config.evaluation, seed)


def _confusion(rows: DataFrame) -> dict[tuple[str, str], int]:
    counted = rows.groupBy(c.LABEL, PREDICTED).count().collect()  # few: at most the square of the taxonomy's nodes
    return {(row[c.LABEL], row[PREDICTED]): row["count"] for row in counted}


def measured(figures: Mapping[str, list[Figure]]) -> list[Measured]:
    """Figures by facet as the gate compares them."""
    return [
        Measured(facet, f.slice, f.metric, f.values, f.n, f.creators) for facet, found in figures.items() for f in found
    ]


def main_figure(figures: Sequence[Measured], family: str) -> tuple[float | None, int]:
    """The mean of the compared figure over a family's facets, overall, and how many contents it stands on."""
    overall = mean_overall(MAIN_METRIC[family], figures)
    return (float(overall.values[0]), overall.n) if overall is not None else (None, 0)
