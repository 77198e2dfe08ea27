"""Tokens by the real Spark NLP stages."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.tokens import STOP_WORD_LISTS, tokenize, tokenizer_version

CASES = {
    "": [],
    " \n ": [],
    "?! ... ---": [],
    "The cats sat on the mats.": ["cats", "sat", "mats"],
    "I don't think it's hers": ["think"],
    "I don’t": [],
    "Win $1,000 or £5 NOW!!!": ["win", "$1000", "£5"],
    "well-known  wellknown": ["wellknown", "wellknown"],
    "CAFÉ Ärger 日本語 मराठी": ["café", "ärger", "日本語", "मराठी"],
    "good good good": ["good", "good", "good"],
    "hello\nworld\ttab": ["hello", "world", "tab"],
    "x" * 40 + " " + "y" * 41: ["x" * 40],
    "😀 fun": ["fun"],
}


@pytest.fixture
def settings() -> Tokens:
    return load_config("local").tokens


def tokens_of(spark: SparkSession, texts: list[str], settings: Tokens) -> list[list[str]]:
    rows = spark.createDataFrame(list(enumerate(texts)), f"place int, {c.TEXT} string")
    found = tokenize(rows, settings)
    assert found.columns == ["place", c.TEXT, c.TOKENS, c.N_TOKENS]
    collected = {row["place"]: row for row in found.collect()}
    assert all(row[c.N_TOKENS] == len(row[c.TOKENS]) for row in collected.values())
    return [collected[place][c.TOKENS] for place in range(len(texts))]


def test_tokens_by_the_settings_in_force(spark: SparkSession, settings: Tokens) -> None:
    found = tokens_of(spark, list(CASES), settings)
    assert dict(zip(CASES, found, strict=True)) == CASES


def test_other_settings_make_other_tokens(spark: SparkSession, settings: Tokens) -> None:
    other = settings.model_copy(update={"lowercase": False, "stop_words": ("fr",), "min_length": 3, "max_length": 5})
    assert tokens_of(spark, ["Le chat and the Éléphant sont là, ABC"], other) == [["chat", "and", "the", "ABC"]]


def test_without_stop_words_all_tokens_stay(spark: SparkSession, settings: Tokens) -> None:
    none = settings.model_copy(update={"stop_words": ()})
    assert tokens_of(spark, ["The cat and I"], none) == [["the", "cat", "and", "i"]]


def test_a_language_without_a_list_is_refused(spark: SparkSession, settings: Tokens) -> None:
    rows = spark.createDataFrame([("a",)], [c.TEXT])
    with pytest.raises(ConfigurationError, match=r"tokens\.stop_words: no list for 'xx'; known: da, de, en"):
        tokenize(rows, settings.model_copy(update={"stop_words": ("en", "xx")}))


def test_every_stop_word_list_exists(spark: SparkSession, settings: Tokens) -> None:
    every = settings.model_copy(update={"stop_words": tuple(STOP_WORD_LISTS)})
    assert tokens_of(spark, ["the und avec linnaeus"], every) == [["linnaeus"]]


@pytest.mark.parametrize(
    "change",
    [
        {"clean_up_patterns": ("[^a-z]",)},
        {"lowercase": False},
        {"stop_words": ("en", "fr")},
        {"min_length": 2},
        {"max_length": 41},
        {"detect_language": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_that_changes_rows_changes_the_version(settings: Tokens, change: dict[str, object]) -> None:
    assert tokenizer_version(settings.model_copy(update=change)) != tokenizer_version(settings)


def test_a_setting_of_speed_alone_keeps_the_version(settings: Tokens) -> None:
    assert tokenizer_version(settings.model_copy(update={"texts_a_partition": 7})) == tokenizer_version(settings)
