"""Creator profiles from tables that can be checked by hand, and against a slow oracle."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.creators.roll_up import roll_up

_PROFILES = StructType(
    [
        schemas.CONTENT_PROFILES[name]
        for name in (c.CONTENT_ID, c.CREATOR_ID, c.CATEGORY, c.CATEGORY_PROBABILITY, c.RISK)
    ]
)
Profile = tuple[str, str, str | None, float | None, dict[str, float] | None]


def rolled(spark: SparkSession, profiles: list[Profile], creators: list[str], partitions: int = 2) -> DataFrame:
    known = spark.createDataFrame([(creator,) for creator in creators], f"{c.CREATOR_ID} string")
    return roll_up(spark.createDataFrame(profiles, _PROFILES).repartition(partitions), known)


def by_creator(found: DataFrame) -> dict[str, dict[str, Any]]:
    rows = [row.asDict() for row in found.collect()]
    collected = {row.pop(c.CREATOR_ID): row for row in rows}
    assert len(collected) == len(rows)
    return collected


HAND: list[Profile] = [
    ("1", "ann", "tech", 0.75, {"spam": 0.1, "hate": 0.5}),
    ("2", "ann", "tech", 0.75, {"spam": 0.3, "hate": 0.0}),
    ("3", "ann", "sport", 0.5, {"spam": 0.2, "hate": 0.25}),
    ("4", "bob", "sport", 0.5, None),
    ("5", "cid", None, None, {"spam": 0.9}),
    ("6", "new", "tech", 0.25, {"spam": 0.5}),
    ("7", "tie", "tech", 0.5, {}),
    ("8", "tie", "sport", 0.5, {}),
]


def test_by_hand(spark: SparkSession) -> None:
    found = rolled(spark, HAND, ["ann", "bob", "cid", "silent"])
    expected = [name for name in schemas.CREATOR_PROFILES.names if name != c.AS_OF]
    assert found.columns == expected
    assert [field.dataType.simpleString() for field in found.schema] == [
        schemas.CREATOR_PROFILES[name].dataType.simpleString() for name in expected
    ]
    rows = by_creator(found)
    assert sorted(rows) == ["ann", "bob", "cid", "new", "silent", "tie"]
    ann = rows["ann"]
    assert (ann[c.CATEGORY], ann[c.N_CONTENT]) == ("tech", 3)
    assert ann[c.CATEGORY_SHARES] == pytest.approx({"tech": 0.75, "sport": 0.25})
    assert ann[c.RISK] == pytest.approx({"spam": 0.2, "hate": 0.25}, abs=1e-6)
    nothing = {c.CATEGORY: None, c.CATEGORY_SHARES: None, c.RISK: None}
    assert rows["bob"] == nothing | {c.CATEGORY: "sport", c.CATEGORY_SHARES: {"sport": 1.0}, c.N_CONTENT: 1}
    assert rows["cid"] == nothing | {c.RISK: pytest.approx({"spam": 0.9}), c.N_CONTENT: 1}
    assert rows["silent"] == nothing | {c.N_CONTENT: 0}
    assert (rows["new"][c.CATEGORY], rows["new"][c.N_CONTENT]) == ("tech", 1)
    assert rows["tie"][c.CATEGORY_SHARES] == {"sport": 0.5, "tech": 0.5}
    assert rows["tie"][c.RISK] is None


def random_profiles(seed: int) -> list[Profile]:
    """Some creators with many contents, some with one; some contents without a category or a risk."""
    rng = random.Random(seed)
    profiles: list[Profile] = []
    for place in range(300):
        category = rng.choice(["tech", "sport", "politics", None])
        probability = None if category is None else rng.uniform(0.2, 1.0)
        risk = None if rng.random() < 0.1 else {"spam": rng.random(), "hate": rng.random()}
        profiles.append((f"c{place}", f"k{int(rng.random() ** 3 * 30)}", category, probability, risk))
    return profiles


def test_shares_and_means_against_sums_in_python(spark: SparkSession) -> None:
    profiles = random_profiles(seed=8)
    rows = by_creator(rolled(spark, profiles, []))
    mass: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    risks: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for _, creator, category, probability, risk in profiles:
        counts[creator] += 1
        if category is not None and probability is not None:
            mass[creator][category] += probability
        for area, chance in (risk or {}).items():
            risks[creator][area].append(chance)
    assert {creator: row[c.N_CONTENT] for creator, row in rows.items()} == counts
    for creator, row in rows.items():
        if not mass[creator]:
            assert row[c.CATEGORY] is None and row[c.CATEGORY_SHARES] is None
        else:
            total = sum(mass[creator].values())
            assert sum(row[c.CATEGORY_SHARES].values()) == pytest.approx(1.0, abs=1e-6)
            assert row[c.CATEGORY_SHARES] == pytest.approx({k: v / total for k, v in mass[creator].items()}, abs=1e-6)
            assert row[c.CATEGORY] == max(mass[creator], key=lambda node: mass[creator][node])
        expected = {area: sum(chances) / len(chances) for area, chances in risks[creator].items()}
        assert (row[c.RISK] or {}) == pytest.approx(expected, abs=1e-6)


def test_the_order_and_partitioning_of_contents_do_not_matter(spark: SparkSession) -> None:
    profiles = random_profiles(seed=9)
    first = by_creator(rolled(spark, profiles, ["silent"], partitions=1))
    random.Random(1).shuffle(profiles)
    assert by_creator(rolled(spark, profiles, ["silent"], partitions=5)) == first  # to the last bit


def test_nobody(spark: SparkSession) -> None:
    assert by_creator(rolled(spark, [], [])) == {}
