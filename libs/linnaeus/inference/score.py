"""Partition-parallel scoring: features in, rows of gold.content_profiles out, in one pass of Arrow batches."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import RiskAreas, Taxonomy
from linnaeus.contracts.lexical import list_array
from linnaeus.inference.arrow import feature_batch, map_array, sparse_map
from linnaeus.inference.category import CategoryTree
from linnaeus.inference.predictor import Array, FeatureBatch, Predictor

LOW, MEDIUM, HIGH = "low", "medium", "high"
PREDICTION_PREFIX = "p_"
_FEATURES = (c.VECTOR, c.STATISTICS, c.TERMS)
Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class Levels:
    """Probabilities from which a risk area is medium and high."""

    medium: Mapping[str, float]
    high: Mapping[str, float]

    @staticmethod
    def build(
        areas: RiskAreas, medium: float, high: float, fitted: Mapping[str, Mapping[str, float]] = MappingProxyType({})
    ) -> Levels:
        """An area's own thresholds, else those chosen in training (`fitted`, by area), else the defaults."""
        chosen = {a.id: {"medium": medium, "high": high} | dict(fitted.get(a.id, {})) for a in areas.areas}
        return Levels(
            {a.id: chosen[a.id]["medium"] if a.medium is None else a.medium for a in areas.areas},
            {a.id: chosen[a.id]["high"] if a.high is None else a.high for a in areas.areas},
        )


@dataclass(frozen=True, eq=False)
class ScoringPlan:
    """What a pass needs: the bundles in force (one may be absent) and how probabilities are read.

    Nodes of a content that are less probable than `least` are not told, but for the most probable.
    """

    category: ModelBundle | None
    risk: ModelBundle | None
    tree: CategoryTree | None
    levels: Levels
    least: float

    @staticmethod
    def build(
        category: ModelBundle | None,
        risk: ModelBundle | None,
        taxonomy: Taxonomy,
        areas: RiskAreas,
        thresholds: tuple[float, float, float],
        least: float = 0.01,
    ) -> ScoringPlan:
        """`thresholds` are the defaults of acceptance, medium and high."""
        accept, medium, high = thresholds
        tree = None
        if category is not None:
            head = category.heads[c.CATEGORY]
            tree = CategoryTree.build(taxonomy, head.classes, accept, head.thresholds)
        fitted = {name: head.thresholds for name, head in risk.heads.items()} if risk is not None else {}
        return ScoringPlan(category, risk, tree, Levels.build(areas, medium, high, fitted), least)


def predict(features: DataFrame, bundle: ModelBundle, keep: tuple[str, ...]) -> DataFrame:
    """The columns `keep`, and for each head `p_<head>`: array<float> of its classes' probabilities."""
    heads = tuple(bundle.heads)
    schema = StructType(
        [features.schema[name] for name in keep]
        + [StructField(PREDICTION_PREFIX + head, ArrayType(FloatType())) for head in heads]
    )
    shared = _share(features, bundle)
    dimension, n_statistics = bundle.manifest.dimension, bundle.manifest.n_statistics

    def run(batches: Batches) -> Batches:
        predictor = _predictor(shared)
        for batch in batches:
            probabilities = predictor.predict(feature_batch(batch, dimension, n_statistics))
            kept = [batch.column(name) for name in keep]
            yield _record_batch([*kept, *[list_array(probabilities[head]) for head in heads]], schema)

    return features.select(*keep, *_FEATURES).mapInArrow(run, schema)


def score(features: DataFrame, plan: ScoringPlan) -> DataFrame:
    """Scores of contents: `content_id` and the model-made columns of gold.content_profiles (null where no model is)."""
    made = (
        c.CONTENT_ID,
        c.CATEGORY,
        c.CATEGORY_PATH,
        c.CATEGORY_PROBABILITY,
        c.CATEGORY_ACCEPTED,
        c.CATEGORY_PROBABILITIES,
        c.RISK,
        c.RISK_LEVEL,
    )
    schema = StructType([schemas.CONTENT_PROFILES[name] for name in made])
    shared_category = _share(features, plan.category) if plan.category else None
    shared_risk = _share(features, plan.risk) if plan.risk else None
    either = plan.category or plan.risk
    assert either is not None, "score needs a category or a risk model"
    dimension, n_statistics = either.manifest.dimension, either.manifest.n_statistics
    tree, levels, least = plan.tree, plan.levels, plan.least

    def run(batches: Batches) -> Batches:
        category = _predictor(shared_category) if shared_category else None
        risk = _predictor(shared_risk) if shared_risk else None
        for batch in batches:
            rows = feature_batch(batch, dimension, n_statistics)
            columns = [batch.column(c.CONTENT_ID), *_category_columns(category, tree, least, rows)]
            yield _record_batch([*columns, *_risk_columns(risk, levels, rows)], schema)

    return features.select(c.CONTENT_ID, *_FEATURES).mapInArrow(run, schema)


def _category_columns(
    predictor: Predictor | None, tree: CategoryTree | None, least: float, rows: FeatureBatch
) -> list[pa.Array]:
    if predictor is None or tree is None:
        types = (pa.string(), pa.list_(pa.string()), pa.float32(), pa.string(), pa.map_(pa.string(), pa.float32()))
        return [pa.nulls(rows.size, kind) for kind in types]
    probabilities = predictor.predict(rows)[c.CATEGORY]
    best = probabilities.argmax(axis=1)
    accepted = tree.accepted(probabilities, best)
    is_told = probabilities >= least
    is_told[np.arange(rows.size), best] = True
    nodes = pa.array(tree.nodes, pa.string())
    return [
        pa.array(tree.classes, pa.string()).take(pa.array(best)),
        pa.array([list(path) for path in tree.paths], pa.list_(pa.string())).take(pa.array(best)),
        pa.array(probabilities[np.arange(rows.size), best]),
        nodes.take(pa.array(accepted, mask=accepted < 0)),
        sparse_map(tree.classes, probabilities, is_told),
    ]


def _risk_columns(predictor: Predictor | None, levels: Levels, rows: FeatureBatch) -> list[pa.Array]:
    if predictor is None:
        kinds = (pa.map_(pa.string(), pa.float32()), pa.map_(pa.string(), pa.string()))
        return [pa.nulls(rows.size, kind) for kind in kinds]
    predicted = predictor.predict(rows)
    areas = tuple(sorted(predicted))
    chances = [predicted[area][:, 1] for area in areas]
    named = [_levels(chance, area, levels) for chance, area in zip(chances, areas, strict=True)]
    return [map_array(areas, [pa.array(chance, pa.float32()) for chance in chances]), map_array(areas, named)]


def _levels(chance: Array, area: str, levels: Levels) -> pa.Array:
    """An area that is no longer configured keeps its score and is never raised."""
    medium, high = levels.medium.get(area, np.inf), levels.high.get(area, np.inf)
    place = (chance >= medium).astype(np.int8) + ((chance >= high) & (chance >= medium)).astype(np.int8)
    return pa.array([LOW, MEDIUM, HIGH]).take(pa.array(place))


@dataclass(frozen=True, eq=False)
class _Shared:
    """A broadcast bundle and the key under which a Python worker keeps its predictor."""

    key: str
    files: Any


def _share(rows: DataFrame, bundle: ModelBundle) -> _Shared:
    files = bundle.to_files()
    digest = hashlib.sha256(b"".join(name.encode() + files[name] for name in sorted(files)))
    return _Shared(digest.hexdigest(), rows.sparkSession.sparkContext.broadcast(files))


def _predictor(shared: _Shared) -> Predictor:
    """The bundle's predictor, made once a Python worker (tasks that follow find it)."""
    if shared.key not in _LOADED:
        while len(_LOADED) >= _MOST_LOADED:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[shared.key] = Predictor(ModelBundle.from_files(shared.files.value))
        # Spark's workers collect garbage after every task: 0.07 s of looking at what imported packages made for good.
        gc.freeze()
    return _LOADED[shared.key]


_LOADED: dict[str, Predictor] = {}
_MOST_LOADED = 8


def _record_batch(columns: list[pa.Array], schema: StructType) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(columns, names=schema.names)
