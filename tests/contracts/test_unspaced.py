"""Words of scripts without blanks, against sentences whose words were written by hand."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linnaeus.contracts.unspaced import EDGE, JOINT, LETTERS, set_apart, words_of
from tests.unspaced import GOLD, SCORES, boundary_f1

SHOWN = str.maketrans({JOINT: "|", EDGE: "¦"})
CASES = {
    "": None,
    "plain ASCII, don't": None,
    "Ärger Καλημέρα привет مرحبا שלום नमस्ते 한국어 አማርኛ བོད་སྐད 😀": None,
    "iPhone 15を買った": "iPhone 15¦を|買|っ|た",
    "ใช้iPhoneถ่ายรูป": "ใช้¦iPhone¦ถ่าย|รูป",
    "15คน๑๕คน": "15¦คน¦๑๕¦คน",
    "今だけ無料！配布、你好": "今|だけ|無料！配布、你好",
    "お問い合わせはinfo@x.orgまで": "お|問い合わせ|は¦info@x.org¦まで",
    "🎉無料🎉 #カメラ好き": "🎉無料🎉 #カメラ|好き",
    "กขค é ไทย": "กขค é ไทย",
    # A zero-width space parts words where writers mean it so, and hides them elsewhere.
    "ខ្ញុំ\u200bទៅ\u200b\u200bផ្សារ\u200b.": "ខ្ញុំ|ទៅ|ផ្សារ.",
    "無\u200b料 f\u200bree": "無料 free",
    "無\u00ad料\u2060無\ufeff料\ufe0f": "無料|無料",
    # Marks that are composed, that are not, and that say which form of a character is meant.
    "ｶﾞｿﾘﾝを か\u3099っこう": "ｶﾞｿﾘﾝ|を か\u3099|っ|こう",
    "葛\U000e0100城市": "葛\U000e0100|城市",
    "é日 e\u0301日e\u0301": "é¦日 e\u0301¦日¦e\u0301",
    # Marks of our own are never taken from a text.
    f"日{JOINT}本{EDGE}a": "日本¦a",
}


@pytest.mark.parametrize("text", CASES)
def test_words_are_set_apart(text: str) -> None:
    found = set_apart(text)
    assert (found if found is None else found.translate(SHOWN)) == CASES[text]


@pytest.mark.parametrize("language", GOLD)
def test_words_are_nearly_those_that_people_write(language: str) -> None:
    """F1 of boundaries: of single characters it is 0.75 for Chinese and 0.74 for Japanese, of whole sentences 0."""
    found = [words_of("".join(words)) for words in GOLD[language]]
    assert boundary_f1(GOLD[language], found) >= SCORES[language]


def test_the_letters_are_those_of_the_scripts_that_icu_has_dictionaries_of() -> None:
    """By the names of all characters: none of such a script is forgotten, and none of another taken."""
    scripts = r"THAI|LAO|KHMER|MYANMAR|HIRAGANA|KATAKANA|HENTAIGANA|CJK (UNIFIED|COMPATIBILITY) IDEOGRAPH|HANGZHOU"
    others = "HALFWIDTH KATAKANA|COMBINING KATAKANA|IDEOGRAPHIC (ITERATION|NUMBER ZERO)|VERTICAL (KANA|IDEOGRAPHIC)"
    named = re.compile(f"(?:{scripts}|{others}|MASU MARK|MINNAN TONE)(?! (?:DIGIT|SYMBOL))")
    letter = re.compile(f"[{LETTERS}]")
    signs = [chr(code) for code in range(0x80, 0x32400) if unicodedata.category(chr(code))[0] in "LMN"]
    of_scripts = {one for one in signs if _is_letter(one) and named.match(unicodedata.name(one, ""))}
    taken = {one for one in signs if letter.match(one)}
    assert sorted(taken - of_scripts) == [] and sorted(of_scripts - taken) == []


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign) in ("Lo", "Lm", "Mn", "Mc", "Nl")


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("日本語をカｶﾞ々ーกาที่เລາວខ្ញុំမြaÉ1๑ .,!#@'-_\u0301\u200b\u200d\u00ad\u3099😀한")))
def test_marks_stand_where_words_meet_and_nothing_else_changes(text: str) -> None:
    found = set_apart(text)
    if found is None:
        assert not re.search(f"[{LETTERS}]", text)
        return
    assert found.translate({ord(JOINT): None, ord(EDGE): None}) == re.sub("[\u200b\u200d\u00ad]", "", text)
    for match in re.finditer(f"(.)([{JOINT}{EDGE}])(.)", f" {found} ", re.DOTALL):
        sides = [bool(re.match(f"[{LETTERS}]", side)) for side in match.group(1, 3)]
        assert sides == [True, True] if match[2] == JOINT else sorted(sides) == [False, True]
    assert not re.search(f"[{JOINT}{EDGE}]{{2}}|^[{JOINT}{EDGE}]|[{JOINT}{EDGE}]$", found)
    # Where a letter of these scripts touches another script's, words meet.
    assert not re.search(f"[{LETTERS}](?=[a-zA-Z0-9É한])|(?<=[a-zA-Z0-9É한])[{LETTERS}]", found)
    assert "".join(words_of(text)) == found.translate({ord(JOINT): None, ord(EDGE): None})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_text_without_such_letters_is_left_alone(text: str) -> None:
    assert (set_apart(text) is None) == (not re.search(f"[{LETTERS}]", text))


@pytest.mark.parametrize("language", GOLD)
def test_a_megabyte_without_a_blank_takes_time_in_proportion(language: str) -> None:
    sentence = "".join(word for words in GOLD[language] for word in words)
    times = {}
    for n in (40_000, 400_000):  # characters; the second is 1.2 MB
        text = sentence * (n // len(sentence))
        times[n] = min(_seconds(text) for _ in range(3))
        found = words_of(text)
        assert "".join(found) == text and max(map(len, found)) < 40
    assert times[400_000] < 40 * times[40_000]  # quadratic would be a hundred times


def _seconds(text: str) -> float:
    start = time.process_time()
    set_apart(text)
    return time.process_time() - start
