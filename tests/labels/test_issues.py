"""Label issues against the paper's formulas in NumPy, and that planted mistakes are found."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.labels.issues import CONFIDENT, class_thresholds, joint_counts, suspects, with_confident

CLASSES = ("no", "yes")
ROWS = f"{c.CONTENT_ID} string, {c.FACET} string, {c.LABEL} string, probabilities array<double>"


def test_by_hand(spark: SparkSession) -> None:
    rows = [
        ("a", "no", 0.9),
        ("b", "no", 0.7),
        ("c", "no", 0.2),  # thresholds: no 0.6, yes 0.5: this one counts as yes
        ("d", "yes", 0.3),
        ("e", "yes", 0.7),  # counts as no
        ("f", "yes", 0.5),  # as yes: 0.5 is at the threshold
    ]
    frame = spark.createDataFrame([(i, "risk.spam", label, [p, 1 - p]) for i, label, p in rows], ROWS)
    thresholds = class_thresholds(frame, CLASSES)
    assert thresholds == pytest.approx([0.6, 0.5])
    confident = with_confident(frame, CLASSES, thresholds)
    assert {row[c.CONTENT_ID]: row[CONFIDENT] for row in confident.collect()} == {
        "a": "no",
        "b": "no",
        "c": "yes",
        "d": "yes",
        "e": "no",
        "f": "yes",
    }
    joint = joint_counts(confident, CLASSES)
    np.testing.assert_allclose(joint, [[2, 1], [1, 2]])
    found = suspects(confident, CLASSES, joint, 10).orderBy(c.RANK).collect()
    assert [(row[c.CONTENT_ID], row[c.SUGGESTED], row[c.RANK]) for row in found] == [("c", "yes", 1), ("e", "no", 2)]
    assert [row[c.MARGIN] for row in found] == pytest.approx([-0.6, -0.4])
    assert found[0][c.REASON] == (
        "a model that did not see the label gives yes 0.80 and no 0.20; about 33.3% of what is labelled no is yes"
    )
    assert suspects(confident, CLASSES, joint, 1).count() == 1


@pytest.mark.parametrize("seed", range(3))
def test_against_the_formulas(spark: SparkSession, seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = ("a", "b", "c", "d")
    labels = rng.integers(0, 3, 200)  # d is nobody's label
    p = rng.dirichlet(np.ones(4), 200)
    rows = [(f"{i:03d}", "category", classes[label], list(map(float, p[i]))) for i, label in enumerate(labels)]
    frame = spark.createDataFrame(rows, ROWS)
    thresholds = class_thresholds(frame, classes)
    assert thresholds[3] is None
    expected = np.array([p[labels == k, k].mean() for k in range(3)] + [np.inf])
    np.testing.assert_allclose(thresholds[:3], expected[:3])
    passing = np.where(p >= expected, p, -1)
    counts_as = np.where(passing.max(axis=1) >= 0, passing.argmax(axis=1), -1)
    confident = with_confident(frame, classes, thresholds)
    found = {row[c.CONTENT_ID]: row[CONFIDENT] for row in confident.collect()}
    assert found == {f"{i:03d}": None if k < 0 else classes[k] for i, k in enumerate(counts_as)}
    joint = np.zeros((4, 4))
    np.add.at(joint, (labels[counts_as >= 0], counts_as[counts_as >= 0]), 1)
    joint[:3] *= (np.bincount(labels, minlength=3) / joint[:3].sum(axis=1))[:, None]
    np.testing.assert_allclose(joint_counts(confident, classes), joint)
    ranked = suspects(confident, classes, joint, 1000).orderBy(c.RANK).collect()
    best = p.argmax(axis=1)
    off = np.flatnonzero(best != labels)
    margin = p[off, labels[off]] - p[off, best[off]]
    n_wrong = round(joint.sum() - joint.trace())
    assert 0 < n_wrong < len(off)
    expected = [f"{i:03d}" for i in off[np.argsort(margin, kind="stable")]][:n_wrong]
    assert [row[c.CONTENT_ID] for row in ranked] == expected
