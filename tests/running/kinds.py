"""Tests that need no Spark: which they are, and that they do not start it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

UNIT = "unit"
STARTS_SPARK = "starts_spark"
_NOWHERE = "/no/Spark/in/a/unit/test"


def mark_units(items: list[pytest.Item]) -> None:
    """Mark as `unit` what has no session, starts none in another process, and is not slow."""
    for item in items:
        uses_session = "spark" in getattr(item, "fixturenames", ())
        apart = any(item.get_closest_marker(name) for name in (STARTS_SPARK, "slow"))
        if not uses_session and not apart:
            item.add_marker(UNIT)


def forbid_spark(patch: pytest.MonkeyPatch) -> None:
    """Let a session that is asked for fail, in another process too."""
    patch.setenv("SPARK_HOME", _NOWHERE)
    if "pyspark" not in sys.modules:
        return
    from pyspark.sql import SparkSession

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"a unit test starts Spark: use the fixture `spark`, or mark it {STARTS_SPARK}")

    patch.setattr(SparkSession.Builder, "getOrCreate", refuse)
    patch.setattr(SparkSession, "active", refuse)
