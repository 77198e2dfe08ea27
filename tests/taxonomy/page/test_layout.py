"""Places on the map: what is alike lies near, topics keep their rooms, and nothing depends on order or chance."""

from __future__ import annotations

import numpy as np
import pytest

from linnaeus.taxonomy.page.layout import NO_TOPIC, Array, Topics, layout


def clusters(k: int = 6, n: int = 40, dimension: int = 32, spread: float = 0.5) -> tuple[Array, Topics]:
    """Contents of norm 1 around k directions, of which the first two are alike."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(k, dimension))
    middles[1] = middles[0] + 0.5 * middles[1]
    topics = np.repeat(np.arange(k), n)
    vectors = middles[topics] + spread * rng.normal(size=(k * n, dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), topics


def test_topics_that_are_alike_lie_near_each_other_and_none_over_another() -> None:
    vectors, topics = clusters()
    places = layout(vectors, topics)
    assert places.shape == (240, 2) and places.min() >= 0 and places.max() <= 1
    middles = np.array([places[topics == one].mean(axis=0) for one in range(6)])
    distances = np.linalg.norm(middles[:, None] - middles[None, :], axis=2)
    assert distances[0, 1:].argmin() == 0, "the two that are alike"
    to_each = np.linalg.norm(places[:, None] - middles[None, :], axis=2)
    assert (to_each.argmin(axis=1) == topics).mean() > 0.99


def test_what_has_no_topic_lies_between_those_it_is_near_to() -> None:
    vectors, topics = clusters()
    between = vectors[topics == 2].mean(axis=0) + vectors[topics == 3].mean(axis=0)
    between /= np.linalg.norm(between)
    places = layout(np.vstack([vectors, between]), np.append(topics, NO_TOPIC))
    expected = (places[:-1][topics == 2].mean(axis=0) + places[:-1][topics == 3].mean(axis=0)) / 2
    assert np.linalg.norm(places[-1] - expected) < 0.1


def test_neither_order_nor_a_trace_of_noise_changes_the_map() -> None:
    vectors, topics = clusters()
    topics[::9] = NO_TOPIC
    places = layout(vectors, topics)
    order = np.random.default_rng(1).permutation(len(vectors))
    np.testing.assert_allclose(layout(vectors[order], topics[order]), places[order], atol=1e-6)
    noisy = layout(vectors + 1e-7 * np.random.default_rng(2).normal(size=vectors.shape), topics)
    np.testing.assert_allclose(noisy, places, atol=1e-3, err_msg="no axis is mirrored")
    np.testing.assert_array_equal(layout(vectors, topics), places)


@pytest.mark.parametrize(
    ("vectors", "topics"),
    [
        (np.empty((0, 4)), []),
        ([[1.0, 0.0]], [0]),
        ([[1.0, 0.0]], [NO_TOPIC]),
        ([[1.0], [-1.0], [1.0]], [0, 1, 2]),
        ([[1.0, 0.0]] * 5, [0, 0, 1, 2, NO_TOPIC]),
        ([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [4, 4, 9]),
        ([[1.0, 0.0], [-1.0, 0.0]], [0, 0]),
    ],
    ids=["none", "one", "one unplaced", "a line", "all the same", "two topics", "opposites"],
)
def test_few_or_the_same(vectors: list[list[float]], topics: list[int]) -> None:
    places = layout(np.array(vectors), np.array(topics, dtype=int))
    assert places.shape == (len(topics), 2)
    assert np.isfinite(places).all() and (places >= -1e-9).all() and (places <= 1 + 1e-9).all()
