"""What curated nodes are called, read by the embedder as contents are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs._guides import directions_read
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.discovery.material import Material
from linnaeus.taxonomy.discovery.reduction import random_projection
from linnaeus.taxonomy.discovery.vectors import cosines, directions, projected
from tests.conftest import MakeConfig
from tests.tiny_embedder import make_embedder, slow_vector


@pytest.mark.slow
def test_a_name_and_what_is_said_of_it_are_one_text_to_the_embedder(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = make_embedder(tmp_path / "embedder")
    config = make_config(f"embedder.path={folder}", "embedder.name=tiny", "embedder.dimension=8")
    lake, nothing = Lake(spark, config), spark.createDataFrame([], "direction binary")
    said = {"cab": ("A cab", ""), "bed": ("bed", "to be in", "", "a bed"), "same": ("A cab",)}
    found = directions_read(lake, config, said, Material(nothing, 1, 0, 0, 8))
    texts = {"cab": "a cab", "bed": "bed to be in a bed", "same": "a cab"}
    expected = directions(np.stack([slow_vector(folder, texts[node]) for node in said]))[0]
    assert cosines(np.stack([found[node] for node in said]), expected).diagonal() == pytest.approx(1, abs=1e-3)
    assert directions_read(lake, config, {}, Material(nothing, 1, 0, 0, 8)) == {}
    # Where contents' vectors are reduced, so are these.
    projection = random_projection(8, 3, 0)
    reduced = directions_read(lake, config, {"cab": said["cab"]}, Material(nothing, 1, 0, 0, 3, projection))
    assert cosines(reduced["cab"][None], projected(expected[:1], projection)) == pytest.approx(1, abs=1e-3)
