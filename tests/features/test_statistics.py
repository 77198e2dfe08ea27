"""Text statistics against a character-by-character count in Python."""

from __future__ import annotations

import math
import random
import re
import unicodedata
from itertools import groupby

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts.schemas import STATISTICS
from linnaeus.contracts.unspaced import set_apart
from linnaeus.features.statistics import as_array, statistics

TEXTS = [
    "",
    " ",
    "\n\n\n",
    "a",
    "Hello, World!",
    "The cat saw the other cat. THE END",
    "⭐ 5 stars ⏰ ▶️ ⬛ 🅰🆗🈁 🀄🃏 👍🏽 1️⃣ © ™ → ✔",
    "Soooo gooood!!! 😀😀😀 I ❤ it 🇫🇷",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣",
    "שלום עולם",
    "日本語のテキスト、終わり。",
    "Ångström CAFÉ ÉTÉ İstanbul",
    "See https://example.com/a?b=c and WWW.EXAMPLE.ORG, or http://x.y",
    "https://",
    "call 00441632960961 now, or 12 or 123456789012345678901234567890",
    "Win $1,000 or £5 or €3 or ₿1 — 100% free",
    "aaa\n\n\nbbb\u2028\u2028\u2028ccc",
    "tabs\tand\x0bother\r\nspaces\u00a0here\u3000too",
    "e\u0301te\u0301 combining",
    "word " * 2000,
    "x" * 50_000,
    "𝕳𝖊𝖑𝖑𝖔 𠀀𠀁",
    "$$$ \\1 $1 (.) [x] \\d+",
]
_ALPHABET = "aAbÉ1٣ \n\t.!$€😀❤🇫ßωΩ日\u00a0\u0301-_https://www.x "


def random_texts(n: int, seed: int) -> list[str]:
    """Texts of 0 to 60 characters, repeats and links likely."""
    rng = random.Random(seed)
    pieces = [*_ALPHABET, "http://a", "www.b", "999999", "!!!", "aaaa"]
    return ["".join(rng.choices(pieces, k=rng.randrange(60))) for _ in range(n)]


def expected(text: str) -> dict[str, float]:
    """The slow, obvious truth."""
    words = [word for word in re.split("[ \t\n\x0b\f\r]+", text.lower()) if word]
    n, kinds = len(text), [unicodedata.category(character) for character in text]
    runs = [len(list(run)) for character, run in groupby(text) if character not in "\n\r\x85\u2028\u2029"]
    numbers = re.findall(r"[0-9]+", text)

    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    return {
        "n_characters": math.log1p(n),
        "n_words": math.log1p(len(words)),
        "word_length": share(sum(character not in " \t\n\x0b\f\r" for character in text), len(words)),
        "type_token_ratio": share(len(set(words)), len(words)),
        "capital_share": share(kinds.count("Lu"), n),
        "digit_share": share(kinds.count("Nd"), n),
        "punctuation_share": share(sum(kind[0] in "PS" for kind in kinds), n),
        "n_links": math.log1p(len(re.findall(r"(?:https?://|www\.)\S+", text, re.IGNORECASE | re.ASCII))),
        "longest_number": min(max(map(len, numbers), default=0), 20),
        "repeated_share": share(sum(run for run in runs if run >= 3), n),
        "emoji_share": share(sum(is_emoji(ord(character)) for character in text), n),
        "currency_share": share(kinds.count("Sc"), n),
    }


def is_emoji(point: int) -> bool:
    """The blocks that hold pictures, and the pictures among other signs."""
    blocks = ((0x1F000, 0x1F0FF), (0x1F170, 0x1FAFF), (0x2600, 0x27BF), (0x23E9, 0x23F3), (0x23F8, 0x23FA))
    return any(low <= point <= high for low, high in blocks) or chr(point) in (
        "⌚⌛⌨⏏Ⓜ▪▫▶◀◻◼◽◾⤴⤵⬅⬆⬇⬛⬜⭐⭕‼⁉〰〽㊗㊙"
    )


def test_a_megabyte_is_counted_like_any_text(spark: SparkSession) -> None:
    text = ("Buy NOW at http://x.y 😀😀😀 for $99! " * 30_000)[:1_000_000]
    row = spark.createDataFrame([(text,)], "text string").select(statistics(F.col("text")).alias("s")).first()
    assert row is not None
    assert row["s"].asDict() == pytest.approx(expected(text), rel=1e-5)


def test_statistics_are_those_of_a_count_by_hand(spark: SparkSession) -> None:
    texts = TEXTS + random_texts(300, seed=5)
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string")
    found = rows.select("place", statistics(F.col("text")).alias("s")).collect()
    assert len(found) == len(texts)
    for row in found:
        values = row["s"].asDict()
        assert list(values) == STATISTICS.names
        assert all(value is not None and math.isfinite(value) for value in values.values())
        assert values == pytest.approx(expected(texts[row["place"]]), rel=1e-6, abs=1e-6), repr(
            texts[row["place"]][:80]
        )


def test_words_that_no_blank_parts_count_as_words(spark: SparkSession) -> None:
    texts = ["今だけ無料", "ใช้iPhoneถ่ายรูป ทุกวัน", "no such words", ""]
    rows = spark.createDataFrame([(one, set_apart(one)) for one in texts], "text string, apart string")
    found = rows.select(statistics(F.col("text"), F.col("apart")).alias("s")).select("s.*").collect()
    assert [round(math.expm1(row["n_words"])) for row in found] == [3, 6, 3, 0]
    assert [row["word_length"] for row in found] == pytest.approx([5 / 3, 22 / 6, 11 / 3, 0])
    assert [round(math.expm1(row["n_characters"])) for row in found] == [len(one) for one in texts]


def test_an_empty_text_is_all_zero_and_an_absent_struct_too(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("",), (None,)], "text string")
    structs = rows.select("text", statistics(F.col("text")).alias("all")).select(
        F.when(F.col("text").isNotNull(), F.col("all")).alias("s")
    )
    arrays = [list(row["a"]) for row in structs.select(as_array("s").alias("a")).collect()]
    assert arrays == [[0.0] * len(STATISTICS.names)] * 2


def test_as_array_keeps_the_order_of_the_schema(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("Ab 12!",)], "text string").select(statistics(F.col("text")).alias("s"))
    row = rows.select("s", as_array("s").alias("a")).first()
    assert row is not None
    assert rows.select(as_array("s").alias("a")).schema["a"].dataType.simpleString() == "array<float>"
    assert list(row["a"]) == [row["s"][name] for name in STATISTICS.names]
