"""Which terms the logistic regression knows, against counts by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Logistic
from linnaeus.training.booster import place
from linnaeus.training.examples import CLASS
from linnaeus.training.vocabulary import vocabulary

Texts = dict[str, list[int] | None]
GREATEST = 2**31 - 1
TEXTS: Texts = {
    "a": [7, 7, 7, 3],
    "b": [3, GREATEST, 9],
    "c": [GREATEST, 3, 0],
    "d": [9, 0, 5],
    "e": [],
    "f": None,
}


def settings(min_documents: int, max_terms: int) -> Logistic:
    return Logistic(share=0.5, penalty=1.0, iterations=1, min_documents=min_documents, max_terms=max_terms)


def frame(spark: SparkSession, texts: Texts, answers: int = 1) -> DataFrame:
    rows = [(name, terms, answer) for name, terms in texts.items() for answer in range(answers)]
    return spark.createDataFrame(rows, f"{c.CONTENT_ID} string, {c.TERMS} array<int>, {CLASS} int")


@pytest.mark.parametrize(
    ("min_documents", "max_terms", "expected"),
    [
        (1, 100, [0, 3, 5, 7, 9, GREATEST]),
        (2, 100, [0, 3, 9, GREATEST]),  # 7 stands three times, but in one text
        (3, 100, [3]),
        (4, 100, []),
        (1, 1, [3]),
        (1, 3, [0, 3, 9]),  # 0, 9 and the greatest are in two texts each
        (1, 5, [0, 3, 5, 9, GREATEST]),
        (2, 3, [0, 3, 9]),
    ],
)
def test_by_hand(spark: SparkSession, min_documents: int, max_terms: int, expected: list[int]) -> None:
    found = vocabulary(place(frame(spark, TEXTS), 2), settings(min_documents, max_terms))
    assert found.dtype == np.int32 and found.tolist() == expected


def test_a_text_that_stands_once_for_each_answer_is_one_text(spark: SparkSession) -> None:
    found = vocabulary(place(frame(spark, TEXTS, answers=3), 2), settings(2, 100))
    assert found.tolist() == [0, 3, 9, GREATEST]


def test_random_texts_in_any_partitioning(spark: SparkSession) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, GREATEST, 60, endpoint=True)
    texts: Texts = {f"t{i}": rng.choice(numbers, rng.integers(0, 12)).tolist() for i in range(200)}
    counted = Counter(term for terms in texts.values() for term in set(terms or []))
    ranked = sorted((term for term, n in counted.items() if n >= 15), key=lambda term: (-counted[term], term))
    assert len(ranked) > 20
    for partitions in (1, 5):
        rows = frame(spark, texts).repartition(partitions)
        assert vocabulary(rows, settings(15, 20)).tolist() == sorted(ranked[:20])
