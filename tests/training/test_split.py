"""The split by creator."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Split
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN, sampled, uniform, with_split

SPLIT = Split(seed=17, held_out_share=0.2, calibration_share=0.15, folds=4)
PARTS = (TRAIN, CALIBRATION, HELD_OUT)
N_CREATORS = 5000
Place = tuple[str, int]


def contents(spark: SparkSession, seed: int) -> DataFrame:
    """One to three contents a creator, in an order of their own."""
    ids = spark.range(N_CREATORS).select(F.concat(F.lit("créateur "), F.col("id")).alias(c.CREATOR_ID), "id")
    each = ids.withColumn("copy", F.explode(F.sequence(F.lit(0), F.col("id") % 3))).orderBy(
        F.xxhash64("id", F.lit(seed))
    )
    return each.select(F.concat_ws("/", "id", "copy").alias(c.CONTENT_ID), c.CREATOR_ID)


def places(rows: DataFrame) -> dict[str, Place]:
    """Part and fold by creator; fails where a creator has two."""
    found: dict[str, Place] = {}
    for row in rows.collect():
        place = (row[c.PART], row[c.FOLD])
        assert found.setdefault(row[c.CREATOR_ID], place) == place, f"{row[c.CREATOR_ID]} stands on two sides"
    return found


@pytest.fixture(scope="module")
def split(spark: SparkSession) -> dict[str, Place]:
    return places(with_split(contents(spark, 1).repartition(3), SPLIT))


def expected(creator: str, split: Split) -> Place:
    """The rule of the split, in Python's own words."""

    def drawn(purpose: str) -> float:
        digest = hashlib.sha256(f"{split.seed}:{purpose}:{creator}".encode()).hexdigest()
        return int(digest[:13], 16) / 16**13

    fold = int(drawn("fold") * split.folds)
    if drawn("held_out") < split.held_out_share:
        return HELD_OUT, fold
    return (CALIBRATION if drawn("calibration") < split.calibration_share else TRAIN), fold


def test_the_split_is_a_function_of_the_creators_id(split: dict[str, Place]) -> None:
    assert split == {creator: expected(creator, SPLIT) for creator in split}
    assert len(split) == N_CREATORS


def test_shares_are_those_asked_for(split: dict[str, Place]) -> None:
    parts = [part for part, _ in split.values()]
    # Four standard deviations of a binomial share of 5,000 are 0.023 at most.
    assert parts.count(HELD_OUT) / N_CREATORS == pytest.approx(0.2, abs=0.023)
    assert parts.count(CALIBRATION) / N_CREATORS == pytest.approx(0.8 * 0.15, abs=0.02)
    assert set(parts) == {TRAIN, CALIBRATION, HELD_OUT}
    folds = [fold for part, fold in split.values() if part == TRAIN]
    assert set(folds) == {0, 1, 2, 3}
    assert all(folds.count(fold) / len(folds) == pytest.approx(0.25, abs=0.035) for fold in range(4))


def test_part_and_fold_are_drawn_apart(split: dict[str, Place]) -> None:
    held_out = [fold for part, fold in split.values() if part == HELD_OUT]
    assert all(held_out.count(fold) / len(held_out) == pytest.approx(0.25, abs=0.06) for fold in range(4))


def test_the_partitioning_does_not_matter(spark: SparkSession, split: dict[str, Place]) -> None:
    assert places(with_split(contents(spark, 2).repartition(7), SPLIT)) == split


def test_another_seed_is_another_split(spark: SparkSession, split: dict[str, Place]) -> None:
    other = places(with_split(contents(spark, 1), SPLIT.model_copy(update={"seed": 18})))
    is_held_out = [other[creator][0] == HELD_OUT for creator, (part, _) in split.items() if part == HELD_OUT]
    assert sum(is_held_out) / len(is_held_out) == pytest.approx(0.2, abs=0.06)


def test_uniform_lies_in_its_range(spark: SparkSession) -> None:
    drawn = spark.range(2000).select(uniform(F.col("id").cast("string"), 17, "test").alias("u"))
    row = drawn.agg(F.min("u").alias("low"), F.max("u").alias("high"), F.avg("u").alias("mean")).first()
    assert row is not None
    assert 0 <= row["low"] < 0.01 and 0.99 < row["high"] < 1
    assert row["mean"] == pytest.approx(0.5, abs=0.03)


def test_a_sample_is_of_training_rows_alone_and_a_function_of_ids(spark: SparkSession) -> None:
    rows = with_split(contents(spark, 1), SPLIT)
    ids = [
        {row[c.CONTENT_ID]: row[c.PART] for row in one.collect()}
        for one in (
            rows,
            sampled(rows, 0.3, 17),
            sampled(with_split(contents(spark, 2).repartition(7), SPLIT), 0.3, 17),
        )
    ]
    everything, drawn, again = ids
    assert drawn == again
    judging = {name for name, part in everything.items() if part != TRAIN}
    assert judging and judging <= drawn.keys()
    share = (len(drawn) - len(judging)) / (len(everything) - len(judging))
    assert share == pytest.approx(0.3, abs=0.025)  # four standard deviations of some 6,800 draws are 0.022
    expected = {
        name
        for name in everything
        if int(hashlib.sha256(f"17:sample:{name}".encode()).hexdigest()[:13], 16) / 16**13 < 0.3
    }
    assert drawn.keys() == judging | expected


NOON = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.timezone.utc)


def timed(after: datetime.datetime) -> Split:
    return Split(**(SPLIT.model_dump() | {"held_out_after": after}))


def test_a_time_parts_what_is_held_out_from_what_is_trained_on(spark: SparkSession) -> None:
    """A content at each hour around noon, and one without a time, of creators of every part."""
    by_part = {part: next(f"c{i}" for i in range(100) if expected(f"c{i}", SPLIT)[0] == part) for part in PARTS}
    hours = [10, 11, 12, 13, None]
    rows = [
        (f"{part} {hour}", name, None if hour is None else NOON.replace(hour=hour))
        for part, name in by_part.items()
        for hour in hours
    ]
    frame = spark.createDataFrame(rows, f"{c.CONTENT_ID} string, {c.CREATOR_ID} string, {c.PUBLISHED_AT} timestamp")
    found = {row[c.CONTENT_ID]: row[c.PART] for row in with_split(frame, timed(NOON)).collect()}
    before = {"10", "11", "None"}
    assert found == {
        f"{part} {hour}": part if (str(hour) in before) == (part != HELD_OUT) else None
        for part in PARTS
        for hour in hours
    }


def test_no_creator_is_on_two_sides_of_a_time(spark: SparkSession) -> None:
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    hour = F.xxhash64(c.CONTENT_ID) % 2000
    frame = contents(spark, 1).withColumn(c.PUBLISHED_AT, F.lit(start) + F.make_interval(hours=hour.cast("int")))
    rows = with_split(frame.repartition(3), timed(start))
    assert {row[c.PART] for row in rows.select(c.PART).distinct().collect()} == {*PARTS, None}
    is_later = F.col(c.PUBLISHED_AT) >= F.lit(start)
    wrong = rows.where(F.col(c.PART).isNotNull() & ((F.col(c.PART) == HELD_OUT) != is_later))
    assert wrong.isEmpty()
    places(rows.where(F.col(c.PART).isNotNull()))  # fails where a creator has two
    # The drawing of creators is that without a time.
    assert places(with_split(frame.repartition(7), timed(start)).where(F.col(c.PART) == HELD_OUT)).keys() == {
        row[c.CREATOR_ID] for row in with_split(frame.where(is_later), SPLIT).where(F.col(c.PART) == HELD_OUT).collect()
    }
