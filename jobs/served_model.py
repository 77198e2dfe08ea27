"""The model that MLflow serves: code kept as text beside the bundle (MLflow's 'models from code'), no pickle.

Input: a row a content with `embedding`, `statistics` (lists of floats) and `terms` (a list of numbers of hashed terms),
as features/vector.py makes them. Output: for each class of each head, a column `<head>.<class>` of probabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from linnaeus.contracts.bundle import ModelBundle
from linnaeus.inference.predictor import FeatureBatch, Predictor


class ServedModel(PythonModel):  # type: ignore[misc]
    """A bundle behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Read the bundle that was logged beside this code."""
        folder = Path(context.artifacts["bundle"])
        self.predictor = Predictor(ModelBundle.from_files({p.name: p.read_bytes() for p in folder.iterdir()}))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Probabilities of each row."""
        terms = [np.asarray(one, dtype=np.int32) for one in model_input["terms"]]
        batch = FeatureBatch(
            np.stack([np.asarray(one, dtype=np.float32) for one in model_input["embedding"]]),
            np.stack([np.asarray(one, dtype=np.float32) for one in model_input["statistics"]]),
            np.concatenate([np.empty(0, np.int32), *terms]),
            np.cumsum([0, *map(len, terms)]).astype(np.int64),
        )
        columns = {}
        for head, probabilities in self.predictor.predict(batch).items():
            for place, name in enumerate(self.predictor.bundle.heads[head].classes):
                columns[f"{head}.{name}"] = probabilities[:, place].astype(float)
        return pd.DataFrame(columns, index=model_input.index)


mlflow.models.set_model(ServedModel())
