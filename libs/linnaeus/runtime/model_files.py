"""A model version's files: a bundle with the code that serves it, as MLflow keeps models, and the bundle read back."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import mlflow
import pandas as pd
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types.schema import ColSpec, Schema

from linnaeus.contracts.bundle import ModelBundle
from linnaeus.runtime.served_code import requirements, write_code

_BUNDLE = "bundle"


def write_files(
    folder: Path,
    logged: LoggedModel,
    bundle: ModelBundle,
    served_by: Path,
    example: pd.DataFrame,
    prediction: pd.DataFrame,
) -> None:
    """Write a bundle as a model that MLflow serves, with the code and the pinned packages that this needs."""
    described = Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        metadata={"family": bundle.family},
    )
    with tempfile.TemporaryDirectory() as place, _folder_of(bundle) as files:
        entry, package = write_code(served_by, Path(place))
        mlflow.pyfunc.save_model(
            path=str(folder),
            mlflow_model=described,
            python_model=str(entry),  # code as text, not a pickle
            code_paths=[str(package)],
            artifacts={_BUNDLE: str(files)},
            signature=_signature(example, prediction),
            input_example=example,
            pip_requirements=requirements(),
        )
    for compiled in list(folder.rglob("__pycache__")):
        shutil.rmtree(compiled)


def read_bundle(folder: Path) -> ModelBundle:
    """Read the bundle among a model's files.

    Raises ValueError where it is not whole, and ConfigurationError for another format.
    """
    found = next((path.parent for path in folder.rglob("bundle.json")), None)
    if found is None:
        raise ValueError("it has no bundle.json")
    try:
        return ModelBundle.from_files({path.name: path.read_bytes() for path in found.iterdir()})
    except (KeyError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"its files are not whole ({error!r:.100})") from error


def _signature(example: pd.DataFrame, prediction: pd.DataFrame) -> ModelSignature:
    """The types of what goes in and comes out. A row may lack what a content lacks: MLflow calls that not required."""
    inferred = infer_signature(example, prediction)
    columns = (ColSpec(column.type, column.name, required=False) for column in inferred.inputs.inputs)
    return ModelSignature(Schema([*columns]), inferred.outputs)


@contextmanager
def _folder_of(bundle: ModelBundle) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / _BUNDLE
        inner.mkdir()
        for name, content in bundle.to_files().items():
            (inner / name).write_bytes(content)
        yield inner
