"""A model bundle as NumPy: features in, probabilities out. What scores in Spark, in MLflow and in the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost
from scipy import sparse

from linnaeus.contracts.bundle import Head, ModelBundle
from linnaeus.contracts.lexical import term_counts, unit_tf_idf

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """Features of n rows.

    Shapes: embeddings (n, dimension), rows of NaN where there is none; statistics (n, n_statistics);
    terms (total,) bucket numbers of all rows in a row; offsets (n + 1,) where each row's terms begin.
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
        self._boosters: dict[str, xgboost.Booster] = {}
        for name, head in bundle.heads.items():
            booster = xgboost.Booster()
            booster.load_model(bytearray(head.booster))
            booster.set_param({"nthread": threads, "device": "cpu"})
            self._boosters[name] = booster

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
        scores = head.linear.scores(unit_tf_idf(counts, head.linear.idf), batch.embeddings)
        features = np.concatenate([batch.embeddings, batch.statistics, scores], axis=1)
        raw = np.asarray(self._boosters[name].inplace_predict(features), dtype=np.float32)
        if raw.ndim == 1:
            raw = raw if head.calibration is None else head.calibration.apply(raw).astype(np.float32)
            raw = np.stack([1 - raw, raw], axis=1)
        return raw
