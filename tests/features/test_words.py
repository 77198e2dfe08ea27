"""Texts made ready for Spark NLP's tokenizer."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.features.words import (
    BETWEEN,
    EASY,
    MARK,
    is_ascii,
    marked,
    put_back,
    shortened,
    spaced,
    unmarked,
)

SPACED = {
    "plain text, as it is: 1,000 (or 5%)!": "plain text, as it is: 1,000 (or 5%)!",
    "“Hello…world”—‘ok’": "“ Hello … world ” — 'ok'",
    "don’t well‑known col·lecció צה״ל": "don't well-known col·lecció צה״ל",
    "no\u00a0break\u2009thin\u3000wide\u2028line\x85next": "no break thin wide line next",
    "soft\u00adhyphen zero\u200bwidth \ufeffmark \ue000private \u202bright": "softhyphen zerowidth mark private right",
    "fun😀time ❤️ 👍🏽 👨‍👩‍👧 1️⃣": "fun 😀 time ❤ 👍 🏽 👨 👩 👧 1",
    "مرحبا،كيف؟نعم": "مرحبا ، كيف ؟ نعم",
    "終わり。これは": "終わり 。 これは",
    "x" * 1000 + " " + "y" * 1001 + " z": "x" * 1000 + " z",
    "£5 €3 ¥2 ©": "£5 €3 ¥2 ©",
    "": "",
}
MARKED = {
    "See https://example.com/a?b=c, or (http://x.org/d_e/).": ["https://example.com/a?b=c", "http://x.org/d_e/"],
    "WWW.Example.org! xhttp://a.b is none, nor is http:// or https://.": ["WWW.Example.org"],
    "joe@x.org; Jane.Doe+x@mail.example.co.uk. a@b joe@x.": ["joe@x.org", "Jane.Doe+x@mail.example.co.uk"],
    "<joe@x.org>": ["joe@x.org"],
    "#newmusic, #2024 #no1 #über_cool a#b &#39; #日本": ["#newmusic", "#no1", "#über_cool", "#日本"],
    "@joe_b. hi@ @a.b.": ["@joe_b", "@a.b"],
    "https://x.org/#part?to=joe@x.org": ["https://x.org/#part?to=joe@x.org"],
    "$1 \\ https://x.org/$1\\2": ["https://x.org/$1\\2"],
    "plain": [],
    "": [],
}
EVERY = ("url", "email", "hashtag", "mention")


def shown(spark: SparkSession, texts: list[str], exceptions: tuple[str, ...] | None) -> list[str]:
    rows = spark.createDataFrame(list(enumerate(texts)), "place int, text string")
    column = spaced(F.col("text")) if exceptions is None else marked(F.col("text"), exceptions)
    return [row["made"] for row in rows.select("place", column.alias("made")).orderBy("place").collect()]


def test_spaces_and_signs_beyond_ascii(spark: SparkSession) -> None:
    found = [" ".join(text.split(" ")) for text in shown(spark, list(SPACED), None)]
    assert [" ".join(text.split()) for text in found] == list(SPACED.values())


def test_exceptions_stand_alone_behind_the_mark(spark: SparkSession) -> None:
    for text, found in zip(MARKED, shown(spark, list(MARKED), EVERY), strict=True):
        assert [word[1:] for word in found.split() if word.startswith(MARK)] == MARKED[text], text
        assert "".join(found.replace(MARK, "").split()) == "".join(text.split())


@pytest.mark.parametrize("kind", EVERY)
def test_each_kind_can_be_left_out(spark: SparkSession, kind: str) -> None:
    text = "https://x.org a@b.org #tag @name"
    only = shown(spark, [text], (kind,))[0]
    without = shown(spark, [text], tuple(one for one in EVERY if one != kind))[0]
    assert only.count(MARK) == 1 and without.count(MARK) == 3
    assert shown(spark, [text], ()) == [text]


def test_the_mark_alone_is_left_and_exceptions_are_told_in_order(spark: SparkSession) -> None:
    given = f" {MARK}http://x.org/a- {MARK}@b, c"
    bare, kept = unmarked(F.col("text"))
    rows = spark.createDataFrame([(given,), ("none",), ("",)], "text string").select(bare.alias("b"), kept.alias("k"))
    assert [tuple(row) for row in rows.collect()] == [
        (f" {MARK}- {MARK}, c", ["http://x.org/a", "@b"]),
        ("none", []),
        ("", []),
    ]


def test_a_text_is_ascii_or_not(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("abc",), ("é",), ("",)], "text string")
    assert [row[0] for row in rows.select(is_ascii(F.col("text"))).collect()] == [True, False, True]


SHORTENED = {
    "The cats sat, (as ever) on it's don't-mat.": f"{EASY}\nsat,\n(as\never)\n{EASY}\ndon't-mat.",
    "all of them easy": f"{EASY}\n",
    "'tis - a-b -c d-": f"'tis\n-\n{EASY}\n-c\nd-",
    "a\u2187b. c": f"{EASY}\n\u2187b.\n{EASY}\n",
    "  two\t lines\n": f"\n{EASY}\n",
    "...": "...",
    "": "",
}


def test_neighbours_that_the_tokenizer_leaves_alone_are_left_out_and_come_back(spark: SparkSession) -> None:
    rows = spark.createDataFrame(list(enumerate(SHORTENED)), "place int, text string")
    short, easy = shortened(F.col("text"))
    rows = rows.select("place", "text", short.alias("short"), easy.alias("easy"))
    found = rows.select("text", "short", put_back(F.col("short"), EASY, F.col("easy")).alias("again")).orderBy("place")
    for row in found.collect():
        assert row["short"] == SHORTENED[row["text"]]
        words = row["text"].replace("\u2187", " ").split()
        assert [word for word in row["again"].replace("\u2187", BETWEEN).split(BETWEEN) if word] == words
