"""Signatures against Jaccard similarity computed apart, and reposts found among constructed texts."""

from __future__ import annotations

import random
import re

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.features.near_duplicates import N_HASHES, SHINGLES, near_duplicates, shingled, signatures
from tests.unspaced import GOLD

SCHEMA = f"{c.CONTENT_HASH} string, title string, body string"
WORDS = "river stone cloud amber violet copper meadow lantern harbor winter signal thunder garden velvet".split()


def oracle(text: str) -> set[str]:
    words = re.findall(r"[^\W_]+", text.lower())
    if not words:
        return set()
    return {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def passage(seed: int, n: int = 60) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(WORDS) + str(rng.randrange(50)) for _ in range(n)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ... ",
        "One",
        "One, two",
        "One two THREE",
        "a b c d a b c",
        "it's 5 o'clock — née ÜBER",
        "<p>Bold <b>words</b></p>",
    ],
)
def test_shingles_are_runs_of_three_words(spark: SparkSession, text: str) -> None:
    found = shingled(spark.createDataFrame([(text,)], "text string")).collect()
    expected = oracle(re.sub("<[^>]*>", " ", text))
    assert len(found) == bool(expected)
    assert {one for row in found for one in row[SHINGLES]} == expected


def test_characters_are_the_words_that_no_blank_parts(spark: SparkSession) -> None:
    cases = {
        "図書館へ": {"図 書 館", "書 館 へ"},
        "ที่นี่ครับ": {"ที่ นี่ ค", "นี่ ค รั", "ค รั บ"},
        "iPhone 15を買う": {"iphone 15 を", "15 を 買", "を 買 う"},
        "한국어 책": {"한국어 책"},
    }
    rows = shingled(spark.createDataFrame([(one,) for one in cases], "text string")).collect()
    assert [set(row[SHINGLES]) for row in rows] == list(cases.values())


def test_reposts_without_blanks_are_found(spark: SparkSession) -> None:
    text = "".join(word for words in GOLD["zh"] for word in words)
    thai = "".join(word for words in GOLD["th"] for word in words)
    texts = {"a": text, "b": text.replace("手机", "电脑"), "c": thai, "d": thai.replace("ฟรี", ""), "e": text[::-1]}
    rows = spark.createDataFrame([(key, None, one) for key, one in texts.items()], SCHEMA)
    pairs = near_duplicates(signatures(rows), c.CONTENT_HASH).collect()
    assert {(row[c.CONTENT_HASH], row["original"]) for row in pairs} == {("b", "a"), ("d", "c")}


def test_a_text_of_a_megabyte_is_done_in_one_pass(spark: SparkSession) -> None:
    words = " ".join(f"w{i}" for i in range(150_000))
    assert len(words) > 1_000_000
    rows = signatures(spark.createDataFrame([("h", None, words)], SCHEMA)).collect()
    assert len(rows) == 1 and len(set(rows[0][c.SIGNATURE])) > N_HASHES // 2


def test_agreement_estimates_jaccard(spark: SparkSession) -> None:
    rng = random.Random(5)
    base = passage(0, 120)
    texts = {"base": base}
    for n in (0, 2, 6, 15, 40, 120):
        changed = list(base)
        for place in rng.sample(range(len(base)), n):
            changed[place] = f"other{place}"
        texts[f"changed {n}"] = changed
    rows = spark.createDataFrame([(key, None, " ".join(words)) for key, words in texts.items()], SCHEMA)
    found = {row[c.CONTENT_HASH]: row[c.SIGNATURE] for row in signatures(rows).collect()}
    ours = oracle(" ".join(base))
    for key, words in texts.items():
        other = oracle(" ".join(words))
        jaccard = len(ours & other) / len(ours | other)
        agreement = sum(a == b for a, b in zip(found["base"], found[key], strict=True)) / N_HASHES
        assert abs(agreement - jaccard) < 4 / (2 * N_HASHES**0.5), (key, jaccard, agreement)
    assert found["changed 0"] == found["base"]


def test_a_text_without_words_has_no_signature_and_the_rest_do_not_depend_on_partitions(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("1", None, "..."), ("2", "a title", None), ("3", None, "some words here")], SCHEMA)
    found = {row[c.CONTENT_HASH]: row[c.SIGNATURE] for row in signatures(rows).collect()}
    again = {row[c.CONTENT_HASH]: row[c.SIGNATURE] for row in signatures(rows.repartition(3)).collect()}
    assert set(found) == {"2", "3"} and found == again
    assert all(len(signature) == N_HASHES for signature in found.values())


def test_reposts_are_found_and_others_are_not(spark: SparkSession) -> None:
    texts = {f"{seed:02d}-a": " ".join(passage(seed)) for seed in range(12)}
    texts |= {f"{seed:02d}-b": f"{' '.join(passage(seed))} Follow me!!!" for seed in range(0, 12, 2)}
    rows = spark.createDataFrame([(key, None, text) for key, text in texts.items()], SCHEMA)
    pairs = near_duplicates(signatures(rows), c.CONTENT_HASH).collect()
    assert sorted((row[c.CONTENT_HASH], row["original"]) for row in pairs) == [
        (f"{seed:02d}-b", f"{seed:02d}-a") for seed in range(0, 12, 2)
    ]
    assert all(0.8 <= row["similarity"] <= 1 for row in pairs)


@pytest.mark.slow
def test_a_text_that_thousands_repeat_makes_as_many_pairs(spark: SparkSession) -> None:
    same = signatures(spark.createDataFrame([("x", None, " ".join(passage(1)))], SCHEMA)).select(c.SIGNATURE)
    rows = spark.range(3000).select(F.format_string("%05d", "id").alias("content_id")).crossJoin(same)
    found = near_duplicates(rows, "content_id")
    assert found.count() == 2999
    assert {row["original"] for row in found.select("original").distinct().collect()} == {"00000"}
