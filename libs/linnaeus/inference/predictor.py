"""A model bundle as NumPy: features in, probabilities out. What scores in Spark, in MLflow and in the tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost
from scipy import sparse
from scipy.special import softmax

from linnaeus.contracts.bundle import Calibration, Groups, Head, ModelBundle
from linnaeus.contracts.lexical import term_counts, unit_tf_idf

Array = npt.NDArray[np.float32]
_LEAST = 1e-9  # probabilities below it count as it


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """Features of n rows.

    Shapes: embeddings (n, dimension), rows of NaN where there is none; statistics (n, n_statistics);
    terms (total,) numbers of all rows' hashed terms in a row; offsets (n + 1,) where each row's terms begin.
    """

    embeddings: Array
    statistics: Array
    terms: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        """Rows."""
        return int(self.embeddings.shape[0])


class Predictor:
    """Probabilities of every head of a bundle. Boosters are loaded once; `threads` is XGBoost's own."""

    def __init__(self, bundle: ModelBundle, threads: int = 1) -> None:
        self.bundle = bundle
        self._boosters = {name: _loaded(head, threads) for name, head in bundle.heads.items()}

    def predict(self, batch: FeatureBatch) -> dict[str, Array]:
        """By head, an array (n, classes) of probabilities that sum to one, calibrated where the head is.

        Raises ValueError for vectors of another width than the manifest says.
        """
        manifest = self.bundle.manifest
        found = (batch.embeddings.shape[1], batch.statistics.shape[1])
        if found != (manifest.dimension, manifest.n_statistics):
            expected = (manifest.dimension, manifest.n_statistics)
            raise ValueError(f"features of widths {found}; the model was trained on {expected}")
        counts = term_counts(batch.terms, batch.offsets, manifest.buckets)
        return {name: self._predict_head(name, head, batch, counts) for name, head in self.bundle.heads.items()}

    def _predict_head(self, name: str, head: Head, batch: FeatureBatch, counts: sparse.csr_matrix) -> Array:
        if batch.size == 0:  # of no rows XGBoost gives one dimension, whatever the classes
            return np.zeros((0, len(head.classes)), dtype=np.float32)
        unit = unit_tf_idf(counts, head.linear.idf)
        scores = head.linear.scores(unit, batch.embeddings)
        features = np.concatenate([batch.embeddings, batch.statistics, scores], axis=1)
        found = [_chances(booster, features) for booster in self._boosters[name]]
        chances = found[0]
        if head.parts:
            groups = (part.groups for part in head.parts)
            chances = composed(len(head.classes), zip(groups, found, strict=True))
        if head.logistic is not None:
            by_words = head.logistic.chances(batch.terms, batch.offsets)
            chances = mixed(chances, by_words, head.logistic_share)
        return chances if head.calibration is None else _calibrated(chances, head.calibration)


def composed(n_classes: int, conditionals: Iterable[tuple[Groups, Array]]) -> Array:
    """Probabilities (rows, classes) as products of those that local classifiers give the groups of each class.

    `conditionals` are groups of places of classes and their probabilities (rows, groups), summing to one: what comes
    back does so too, if the groups are those of a tree (see training/local_classifiers.py).
    """
    product: Array | None = None
    for groups, chances in conditionals:
        if product is None:
            product = np.ones((len(chances), n_classes), dtype=np.float32)
        for group, chance in zip(groups, chances.T, strict=True):
            product[:, list(group)] *= chance[:, None]
    if product is None:
        raise ValueError("there is no local classifier")
    return product


def _loaded(head: Head, threads: int) -> list[xgboost.Booster]:
    """The boosters of a head: one, or those of its local parts."""
    boosters = []
    for content in [part.booster for part in head.parts] or [head.booster]:
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        booster.set_param({"nthread": threads, "device": "cpu"})
        boosters.append(booster)
    return boosters


def _chances(booster: xgboost.Booster, features: Array) -> Array:
    """A booster's probabilities (rows, classes), summing to one."""
    raw = np.asarray(booster.inplace_predict(features), dtype=np.float32)
    return np.stack([1 - raw, raw], axis=1) if raw.ndim == 1 else raw


def mixed(first: Array, second: Array, share: float) -> Array:
    """Probabilities (rows, classes), summing to one, that are proportional to first^(1 - share) · second^share.

    The logarithmic opinion pool: Genest and Zidek (1986), Combining probability distributions.
    """
    logs = [np.log(np.maximum(one.astype(np.float64), _LEAST)) for one in (first, second)]
    return np.asarray(softmax((1 - share) * logs[0] + share * logs[1], axis=1), dtype=np.float32)


def _calibrated(chances: Array, calibration: Calibration) -> Array:
    """Of two classes, by the second's."""
    yes = calibration.apply(chances[:, 1]).astype(np.float32)
    return np.stack([1 - yes, yes], axis=1)
