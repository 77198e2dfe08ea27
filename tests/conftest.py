"""One Spark session for the whole run, and configurations of lakes that last as long as a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Config, load_config, repository
from linnaeus.runtime.spark import build_session
from tests import missing
from tests.golden import Golden
from tests.running import kinds, order, registry

# Examples that start Spark's or scikit-learn's machinery take as long as they take, and so do those of a busy machine.
hypothesis.settings.register_profile("linnaeus", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("linnaeus")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-durations` measures the tests that run, for the order of later runs."""
    parser.addoption("--write-durations", action="store_true", help=f"write what tests take to {order.DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    """Measure where that is asked, once: the workers of pytest-xdist report to their parent."""
    if config.getoption("--write-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(order.Recorder(), "durations")


@pytest.hookimpl(tryfirst=True)  # before -m chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need no Spark; begin with the files that take longest."""
    kinds.mark_units(items)
    items[:] = order.longest_first(items, order.read())


SHARED_DATA = (repository() or Path()).parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _quick_registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New MLflow databases are copies of one, which the workers of a run share."""
    if "mlflow" not in sys.modules:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        registry.copy_new_databases(_folder_of_the_run(tmp_path_factory) / "mlflow-template.db", patch)
        yield


def _folder_of_the_run(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that the workers of a run share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """The lakes that are made once a run."""
    return Golden(_folder_of_the_run(tmp_path_factory) / "golden")


@pytest.fixture(autouse=True)
def _without_spark(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that starts Spark fails."""
    if request.node.get_closest_marker(kinds.UNIT):
        kinds.forbid_spark(monkeypatch)


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
        # Not catalog.listTables, which looks at every table of the default database, by a query.
        views = session._jsparkSession.sessionState().catalog().getTempViewNames()
        for place in range(views.size()):
            session.catalog.dropTempView(views.apply(place))


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
