"""The session of the tests has what makes it quick."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.config import load_config
from linnaeus.runtime.spark import DRIVER_OPTIONS, session_settings


def test_one_thread_collects_garbage_and_the_settings_of_the_jobs_stay(spark: SparkSession) -> None:
    beans = spark._jvm.java.lang.management.ManagementFactory.getGarbageCollectorMXBeans()  # type: ignore[union-attr]
    assert [bean.getName() for bean in beans] == ["Copy", "MarkSweepCompact"]
    for name, value in load_config("local").spark.extra.items():
        assert value in spark.sparkContext.getConf().get(name, "")
    for name in ("spark.sql.extensions", "spark.serializer", "spark.scheduler.mode"):
        assert spark.sparkContext.getConf().get(name) == session_settings(load_config("local"))[name]
    assert DRIVER_OPTIONS in load_config("local").spark.extra


def test_functions_are_looked_up_once(spark: SparkSession) -> None:
    view = spark.sparkContext._jvm
    assert view.functions is view.functions  # type: ignore[union-attr]
    assert spark.range(3).select(F.max("id").alias("most")).first()["most"] == 2  # type: ignore[index]
