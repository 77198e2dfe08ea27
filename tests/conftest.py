"""One Spark session for the whole run, and configurations of lakes that last as long as a test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.runtime.spark import build_session
from tests import missing

# Examples that start Spark's or scikit-learn's machinery take as long as they take.
hypothesis.settings.register_profile("linnaeus", deadline=None)
hypothesis.settings.load_profile("linnaeus")

SHARED_DATA = (repository() or Path()).parent / "shared" / "data"


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session, as the jobs build it, with two slots."""
    config = load_config("local", ["spark.master=local[2]", "spark.driver_memory=4g", "spark.shuffle_partitions=2"])
    session = build_session(config, "linnaeus tests")
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def _clean_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """Caches and temporary views do not outlive a test that used the session."""
    yield
    if "spark" in request.fixturenames:
        session: SparkSession = request.getfixturevalue("spark")
        session.catalog.clearCache()
        for view in session.catalog.listTables():
            if view.isTemporary:
                session.catalog.dropTempView(view.name)


@pytest.fixture
def spark_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark writes few rows, too: the rule that says which way a write goes finds none few enough."""
    monkeypatch.setattr("linnaeus.runtime.small_writes.MOST_ROWS", -1)


MakeConfig = Callable[..., Config]


def local_config(root: Path, *overrides: str) -> Config:
    """Local settings without sources, the lake and MLflow in a folder."""
    own = [
        f"lake.root={root / 'lake'}",
        f"tracking.uri=sqlite:///{root / 'mlflow.db'}",
        f"tracking.artifacts={root / 'artifacts'}",
        "spark.master=local[2]",
        "sources.content=null",
        "sources.creators=null",
        "sources.gold_labels=null",
    ]
    return load_config("local", [*own, *overrides])


@pytest.fixture
def make_config(tmp_path: Path) -> MakeConfig:
    """`make_config("section.key=value", ...)`: local settings, the lake and MLflow in the test's own folder."""

    def make(*overrides: str, root: Path = tmp_path) -> Config:
        return local_config(root, *overrides)

    return make


@pytest.fixture
def config(make_config: MakeConfig) -> Config:
    """Local settings without sources, with everything in a folder of the test's own."""
    return make_config()


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 megabytes, or of as many as the test asks for by an indirect parameter."""
    folder, size = tmp_path / "disk", f"size={getattr(request, 'param', 4)}m"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        missing.skip("file systems can't be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real texts and votes, where they lie beside the checkout."""
    if not SHARED_DATA.is_dir():
        missing.skip("no shared data beside this checkout")
    return SHARED_DATA
