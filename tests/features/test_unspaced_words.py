"""Words that no blank parts, in all that is made of tokens: terms, keywords, numbers of terms, reasons."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import load_config
from linnaeus.features.reading import read_texts
from linnaeus.features.tokens import tokenize
from linnaeus.features.vector import hashed_terms
from linnaeus.inference.words import term_names
from linnaeus.taxonomy.discovery.terms import GROUP, c_tf_idf, counts_by_group, keywords, vocabulary

# Of each language two groups of texts: what they are about, and a word that stands in all texts of the group.
GROUPS = {
    0: ("足球", ["今年的足球比赛吸引了很多观众", "足球比赛明天下午开始，请准时。", "他喜欢看足球比赛"]),
    1: ("カメラ", ["新しいカメラを買った", "カメラで海の写真を撮った。", "iPhoneのカメラはとても良い"]),
    2: ("ก๋วยเตี๋ยว", ["ร้านนี้ขายก๋วยเตี๋ยวอร่อยมาก", "ก๋วยเตี๋ยวชามนี้ราคาไม่แพง", "แม่ทำก๋วยเตี๋ยวให้ลูกกินทุกวัน"]),
    3: ("ទូរស័ព្ទ", ["គាត់ទិញទូរស័ព្ទថ្មីមួយគ្រឿង។", "ទូរស័ព្ទនេះថ្លៃណាស់", "ខ្ញុំលក់ទូរស័ព្ទនៅហាង"]),
    4: ("ຝົນ", ["ມື້ອື່ນຝົນຈະຕົກໜັກ", "ຝົນຕົກທຸກມື້", "ຝົນບໍ່ຕົກໃນປີໜ້າ"]),
}


@pytest.fixture
def tokens(spark: SparkSession) -> DataFrame:
    texts = [(group, text) for group, (_, of_group) in GROUPS.items() for text in of_group]
    rows = spark.createDataFrame(texts, f"`{GROUP}` int, {c.TEXT} string")
    settings = load_config("local").tokens
    return tokenize(read_texts(rows, settings), settings).cache()


def test_keywords_of_topics_are_words_of_their_language(tokens: DataFrame) -> None:
    terms = vocabulary(tokens, False, 2, 100)
    assert {word for word, _ in GROUPS.values()} <= set(terms)
    assert max(map(len, terms)) < 15, "a sentence is no word"
    weights = c_tf_idf(counts_by_group(tokens, terms, len(GROUPS), False))
    for (word, _), found in zip(GROUPS.values(), keywords(weights, terms, 5), strict=True):
        assert word in found[:3]


def test_neighbours_are_pairs(tokens: DataFrame) -> None:
    assert {"足球 比赛", "ร้าน นี้"} & set(vocabulary(tokens, True, 1, 1000)) == {"足球 比赛", "ร้าน นี้"}


def test_each_word_is_a_term_of_the_linear_models_and_of_their_reasons(tokens: DataFrame) -> None:
    numbers = hashed_terms(F.col(c.TOKENS), 1 << 16, True)
    for row in tokens.select(c.TEXT, c.TOKENS, numbers.alias(c.TERMS)).collect():
        words = row[c.TOKENS]
        assert len(words) >= 2 and "".join(words) == row[c.TEXT].lower().translate(str.maketrans("", "", "，。។"))
        assert len(row[c.TERMS]) == len(term_names(words, bigrams=True)) == 2 * len(words) - 1
        assert len(set(row[c.TERMS])) == len(set(term_names(words, bigrams=True)))
