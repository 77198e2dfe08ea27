"""The session: where its jars are, and what its Python workers find on their path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Config, load_config
from linnaeus.runtime import jars
from linnaeus.runtime.spark import CLASS_PATH, _class_path_with, session_settings

RESOLVES = "spark.jars.packages"


def test_jars_of_packages_are_on_no_module_search_path(spark: SparkSession) -> None:
    """Workers read the directories of all archives on their path again before each task."""

    def places(batches: object) -> object:
        yield pa.RecordBatch.from_arrays([pa.array([place for place in sys.path if "userFiles" in place])], ["place"])

    rows = spark.range(1, numPartitions=1).mapInArrow(places, "place string").collect()
    assert rows and not [row["place"] for row in rows if row["place"].endswith(".jar")]
    assert not [place for place in sys.path if place.endswith(".jar")]
    assert spark._jvm.org.apache.spark.sql.delta.DeltaLog is not None, "they are on the JVM's"


def test_jars_of_the_set_up_are_on_the_class_path_and_copied_nowhere(spark: SparkSession) -> None:
    found = jars.resolved_jars(load_config("local"))
    assert found, "`make setup` resolves them"
    places = spark._jvm.java.lang.System.getProperty("java.class.path").split(os.pathsep)
    assert places[-len(found) :] == list(map(str, found)), "after Spark's own"
    assert spark.sparkContext._jsc.sc().listJars().isEmpty()


@pytest.mark.parametrize(
    "name", ["com.google.cloud.storage.Storage", "org.apache.poi.ss.usermodel.Workbook", "jakarta.mail.Message"]
)
def test_what_is_excluded_can_not_be_loaded(spark: SparkSession, name: str) -> None:
    with pytest.raises(Py4JJavaError, match="ClassNotFoundException"):
        spark._jvm.java.lang.Class.forName(name)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Local settings with a resolution of one jar."""
    config = load_config("local", [f"spark.ivy_folder={tmp_path / 'ivy'}"])
    (tmp_path / "ivy").mkdir()
    (tmp_path / "ivy" / "one.jar").touch()
    (tmp_path / "ivy" / jars.LIST).write_text(f"{jars.coordinates_hash(config)}\none.jar\n")
    return config


def test_what_is_resolved_is_not_resolved_again(config: Config) -> None:
    assert RESOLVES not in session_settings(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"master": "spark://driver:7077"},  # executors elsewhere: Spark sends them the jars
        {"packages": ("org.example:other:1.0",)},
        {"ivy_folder": "/nowhere"},
        {"extra": {"spark.jars.repositories": "https://packages.example/maven"}},
    ],
)
def test_spark_resolves_what_the_set_up_has_not(config: Config, changes: dict[str, object]) -> None:
    other = config.model_copy(update={"spark": config.spark.model_copy(update=changes)})
    settings = session_settings(other)
    assert settings[RESOLVES] == ",".join(other.spark.packages)
    assert settings["spark.jars.excludes"] == ",".join(config.spark.excludes)


@pytest.mark.parametrize("before", [None, "/own/*"])
def test_a_class_path_of_the_users_stays(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv(CLASS_PATH, raising=False)
    if before:
        monkeypatch.setenv(CLASS_PATH, before)
    with _class_path_with([Path("/a.jar"), Path("/b.jar")]):
        assert os.environ[CLASS_PATH] == ":".join(filter(None, [before, "/a.jar", "/b.jar"]))
    assert os.environ.get(CLASS_PATH) == before
