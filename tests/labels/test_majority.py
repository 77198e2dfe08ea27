"""Majority vote against a count by hand, a slow oracle and crowd-kit."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pandas as pd
import pytest
from crowdkit.aggregation import MajorityVote
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.labels.aggregate import labels_of
from linnaeus.labels.blocks import number_votes
from linnaeus.labels.em import fit
from linnaeus.labels.majority import Majority

_VOTES = f"{c.ITEM_ID} string, {c.FACET} string, {c.ANNOTATOR_ID} string, {c.LABEL} string"
Vote = tuple[str, str, str, str]
Answer = tuple[str, float, int]


def answers(spark: SparkSession, votes: list[Vote], partitions: int = 2) -> dict[tuple[str, str], Answer]:
    frame = spark.createDataFrame(votes, _VOTES).repartition(partitions)
    by_item: dict[tuple[str, str], Answer] = {}
    for facet in sorted({facet for _, facet, _, _ in votes}):
        of_facet = frame.where(frame[c.FACET] == facet)
        numbered = number_votes(of_facet, of_facet.limit(0).select(c.ITEM_ID, c.LABEL), partitions)
        found = labels_of(numbered, facet, Majority(), fit(numbered, Majority()))
        assert found.columns == [name for name in schemas.LABELS.names if name != c.SOURCE]
        assert [f.dataType for f in found.schema] == [schemas.LABELS[name].dataType for name in found.columns]
        rows = found.collect()
        assert all(row[c.POSTERIOR][row[c.LABEL]] == pytest.approx(row[c.PROBABILITY]) for row in rows)
        assert all(sum(row[c.POSTERIOR].values()) == pytest.approx(1.0) for row in rows)
        assert all(row[c.ENTROPY] == row[c.UNCERTAINTY] for row in rows), "shares of the votes are the probabilities"
        assert all((row[c.ENTROPY] == 0) == (row[c.PROBABILITY] == 1) for row in rows)
        numbered.release()
        by_item |= {(row[c.ITEM_ID], row[c.FACET]): (row[c.LABEL], row[c.PROBABILITY], row[c.N_VOTES]) for row in rows}
        assert sum(key[1] == facet for key in by_item) == len(rows)
    return by_item


def oracle(votes: list[Vote]) -> dict[tuple[str, str], Answer]:
    """The most frequent label, the first by name among equals."""
    by_item: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item, facet, _, label in votes:
        by_item[item, facet].append(label)
    found = {}
    for key, labels in by_item.items():
        counts = Counter(labels)
        most = max(counts.values())
        found[key] = (min(label for label, n in counts.items() if n == most), most / len(labels), len(labels))
    return found


def random_votes(seed: int, n: int) -> list[Vote]:
    """One vote an annotator, item and facet, all labels likely."""
    rng = random.Random(seed)
    triples = [
        (f"i{item}", facet, f"a{who}") for item in range(40) for facet in ("category", "risk.spam") for who in range(9)
    ]
    return [(*triple, rng.choice("vwxyz")) for triple in rng.sample(triples, n)]


def test_by_hand(spark: SparkSession) -> None:
    votes = [
        ("one vote", "category", "ann", "tech"),
        ("clear", "category", "ann", "tech"),
        ("clear", "category", "bob", "sport"),
        ("clear", "category", "cid", "tech"),
        ("tie", "category", "ann", "tech"),
        ("tie", "category", "bob", "sport"),
        ("tie of most", "category", "ann", "z"),
        ("tie of most", "category", "bob", "b"),
        ("tie of most", "category", "cid", "b"),
        ("tie of most", "category", "dan", "z"),
        ("tie of most", "category", "eve", "a"),
        ("two facets", "category", "ann", "tech"),
        ("two facets", "risk.spam", "ann", "no"),
        ("two facets", "risk.spam", "bob", "yes"),
        ("two facets", "risk.spam", "cid", "yes"),
    ]
    assert answers(spark, votes) == {
        ("one vote", "category"): ("tech", 1.0, 1),
        ("clear", "category"): ("tech", 2 / 3, 3),
        ("tie", "category"): ("sport", 0.5, 2),
        ("tie of most", "category"): ("b", 0.4, 5),
        ("two facets", "category"): ("tech", 1.0, 1),
        ("two facets", "risk.spam"): ("yes", 2 / 3, 3),
    }


@pytest.mark.parametrize("partitions", [1, 5])
def test_random_votes_in_any_partitioning(spark: SparkSession, partitions: int) -> None:
    votes = random_votes(seed=3, n=400)
    expected = oracle(votes)
    assert sum(probability < 0.5 for _, probability, _ in expected.values()) > 5  # the draw has hard cases
    assert answers(spark, votes, partitions) == expected


def test_labels_of_crowd_kit_where_there_is_no_tie(spark: SparkSession) -> None:
    votes = [vote for vote in random_votes(seed=4, n=500) if vote[1] == "category"]
    frame = pd.DataFrame([(item, who, label) for item, _, who, label in votes], columns=["task", "worker", "label"])
    shares = frame.groupby("task")["label"].value_counts(normalize=True).unstack(fill_value=0.0)
    is_clear = (shares.eq(shares.max(axis=1), axis=0)).sum(axis=1) == 1
    expected = MajorityVote().fit_predict(frame)[is_clear[is_clear].index].to_dict()
    found = answers(spark, votes)
    assert len(expected) > 15
    assert {item: found[item, "category"][0] for item in expected} == expected


def test_the_posterior_holds_what_is_probable(spark: SparkSession) -> None:
    votes = [("a", "category", f"a{i}", "tech") for i in range(150)]
    votes += [("a", "category", "b", "sport"), ("a", "category", "d", "art"), ("a", "category", "e", "art")]
    numbered = number_votes(spark.createDataFrame(votes, _VOTES), spark.createDataFrame([], _VOTES), 1)
    row = labels_of(numbered, "category", Majority(), fit(numbered, Majority())).first()
    numbered.release()
    assert row is not None
    assert row[c.POSTERIOR] == pytest.approx({"tech": 150 / 153, "art": 2 / 153}), "1 of 153 is under a hundredth"
