"""The chance of at least k of the next n posts against SciPy's, and the prior's corner cases."""

from __future__ import annotations

import itertools

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import stats

from linnaeus.contracts import columns as c
from linnaeus.creators.evidence import RISK
from linnaeus.creators.risk import MEAN, POSTS, at_least, prior
from tests.creators.frames import settings

POOLED = f"{c.FACET} string, name string, {c.CREATOR_ID} string, n long, chance double, chance2 double"


@pytest.mark.parametrize("n", [1, 10, 100])
def test_a_tail_is_that_of_scipy(spark: SparkSession, n: int) -> None:
    shapes = [1e-4, 0.01, 0.5, 1.0, 7.3, 300.0, 1e6]
    ks = sorted({1, max(1, n // 3), n})
    cases = [(k, a, b) for k, (a, b) in itertools.product(ks, itertools.product(shapes, shapes))]
    rows = spark.createDataFrame(cases, "k int, a double, b double")
    found = rows.select("k", "a", "b", at_least(F.col("k"), n, F.col("a"), F.col("b")).alias("chance")).collect()
    assert len(found) == len(cases)
    for row in found:
        expected = stats.betabinom.sf(row["k"] - 1, n, row["a"], row["b"])
        assert row["chance"] == pytest.approx(float(expected), abs=1e-7), row


def test_creators_who_differ_much_are_shrunken_little(spark: SparkSession) -> None:
    """Of equal means the prior is strong, of means apart weak; where nothing tells it is the configured one."""

    def of(area: str, groups: list[list[float]]) -> list[tuple[str, str, str, int, float, float]]:
        return [(RISK, area, f"{area}{i}", len(xs), sum(xs), sum(x * x for x in xs)) for i, xs in enumerate(groups)]

    alike = of("alike", [[0.1, 0.3]] * 30)
    # Half of the creators at 0, half at 1: no Beta is weaker than half a post.
    apart = of("apart", [[0.0, 0.0], [1.0, 1.0]] * 15)
    # Means 0.1 and 0.3 without any spread within: variance 0.01 · 30/29 · … of the balanced design, 2 a creator.
    known = of("known", [[0.1, 0.1], [0.3, 0.3]] * 15)
    once = of("once", [[0.1], [0.3]] * 15)
    few = of("few", [[0.0, 0.0], [1.0, 1.0]])
    none = of("none", [[0.0, 0.0]] * 30)
    rows = spark.createDataFrame([*alike, *apart, *known, *once, *few, *none], POOLED)
    found = {row["name"]: (row[MEAN], row[POSTS]) for row in prior(rows, settings().risk).collect()}
    assert found["alike"] == pytest.approx((0.2, 1000.0))
    assert found["apart"] == pytest.approx((0.5, 0.5))
    variance = 0.01 * 30 / 29  # of thirty means, n - 1 in the denominator
    assert found["known"] == pytest.approx((0.2, float(f"{0.16 / variance - 1:.1e}")))
    assert found["once"] == pytest.approx((0.2, 10.0))
    assert found["few"] == pytest.approx((0.5, 10.0))
    assert found["none"][0] == pytest.approx(1e-4)
