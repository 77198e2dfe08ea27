"""Marked words, and the explanation of a row as HTML."""

from __future__ import annotations

from linnaeus.inference.explain import HeadReasons
from linnaeus.inference.words import Word, WordReasons
from linnaeus.suite.explanation import marked, word_weights
from linnaeus.suite.rich_html import as_html


def reasons() -> HeadReasons:
    words = (
        Word(("free",), 1, 0.1, 2.0),
        Word(("free", "prize"), 1, 0.1, 1.0),
        Word(("home", "see you"), 1, 0.1, -1.0),
        Word(("rare",), 1, 0.1, None),
    )
    return HeadReasons("yes", "no", 1.0, 1.0, 0.5, (), WordReasons(words, 2.0, 0.0, 1))


def test_single_words_weigh_and_pairs_stand_at_no_word() -> None:
    assert word_weights(reasons()) == {"free": 0.5, "prize": 0.5, "home": -0.5}


def test_words_are_marked_by_weight_and_the_text_stays_whole() -> None:
    text = "FREE <b>prize</b>, see\nhome"
    found = marked(text, {"free": 1.0, "home": -0.5, "prize": 0.01})
    assert "".join(piece for piece, _ in found) == text
    shades = {piece: shade for piece, shade in found if shade}
    assert shades == {"FREE": "rgba(47, 109, 181, 0.72)", "home": "rgba(179, 38, 30, 0.42)"}
    assert all(shade is None for _, shade in marked(text, {}))


def test_words_that_no_blank_parts_and_those_with_marks_of_vowels_are_marked() -> None:
    text = "今だけ無料で配布、ฟรีทุกวัน, मुफ़्त में! Don't"
    found = marked(text, {"無料": 1.0, "ฟรี": 1.0, "मुफ़्त": 1.0, "だ": 1.0})
    assert "".join(piece for piece, _ in found) == text
    assert [piece for piece, shade in found if shade] == ["無料", "ฟรี", "मुफ़्त"]


def test_whatever_stands_in_a_text_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    html = as_html(
        "explanation.html.j2",
        title=evil,
        content_id=evil,
        creator_id=evil,
        said=[evil],
        notes=[evil],
        path=[],
        accepted=None,
        risks=[{"area": evil, "probability": 0.5, "level": "high", "levels": (0.3, None), "rules": []}],
        reasons=[
            {
                "area": evil,
                "is_open": True,
                "answer": evil,
                "other": evil,
                "log_odds": 1.0,
                "pieces": [(evil, -1.0)],
                "widest": 1.0,
                "text": marked(evil, {"script": 1.0}),
            }
        ],
        neighbours=[{"facet": evil, "label": evil, "similarity": 0.5, "content_id": evil, "begins": evil}],
        fragment="",
    )
    assert "<script" not in html and "&lt;" in html and "<mark style=" in html
