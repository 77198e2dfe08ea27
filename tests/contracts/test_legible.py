"""Texts as people read them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.legible import folded, legible

SAME_TO_A_READER = {
    "composed or not": ("café", "cafe\u0301"),
    "wide": ("free money", "ｆｒｅｅ　ｍｏｎｅｙ"),
    "of mathematics, in circles": ("free", "𝐟ⓡ𝕖ℯ"),
    "ligatures": ("office", "oﬃce"),
    "soft hyphens": ("money", "mo\u00adney"),
    "marks of direction": ("money", "\u202emoney\u202c\u200f"),
    "joiners of no width": ("money", "m\u200co\u200dn\u2060e\ufeffy"),
    "letters of tags": ("money", "mo\U000e0041ney"),
    "fillers": ("money", "mo\u3164\u115f\u034fney"),
    "blanks of any kind": ("free money", " free \u00a0\u2003\u3000\t\r\n\u2028money\n"),
    "apostrophes and hyphens": ("don't re-do", "don’t re\u2011do"),
    "a trade mark is no letter": ("free money", "free™ money"),
    "forms of a picture": ("❤ me", "❤\ufe0f me"),
}
OTHERS = {
    "a family and a man": ("👨\u200d👩\u200d👧", "👨👩👧"),
    "a heart on fire": ("❤\ufe0f\u200d🔥", "❤🔥"),
    "the flag of England": ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🏴"),
    "an accent": ("café", "cafe"),
    "one word and two": ("freemoney", "free money"),
    "ı and i": ("sık", "sik"),
}
SAME_IN_ANY_CASE = ["TRÈS très", "STRASSE straße", "ΣΟΦΟΣ σοφος", "İSTANBUL istanbul", "ǅ ǆ", "ﬁ FI", "ԵՒ և"]


@pytest.mark.parametrize("name", SAME_TO_A_READER)
def test_what_reads_the_same(name: str) -> None:
    one, other = SAME_TO_A_READER[name]
    assert legible(other) == legible(one) == one


@pytest.mark.parametrize("name", OTHERS)
def test_what_reads_otherwise(name: str) -> None:
    one, other = OTHERS[name]
    assert folded(one) != folded(other)


@pytest.mark.parametrize("pair", SAME_IN_ANY_CASE)
def test_capitals_are_as_good(pair: str) -> None:
    one, other = pair.split()
    assert folded(one) == folded(other)


@given(st.text())
def test_it_is_done_once_and_has_no_blanks_about_it(text: str) -> None:
    found = folded(text)
    assert folded(found) == found
    assert unicodedata.is_normalized("NFKC", found)
    assert found == " ".join(found.split())
