"""Thresholds by hand and by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Levels, Node, Taxonomy
from linnaeus.inference.category import CategoryTree
from linnaeus.training.thresholds import (
    STEPS,
    at_capacity,
    at_precision,
    at_recall,
    node_counts,
    node_thresholds,
    risk_thresholds,
)

Floats = npt.NDArray[np.float64]
# Probability, positives, negatives: precision 1, 3/4, 5/8, 5/12; recall 2/5, 3/5, 1, 1; share 2, 4, 8, 12 of 12.
LEVELS = np.array([[0.9, 2, 0], [0.7, 1, 1], [0.4, 2, 2], [0.1, 0, 4]], dtype=float)
SETTINGS = Levels(high_precision=0.75, medium_recall=0.9, floor=0.05)


@pytest.mark.parametrize(("asked", "expected"), [(1.0, 0.9), (0.75, 0.7), (0.7, 0.7), (0.6, 0.4), (0.1, 0.1)])
def test_at_precision(asked: float, expected: float) -> None:
    assert at_precision(LEVELS, asked) == expected


@pytest.mark.parametrize(("asked", "expected"), [(0.4, 0.9), (0.41, 0.7), (0.6, 0.7), (1.0, 0.4)])
def test_at_recall(asked: float, expected: float) -> None:
    assert at_recall(LEVELS, asked) == expected


@pytest.mark.parametrize(("asked", "expected"), [(0.1, None), (2 / 12, 0.9), (0.4, 0.7), (1.0, 0.1)])
def test_at_capacity(asked: float, expected: float | None) -> None:
    assert at_capacity(LEVELS, asked) == expected


def test_nothing_to_choose_on() -> None:
    nothing = np.zeros((0, 3))
    assert (at_precision(nothing, 0.5), at_recall(nothing, 0.5), at_capacity(nothing, 0.5)) == (None, None, None)
    assert risk_thresholds(nothing, SETTINGS) == {}
    negatives = np.array([[0.5, 0, 3]], dtype=float)
    assert risk_thresholds(negatives, SETTINGS) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"high": 0.7, "medium": 0.4}),
        ({"high_precision": 1.0}, {"high": 0.9, "medium": 0.4}),
        ({"high_capacity": 0.2}, {"high": 0.9, "medium": 0.4}),
        ({"high_capacity": 0.01}, {"medium": 0.4}),  # even the most probable are more than people can look at
        ({"medium_recall": 0.3}, {"high": 0.7, "medium": 0.7}),  # never above high
        ({"floor": 0.8}, {"high": 0.8, "medium": 0.8}),
    ],
)
def test_levels_of_risk(changes: dict[str, Any], expected: dict[str, float]) -> None:
    assert risk_thresholds(LEVELS, SETTINGS.model_copy(update=changes)) == expected


def test_nodes_against_loops(spark: SparkSession) -> None:
    taxonomy = Taxonomy(
        nodes=(
            Node(id="sport", name="Sport"),
            Node(id="football", name="Football", parent="sport"),
            Node(id="tennis", name="Tennis", parent="sport"),
            Node(id="tech", name="Technology"),
        )
    )
    classes = ("football", "tech", "tennis")
    tree = CategoryTree.build(taxonomy, classes, 0.5)
    rng = np.random.default_rng(3)
    chances = rng.dirichlet([0.7] * 3, 300).astype(np.float32)
    labels = [classes[rng.choice(3, p=row / row.sum())] if i % 9 else "gone" for i, row in enumerate(chances)]
    rows = list(zip(labels, chances.tolist(), strict=True))
    scored = spark.createDataFrame(rows, f"{c.LABEL} string, p array<float>").repartition(3)
    counts = node_counts(scored, "p", classes, tree.membership, tree.path_nodes)
    expected = np.zeros_like(counts)
    for label, row in zip(labels, chances, strict=True):
        for node in tree.paths[int(row.argmax())]:
            chance = sum(row[i] for i, path in enumerate(tree.paths) if node in path)
            is_true = label in classes and node in tree.paths[classes.index(label)]
            expected[tree.nodes.index(node), min(int(chance * STEPS + 1e-6), STEPS), int(is_true)] += 1
    np.testing.assert_array_equal(counts, expected)
    assert counts[tree.nodes.index("sport")].sum() > counts[tree.nodes.index("tennis")].sum()


def of_steps(**counts: tuple[int, int]) -> Floats:
    """Counts of false and true by step of probability."""
    made = np.zeros((STEPS + 1, 2))
    for step, pair in counts.items():
        made[int(step.removeprefix("at"))] = pair
    return made


def test_a_nodes_threshold() -> None:
    counts = np.stack(
        [
            of_steps(at90=(0, 30), at60=(5, 25), at20=(40, 10)),  # precision from there on 1, 55/60, 65/110
            of_steps(at90=(0, 5)),  # too few: that of all
            of_steps(at95=(50, 0)),  # never right
        ]
    )
    found = node_thresholds(("a", "b", "c"), counts, precision=0.9, floor=0.3)
    assert (found["a"], found["c"]) == (0.6, 1.0)
    assert found["b"] == 1.0  # all together: 0/50 from 0.95 on, 35/85 from 0.9 on
    loose = node_thresholds(("a", "b", "c"), counts, precision=0.5, floor=0.3)
    assert (loose["a"], loose["b"], loose["c"]) == (0.3, 0.6, 1.0)  # 0.2 would do for a, but for the floor
