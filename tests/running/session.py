"""The session of the tests: as the jobs build it, but for what costs a short test time and changes no result."""

from __future__ import annotations

from pyspark.sql import SparkSession

from linnaeus.contracts.config import Config
from linnaeus.runtime.spark import DRIVER_OPTIONS, build_session

# Two JVMs share two cores: a collector with threads of its own takes time from the tests (12% of a JVM's, by its
# threads). Nobody sees the plans that Spark writes out for its pages.
_SERIAL = "-XX:+UseSerialGC"
_QUIET = {"spark.sql.ui.explainMode": "simple"}


def quick_session(config: Config, name: str) -> SparkSession:
    """Build a session for tests."""
    extra = config.spark.extra
    extra = extra | _QUIET | {DRIVER_OPTIONS: f"{extra.get(DRIVER_OPTIONS, '')} {_SERIAL}".strip()}
    spark = config.spark.model_copy(update={"extra": extra})
    session = build_session(config.model_copy(update={"spark": spark}), name)
    # PySpark asks for the class at each call of a function, and Py4J then looks through all jars for it in the packages
    # that are imported: 4% of the JVM's time. What the view knows it does not ask for.
    view = session.sparkContext._jvm
    assert view is not None
    view.__dict__["functions"] = view.functions
    return session
