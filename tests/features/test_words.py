"""Texts made ready for Spark NLP's tokenizer."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from linnaeus.features.words import MARK, marked, spaced

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
