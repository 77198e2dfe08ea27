"""The model that MLflow serves: code kept as text beside the bundle (MLflow's 'models from code'), no pickle.

Input: a row a content with `embedding`, `statistics` (lists of floats) and `terms` (a list of numbers of hashed terms),
as features/vector.py makes them. Output: for each class of each head, a column `<head>.<class>` of probabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel


class ServedModel(PythonModel):  # type: ignore[misc]
    """A bundle behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Read the bundle that was logged beside this code."""
        # MLflow runs this file when it saves the model too, where the modules that go along can't be imported.
        from linnaeus.contracts.bundle import ModelBundle
        from linnaeus.inference.frames import FramePredictor

        folder = Path(context.artifacts["bundle"])
        self.model = FramePredictor(ModelBundle.from_files({p.name: p.read_bytes() for p in folder.iterdir()}))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Probabilities of each row. What can't be read is refused by MLflow's own error, which servers pass on."""
        from linnaeus.contracts.errors import InputError

        try:
            return self.model.predict(model_input)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


mlflow.models.set_model(ServedModel())
