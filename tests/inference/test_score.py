"""Scores by Spark against the predictor in plain NumPy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.bundle import Calibration, FeatureManifest
from linnaeus.contracts.config import Area, Node, RiskAreas, Taxonomy
from linnaeus.inference.score import Levels, ScoringPlan, _predictor, _share, predict, score
from tests.oracles import FeatureRow, predict_by_hand, random_bundle, random_rows, vector_bytes

MANIFEST = FeatureManifest("mini@1", "tok", dimension=6, statistics=("a", "b", "c"), buckets=32, bigrams=True)
CLASSES = ("cup", "gone", "sport", "tech")
CATEGORY = random_bundle("category", {"category": CLASSES}, MANIFEST, seed=1)
HEADS = {"spam": ("no", "yes"), "hate": ("no", "yes"), "retired": ("no", "yes")}
RISK = random_bundle("risk", HEADS, MANIFEST, {"spam": Calibration(2.0, -0.25)}, seed=2)
TAXONOMY = Taxonomy(
    nodes=(
        Node(id="sport", name="Sport", threshold=0.6),
        Node(id="football", name="Football", parent="sport"),
        Node(id="cup", name="Cups", parent="football", threshold=0.7),
        Node(id="tech", name="Technology"),
    )
)
AREAS = RiskAreas(areas=(Area(id="spam", name="Spam"), Area(id="hate", name="Hate", medium=0.2, high=0.4)))
THRESHOLDS = (0.5, 0.3, 0.7)
LEAST = 0.15
PATHS = {"cup": ["sport", "football", "cup"], "gone": ["gone"], "sport": ["sport"], "tech": ["tech"]}
ROWS = random_rows(120, MANIFEST, seed=3)
Scores = dict[str, dict[str, Any]]


def features(spark: SparkSession, rows: list[FeatureRow], partitions: int) -> DataFrame:
    named = [(f"c{i}", vector_bytes(row[0]), *row[1:], f"creator of {i}") for i, row in enumerate(rows)]
    columns = f"{c.CONTENT_ID} string, {c.VECTOR} binary, {c.STATISTICS} array<float>, {c.TERMS} array<int>"
    return spark.createDataFrame(named, f"{columns}, {c.CREATOR_ID} string").repartition(partitions)


def plan(with_category: bool = True, with_risk: bool = True) -> ScoringPlan:
    category, risk = CATEGORY if with_category else None, RISK if with_risk else None
    return ScoringPlan.build(category, risk, TAXONOMY, AREAS, THRESHOLDS, LEAST)


def scores(found: DataFrame) -> Scores:
    rows = [row.asDict() for row in found.collect()]
    by_id = {row.pop(c.CONTENT_ID): row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def expected_accepted(probabilities: dict[str, float]) -> str | None:
    """The deepest node of the best class's path whose probability passes."""
    thresholds = {"sport": 0.6, "cup": 0.7}
    passing = [
        node
        for node in PATHS[max(probabilities, key=lambda name: probabilities[name])]
        if sum(p for name, p in probabilities.items() if node in PATHS[name]) >= thresholds.get(node, 0.5)
    ]
    return passing[-1] if passing else None


def expected_level(area: str, chance: float) -> str:
    """Its own thresholds, the defaults, or none for an area that is no longer configured."""
    medium, high = {"hate": (0.2, 0.4), "spam": (0.3, 0.7), "retired": (2.0, 2.0)}[area]
    return "high" if chance >= high else "medium" if chance >= medium else "low"


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> Scores:
    scored = score(features(spark, ROWS, 3), plan())
    made = [
        c.CONTENT_ID,
        c.CATEGORY,
        c.CATEGORY_PATH,
        c.CATEGORY_PROBABILITY,
        c.CATEGORY_ACCEPTED,
        c.CATEGORY_PROBABILITIES,
        c.RISK,
        c.RISK_LEVEL,
    ]
    assert scored.columns == made
    assert [scored.schema[name].dataType for name in made] == [schemas.CONTENT_PROFILES[name].dataType for name in made]
    return scores(scored)


def test_every_content_is_scored_once_those_without_a_vector_too(found: Scores) -> None:
    assert sorted(found) == sorted(f"c{i}" for i in range(len(ROWS)))
    without = [f"c{i}" for i, row in enumerate(ROWS) if row[0] is None]
    assert len(without) == 30
    assert all(
        value is not None for name in without for key, value in found[name].items() if key != c.CATEGORY_ACCEPTED
    )


def test_categories_are_those_of_the_plain_predictor(found: Scores) -> None:
    probabilities = predict_by_hand(CATEGORY, ROWS)["category"]
    for i, row in enumerate(probabilities):
        best = CLASSES[int(row.argmax())]
        at = found[f"c{i}"]
        assert (at[c.CATEGORY], at[c.CATEGORY_PATH]) == (best, PATHS[best])
        assert at[c.CATEGORY_PROBABILITY] == pytest.approx(row.max(), abs=1e-5)
        assert at[c.CATEGORY_ACCEPTED] == expected_accepted(dict(zip(CLASSES, row, strict=True)))
        told = {name: chance for name, chance in zip(CLASSES, row, strict=True) if chance >= LEAST or name == best}
        assert at[c.CATEGORY_PROBABILITIES] == pytest.approx(told, abs=1e-5)
    assert {len(at[c.CATEGORY_PROBABILITIES]) for at in found.values()} > {1, len(CLASSES)}  # the draw has all sizes
    accepted = {at[c.CATEGORY_ACCEPTED] for at in found.values()}
    assert {None, "sport"} < accepted  # the draw has both
    assert {at[c.CATEGORY] for at in found.values()} == set(CLASSES)


def test_risks_are_those_of_the_plain_predictor(found: Scores) -> None:
    probabilities = predict_by_hand(RISK, ROWS)
    levels = set()
    for i in range(len(ROWS)):
        at = found[f"c{i}"]
        chances = {area: probabilities[area][i, 1] for area in HEADS}
        assert at[c.RISK] == pytest.approx(chances, abs=1e-5)
        assert at[c.RISK_LEVEL] == {area: expected_level(area, chance) for area, chance in at[c.RISK].items()}
        levels |= set(at[c.RISK_LEVEL].items())
    assert {("hate", "high"), ("spam", "low"), ("spam", "medium"), ("retired", "low")} <= levels
    assert {level for area, level in levels if area == "retired"} == {"low"}


def test_partitions_and_batches_do_not_matter(spark: SparkSession, found: Scores) -> None:
    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(setting)
    spark.conf.set(setting, "7")
    try:
        again = scores(score(features(spark, ROWS[::-1], 1), plan()))
    finally:
        spark.conf.set(setting, str(before))
    turned = {f"c{len(ROWS) - 1 - int(name[1:])}": at for name, at in again.items()}
    assert turned == found  # to the last bit


@pytest.mark.parametrize("family", ["category", "risk"])
def test_one_family_alone(spark: SparkSession, found: Scores, family: str) -> None:
    alone = scores(score(features(spark, ROWS[:10], 2), plan(family == "category", family == "risk")))
    own = {c.RISK, c.RISK_LEVEL} if family == "risk" else {n for n in found["c0"] if n.startswith("category")}
    assert alone == {name: {key: value if key in own else None for key, value in found[name].items()} for name in alone}
    assert len(alone) == 10


def test_no_contents(spark: SparkSession) -> None:
    assert score(features(spark, [], 2), plan()).collect() == []


def test_predict_keeps_what_is_asked_for_and_adds_each_head(spark: SparkSession) -> None:
    found = predict(features(spark, ROWS, 2), RISK, (c.CREATOR_ID, c.CONTENT_ID))
    assert found.columns == [c.CREATOR_ID, c.CONTENT_ID, "p_spam", "p_hate", "p_retired"]
    expected = predict_by_hand(RISK, ROWS)
    rows = found.collect()
    assert len(rows) == len(ROWS)
    for row in rows:
        place = int(row[c.CONTENT_ID][1:])
        assert row[c.CREATOR_ID] == f"creator of {place}"
        for head in HEADS:
            np.testing.assert_allclose(row[f"p_{head}"], expected[head][place], atol=1e-5)


def test_a_pass_maps_arrow_batches_once_and_has_no_other_python(spark: SparkSession) -> None:
    rows = features(spark, ROWS[:4], 2)
    for found in (score(rows, plan()), predict(rows, RISK, (c.CONTENT_ID,))):
        planned = found._jdf.queryExecution().executedPlan().toString()
        steps = re.findall(r"^[\s:+-]*(?:\*\(\d+\) )?(\w+)", planned, re.MULTILINE)
        in_python = [step for step in steps if re.search("Python|Pandas|Arrow", step)]
        assert [step.removeprefix("Python") for step in in_python] == ["MapInArrow"]


def test_a_worker_loads_a_bundle_once(spark: SparkSession) -> None:
    """Tasks that follow in the same Python process find the predictor of the first."""
    rows, n_tasks = features(spark, ROWS, 8), 8
    shared = _share(rows, RISK)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        list(batches)
        place = [pa.array([os.getpid()]), pa.array([id(_predictor(shared))])]
        yield pa.RecordBatch.from_arrays(place, names=["worker", "predictor"])

    found = [tuple(row) for row in rows.mapInArrow(run, "worker long, predictor long").collect()]
    assert len(found) == n_tasks
    assert len(set(found)) == len({worker for worker, _ in found}) < n_tasks


def test_a_vector_of_another_embedder_is_refused(spark: SparkSession) -> None:
    rows = features(spark, [([1.0, 2.0], [0.0] * MANIFEST.n_statistics, [1])], 1)
    with pytest.raises(Exception, match="a vector of length 2; 6 expected"):
        score(rows, plan()).collect()


def test_levels_are_an_areas_own_or_the_defaults() -> None:
    levels = Levels.build(
        RiskAreas(areas=(Area(id="a", name="A", medium=0.0), Area(id="b", name="B", high=1.0))), 0.3, 0.7
    )
    assert (levels.medium, levels.high) == ({"a": 0.0, "b": 0.3}, {"a": 0.7, "b": 1.0})
