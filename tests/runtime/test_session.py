"""The session: what its Python workers find on their path."""

from __future__ import annotations

import sys

import pyarrow as pa
from pyspark.sql import SparkSession


def test_jars_of_packages_are_on_no_module_search_path(spark: SparkSession) -> None:
    """Workers read the directories of all archives on their path again before each task."""

    def places(batches: object) -> object:
        yield pa.RecordBatch.from_arrays([pa.array([place for place in sys.path if "userFiles" in place])], ["place"])

    rows = spark.range(1, numPartitions=1).mapInArrow(places, "place string").collect()
    assert rows and not [row["place"] for row in rows if row["place"].endswith(".jar")]
    assert not [place for place in sys.path if place.endswith(".jar")]
    assert spark._jvm.org.apache.spark.sql.delta.DeltaLog is not None, "they are on the JVM's"
