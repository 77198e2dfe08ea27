"""Windows against the model's own tokenizer and against slow oracles; no annotator is needed."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tokenizers import Tokenizer

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config, resolve
from linnaeus.features.windows import (
    Cutter,
    Windowing,
    _Pool,
    cut_into_windows,
    pool_windows,
    spans_of,
    spread,
)
from tests.features.test_embeddings import TEXTS
from tests.oracles import numbers_of

FOLDER = resolve(load_config("local").embedder.path or "")
VOCABULARY = tuple((FOLDER / "assets/vocab.txt").read_text(encoding="utf-8").splitlines())
REAL = Windowing(VOCABULARY, max_tokens=128, overlap=16, title_weight=0.5, body_weight=1.0)
# Letters a to e are tokens, as are their continuations: a word is as many tokens as it has letters.
LETTERS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcde", *(f"##{letter}" for letter in "abcde"))


def small(max_tokens: int = 6, overlap: int = 1, title: float = 0.5, body: float = 1.0) -> Cutter:
    return Cutter(Windowing(LETTERS, max_tokens, overlap, title, body))


@functools.cache
def _reference() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # "[SEP]" in somebody's text is text
    return tokenizer


@pytest.fixture
def reference() -> Tokenizer:
    return _reference()


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """What Spark NLP makes of a window: the word that it does not know is here one too long to be known."""
    return list(tokenizer.encode(text.replace("\ue000", "y" * 101), add_special_tokens=False).ids)


def test_windows_hold_the_tokens_that_the_model_reads(reference: Tokenizer) -> None:
    cutter = Cutter(REAL)
    for name, text in TEXTS.items():
        expected = reference.encode(text, add_special_tokens=False).ids
        windows = cutter.windows(text)
        again = [i for one in windows for i in ids(reference, one.text)]
        assert sum(one.n_tokens for one in windows) == len(again), name
        if len(windows) < 2:
            assert again == expected, name


@given(st.text(max_size=300))
def test_any_text_is_read_as_the_model_reads_it(text: str) -> None:
    tokenizer = _reference()
    one_window = Cutter(Windowing(VOCABULARY, 512, 0, 1.0, 1.0)).windows(text)
    assert len(one_window) <= 1
    expected = tokenizer.encode(text, add_special_tokens=False).ids
    found = ids(tokenizer, one_window[0].text) if one_window else []
    assert found == expected


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    room=st.integers(1, 20),
    overlap=st.integers(0, 10),
)
def test_spans_are_those_of_a_slow_oracle(counts: list[int], room: int, overlap: int) -> None:
    found = spans_of(np.array(counts), room, overlap)
    assert found == _slow_spans(counts, room, overlap)
    assert sorted({place for first, end in found for place in range(first, end)}) == list(range(len(counts)))
    assert all(sum(counts[first:end]) <= room or end - first == 1 for first, end in found)
    for (first, end), (following, later) in itertools.pairwise(found):
        assert first < following <= end < later
        assert sum(counts[following:end]) <= overlap


def _slow_spans(counts: list[int], room: int, overlap: int) -> list[tuple[int, int]]:
    spans, first = [], 0
    while True:
        end = first + 1
        while end < len(counts) and sum(counts[first : end + 1]) <= room:
            end += 1
        spans.append((first, end))
        if end == len(counts):
            return spans
        following = end
        while (
            following - 1 > first
            and sum(counts[following - 1 : end]) <= overlap
            and sum(counts[following - 1 : end + 1]) <= room
        ):
            following -= 1
        first = following


def test_a_long_text_is_cut_at_words_and_shares_an_overlap() -> None:
    # Room for four tokens: "ab c d" and then, sharing "d" (one token), "d abc"; "e" and the next "e" fit after it.
    windows = small().windows("ab c d abc e e")
    assert [(one.text, one.n_tokens) for one in windows] == [("ab c d", 4), ("d abc", 4), ("e e", 2)]


@given(n=st.integers(1, 60), most=st.integers(1, 70))
def test_a_cap_keeps_the_first_window_and_others_evenly_spread(n: int, most: int) -> None:
    spans = [(place, place + 1) for place in range(n)]
    kept = [first for first, _ in spread(spans, most)]
    assert kept[0] == 0 and len(kept) == min(n, most)
    gaps = {following - first for first, following in itertools.pairwise([*kept, n])}
    assert max(gaps) - min(gaps) <= 1
    assert spread(spans, None) == spans


def test_windows_beyond_the_cap_are_not_read_and_weights_are_shares_of_those_that_are() -> None:
    text = "ab c d abc e e"  # three windows of 4, 4 and 2 tokens
    capped = [Cutter(Windowing(LETTERS, 6, 1, 0.5, 1.0, most)) for most in (1, 2, 3)]
    assert [[one.text for one in cutter.windows(text)] for cutter in capped] == [
        ["ab c d"],
        ["ab c d", "d abc"],
        ["ab c d", "d abc", "e e"],
    ]
    assert [weight for _, weight in capped[1].weighted(None, text)] == [0.5, 0.5]
    assert capped[2].weighted(None, text) == small().weighted(None, text)


def test_weights_are_shares_by_tokens_of_each_parts_weight() -> None:
    found = small(title=0.5, body=2.0).weighted("ab c", "d abc e e")
    assert [(one.text, weight) for one, weight in found] == [
        ("ab c", 0.5),
        ("ab c d", pytest.approx(2.0 * 4 / 10)),
        ("d abc", pytest.approx(2.0 * 4 / 10)),
        ("e e", pytest.approx(2.0 * 2 / 10)),
    ]


def test_a_title_alone_is_read_once() -> None:
    assert [(one.text, weight) for one, weight in small(title=0.5).weighted("a b", None)] == [("a b", 1.0)]


@pytest.mark.parametrize("title", [None, "", " ", "\u200b"])
@pytest.mark.parametrize("body", [None, "", "\n\t"])
def test_a_text_without_words_is_one_empty_window(title: str | None, body: str | None) -> None:
    assert [(one.text, one.n_tokens, weight) for one, weight in small().weighted(title, body)] == [(" ", 0, 1.0)]


def test_a_title_without_a_weight_of_its_own_is_read_with_the_body_alone() -> None:
    assert [one.text for one, _ in small(title=0.0).weighted("a", "b")] == ["a b"]


def test_a_word_longer_than_a_window_has_one_of_its_own() -> None:
    assert [one.text for one in small().windows("a abcdeabcde b")] == ["a", "abcdeabcde", "b"]


def test_a_megabyte_is_read_to_its_end(reference: Tokenizer) -> None:
    text = "One sentence, of eleven words and some signs: it's no more! " * 20_000
    windows = Cutter(Windowing(VOCABULARY, 128, 0, 1.0, 1.0)).windows(text)
    assert len(text) > 1_000_000
    assert sum(one.n_tokens for one in windows) == 20_000 * len(
        reference.encode("One sentence, of eleven words and some signs: it's no more!", add_special_tokens=False).ids
    )
    assert max(one.n_tokens for one in windows) <= 126


def test_a_word_of_a_megabyte_is_one_token() -> None:
    assert [(one.text, one.n_tokens) for one in Cutter(REAL).windows("x" * 1_000_000)] == [("\ue000", 1)]


def test_rows_are_those_of_the_cutter_in_any_partitioning(spark: SparkSession) -> None:
    texts = [(f"h{i:03d}", "a b" if i % 3 else None, " ".join("abcde"[: i % 5 + 1]) * i) for i in range(40)]
    rows = spark.createDataFrame(texts, f"{c.CONTENT_HASH} string, title string, body string")
    found = cut_into_windows(rows.repartition(3), Windowing(LETTERS, 6, 1, 0.5, 1.0)).collect()
    expected = [
        (key, place, one.text, one.n_tokens, pytest.approx(weight))
        for key, title, body in texts
        for place, (one, weight) in enumerate(small().weighted(title, body))
    ]
    assert sorted(map(tuple, found)) == expected


def _oracle(rows: list[tuple[str, int, float, list[float]]]) -> dict[str, tuple[list[float], int]]:
    pooled = {}
    for key in {row[0] for row in rows}:
        own = [row for row in rows if row[0] == key]
        total = np.sum([weight * np.array(vector) for _, _, weight, vector in own], axis=0)
        norm = np.linalg.norm(total)
        pooled[key] = ((total / (norm or 1.0)).tolist(), sum(n for _, n, _, _ in own))
    return pooled


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 50), max_size=6),
    seed=st.integers(0, 1000),
)
def test_pooling_is_a_weighted_mean_wherever_batches_end(sizes: list[int], cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (f"h{text}", int(rng.integers(0, 9)), float(rng.random()), rng.normal(size=3).astype(np.float32).tolist())
        for text, n in enumerate(sizes)
        for _ in range(n)
    ]
    pool, found = _Pool(3), {}
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    batches = [_batch(rows[a:b]) for a, b in itertools.pairwise(edges)] + [_batch([])]
    for answer in [*map(pool.take, batches), pool.rest()]:
        for row in answer.to_pylist():
            assert row[c.CONTENT_HASH] not in found
            found[row[c.CONTENT_HASH]] = (numbers_of(row[c.VECTOR]), row[c.N_TOKENS])
    expected = _oracle(rows)
    assert found.keys() == expected.keys()
    for key, (vector, n) in expected.items():
        np.testing.assert_allclose(found[key][0], vector, atol=1e-6)
        assert found[key][1] == n


def _batch(rows: list[tuple[str, int, float, list[float]]]) -> pa.RecordBatch:
    schema = pa.schema(
        [
            (c.CONTENT_HASH, pa.string()),
            (c.N_TOKENS, pa.int32()),
            (c.WEIGHT, pa.float32()),
            (c.EMBEDDING, pa.list_(pa.float32())),
        ]
    )
    return pa.RecordBatch.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


def test_pooling_in_spark_and_a_wrong_dimension(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [("h1", 0, 3, 0.75, [1.0, 0.0]), ("h1", 1, 1, 0.25, [0.0, 1.0]), ("h2", 0, 5, 1.0, [0.0, 2.0])],
        f"{c.CONTENT_HASH} string, {c.PLACE} int, {c.N_TOKENS} int, {c.WEIGHT} float, {c.EMBEDDING} array<float>",
    ).sortWithinPartitions(c.CONTENT_HASH)
    found = {row[c.CONTENT_HASH]: row for row in pool_windows(rows.coalesce(1), 2).collect()}
    norm = (0.75**2 + 0.25**2) ** 0.5
    assert numbers_of(found["h1"][c.VECTOR]) == pytest.approx([0.75 / norm, 0.25 / norm])
    assert (found["h1"][c.N_TOKENS], found["h2"][c.N_TOKENS]) == (4, 5)
    assert numbers_of(found["h2"][c.VECTOR]) == [0.0, 1.0]
    failed = rows.withColumn(c.EMBEDDING, F.when(F.col(c.PLACE) == 0, F.col(c.EMBEDDING)))
    assert {
        row[c.CONTENT_HASH]: numbers_of(row[c.VECTOR]) for row in pool_windows(failed.coalesce(1), 2).collect()
    } == {
        "h1": None,
        "h2": [0.0, 1.0],
    }
    with pytest.raises(Exception, match="a vector of length 2; 3 expected"):
        pool_windows(rows, 3).select(F.sum(c.N_TOKENS)).collect()
