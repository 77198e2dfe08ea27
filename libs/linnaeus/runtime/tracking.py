"""MLflow: runs, registered versions, aliases. The only code that speaks to a tracking server or registry.

What holds on Unity Catalog holds on every registry: the results of a search are taken for a list of versions alone.
"""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from linnaeus.contracts.bundle import ModelBundle
from linnaeus.contracts.config import Config, fingerprint, is_version, repository, resolve
from linnaeus.contracts.errors import TrackingError
from linnaeus.runtime.aliases import CHAMPION, NO_VERSION, count_move
from linnaeus.runtime.mlflow_runs import Runs, made_by_another, tracking_server
from linnaeus.runtime.model_files import read_bundle, write_files
from linnaeus.runtime.model_tags import as_stored

ROLLED_BACK = "rolled_back"  # a tag: taken out of force by a person, and promoted again by a person alone
FINGERPRINT = "training_fingerprint"
_STUDY = "study"
_READY = "READY"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE"}  # the last: an alias, on MLflow's own
_SQLITE = "sqlite:///"
_OWN_FILES = ("databricks", "uc:")  # registries that keep a version's files themselves
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
        self._uri = _local_sqlite(config.tracking.uri)
        self._registry_uri = _local_sqlite(config.registry.uri or config.tracking.uri)
        self._client = self._said(self._connect)
        self.version_at(config.registry.category_model, CHAMPION)

    def version_at(self, model: str, alias: str) -> Version | None:
        """The version that an alias points to, or None."""
        found: ModelVersion | None = self._said(
            lambda: self._client.get_model_version_by_alias(model, alias), absent=None
        )
        return None if found is None else self.version(model, str(found.version))

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
        return next((one for one in self._newest_first(model) if one.tags.get(FINGERPRINT) == fingerprint), None)

    def versions(self, model: str) -> list[Version]:
        """All versions of a model, the newest first; none where there is no such model."""
        return list(self._newest_first(model))

    def _newest_first(self, model: str) -> Iterator[Version]:
        """Versions that are ready, asked for one by one: what a search finds has no tags on Unity Catalog."""
        found: list[ModelVersion] = self._said(lambda: self._search(model), absent=[])
        # One that is not ready is what a registration left that was cut off: its files may not be whole.
        numbers = sorted((int(one.version) for one in found if one.status == _READY), reverse=True)
        for number in numbers:
            version = self.version(model, str(number))
            if version is not None:  # deleted meanwhile
                yield version

    def _search(self, model: str) -> list[ModelVersion]:
        """What a search finds, of all pages: registries give as many at once as they like."""
        found: list[ModelVersion] = []
        page: str | None = None
        while True:
            answer = self._client.search_model_versions(f"name = '{model}'", page_token=page)
            found += answer
            page = answer.token
            if not page:
                return found

    def point(self, model: str, alias: str, version: Version) -> None:
        """Move an alias."""
        self._said(lambda: self._client.set_registered_model_alias(model, alias, version.number))
        count_move(model, alias, version.number)

    def version(self, model: str, number: str) -> Version | None:
        """A version by its number, or None; a text that is no number as registries write it names none."""
        if not is_version(number):
            return None
        return self._said(lambda: _version(model, self._client.get_model_version(model, number)), absent=None)

    def remove(self, model: str, alias: str) -> None:
        """Take an alias away; nothing where it points nowhere."""
        self._said(lambda: self._client.delete_registered_model_alias(model, alias), absent=None)
        count_move(model, alias, NO_VERSION)

    def tag(self, version: Version, name: str, value: str) -> None:
        """Set a tag of a version."""
        stored = as_stored({name: value})[name]
        self._said(lambda: self._client.set_model_version_tag(version.model, version.number, name, stored))

    def attach(self, version: Version, name: str, document: str) -> None:
        """Add a text to the artifacts of a version's run; nothing where it came from no run."""
        run_id = version.run_id
        if run_id:
            self._said(lambda: self._client.log_text(run_id, document, name))

    def load(self, version: Version) -> ModelBundle:
        """A version's bundle. Raises TrackingError for one that is not whole, ConfigurationError for another format."""
        with tempfile.TemporaryDirectory() as folder:
            files = self._said(lambda: self._download(version, folder))
            try:
                return read_bundle(files)
            except ValueError as error:
                raise self._unusable(version, str(error)) from error

    def _download(self, version: Version, folder: str) -> Path:
        uri = f"models:/{version.name}"
        if not self._registry_uri.startswith(_OWN_FILES):
            # MLflow would ask the registry of the process for it.
            uri = self._client.get_model_version_download_uri(version.model, version.number)
        with tracking_server(self._uri):
            found = mlflow.artifacts.download_artifacts(
                uri, dst_path=folder, tracking_uri=self._uri, registry_uri=self._registry_uri
            )
        return Path(found)

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
        runs, tags = self._runs, as_stored(kept.tags)
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder) / "model"
            with runs.open(model, tags) as run_id:
                for name, document in kept.documents.items():
                    self._client.log_text(run_id, document, name)
                for name, figure in kept.plots.items():
                    self._client.log_figure(run_id, figure, f"plots/{name}.png")
                with runs.logged_model(run_id, "model", kept.params) as logged:
                    runs.log(run_id, kept.params, kept.metrics, model_id=logged.model_id)
                    write_files(files, logged, bundle, served_by, example, prediction)
                    self._client.log_model_artifacts(logged.model_id, str(files))
            self._make(model)
            number = self._make_version(model, logged, tags, files)
        return _version(model, self._client.get_model_version(model, number))

    def _make_version(self, model: str, logged: LoggedModel, tags: dict[str, str], files: Path) -> str:
        """Register a logged model as a version; gives its number."""
        with tracking_server(self._uri):
            # As MLflow's log_model does. Without the local files Unity Catalog's client downloads the logged model, and
            # removes what it has downloaded: where artifacts lie in a folder, that is the logged model itself.
            created = self._client._create_model_version(
                model,
                f"models:/{logged.model_id}",
                run_id=logged.source_run_id,
                tags=tags,
                local_model_path=str(files),
                model_id=logged.model_id,
            )
        return str(created.version)

    def _make(self, model: str) -> None:
        """Make a registered model where there is none; who may add versions may not always make models."""
        if self._said(lambda: self._client.get_registered_model(model), absent=None) is None:
            with made_by_another():
                self._client.create_registered_model(model)

    @contextmanager
    def search(self, name: str, study: str) -> Iterator[Callable[[str, Mapping[str, Any], Mapping[str, float]], None]]:
        """A run whose nested runs are a search's trials: gives what logs one (name, parameters, metrics).

        The run of a search that was cut off (the same `study`) is gone on with.
        """
        run_id = self._said(lambda: self._runs.go_on_with(name, _STUDY, study))

        def log(trial: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
            with self._runs.open(trial, {}, run_id) as inner:
                self._runs.log(inner, params, metrics)

        try:
            yield lambda *trial: self._said(lambda: log(*trial))
        except BaseException:
            with suppress(TrackingError):  # what went wrong first is what is said
                self._said(lambda: self._runs.end(run_id, "FAILED"))
            raise
        self._said(lambda: self._runs.end(run_id))

    def _connect(self) -> MlflowClient:
        with _CONNECTING:
            client = MlflowClient(tracking_uri=self._uri, registry_uri=self._registry_uri)
            if self._registry_uri.startswith(_SQLITE):
                client.search_registered_models(max_results=1)
            client.get_experiment_by_name(self._config.tracking.experiment)
        return client

    @property
    def _runs(self) -> Runs:
        artifacts = self._config.tracking.artifacts
        place = resolve(artifacts).as_uri() if artifacts else None
        return Runs(self._client, self._config.tracking.experiment, place)

    def _said(self, call: Callable[[], _Answer], **absent: _Answer) -> _Answer:
        """The answer of a call; `absent` where the server says that there is no such thing; else TrackingError."""
        try:
            return call()
        except MlflowException as error:
            if "absent" in absent and error.error_code in _ABSENT:
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


def _version(model: str, found: ModelVersion) -> Version:
    """A version of a model by the name that it was asked for: Unity Catalog answers in lower case."""
    registered_at = datetime.datetime.fromtimestamp(found.creation_timestamp / 1000, datetime.timezone.utc)
    return Version(model, str(found.version), dict(found.tags), found.run_id or None, registered_at)


def _local_sqlite(uri: str) -> str:
    """A relative SQLite path is taken from the checkout, and its folder made."""
    if not uri.startswith(_SQLITE):
        return uri
    path = resolve(uri.removeprefix(_SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"{_SQLITE}{path}"
