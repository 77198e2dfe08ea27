"""Labelled contents: classes that can be trained, places, balance, and a fingerprint of it all."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Split
from linnaeus.training.examples import (
    CLASS,
    balanced,
    classes_of,
    examples,
    fingerprint_rows,
    label_counts,
    softened,
    with_class_index,
    without_suspects,
)
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN


def rows_of(spark: SparkSession) -> DataFrame:
    counts = {
        ("news", TRAIN): 6,
        ("arts", TRAIN): 2,
        ("rare", TRAIN): 1,
        ("arts", CALIBRATION): 1,
        ("new", HELD_OUT): 3,
    }
    rows = [(label, part, 0.5) for (label, part), n in counts.items() for _ in range(n)]
    return spark.createDataFrame(rows, f"{c.LABEL} string, {c.PART} string, {c.WEIGHT} float")


def test_classes_are_labels_with_enough_training_rows(spark: SparkSession) -> None:
    counts = label_counts(rows_of(spark))
    assert counts[CALIBRATION, "arts"] == 1 and counts[HELD_OUT, "new"] == 3
    assert classes_of(counts, 1) == ("arts", "news", "rare")
    assert classes_of(counts, 2) == ("arts", "news")
    assert classes_of(counts, 7) == ()


@pytest.mark.parametrize(
    ("exponent", "arts", "news"), [(0.0, 0.5, 0.5), (1.0, 1.0, 1 / 3), (0.5, 0.5 * 2**0.5, 0.5 * (2 / 3) ** 0.5)]
)
def test_balance(spark: SparkSession, exponent: float, arts: float, news: float) -> None:
    rows = with_class_index(rows_of(spark), ("arts", "news"))
    found = balanced(rows, (2, 6), exponent)
    assert found.schema[c.WEIGHT].dataType.simpleString() == "float"
    weights = {(row[CLASS], round(row[c.WEIGHT], 5)) for row in found.collect()}
    assert weights == {(0, round(arts, 5)), (1, round(news, 5))}
    if exponent == 1.0:  # all training rows of a class together
        assert 2 * arts == pytest.approx(6 * news)


def test_suspects_are_not_trained_on_and_judge_all_the_same(spark: SparkSession) -> None:
    rows = [("a", "news", TRAIN), ("b", "news", TRAIN), ("c", "news", HELD_OUT), ("d", "arts", CALIBRATION)]
    frame = spark.createDataFrame(rows, f"{c.CONTENT_ID} string, {c.LABEL} string, {c.PART} string")
    doubted = [
        ("a", "category", "news"),
        ("b", "category", "arts"),
        ("b", "risk.spam", "news"),
        ("c", "category", "news"),
    ]
    issues = spark.createDataFrame(doubted, f"{c.CONTENT_ID} string, {c.FACET} string, {c.LABEL} string")
    found = without_suspects(frame, issues, "category")
    assert {row[c.CONTENT_ID] for row in found.collect()} == {"b", "c", "d"}  # b's label is another since


_LABELS = (
    f"{c.ITEM_ID} string, {c.FACET} string, {c.LABEL} string, {c.PROBABILITY} double, {c.POSTERIOR} map<string, float>"
)


def test_soft_labels_by_hand(spark: SparkSession) -> None:
    """Of training rows every answer that votes leave probable; of others, and of gold labels, the one that stands."""
    split = Split(seed=17, held_out_share=0.5, calibration_share=0.4, folds=2)
    votes = {"tech": 0.625, "arts": 0.25, "news": 0.125}
    labels = [(f"i{n}", "category", "tech", 0.625, votes) for n in range(8)]
    labels += [("gold", "category", "arts", 1.0, None), ("i0", "risk.spam", "no", 0.75, {"no": 0.75, "yes": 0.25})]
    contents = [(f"i{n}", f"creator {n}", "h", "e") for n in range(8)] + [("gold", "creator 0", "h", "e")]
    features = spark.createDataFrame(
        contents, f"{c.CONTENT_ID} string, {c.CREATOR_ID} string, {c.CONTENT_HASH} string, {c.EMBEDDER} string"
    )
    hard = examples(features, spark.createDataFrame(labels, _LABELS), "category", split)
    assert c.POSTERIOR not in hard.columns
    rows = examples(features, spark.createDataFrame(labels, _LABELS), "category", split, with_posterior=True)
    parts = {row[c.CONTENT_ID]: row[c.PART] for row in rows.collect()}
    assert set(parts.values()) == {TRAIN, CALIBRATION, HELD_OUT} and parts["i0"] == parts["gold"] == TRAIN
    soft = softened(rows)
    assert set(soft.columns) == set(hard.columns)
    assert soft.schema[c.WEIGHT].dataType.simpleString() == "float"
    found = sorted((row[c.CONTENT_ID], row[c.LABEL], row[c.WEIGHT], row[c.PART]) for row in soft.collect())
    assert found == sorted(
        (item, label, weight, part)
        for item, part in parts.items()
        for label, weight in (
            [("arts", 1.0)] if item == "gold" else votes.items() if part == TRAIN else [("tech", 0.625)]
        )
    )

    # What the votes leave probable is part of what a model was made from; under hard labels it is not.
    other = [(*one[:4], {"tech": 0.625, "arts": 0.375}) if one[0] == "i0" else one for one in labels]
    changed = spark.createDataFrame(other, _LABELS)
    assert fingerprint_rows(examples(features, changed, "category", split)) == fingerprint_rows(hard)
    with_posterior = examples(features, changed, "category", split, with_posterior=True)
    assert len({fingerprint_rows(one) for one in (hard, rows, with_posterior)}) == 3
