"""Agreement against nltk's alpha (by crowd-kit), scikit-learn's kappa, SciPy's interval, and by hand."""

from __future__ import annotations

import datetime
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from nltk.metrics.agreement import AnnotationTask
from pyspark.sql import DataFrame, SparkSession
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.labels import agreement
from tests.labels.test_em import random_votes

VOTES = "facet string, item_id string, annotator_id string, label string, voted_at timestamp"
LABELS = "facet string, item_id string, label string"
TREE = {"arts": None, "jazz": "arts", "rock": "arts", "sport": None}


def frame(spark: SparkSession, votes: pd.DataFrame, facet: str = "category") -> DataFrame:
    rows = [(facet, one.task, one.worker, one.label, None) for one in votes.itertuples()]
    return spark.createDataFrame(rows, VOTES)


def square(rows: DataFrame, labels: list[str]) -> np.ndarray:
    found = np.zeros((len(labels), len(labels)))
    for row in rows.collect():
        found[labels.index(row[c.LABEL]), labels.index(row["other"])] += row[c.N]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_nltks_nominal_by_path_and_ordinal(spark: SparkSession, seed: int) -> None:
    votes = random_votes(seed, n_labels=4)
    names = dict(zip(sorted(votes.label.unique()), TREE, strict=True))
    votes = votes.assign(label=votes.label.map(names))
    labels = sorted(TREE)
    together = square(agreement.coincidences(frame(spark, votes)), labels)
    np.testing.assert_allclose(together, together.T)
    shared = votes.groupby("task").filter(lambda one: len(one) > 1)
    assert together.sum() == pytest.approx(len(shared))
    ordinal = agreement.ordinal_distance(together)
    by_path = {("arts", "jazz"): 1, ("arts", "rock"): 1, ("jazz", "rock"): 2, ("arts", "sport"): 2}
    by_path |= {("jazz", "sport"): 3, ("rock", "sport"): 3}

    def path(one: str, two: str) -> float:
        return 0.0 if one == two else by_path[min(one, two), max(one, two)] / 3

    for distance, said in (
        (agreement.nominal_distance(labels), lambda one, two: float(one != two)),
        (agreement.tree_distance(labels, TREE), path),
        (ordinal, lambda one, two: ordinal[labels.index(one), labels.index(two)]),
    ):
        task = AnnotationTask([(one.worker, one.task, one.label) for one in shared.itertuples()], distance=said)
        assert agreement.alpha(together, distance) == pytest.approx(task.alpha(), abs=1e-9)


def test_ordinal_distances_by_hand() -> None:
    together = np.diag([2.0, 4.0, 6.0])
    # Between the first and the third: half of each and all of the second.
    expected = [[0, 9, 64], [9, 0, 25], [64, 25, 0]]
    np.testing.assert_allclose(agreement.ordinal_distance(together), expected)


def test_alpha_is_not_defined_for_one_class_nor_for_single_votes(spark: SparkSession) -> None:
    single = pd.DataFrame([("i", "a", "x"), ("j", "b", "y")], columns=["task", "worker", "label"])
    alike = pd.DataFrame([("i", "a", "x"), ("i", "b", "x")], columns=["task", "worker", "label"])
    for votes, labels in ((single, ["x", "y"]), (alike, ["x"])):
        together = square(agreement.coincidences(frame(spark, votes)), labels)
        assert agreement.alpha(together, agreement.nominal_distance(labels)) is None


@pytest.mark.parametrize("seed", range(2))
def test_kappas_of_pairs_are_scikit_learns(spark: SparkSession, seed: int) -> None:
    votes = random_votes(seed)
    found = {
        (row[c.ANNOTATOR_ID], row["other"]): (row[c.N], row[c.KAPPA])
        for row in agreement.pair_kappas(frame(spark, votes)).collect()
    }
    expected = {}
    table = votes.pivot(index="task", columns="worker", values="label")
    for one, two in combinations(sorted(table.columns), 2):
        both = table[[one, two]].dropna()
        if len(both) >= 5:
            expected[one, two] = (len(both), cohen_kappa_score(both[one], both[two]))
    assert len(expected) > 10 and found.keys() == expected.keys()
    for pair, (n, kappa) in expected.items():
        assert found[pair][0] == n
        assert found[pair][1] == pytest.approx(kappa, abs=1e-9)


def test_an_item_that_all_judged_pairs_fifty_of_them(spark: SparkSession) -> None:
    rows = [("f", f"i{item}", f"a{who:03d}", "xy"[(who + item) % 2], None) for who in range(80) for item in range(6)]
    pairs = agreement.pair_kappas(spark.createDataFrame(rows, VOTES))
    paired = spark.createDataFrame(rows, VOTES)
    assert paired.count() == 480
    # Whom a hash keeps differs from item to item; of no item are there more than 50 · 49 / 2 pairs.
    total = pairs.agg({"n": "sum"}).first()
    assert total is not None and total[0] is not None and total[0] <= 6 * 50 * 49 / 2


def test_annotators_by_hand(spark: SparkSession) -> None:
    def at(second: int) -> datetime.datetime:
        return datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=second)

    votes = [
        ("category", "i1", "ann", "jazz", at(0)),
        ("category", "i2", "ann", "sport", at(10)),
        ("category", "i3", "ann", "rock", at(14)),
        ("category", "i4", "ann", "jazz", at(9000)),  # after a break
        ("category", "i1", "bob", "sport", None),
        ("category", "i2", "bob", "sport", None),
        ("risk.spam", "i1", "bob", "no", None),
    ]
    labels = [
        ("category", "i1", "arts"),  # backed off: a vote for jazz agrees
        ("category", "i2", "sport"),
        ("category", "i3", "jazz"),
        ("category", "i4", "jazz"),
        ("risk.spam", "i1", "no"),
    ]
    found = agreement.annotators(
        spark.createDataFrame(votes, VOTES),
        spark.createDataFrame(labels, "facet string, item_id string, label string"),
        TREE,
    )
    assert found.columns == schemas.ANNOTATORS.names
    assert [f.dataType.simpleString() for f in found.schema] == [f.dataType.simpleString() for f in schemas.ANNOTATORS]
    by_key = {(row[c.ANNOTATOR_ID], row[c.FACET]): row for row in found.collect()}
    ann, bob = by_key["ann", "category"], by_key["bob", "category"]
    assert (ann[c.ACCURACY], ann[c.N_VOTES], bob[c.ACCURACY], bob[c.N_VOTES]) == (0.75, 4, 0.5, 2)
    lower, upper = binomtest(3, 4).proportion_ci(method="wilson")
    assert (ann[c.ACCURACY_LOWER], ann[c.ACCURACY_UPPER]) == (pytest.approx(lower), pytest.approx(upper))
    assert ann[c.SECONDS_A_VOTE] in (4.0, 10.0) and bob[c.SECONDS_A_VOTE] is None
    assert [tuple(one) for one in ann[c.CONFUSION]] == [
        ("arts", "jazz", 1),
        ("jazz", "jazz", 1),
        ("jazz", "rock", 1),
        ("sport", "sport", 1),
    ]
    assert bob[c.SPAMMER_SCORE] == pytest.approx(0.0), "sport whatever it is"
    # Rows arts (1, 0, 0), jazz (1/2, 1/2, 0), sport (0, 0, 1): squared differences 1/2 + 2 + 3/2, over 3 · 2.
    assert ann[c.SPAMMER_SCORE] == pytest.approx(4 / 6)
    only = by_key["bob", "risk.spam"]
    assert (only[c.SPAMMER_SCORE], only[c.KAPPA], only[c.N_SHARED]) == (None, None, 0)
    assert 0 <= only[c.ACCURACY_LOWER] <= only[c.ACCURACY] <= only[c.ACCURACY_UPPER] <= 1


def test_mean_kappa_counts_both_ways(spark: SparkSession) -> None:
    rows = [("f", f"i{n}", who, label, None) for n, label in enumerate("xyxyxy") for who in "ab"]
    rows += [("f", f"i{n}", "c", "yx"[n % 2], None) for n in range(6)]
    votes = spark.createDataFrame(rows, VOTES)
    labels = spark.createDataFrame([("f", f"i{n}", "xy"[n % 2]) for n in range(6)], LABELS)
    found = {row[c.ANNOTATOR_ID]: row for row in agreement.annotators(votes, labels, {}).collect()}
    assert {who: (row[c.KAPPA], row[c.N_SHARED]) for who, row in found.items()} == {
        "a": (0.0, 12),
        "b": (0.0, 12),
        "c": (-1.0, 12),
    }
    assert {who: row[c.SPAMMER_SCORE] for who, row in found.items()} == {"a": 1.0, "b": 1.0, "c": 1.0}, "c can be read"
