"""Contents placed: at the nearest node, guides first, probabilities that sum to one, few unplaced."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.comparing import Absolute, Compared
from linnaeus.taxonomy.discovery.placing import (
    CHANCE,
    CHANCES,
    JOINED,
    LIKELY,
    NODE,
    NOWHERE,
    PRODUCT,
    Anchors,
    assignments,
    floor_of,
    place,
    placed,
    representatives,
    told,
)
from linnaeus.taxonomy.discovery.vectors import DIRECTION, cosines, directions, scale

WIDTH = 6


def anchors_of(vectors: np.ndarray, nodes: list[int], guides: list[bool], join_from: float = 0.8) -> Anchors:
    given, is_guide = directions(vectors)[0], np.array(guides)
    below = np.where(is_guide, np.cumsum(is_guide) - 1, NOWHERE).astype(np.int32)
    joining = Absolute(given[is_guide], join_from, join_from)
    return Anchors(given, np.array(nodes, np.int32), is_guide, below, joining, 0.1, 3)


def test_a_content_is_at_the_nearest_node_with_the_softmax_of_cosines() -> None:
    rng = np.random.default_rng(0)
    rows, anchors = (
        directions(rng.normal(size=(40, WIDTH)))[0],
        anchors_of(rng.normal(size=(4, WIDTH)), [0, 1, 1, 2], [False] * 4),
    )
    found = placed(rows, anchors)
    by_direction = cosines(rows, anchors.directions)
    by_node = np.stack([by_direction[:, 0], by_direction[:, 1:3].max(axis=1), by_direction[:, 3]], axis=1)
    assert (found.nodes == by_node.argmax(axis=1)).all()
    chances = np.exp(by_node / 0.1) / np.exp(by_node / 0.1).sum(axis=1, keepdims=True)
    assert np.abs(found.chance - chances.max(axis=1)).max() < 1e-5
    assert np.abs(found.chances.sum(axis=1) - 1).max() < 1e-5
    assert (np.diff(found.chances, axis=1) <= 0).all()


def test_a_guide_takes_what_is_near_it_first_and_nothing_else() -> None:
    vectors = np.eye(WIDTH)[[0, 0, 1]] + np.array([[0.0] * WIDTH, [0, 0.6, 0, 0, 0, 0], [0.0] * WIDTH])
    anchors = anchors_of(vectors, [0, 1, 2], [False, True, False])
    rows = directions(np.array([[1.0, 0.0, 0, 0, 0, 0], [1.0, 0.5, 0, 0, 0, 0], [0.0, 1.0, 0, 0, 0, 0]]))[0]
    found = placed(rows, anchors)
    # The first content is nearer to the topic, and the guide has it all the same; the third is not near the guide.
    assert found.nodes.tolist() == [1, 1, 2]
    assert found.is_joined.tolist() == [True, True, False]
    assert found.chances[2][found.likely[2] == 1].tolist() == [0.0]


def test_what_joins_a_curated_node_is_there_or_in_a_topic_below_it() -> None:
    axes = directions(np.eye(WIDTH))[0]
    # Topics: football (below sport), music (below nothing); curated: sport, whose direction is another, and politics.
    anchors = Anchors(
        axes[[0, 1, 2, 3]],
        np.arange(4, dtype=np.int32),
        np.array([False, False, True, True]),
        np.array([0, NOWHERE, 0, 1], np.int32),
        Compared(axes[[2, 3]], np.zeros(2), 0.3 * scale(WIDTH) ** 2, np.array([NOWHERE, NOWHERE], np.int32)),
        0.1,
        3,
    )
    rows = directions(
        np.array(
            [
                [1.0, 0.0, 0.6, 0.0, 0, 0],  # of sport, nearest to football
                [0.4, 0.0, 1.0, 0.0, 0, 0],  # of sport, nearest to sport itself
                [0.0, 1.0, 0.6, 0.0, 0, 0],  # of sport, nearest to music, which is not below it
                [1.0, 0.0, 0.2, 0.0, 0, 0],  # of none: the nearest topic
                [0.0, 0.4, 0.6, 0.6, 0, 0],  # of sport or politics: the nearest topic
                [0.0, 1.0, 0.0, 0.9, 0, 0],  # of politics, which has no topic below it
            ]
        )
    )[0]
    found = placed(rows, anchors)
    assert found.nodes.tolist() == [0, 2, 2, 0, 1, 3]
    assert found.is_joined.tolist() == [False, True, True, False, False, True]
    assert found.values[3] == pytest.approx(scale(WIDTH) ** 2 / np.sqrt(1.04), rel=1e-3)


def test_rows_are_placed_the_same_in_any_batch() -> None:
    rng = np.random.default_rng(2)
    rows, anchors = (
        directions(rng.normal(size=(300, WIDTH)))[0],
        anchors_of(rng.normal(size=(9, WIDTH)), list(range(9)), [False] * 9),
    )
    whole = placed(rows, anchors)
    parts = [placed(rows[start : start + 7], anchors) for start in range(0, 300, 7)]
    for name in ("nodes", "values", "chance", "likely", "chances"):
        together = np.concatenate([getattr(one, name) for one in parts])
        assert (together == getattr(whole, name)).all(), name


def frame_of(spark: SparkSession, cosines_of: list[float], joined: list[bool] | None = None):  # type: ignore[no-untyped-def]
    rows = [
        (
            f"{at:04d}",
            f"creator {at % 3}",
            f"hash {at % 40}",
            0,
            float(round(one * scale(WIDTH) ** 2)),
            joined[at] if joined else False,
            1.0,
            [0, 1],
            [0.9, 0.1],
        )
        for at, one in enumerate(cosines_of)
    ]
    schema = (
        f"{c.CONTENT_ID} string, {c.CREATOR_ID} string, {c.CONTENT_HASH} string, {NODE} int, {PRODUCT} float, "
        f"{JOINED} boolean, {CHANCE} float, {LIKELY} array<int>, {CHANCES} array<float>"
    )
    return spark.createDataFrame(rows, schema)


def test_few_are_unplaced_and_none_where_all_are_near(spark: SparkSession) -> None:
    rng = np.random.default_rng(3)
    near = np.clip(rng.normal(0.7, 0.03, 190), 0.65, 0.75).tolist()
    all_near = frame_of(spark, near)
    assert told(all_near, WIDTH, floor_of(all_near, WIDTH, 0.05)).where(f"{NODE} < 0").count() == 0
    some_far = frame_of(spark, near + [0.05] * 5)
    assert told(some_far, WIDTH, floor_of(some_far, WIDTH, 0.05)).where(f"{NODE} < 0").count() == 5
    many_far = frame_of(spark, near + rng.uniform(-0.3, 0.2, 60).tolist())
    unplaced = told(many_far, WIDTH, floor_of(many_far, WIDTH, 0.05)).where(f"{NODE} < 0").count()
    assert 0 < unplaced <= 0.05 * 250
    taken = frame_of(spark, [0.9, 0.1], [True, True])
    assert told(taken, WIDTH, floor_of(taken, WIDTH, 0.05)).where(f"{NODE} < 0").count() == 0


def test_nodes_are_told_by_their_ids_and_those_that_are_none_are_left_out(spark: SparkSession) -> None:
    rows = told(frame_of(spark, [0.9, -0.9]), WIDTH, 0.0)
    found = {row[c.CONTENT_ID]: row for row in assignments(rows, ["t", None]).collect()}
    assert found["0000"][c.NODE_ID] == "t"
    assert found["0001"][c.NODE_ID] is None
    assert found["0001"][c.REASON] == "unplaced"
    assert found["0000"][c.PROBABILITIES] == {"t": pytest.approx(0.9)}
    assert found["0000"][c.SIMILARITY] == pytest.approx(0.9, abs=1e-3)


def test_representatives_are_near_of_different_creators_and_of_different_texts(spark: SparkSession) -> None:
    near = [0.9, 0.8, 0.7, 0.6, 0.95, 0.5]
    rows = assignments(told(frame_of(spark, near), WIDTH, 0.0), ["t", "u"])
    found = [(row[c.CONTENT_ID], row[c.RANK]) for row in representatives(rows, 2).orderBy(c.RANK).collect()]
    assert found == [("0004", 1), ("0000", 2)]
    rows = rows.withColumn(c.CONTENT_HASH, rows[c.CREATOR_ID].substr(1, 1))
    assert representatives(rows, 5).count() == 1


def test_the_frame_holds_what_the_rows_are_placed_at(spark: SparkSession) -> None:
    rng = np.random.default_rng(9)
    rows, anchors = (
        directions(rng.normal(size=(20, WIDTH)))[0],
        anchors_of(rng.normal(size=(3, WIDTH)), [0, 1, 2], [False] * 3),
    )
    frame = spark.createDataFrame(
        [(f"{at:02d}", row.tobytes()) for at, row in enumerate(rows)], f"{c.CONTENT_ID} string, {DIRECTION} binary"
    )
    found = place(frame.repartition(3), anchors).orderBy(c.CONTENT_ID).collect()
    truth = placed(rows, anchors)
    assert [row[NODE] for row in found] == truth.nodes.tolist()
    assert [row[LIKELY] for row in found] == truth.likely.tolist()
    assert [row[PRODUCT] for row in found] == truth.values.tolist()
