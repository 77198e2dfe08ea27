"""Embeddings by the real annotator against onnxruntime on the same model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tokenizers import Tokenizer

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config, resolve
from linnaeus.features.embeddings import (
    Partitions,
    Size,
    distinct_texts,
    embed,
    part_of,
    partitions_for,
    size_of,
    spread_windows,
)
from linnaeus.features.windows import Windowing, cut_into_windows
from linnaeus.runtime.embedder import LoadedEmbedder, load_embedder
from tests.oracles import numbers_of

SETTINGS = load_config("local").embedder
FOLDER = resolve(SETTINGS.path)
Vector = npt.NDArray[np.float32]

TEXTS = {
    "short": "hello world",
    "one letter": "a",
    "sentence": "The committee will publish its report on public transport next week.",
    "full window": "a word and another word, " * 20,
    "long words": "x" * 100 + " " + "y" * 101 + " " + "z" * 300 + " end",
    "emoji": "I ❤️ this 😀😀 👨‍👩‍👧 🇫🇷!!!",
    "chinese": "混合 text 中文，終わり。𠀀𠀁",
    "japanese": "これは、ガラスでできたデスクです。",
    "arabic": "أحمد إلى آخر الطريق، مرحبا بالعالم؟",
    "hebrew": "שָׁלוֹם עולם",
    "hindi": "हिन्दी भाषा में लिखा हुआ।",
    "korean": "한국어 문장입니다.",
    "long korean": "각" * 33 + " " + "각" * 34 + " 끝",
    "longer korean": "가" * 50 + " " + "가" * 51 + " 끝",
    "long and mixed": "a" * 40 + "각" * 20 + " " + "a" * 41 + "각" * 20 + "\n" + "\u0bca" * 51 + " end",
    "greek": "ΟΔΟΣ ΣΟΦΙΑΣ και σοφίας",
    "accents": "CAFÉ naïve e\u0301te\u0301 Ångström İstanbul tiếng Việt ß ﬁne",
    "spanish": "¿Qué? ¡Sí! «cita» nº 5",
    "typography": "He said “hello” — it’s ‘fine’… 5–6 o’clock • ok",
    "spaces": "no\u00a0break thin\u2009space line\u2028break wide\u3000space\x0btab",
    "invisible": "zero\u200bwidth soft\u00adhyphen \ufeffmark \ue000 \x01control",
    "signs": "a+b=c $5 <x> x=</ c:\\d a_b `q` ~x^2| 100% ±3 §4 ©",
    "link": "see https://example.com/a?b=c&d=e#f (or www.example.org)",
    "specials": "[CLS] what [SEP] is [MASK] this [UNK]",
    "lines": "Title\nbody of it\r\nmore\tand more",
    "nothing to read": "\u200b",
    "blank": " \n ",
}


class Reference:
    """Mean of the last hidden states of a text's tokens, of norm 1: what the model's authors compute."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._model = onnxruntime.InferenceSession(FOLDER / "model.onnx", options)
        self._tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(SETTINGS.max_tokens)
        self._tokenizer.encode_special_tokens = True  # "[SEP]" in somebody's text is text

    def __call__(self, text: str) -> Vector:
        encoding = self._tokenizer.encode(text)
        ids = np.array([encoding.ids], dtype=np.int64)
        attention = np.array([encoding.attention_mask], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": attention, "token_type_ids": np.zeros_like(ids)}
        hidden = self._model.run(None, inputs)[0][0]
        mean = (hidden * attention[0][:, None]).sum(axis=0) / attention.sum()
        return (mean / np.linalg.norm(mean)).astype(np.float32)


@pytest.fixture(scope="module")
def embedder(spark: SparkSession) -> LoadedEmbedder:
    return load_embedder(spark, SETTINGS)


def vectors_of(
    spark: SparkSession, embedder: LoadedEmbedder, texts: dict[str, str], partitions: Partitions
) -> dict[str, Vector]:
    rows = spark.createDataFrame(
        [(name, None, text) for name, text in texts.items()], f"{c.CONTENT_HASH} string, title string, body string"
    )
    windowing = Windowing(embedder.vocabulary, SETTINGS.max_tokens, SETTINGS.overlap, 0.5, 1.0)
    found = embed(rows, embedder.annotator, windowing, SETTINGS.dimension, partitions)
    assert found.columns == [c.CONTENT_HASH, c.VECTOR, c.N_TOKENS]
    collected = found.collect()
    assert sorted(row[c.CONTENT_HASH] for row in collected) == sorted(texts)
    return {row[c.CONTENT_HASH]: np.array(numbers_of(row[c.VECTOR]), dtype=np.float32) for row in collected}


@pytest.fixture(scope="module")
def vectors(spark: SparkSession, embedder: LoadedEmbedder) -> dict[str, Vector]:
    return vectors_of(spark, embedder, TEXTS, Partitions(1, 1, 1))


def test_vectors_are_those_of_the_model(vectors: dict[str, Vector]) -> None:
    reference = Reference()
    cosines = {name: float(vectors[name] @ reference(text)) for name, text in TEXTS.items()}
    assert {name: cosine for name, cosine in cosines.items() if cosine < 0.9999} == {}


def test_vectors_have_norm_one_and_the_dimension_of_the_settings(vectors: dict[str, Vector]) -> None:
    assert {vector.shape for vector in vectors.values()} == {(SETTINGS.dimension,)}
    assert [float(np.linalg.norm(vector)) for vector in vectors.values()] == pytest.approx(
        [1.0] * len(vectors), abs=1e-5
    )


def test_different_texts_have_different_vectors(vectors: dict[str, Vector]) -> None:
    told_apart = [name for name in TEXTS if name not in {"nothing to read", "blank"}]
    matrix = np.stack([vectors[name] for name in told_apart])
    cosines = matrix @ matrix.T - np.eye(len(told_apart))
    assert cosines.max() < 0.97


def test_vectors_do_not_depend_on_the_partitioning(
    spark: SparkSession, embedder: LoadedEmbedder, vectors: dict[str, Vector]
) -> None:
    again = vectors_of(spark, embedder, dict(reversed(TEXTS.items())), Partitions(2, 5, 3))
    assert [name for name in TEXTS if not np.allclose(again[name], vectors[name], atol=1e-6)] == []


def test_vectors_do_not_depend_on_batch_mates(
    spark: SparkSession, embedder: LoadedEmbedder, vectors: dict[str, Vector]
) -> None:
    chosen = ("short", "emoji", "arabic")
    few = {name: TEXTS[name] for name in chosen} | {f"mate {i}": "some other words " * (10 * i + 1) for i in range(3)}
    alone = vectors_of(spark, embedder, few, Partitions(1, 1, 1))
    assert all(np.allclose(alone[name], vectors[name], atol=1e-6) for name in chosen)


def test_a_text_is_taken_once_and_none_without_words(spark: SparkSession) -> None:
    content = spark.createDataFrame(
        [
            ("1", "h1", "T", "B"),
            ("2", "h1", "T", "B"),
            ("3", "h2", None, "B"),
            ("4", "h3", None, None),
            ("5", "h4", " ", None),
        ],
        f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, title string, body string",
    )
    found = distinct_texts(content).collect()
    assert sorted((row[c.CONTENT_HASH], row.title or "", row.body) for row in found) == [
        ("h1", "T", "B"),
        ("h2", "", "B"),
    ]


def test_the_size_counts_texts_bytes_and_windows(spark: SparkSession) -> None:
    texts = spark.createDataFrame([("T", "é" * 10), (None, "x" * 1000)], "title string, body string")
    assert size_of(texts, max_tokens=10) == Size(texts=2, bytes=22 + 1000, windows=2 + 26)
    assert size_of(texts, max_tokens=10, most_windows=3) == Size(texts=2, bytes=22 + 1000, windows=2 + 3)
    assert size_of(texts.limit(0), max_tokens=10) == Size(0, 0, 0)


@given(
    texts=st.integers(1, 10**6),
    size=st.integers(0, 10**11),
    windows=st.integers(0, 10**8),
    windows_a_partition=st.integers(1, 10**4),
    bytes_a_partition=st.integers(10**3, 10**8),
    slots=st.integers(1, 64),
)
def test_partitions_are_whole_rounds_and_hold_what_they_may(
    texts: int, size: int, windows: int, windows_a_partition: int, bytes_a_partition: int, slots: int
) -> None:
    found = partitions_for(Size(texts, size, windows), windows_a_partition, bytes_a_partition, slots)
    assert found.texts % slots == found.windows % slots == found.vectors % slots == 0
    assert found.texts * bytes_a_partition >= size and found.windows * windows_a_partition >= windows
    assert (found.texts - slots) * bytes_a_partition < size or found.texts == slots
    assert (found.windows - slots) * windows_a_partition < windows or found.windows == slots


def test_parts_are_disjoint_and_whole(spark: SparkSession) -> None:
    keys = spark.range(1000).select(F.col("id").cast("string").alias("key"))
    counted = keys.groupBy(part_of(F.col("key"), 4).alias("part")).count().collect()
    assert {row["part"] for row in counted} == {0, 1, 2, 3}
    assert sum(row["count"] for row in counted) == 1000 and min(row["count"] for row in counted) > 200


def test_the_windows_of_a_text_of_a_megabyte_are_spread_evenly(spark: SparkSession, embedder: LoadedEmbedder) -> None:
    long = "Words of one very long text, which has no end. " * 22_000
    rows = [("long", None, long), *((f"short {i}", None, "a few words") for i in range(50))]
    texts = spark.createDataFrame(rows, f"{c.CONTENT_HASH} string, title string, body string")
    windowing = Windowing(embedder.vocabulary, SETTINGS.max_tokens, SETTINGS.overlap, 0.5, 1.0)
    spread = spread_windows(cut_into_windows(texts, windowing), 8)
    sizes = [row["count"] for row in spread.groupBy(F.spark_partition_id()).count().collect()]
    assert sum(sizes) > 2000 and len(sizes) == 8
    assert max(sizes) < 1.3 * sum(sizes) / len(sizes)


def test_no_row_is_touched_in_python_one_by_one(spark: SparkSession, embedder: LoadedEmbedder) -> None:
    texts = spark.createDataFrame([("h", None, "words")], f"{c.CONTENT_HASH} string, title string, body string")
    windowing = Windowing(embedder.vocabulary, SETTINGS.max_tokens, SETTINGS.overlap, 0.5, 1.0)
    vectors = embed(texts, embedder.annotator, windowing, SETTINGS.dimension, Partitions(2, 4, 2))
    plan = vectors._jdf.queryExecution().executedPlan().toString()
    assert plan.count("MapInArrow") + plan.count("PythonMapInArrow") >= 2
    assert "BatchEvalPython" not in plan and "ArrowEvalPython" not in plan
