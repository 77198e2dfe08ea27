"""MLflow: runs, registered versions, aliases. The only code that speaks to a tracking server or registry."""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from zipfile import BadZipFile

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config, fingerprint, repository, resolve
from linnaeus.contracts.errors import TrackingError
from linnaeus.runtime.aliases import CHAMPION, NO_VERSION, count_move

ROLLED_BACK = "rolled_back"  # a tag: taken out of force by a person, and promoted again by a person alone
FINGERPRINT = "training_fingerprint"
_BUNDLE = "bundle"
_STUDY = "study"
_READY = "READY"
_REQUIREMENTS = ["mlflow==3.17.2", "xgboost==3.2.0", "numpy", "pandas", "scipy", "linnaeus"]
_SQLITE = "sqlite:///"
_Answer = TypeVar("_Answer")
# The first to speak to a new SQLite file makes its tables, which two threads of a flow can't do at once.
_CONNECTING = threading.Lock()


@dataclass(frozen=True)
class Version:
    """A registered model version: its tags, the run it came from and when it was registered, where these are known."""

    model: str
    number: str
    tags: Mapping[str, str]
    run_id: str | None = None
    registered_at: datetime.datetime | None = None

    @property
    def name(self) -> str:
        """Model and version, as rows are stamped with it."""
        return f"{self.model}/{self.number}"


@dataclass(frozen=True, eq=False)
class _Kept:
    """What is kept beside a model."""

    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    documents: dict[str, str]
    plots: dict[str, Figure]


def code_version() -> str:
    """The commit of the checkout that runs, `+` where files differ from it; the wheel's version where there is none."""
    root = repository()
    if root is not None and (git := shutil.which("git")):
        commit = _said_by(git, root, "rev-parse", "HEAD")
        if commit:
            return commit + ("+" if _said_by(git, root, "status", "--porcelain", "--untracked-files=no") else "")
    with suppress(PackageNotFoundError):
        return distribution_version("linnaeus")
    return "unknown"


def _said_by(git: str, root: Path, *arguments: str) -> str:
    done = subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


class Tracking:
    """The tracking server and registry of one environment. Every failure of theirs is raised as TrackingError.

    Both are asked something at once: a job learns that they can't be reached before it works for hours.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        for name in ("mlflow", "alembic"):  # what matters is raised; the rest would drown a job's own lines
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = self._said(self._connect)
        self.version_at(config.registry.category_model, CHAMPION)

    def version_at(self, model: str, alias: str) -> Version | None:
        """The version that an alias points to, or None."""
        return self._said(lambda: _version(self._client.get_model_version_by_alias(model, alias)), absent=None)

    def alias_state(self, model: str, alias: str, with_tags: bool) -> str | None:
        """The version that an alias points to as `number hash`, or None.

        A number alone names no version, as a registry that was made again counts from one too. With `with_tags` a
        version with other tags has another state.
        """
        version = self.version_at(model, alias)
        if version is None:
            return None
        tags = dict(version.tags) if with_tags else {}
        return f"{version.number} {fingerprint([version.run_id, str(version.registered_at), tags])}"

    def version_of(self, model: str, fingerprint: str) -> Version | None:
        """The newest version trained from exactly this (see FINGERPRINT), or None."""
        return next((one for one in self.versions(model) if one.tags.get(FINGERPRINT) == fingerprint), None)

    def versions(self, model: str) -> list[Version]:
        """All versions of a model, the newest first; none where there is no such model."""
        found: list[ModelVersion] = self._said(
            lambda: list(self._client.search_model_versions(f"name = '{model}'")), absent=[]
        )
        # One that is not ready is what a registration left that was cut off: its files may not be whole.
        ready = [one for one in found if one.status == _READY]
        return [_version(one) for one in sorted(ready, key=lambda one: -int(one.version))]

    def point(self, model: str, alias: str, version: Version) -> None:
        """Move an alias."""
        self._said(lambda: self._client.set_registered_model_alias(model, alias, version.number))
        count_move(model, alias, version.number)

    def version(self, model: str, number: str) -> Version | None:
        """A version by its number, or None."""
        return self._said(lambda: _version(self._client.get_model_version(model, number)), absent=None)

    def remove(self, model: str, alias: str) -> None:
        """Take an alias away; nothing where it points nowhere."""
        self._said(lambda: self._client.delete_registered_model_alias(model, alias), absent=None)
        count_move(model, alias, NO_VERSION)

    def tag(self, version: Version, name: str, value: str) -> None:
        """Set a tag of a version."""
        self._said(lambda: self._client.set_model_version_tag(version.model, version.number, name, value))

    def attach(self, version: Version, name: str, document: str) -> None:
        """Add a text to the artifacts of a version's run; nothing where it came from no run."""
        run_id = version.run_id
        if run_id:
            self._said(lambda: self._client.log_text(run_id, document, name))

    def load(self, version: Version) -> ModelBundle:
        """A version's bundle. Raises TrackingError for one that is not whole, ConfigurationError for another format."""
        with tempfile.TemporaryDirectory() as folder:
            uri = f"models:/{version.model}/{version.number}"
            local = Path(self._said(lambda: mlflow.artifacts.download_artifacts(uri, dst_path=folder)))
            bundle = next((path.parent for path in local.rglob("bundle.json")), None)
            if bundle is None:
                raise self._unusable(version, "it has no bundle.json")
            try:
                return ModelBundle.from_files({path.name: path.read_bytes() for path in bundle.iterdir()})
            except (KeyError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
                raise self._unusable(version, f"its files are not whole ({error!r:.100})") from error

    def register(
        self,
        model: str,
        bundle: ModelBundle,
        served_by: Path,
        example: pd.DataFrame,
        prediction: pd.DataFrame,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        documents: Mapping[str, str] = MappingProxyType({}),
        plots: Mapping[str, Figure] = MappingProxyType({}),
    ) -> Version:
        """Log a run with the bundle and register it as a new version; tags come with the version, in one step.

        `served_by` is the file of jobs/served_model.py; `documents` (texts by file name) and `plots` (by name) become
        artifacts of the run. A process that dies before that step leaves a run alone.
        """
        kept = _Kept(dict(params), dict(metrics), dict(tags), dict(documents), dict(plots))
        return self._said(lambda: self._register(model, bundle, served_by, example, prediction, kept))

    def _register(
        self,
        model: str,
        bundle: ModelBundle,
        served_by: Path,
        example: pd.DataFrame,
        prediction: pd.DataFrame,
        kept: _Kept,
    ) -> Version:
        self._use_experiment()
        with mlflow.start_run(run_name=model) as run, _folder_of(bundle) as folder:
            mlflow.log_params(kept.params)
            mlflow.log_metrics(kept.metrics)
            mlflow.set_tags(kept.tags)
            for name, document in kept.documents.items():
                mlflow.log_text(document, name)
            for name, figure in kept.plots.items():
                mlflow.log_figure(figure, f"plots/{name}.png")
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(served_by),  # code as text, not a pickle
                artifacts={_BUNDLE: str(folder)},
                signature=infer_signature(example, prediction),
                input_example=example,
                pip_requirements=_REQUIREMENTS,
                metadata={"family": bundle.family},
            )
        with _made_by_another():
            self._client.create_registered_model(model)
        created = self._client.create_model_version(
            model, info.model_uri, run_id=run.info.run_id, tags=kept.tags, model_id=info.model_id
        )
        return _version(created)

    @contextmanager
    def search(self, name: str, study: str) -> Iterator[Callable[[str, Mapping[str, Any], Mapping[str, float]], None]]:
        """A run whose nested runs are a search's trials: gives what logs one (name, parameters, metrics).

        The run of a search that was cut off (the same `study`) is gone on with.
        """
        self._said(self._use_experiment)
        with self._run(name, self._said(lambda: _run_of(study))):
            self._said(lambda: mlflow.set_tag(_STUDY, study))

            def log(trial: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
                with mlflow.start_run(run_name=trial, nested=True):
                    mlflow.log_params(dict(params))
                    mlflow.log_metrics(dict(metrics))

            yield lambda *trial: self._said(lambda: log(*trial))

    @contextmanager
    def _run(self, name: str, run_id: str | None) -> Iterator[None]:
        """A run that is open while a block is: a new one, or an earlier one gone on with."""
        self._said(lambda: mlflow.start_run(run_id=run_id, run_name=name))
        try:
            yield
        except BaseException:
            with suppress(TrackingError):  # what went wrong first is what is said
                self._said(lambda: mlflow.end_run("FAILED"))
            raise
        self._said(mlflow.end_run)

    def _connect(self) -> MlflowClient:
        uri, registry = self._config.tracking.uri, self._config.registry.uri
        with _CONNECTING:
            mlflow.set_tracking_uri(_local_sqlite(uri))
            mlflow.set_registry_uri(_local_sqlite(registry or uri))
            client = MlflowClient()
            if (registry or uri).startswith(_SQLITE):
                client.search_registered_models(max_results=1)
            client.get_experiment_by_name(self._config.tracking.experiment)
        return client

    def _use_experiment(self) -> None:
        name, artifacts = self._config.tracking.experiment, self._config.tracking.artifacts
        if mlflow.get_experiment_by_name(name) is None:
            place = resolve(artifacts).as_uri() if artifacts else None
            with _made_by_another():
                self._client.create_experiment(name, artifact_location=place)
        mlflow.set_experiment(name)

    def _said(self, call: Callable[[], _Answer], **absent: _Answer) -> _Answer:
        """The answer of a call; `absent` where the server says that there is no such thing; else TrackingError."""
        try:
            return call()
        except MlflowException as error:
            if "absent" in absent and error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return absent["absent"]
            raise self._failure(error) from error
        except (SQLAlchemyError, OSError) as error:  # a database that can't be read, artifacts that can't be written
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> TrackingError:
        said = " ".join(str(error).split()) or type(error).__name__
        return TrackingError(
            f"MLflow at {self._place}: {said[:250]}; see that it can be reached (tracking.uri, registry.uri) and run "
            "the job again, which goes on from what is there"
        )

    def _unusable(self, version: Version, why: str) -> TrackingError:
        return TrackingError(
            f"MLflow at {self._place}: {version.name} can't be used, {why}; delete the version and train again"
        )

    @property
    def _place(self) -> str:
        tracking, registry = self._config.tracking.uri, self._config.registry.uri
        return tracking if registry in (None, tracking) else f"{tracking}, its registry at {registry}"


def _run_of(study: str) -> str | None:
    """The run of a search in the experiment in use, or None."""
    found = mlflow.search_runs(filter_string=f"tags.{_STUDY} = '{study}'", max_results=1, output_format="list")
    return str(found[0].info.run_id) if found else None


def _version(found: ModelVersion) -> Version:
    registered_at = datetime.datetime.fromtimestamp(found.creation_timestamp / 1000, datetime.timezone.utc)
    return Version(found.name, str(found.version), dict(found.tags), found.run_id or None, registered_at)


def _local_sqlite(uri: str) -> str:
    """A relative SQLite path is taken from the checkout, and its folder made."""
    if not uri.startswith(_SQLITE):
        return uri
    path = resolve(uri.removeprefix(_SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"{_SQLITE}{path}"


@contextmanager
def _made_by_another() -> Iterator[None]:
    """What a block creates may be there already, by an earlier run or one beside it: that is as good."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def _folder_of(bundle: ModelBundle) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / _BUNDLE
        inner.mkdir()
        for name, content in bundle.to_files().items():
            (inner / name).write_bytes(content)
        yield inner
