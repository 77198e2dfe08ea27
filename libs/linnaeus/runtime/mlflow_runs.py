"""Runs of one MLflow experiment, by a client alone.

MLflow's own functions (`mlflow.start_run`, `mlflow.log_metric`) act on what is open in the process and on what its
environment names: a run, an experiment, a server. That belongs to whoever opened it, a notebook say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import mlflow
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"
_SWAPPED = threading.RLock()


@contextmanager
def made_by_another() -> Iterator[None]:
    """Let a block create what is there already, by an earlier run or one beside it: that is as good."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}:
            raise


@contextmanager
def tracking_server(uri: str) -> Iterator[None]:
    """Let MLflow ask this server where it asks the one of the process, until the block ends."""
    with _SWAPPED:
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Runs:
    """Runs of an experiment, which is made where it is not there. Raises what the client raises."""

    client: MlflowClient
    experiment: str
    artifacts: str | None = None  # a URI: where the artifacts of a new experiment go

    def experiment_id(self) -> str:
        """Give the experiment's id."""
        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        with made_by_another():
            return str(self.client.create_experiment(self.experiment, artifact_location=self.artifacts))
        return self.experiment_id()

    def begin(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
        """Start a run, inside another where `parent` names one; give its id."""
        inside = {} if parent is None else {_PARENT: parent}
        # With what MLflow notes of who runs what from where; Unity Catalog takes lineage from it.
        noted = resolve_tags({_NAME: name, **tags, **inside})
        return str(self.client.create_run(self.experiment_id(), tags=noted, run_name=name).info.run_id)

    def go_on_with(self, name: str, tag: str, value: str) -> str:
        """Open the run with this tag again, or start one; give its id."""
        found = self.client.search_runs([self.experiment_id()], f"tags.{tag} = '{value}'", max_results=1)
        if not found:
            return self.begin(name, {tag: value})
        self.client.update_run(found[0].info.run_id, status="RUNNING", name=name)
        return str(found[0].info.run_id)

    def end(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run."""
        self.client.set_terminated(run_id, status)

    @contextmanager
    def open(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> Iterator[str]:
        """Start a run that ends with the block; a block that fails leaves it as failed."""
        run_id = self.begin(name, tags, parent)
        try:
            yield run_id
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is said
                self.end(run_id, "FAILED")
            raise
        self.end(run_id)

    def log(
        self,
        run_id: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> None:
        """Log parameters, metrics (of a logged model too, where one is named) and tags of a run."""
        now = int(time.time() * 1000)
        self.client.log_batch(
            run_id,
            [Metric(name, float(value), now, 0, model_id=model_id) for name, value in metrics.items()],
            [Param(name, str(value)) for name, value in params.items()],
            [RunTag(name, value) for name, value in (tags or {}).items()],
        )

    @contextmanager
    def logged_model(self, run_id: str, name: str, params: Mapping[str, Any]) -> Iterator[LoggedModel]:
        """Make a model of a run that is ready when the block ends; one whose block fails stays as failed."""
        as_text = {key: str(value) for key, value in params.items()}
        made = self.client.create_logged_model(self.experiment_id(), name, run_id, resolve_tags(), as_text)
        try:
            self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
            yield made
        except BaseException:
            with suppress(Exception):
                self.client.finalize_logged_model(made.model_id, "FAILED")
            raise
        self.client.finalize_logged_model(made.model_id, "READY")
