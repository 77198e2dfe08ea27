"""Models of annotators against crowd-kit's, the same algorithm and settings, on random and on real votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crowdkit import aggregation as crowdkit
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.labels import em
from linnaeus.labels.blocks import number_votes
from linnaeus.labels.dawid_skene import DawidSkene
from linnaeus.labels.em import Method, fit, posteriors
from linnaeus.labels.mace import Mace
from linnaeus.labels.majority import Majority
from linnaeus.labels.one_coin import OneCoin
from linnaeus.labels.wawa import Wawa


class _Wawa:
    """crowd-kit's, whose prediction asks of scikit-learn what newer ones do not know: its two steps by hand."""

    def fit_predict_proba(self, votes: pd.DataFrame) -> pd.DataFrame:
        skills = crowdkit.Wawa().fit(votes).skills_
        return crowdkit.MajorityVote().fit_predict_proba(votes, skills)


METHODS: dict[str, tuple[Method, Callable[[], Any]]] = {
    "majority": (Majority(), crowdkit.MajorityVote),
    "wawa": (Wawa(), lambda: _Wawa()),
    "one_coin": (OneCoin(), lambda: crowdkit.OneCoinDawidSkene(n_iter=100)),
    "dawid_skene": (DawidSkene(), lambda: crowdkit.DawidSkene(n_iter=100)),
    "mace": (Mace(), lambda: crowdkit.MACE(n_restarts=1)),
}
MINUTES = (pytest.mark.slow, pytest.mark.soak)  # all three together are what is said; the first is enough for CI
OTHERS = [name for name in METHODS if name not in ("majority", "dawid_skene")]
REAL = ("bluebird", "dog", "rte", "weather", "web")


def random_votes(seed: int, n_items: int = 60, n_annotators: int = 12, n_labels: int = 3) -> pd.DataFrame:
    """Votes of annotators of every quality on items of which some have one vote."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_labels, n_items)
    skill = rng.uniform(0.2, 0.95, n_annotators)
    rows = []
    for item in range(n_items):
        for annotator in rng.choice(n_annotators, size=rng.integers(1, 7), replace=False):
            is_right = rng.uniform() < skill[annotator]
            label = truth[item] if is_right else rng.integers(0, n_labels)
            rows.append((f"i{item:04d}", f"a{annotator:03d}", f"l{label}"))
    return in_order(pd.DataFrame(rows, columns=["task", "worker", "label"]))


def in_order(votes: pd.DataFrame) -> pd.DataFrame:
    """By annotator, with labels named by their first place: MACE's first guesses go by order there, by name here."""
    votes = votes.sort_values(["worker", "task"], ignore_index=True)
    names = {label: f"l{place:02d}" for place, label in enumerate(votes.label.unique())}
    return votes.assign(label=votes.label.map(names))


def real_votes(folder: Path) -> pd.DataFrame:
    lines = (folder / "votes.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(one["item_id"], one["annotator_id"], one["label"]) for one in map(json.loads, lines)]
    return in_order(pd.DataFrame(rows, columns=["task", "worker", "label"]).drop_duplicates(["task", "worker"]))


def ours(
    spark: SparkSession, votes: pd.DataFrame, method: Method, gold: dict[str, str] | None = None, partitions: int = 3
) -> pd.DataFrame:
    frame = spark.createDataFrame(votes, f"{c.ITEM_ID} string, {c.ANNOTATOR_ID} string, {c.LABEL} string")
    known = spark.createDataFrame(list((gold or {}).items()), f"{c.ITEM_ID} string, {c.LABEL} string")
    numbered = number_votes(frame, known, partitions)
    try:
        assert (numbered.n_votes, numbered.n_items) == (len(votes), votes.task.nunique())
        rows = posteriors(numbered, method, fit(numbered, method)).collect()
    finally:
        numbered.release()
    found = pd.DataFrame([row["posterior"] for row in rows], index=[row[c.ITEM_ID] for row in rows])
    found.columns = pd.Index(numbered.numbering.labels)
    assert found.index.is_unique
    assert {row[c.ITEM_ID]: row[c.N_VOTES] for row in rows} == votes.task.value_counts().to_dict()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    return found.sort_index()


def theirs(votes: pd.DataFrame, make: Callable[[], Any], gold: dict[str, str] | None = None) -> pd.DataFrame:
    given = {} if gold is None else {"true_labels": pd.Series(gold)}
    found = make().fit_predict_proba(votes, **given)
    return found.sort_index()[sorted(found.columns)]


def check(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found.index) == list(expected.index) and list(found.columns) == list(expected.columns)
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), atol=1e-6)
    apart = np.sort(expected.to_numpy(), axis=1)[:, -1] - np.sort(expected.to_numpy(), axis=1)[:, -2] > 1e-9
    assert (found.idxmax(axis=1) == expected.idxmax(axis=1))[apart].all()


@pytest.mark.parametrize("seed", [0, *(pytest.param(one, marks=MINUTES) for one in (1, 2))])
@pytest.mark.parametrize("name", METHODS)
def test_random_votes(spark: SparkSession, name: str, seed: int) -> None:
    votes = random_votes(seed, n_labels=2 + seed)
    method, make = METHODS[name]
    check(ours(spark, votes, method), theirs(votes, make))


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("name", METHODS)
def test_real_votes(spark: SparkSession, shared_data: Path, name: str, kind: str) -> None:
    votes = real_votes(shared_data / "crowd" / kind)
    method, make = METHODS[name]
    check(ours(spark, votes, method), theirs(votes, make))


@pytest.mark.parametrize("seed", range(3))
def test_gold_labels_pin_the_posterior_and_judge_annotators(spark: SparkSession, seed: int) -> None:
    votes = random_votes(seed)
    rng = np.random.default_rng(seed)
    gold = {task: f"l{rng.integers(0, 3):02d}" for task in sorted(votes.task.unique())[::4]}
    found = ours(spark, votes, DawidSkene(), gold)
    assert all(found.loc[item, label] == 1.0 for item, label in gold.items())
    check(found, theirs(votes, lambda: crowdkit.DawidSkene(n_iter=100), gold))


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_job_an_iteration_gives_what_one_task_gives(
    spark: SparkSession, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes = random_votes(7)
    method = replace(METHODS[name][0], max_iterations=min(5, METHODS[name][0].max_iterations))  # type: ignore[type-var]
    at_once = ours(spark, votes, method)
    monkeypatch.setattr(em, "_VOTES_A_TASK", 0)
    for partitions in (1, 4):
        again = ours(spark, votes, method, partitions=partitions)
        np.testing.assert_allclose(again.to_numpy(), at_once.to_numpy(), atol=1e-9)


@pytest.mark.parametrize("name", ["majority", "dawid_skene", *(pytest.param(one, marks=MINUTES) for one in OTHERS)])
def test_what_is_odd_gives_probabilities_all_the_same(spark: SparkSession, name: str) -> None:
    odd = {
        "one vote": [("i", "a", "x")],
        "one class": [(f"i{n}", f"a{n % 2}", "x") for n in range(4)],
        "always the same": [(f"i{n}", a, "x" if a == "a" else f"l{n % 2}") for n in range(6) for a in "abc"],
        "against each other": [("i", "a", "x"), ("i", "b", "y"), ("j", "a", "y"), ("j", "b", "x")],
    }
    for rows in odd.values():
        found = ours(spark, pd.DataFrame(rows, columns=["task", "worker", "label"]), METHODS[name][0])
        assert np.isfinite(found.to_numpy()).all() and ((found >= 0) & (found <= 1)).all().all()
    against = ours(spark, random_votes(1), METHODS[name][0], {f"i{n:04d}": "never voted" for n in range(60)})
    assert (against["never voted"] == 1.0).all()


def test_no_votes(spark: SparkSession) -> None:
    nothing = spark.createDataFrame([], f"{c.ITEM_ID} string, {c.ANNOTATOR_ID} string, {c.LABEL} string")
    with pytest.raises(ValueError, match="no votes"):
        number_votes(nothing, nothing.select(c.ITEM_ID, c.LABEL), 2)
