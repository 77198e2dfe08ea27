"""A unit test does not start Spark."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts.config import Config
from linnaeus.runtime.spark import build_session
from tests.running import kinds


def test_this_is_one(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker(kinds.UNIT)


@pytest.mark.slow
def test_what_is_slow_is_none(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker(kinds.UNIT)


def test_what_has_a_session_is_none(request: pytest.FixtureRequest, spark: SparkSession) -> None:
    assert not request.node.get_closest_marker(kinds.UNIT)


def test_a_session_is_refused(config: Config) -> None:
    for start in (lambda: build_session(config), SparkSession.builder.getOrCreate, SparkSession.active):
        with pytest.raises(AssertionError, match="a unit test starts Spark"):
            start()


def test_another_process_starts_none() -> None:
    script = "from pyspark.sql import SparkSession; SparkSession.builder.getOrCreate()"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "/no/Spark/in/a/unit/test" in done.stderr
