"""Embeddings by the real annotator against onnxruntime on the same model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from pyspark.sql import SparkSession
from tokenizers import Tokenizer

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config, resolve
from linnaeus.features.embeddings import distinct_texts, embed, partitions_for, reuse
from linnaeus.runtime.embedder import load_annotator

SETTINGS = load_config("local").embedder
FOLDER = resolve(SETTINGS.path)
Vector = npt.NDArray[np.float32]

TEXTS = {
    "short": "hello world",
    "one letter": "a",
    "sentence": "The committee will publish its report on public transport next week.",
    "long": "a word and another word, " * 400,
    "long words": "x" * 100 + " " + "y" * 101 + " " + "z" * 300 + " end",
    "emoji": "I ❤️ this 😀😀 👨‍👩‍👧 🇫🇷!!!",
    "chinese": "混合 text 中文，終わり。𠀀𠀁",
    "japanese": "これは、ガラスでできたデスクです。",
    "arabic": "أحمد إلى آخر الطريق، مرحبا بالعالم؟",
    "hebrew": "שָׁלוֹם עולם",
    "hindi": "हिन्दी भाषा में लिखा हुआ।",
    "korean": "한국어 문장입니다.",
    "long korean": "각" * 33 + " " + "각" * 34 + " " + "가" * 50 + " " + "가" * 51 + " 끝",
    "long and mixed": "a" * 40 + "각" * 20 + " " + "a" * 41 + "각" * 20 + "\n" + "\u0bca" * 51 + " end",
    "greek": "ΟΔΟΣ ΣΟΦΙΑΣ και σοφίας",
    "accents": "CAFÉ naïve e\u0301te\u0301 Ångström İstanbul tiếng Việt ß ﬁne",
    "spanish": "¿Qué? ¡Sí! «cita» nº 5",
    "typography": "He said “hello” — it’s ‘fine’… 5–6 o’clock • ok",
    "spaces": "no\u00a0break thin\u2009space line\u2028break wide\u3000space\x0btab",
    "invisible": "zero\u200bwidth soft\u00adhyphen \ufeffmark \ue000 \x01control",
    "signs": "a+b=c $5 <b>x</b> c:\\d a_b `q` ~x^2| 100% ±3 §4 ©",
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
def annotator(spark: SparkSession) -> Any:
    return load_annotator(spark, SETTINGS)


def vectors_of(spark: SparkSession, annotator: Any, texts: dict[str, str], partitions: int) -> dict[str, Vector]:
    rows = spark.createDataFrame(list(texts.items()), [c.CONTENT_HASH, c.TEXT])
    found = embed(rows, annotator, partitions)
    assert found.columns == [c.CONTENT_HASH, c.EMBEDDING]
    assert found.rdd.getNumPartitions() == partitions
    collected = found.collect()
    assert sorted(row[c.CONTENT_HASH] for row in collected) == sorted(texts)
    return {row[c.CONTENT_HASH]: np.array(row[c.EMBEDDING], dtype=np.float32) for row in collected}


@pytest.fixture(scope="module")
def vectors(spark: SparkSession, annotator: Any) -> dict[str, Vector]:
    return vectors_of(spark, annotator, TEXTS, partitions=1)


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
    spark: SparkSession, annotator: Any, vectors: dict[str, Vector]
) -> None:
    again = vectors_of(spark, annotator, dict(reversed(TEXTS.items())), partitions=3)
    assert [name for name in TEXTS if not np.array_equal(again[name], vectors[name])] == []


def test_vectors_do_not_depend_on_batch_mates(spark: SparkSession, annotator: Any, vectors: dict[str, Vector]) -> None:
    chosen = ("short", "emoji", "arabic")
    few = {name: TEXTS[name] for name in chosen} | {f"mate {i}": "some other words " * (10 * i + 1) for i in range(3)}
    alone = vectors_of(spark, annotator, few, partitions=1)
    assert all(np.array_equal(alone[name], vectors[name]) for name in chosen)


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
    assert sorted((row[c.CONTENT_HASH], row[c.TEXT]) for row in found) == [("h1", "T\nB"), ("h2", "B")]


def test_a_vector_is_used_for_every_content_of_its_text(spark: SparkSession) -> None:
    content = spark.createDataFrame([("1", "h1"), ("2", "h1"), ("3", "h2")], [c.CONTENT_ID, c.CONTENT_HASH])
    vectors = spark.createDataFrame(
        [("h1", [1.0]), ("h1", [1.0]), ("h9", [0.5])], f"{c.CONTENT_HASH} string, {c.EMBEDDING} array<float>"
    )
    found = reuse(content, vectors, "e@1")
    assert found.columns == [c.CONTENT_ID, c.CONTENT_HASH, c.EMBEDDER, c.EMBEDDING]
    assert sorted(map(tuple, found.collect())) == [("1", "h1", "e@1", [1.0]), ("2", "h1", "e@1", [1.0])]


@pytest.mark.parametrize(
    ("n_texts", "a_partition", "slots", "expected"),
    [(1, 500, 2, 2), (1000, 500, 2, 2), (1001, 500, 2, 4), (100_000, 500, 8, 200), (0, 500, 4, 4)],
)
def test_partitions_are_whole_rounds(n_texts: int, a_partition: int, slots: int, expected: int) -> None:
    found = partitions_for(n_texts, a_partition, slots)
    assert found == expected
    assert found % slots == 0 and found * a_partition >= n_texts
