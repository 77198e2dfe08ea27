"""New MLflow databases as copies of one that is made once a run: MLflow itself migrates each for seconds."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linnaeus.runtime.file_locks import locked


def copy_new_databases(template: Path, patch: pytest.MonkeyPatch) -> None:
    """Give MLflow's new SQLite databases the tables of `template`, which is made where it is not there."""
    import sqlalchemy
    from mlflow.store.db import utils
    from mlflow.store.model_registry import sqlalchemy_store

    migrate = utils._initialize_tables

    def initialize(engine: sqlalchemy.engine.Engine) -> None:
        place = engine.url.database
        if engine.url.get_backend_name() != "sqlite" or place is None or not utils._is_empty_database(engine):
            migrate(engine)
            return
        _make(template, migrate)
        engine.dispose()
        with sqlite3.connect(template) as source, sqlite3.connect(place) as target:
            source.backup(target)
        source.close()
        target.close()

    patch.setattr(utils, "_initialize_tables", initialize)
    patch.setattr(sqlalchemy_store, "_initialize_tables", initialize)
    # All migrations are read for this answer, which is the same for every database.
    patch.setattr(utils, "_get_latest_schema_revision", functools.cache(utils._get_latest_schema_revision))


def _make(template: Path, migrate: Callable[[Any], None]) -> None:
    """Make the template, in one of the processes that want it at the same time."""
    import sqlalchemy

    with locked(template.with_suffix(".lock")):
        if template.exists():
            return
        unfinished = template.with_suffix(".new")
        engine = sqlalchemy.create_engine(f"sqlite:///{unfinished}")
        migrate(engine)
        engine.dispose()
        unfinished.rename(template)
