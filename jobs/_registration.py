"""Registering what was trained: a version with its tags, figures, plots and an example of nobody's text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Plot

from jobs import served_model
from jobs._models import (
    Judgement,
)
from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config, fingerprint
from linnaeus.inference.predictor import FeatureBatch, Predictor
from linnaeus.runtime.lake import Snapshot
from linnaeus.runtime.model_tags import table_tag
from linnaeus.runtime.tracking import FINGERPRINT, Tracking, Version, code_version
from linnaeus.training.figures import is_of_curve
from linnaeus.training.plots import confusion_plot, precision_recall_plot, reliability_plot


def tags_of(config: Config, bundle: ModelBundle, mark: str, snapshot: Snapshot) -> dict[str, str]:
    """What a version came from."""
    versions = {table_tag(name): str(version) for name, version in snapshot.versions.items()}
    return versions | {
        FINGERPRINT: mark,
        "embedder": bundle.manifest.embedder,
        c.FEATURE_MANIFEST: bundle.manifest.version,
        "taxonomy_version": config.read_taxonomy().version,
        "heads": ", ".join(bundle.heads),
        "split": fingerprint(config.training.split.model_dump()),
        "code": code_version(),
    }


def register(
    tracking: Tracking,
    config: Config,
    model: str,
    bundle: ModelBundle,
    found: Judgement,
    tags: Mapping[str, str],
    card: str,
) -> Version:
    """Register a bundle as a new version, with all that is kept beside it."""
    example, prediction = _example(bundle)
    return tracking.register(
        model,
        bundle,
        Path(served_model.__file__),
        example,
        prediction,
        params=_flat(config.training.settings),
        metrics={
            f"{facet}.{f.metric}": f.value
            for facet, of_facet in found.figures.items()
            for f in of_facet
            if f.slice == c.OVERALL and not is_of_curve(f.metric)
        },
        tags=tags,
        documents={"model_card.md": card},
        plots=_plots(found),
    )


def _plots(found: Judgement) -> dict[str, Plot]:
    plots = {"reliability": reliability_plot(found.levels)}
    if found.confusion:
        return plots | {"confusion": confusion_plot(found.confusion)}
    return plots | {"precision_recall": precision_recall_plot(found.levels)}


def _example(bundle: ModelBundle) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An input example without anybody's text (a constructed vector), and what the model makes of it."""
    manifest = bundle.manifest
    vector = np.full(manifest.dimension, manifest.dimension**-0.5, dtype=np.float32)
    statistics = np.zeros(manifest.n_statistics, dtype=np.float32)
    terms = np.array([1, 2, 3], dtype=np.int32)
    batch = FeatureBatch(vector[None, :], statistics[None, :], terms, np.array([0, len(terms)], dtype=np.int64))
    prediction = {
        f"{head}.{name}": probabilities[:, place].astype(float)
        for head, probabilities in Predictor(bundle).predict(batch).items()
        for place, name in enumerate(bundle.heads[head].classes)
    }
    example = {c.EMBEDDING: [vector.tolist()], c.STATISTICS: [statistics.tolist()], c.TERMS: [terms.tolist()]}
    return pd.DataFrame(example), pd.DataFrame(prediction)


def _flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
