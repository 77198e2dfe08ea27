"""What sources repeat counts once for them: on texts counted by hand, and against a slow count."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config
from linnaeus.taxonomy.discovery.repeats import LEAST, ONE, Repeats, _by_whole_sources, repeats_by_group
from linnaeus.taxonomy.discovery.terms import GROUP
from linnaeus.taxonomy.discovery.topics import Topics, seen, tree_of

Row = tuple[str, list[str], int]
TERMS = ["reuters", "said", "iraq", "goal", "said reuters"]


def rows_of() -> list[Row]:
    """An agency in two groups that signs all its texts, a small source that does, and a specialist."""
    agency = [("agency", ["said", "reuters", *(["iraq"] if at < 3 else [])], at % 2) for at in range(8)]
    small = [("small", ["reuters"], 0)] * (LEAST - 1)
    specialists = [(f"club {of}", ["goal"], 1) for of in range(3) for _ in range(LEAST)]
    return [*agency, *small, *specialists]


def by_hand(rows: list[Row], groups: int) -> tuple[np.ndarray, np.ndarray]:
    """What is too much of texts that have a term, and of all texts, text by text."""
    having, every = (np.zeros((groups, len(TERMS)), int) for _ in range(2))
    sources = defaultdict(list)
    for source, tokens, group in rows:
        pairs = {f"{left} {right}" for left, right in itertools.pairwise(tokens)}
        sources[source].append(({*tokens, *pairs}, group))
    for texts in sources.values():
        for place, term in enumerate(TERMS):
            n = sum(term in words for words, _ in texts)
            if len(texts) >= LEAST and 2 * n > len(texts):
                for words, group in texts:
                    every[group, place] += ONE - ONE // len(texts)
                    having[group, place] += (ONE - ONE // len(texts)) * (term in words)
    return having, every


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_term_of_most_of_a_sources_texts_counts_once(spark: SparkSession, partitions: int) -> None:
    rng = np.random.default_rng(partitions)
    drawn = [(f"source {rng.integers(9)}", rng.choice(TERMS[:4], 2).tolist(), int(rng.integers(2))) for _ in range(80)]
    for given in (rows_of(), drawn):
        schema = f"{c.CREATOR_ID} string, {c.TOKENS} array<string>, {GROUP} int"
        found = repeats_by_group(spark.createDataFrame(given, schema).repartition(partitions), TERMS, 2, True)
        having, every = by_hand(given, 2)
        assert found.having.toarray().tolist() == having.tolist()
        assert found.texts.toarray().tolist() == every.tolist()


def test_the_agency_counts_as_one_text_and_each_specialist_too() -> None:
    having, every = by_hand(rows_of(), 2)
    repeats = Repeats(sparse.csr_matrix(having), sparse.csr_matrix(every))
    counts = np.array([[4 + LEAST - 1, 4, 2, 0, 4], [4, 4, 1, 3 * LEAST, 4]])
    texts = seen(sparse.csr_matrix(counts), 8 + LEAST - 1 + 3 * LEAST, repeats)
    assert texts.having.tolist() == pytest.approx([1 + LEAST - 1, 1, 3, 3, 1], abs=0.05)
    assert texts.texts[1] == pytest.approx(1 + LEAST - 1 + 3 * LEAST, abs=0.05)


@pytest.mark.parametrize(("n", "terms"), [(3, ()), (3, ("a", "b")), (1, ("a",))])
def test_topics_without_words_have_names(n: int, terms: tuple[str, ...]) -> None:
    nothing = sparse.csr_matrix((n, len(terms)), dtype=np.int64)
    sums, sizes = 100 * np.eye(n, 3, dtype=np.int64), np.full(n, 10)
    topics = Topics(sums, sizes, nothing, terms, Repeats(nothing, nothing))
    tree = tree_of(topics, dict.fromkeys(range(n)), [], load_config("local", []).discovery)
    assert {node.name for node in tree} == {"Topic", "Topic 2", "Topic 3"} - (
        {"Topic 2", "Topic 3"} if n == 1 else set()
    )


@pytest.mark.parametrize("rows_a_batch", [1, 7, 1000, 5000])
def test_parts_are_cut_between_sources(rows_a_batch: int) -> None:
    rng = np.random.default_rng(0)
    names = np.repeat([f"{at:04d}" for at in range(400)], rng.integers(1, 20, 400)).tolist()
    table = pa.table({"source": names, "at": range(len(names))})
    parts = list(_by_whole_sources(iter(table.to_batches(rows_a_batch))))
    assert pa.concat_tables(parts).equals(table)
    sources = [set(part.column(0).to_pylist()) for part in parts]
    assert sum(map(len, sources)) == 400
    assert list(_by_whole_sources(iter([]))) == []
