"""Words and domains in texts as people read them. No test here needs Spark."""

from __future__ import annotations

import html
import time
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from linnaeus.contracts.config import Area, RiskAreas, Rule
from linnaeus.contracts.legible import legible
from linnaeus.features.markup import text_and_links
from linnaeus.inference.rule_search import Needle, RuleSearch

FIRES = [
    # Composed or not.
    ("très", "tre\u0300s bien"),
    ("tre\u0300s", "TRÈS bien"),
    ("cafe\u0301", "un CAFÉ"),
    # Languages without blanks.
    ("無料", "今だけ無料で配布"),
    ("加微信", "请加微信领取"),
    ("ฟรี", "แจกฟรีวันนี้"),
    ("ຟຣີ", "ແຈກຟຣີມື້ນີ້"),
    ("ឥតគិតថ្លៃ", "ទទួលឥតគិតថ្លៃថ្ងៃនេះ"),
    ("အခမဲ့", "ယနေ့အခမဲ့ရယူပါ"),
    ("ラーメン", "今日ラーメンを食べた"),
    ("कर", "यह कर है"),
    ("무료", "오늘 무료!"),
    # However it is written.
    ("free money", "free&nbsp;money"),
    ("free money", "<p>free <b>money</b></p>"),
    ("free money", "<p data-v-1>fr<i data-v-1>ee</i>\n money</p>"),
    ("free money", "<td>free</td><td>money</td>"),
    ("free money", "fr\u00adee mo\u00adney"),
    ("free money", "fr\u200bee mo\u200bney"),
    ("free money", "free\u200bmoney"),
    ("free money", "ｆｒｅｅ　ｍｏｎｅｙ"),
    ("free money", "free  money"),
    ("free money", "free\r\nmoney"),
    ("free money", "FREE\tMoney"),
    ("ｆｒｅｅ\u00a0money", "free money"),
    ("don't miss", "don’t miss it"),
    ("c++", "I write C++, mostly"),
    ("c++", "c+++"),
    ("straße", "STRASSE"),
    ("istanbul", "İSTANBUL"),
    ("altın", "BEDAVA ALTIN"),
    # What stands about it is no part of a word.
    ("free", "_free_ **free**"),
    ("free", "get it free.Click"),
    ("free", "free™"),
    ("free", "it's 'free'"),
    ("bitcoin", "bitcoin's price"),
    ("argent gratuit", "l’argent gratuit"),
    ("free", "“free”"),
    ("free", "free💰"),
    ("💰", "free💰💰"),
    ("❤", "❤\ufe0f"),
    ("🇫🇷", "🇩🇪🇫🇷"),
    ("419", "a 419 scam, 419."),
    # Links to it.
    *[
        ("scam.example", f"see https://scam.example{end}")
        for end in "! … ** 。 ” | . , ; : ) ] } ' \" ` ~ _ - * ♥ 🔥".split()
    ],
    *[
        ("scam.example", f"https://scam.example{end}")
        for end in ("", "/", "?a", "#a", ":80/", "\\a", "\u200b", "...", "!!!")
    ],
    *[("scam.example", f"https://scam.example{after}") for after in ("を見て", "领取", "에서", "ครับ", "。次", "次。")],
    ("scam.example", "<p>see https://scam.example</p>"),
    ("scam.example", "看https://scam.example"),
    ("scam.example", "看www.scam.example吧"),
    ("scam.example", "[x](https://scam.example)"),
    ("scam.example", "HTTPS://WWW.SCAM.EXAMPLE."),
    ("scam.example", "ftp://a.b.scam.example/x"),
    ("scam.example", "https&colon;&sol;&sol;scam&period;example"),
    ("scam.example", "https:&#47;&#47;scam.example&hellip;"),
    ("scam.example", "https://sc\u00adam.exa\u200bmple/"),
    ("scam.example", "ｈｔｔｐｓ：／／ｓｃａｍ．ｅｘａｍｐｌｅ"),
    ("scam.example", "https://scam。example/x"),
    ("scam.example", "https://%73cam.example/"),
    ("scam.example", "https://good.example@scam.example/"),
    ("scam.example", "https://a:b@c@scam.example/"),
    ("scam.example", '<a href="//scam.example/x">here</a>'),
    ("scam.example", "<a class=a href=https:&#47;&#47;scam.example>here</a>"),
    ("scam.example", '<a href="https:\\\\scam.example">here</a>'),
    ("scam.example", "<img src='https://scam.example/a.png'>"),
    ("scam.example.", "https://scam.example"),
    ("Bücher.example", "https://bu\u0308cher.example"),
    ("Bücher.example", "https://xn--bcher-kva.example/"),
    ("xn--bcher-kva.example", "https://BÜCHER.example/"),
    ("straße.example", "https://straße.example"),
    ("例え.example", "https://例え.exampleを見て"),
]
STAYS_SILENT = [
    ("cafe", "cafe\u0301"),
    ("cafe", "caf\u0065\u0301s"),
    ("कर", "करी"),
    ("कर", "मकर"),
    ("ฟร", "ฟรี"),
    ("រ", "ក្រ"),
    ("カメ", "カメラ"),
    ("무료", "무료로"),
    ("free money", "free moneybags"),
    ("free money", "scotfree money"),
    ("free money", "freemoney"),
    ("free money", "free, money"),
    ("c++", "xc++"),
    ("free", "free2"),
    ("419", "$3,419"),
    ("88", "3.88"),
    ("👨", "👨\u200d👩\u200d👧"),
    ("👍", "👍🏽"),
    ("🇫🇷", "🇽🇫🇷🇽"),
    ("sik", "sık"),
    ("free", "<p title='free' free=free>x</p>"),
    ("free", "<!-- free -->x"),
    ("free", "x<style>free {}</style><script>free()</script>"),
    ("free", '<a href="https://a.example/"data-x="free">x</a>'),
    ("scam.example", "https://notscam.example"),
    ("scam.example", "https://scam.example.org"),
    ("scam.example", "https://scam.examples"),
    ("scam.example", "https://scam.exampleé"),
    ("scam.example", "https://scam.example@good.example/"),
    ("scam.example", "https://good.example/scam.example"),
    ("scam.example", "https://good.example?https=scam.example"),
    ("scam.example", "scam.example"),  # no link
    ("scam.example", "me@www.scam.example"),
    ("scam.example", '<a href="/scam.example">x</a>'),
    ("scam.example", "<p title='https://scam.example'>x</p>"),
    ("scam.example", "<!-- https://scam.example -->x"),
    ("straße.example", "https://strasse.example"),
]


def search_of(*needles: str) -> RuleSearch:
    """Rules, each of one word or one domain."""
    domains = [one for one in needles if ".example" in one.lower()]
    rules = [
        Rule(id=f"r{place}", level="high", domains=(one,))
        if one in domains
        else Rule(id=f"r{place}", level="high", words=(one,))
        for place, one in enumerate(needles)
    ]
    return RuleSearch.of(RiskAreas(areas=(Area(id="spam", name="Spam", rules=tuple(rules)),)))


def found(search: RuleSearch, text: str) -> list[str]:
    """What is found in a text as it was written."""
    return [one.written for one in search.found(*text_and_links(text))]


ALL = search_of(*{needle for needle, _ in FIRES + STAYS_SILENT})


@pytest.mark.parametrize(("needle", "text"), FIRES)
def test_a_rule_fires(needle: str, text: str) -> None:
    assert needle in found(ALL, text)


@pytest.mark.parametrize(("needle", "text"), STAYS_SILENT)
def test_a_rule_stays_silent(needle: str, text: str) -> None:
    assert needle not in found(ALL, text)


WORDS = [
    "free money",
    "free",
    "money",
    "très",
    "無料",
    "ฟรี",
    "कर",
    "c++",
    "419",
    "don't",
    "👨",
    "🇫🇷",
    "o",
    "money free",
]
SEARCH = search_of(*WORDS)
PIECES = [
    "a",
    "é",
    "क",
    "ी",
    "中",
    "カ",
    "ร",
    "ี",
    "무",
    "1",
    "9",
    ",",
    ".",
    "'",
    "_",
    "-",
    "!",
    "+",
    " ",
    "👩",
    "\u200d",
    "🇽",
]
SIGNS = ".,:;'\"_"


def boundaries(text: str) -> set[int]:
    """Where words begin and end: the boundaries of UAX 29, in a text whose signs join letters to no word."""
    joined = [
        place
        for place, sign in enumerate(text)
        if sign in SIGNS and not (text[place - 1 : place].isdecimal() and text[place + 1 : place + 2].isdecimal())
    ]
    apart = "".join("|" if place in joined else sign for place, sign in enumerate(text))
    return {match.start() for match in regex.finditer(r"(?w)\b", apart)}


def slowly(text: str) -> list[str]:
    """Words of WORDS that stand in a text, by trying every place."""
    ends = boundaries(text)
    return [
        word
        for word in WORDS
        if any(text.startswith(word, place) and {place, place + len(word)} <= ends for place in range(len(text)))
    ]


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=12).map("".join))
def test_words_are_found_between_the_boundaries_of_uax_29(text: str) -> None:
    plain = legible(text)
    assert [one.written for one in SEARCH.found(plain, ())] == slowly(plain)


@st.composite
def disguised(draw: st.DrawFn, text: str) -> str:
    """HTML that reads as the text."""
    out = []
    for letter in text:
        forms = [letter, letter.upper() if len(letter.upper()) == 1 else letter, unicodedata.normalize("NFD", letter)]
        if letter == " ":
            forms = ["  ", "\n", "&nbsp;", "\u3000", "&#x2003;", " \u00ad"]
        elif "a" <= letter <= "z":
            forms += [
                chr(ord(letter) + 0xFEE0),
                f"&#{ord(letter)};",
                f"<b data-v-1>{letter}</b>",
                f"{letter}<!-- x -->",
            ]
            forms += [letter + "\u00ad", letter + "\u200b", "\u2060" + letter, f"<i title='>'>{letter}</i>"]
        chosen = draw(st.sampled_from(forms))
        out.append(chosen if "<" in chosen or "&" in chosen else html.escape(chosen))
    return "".join(out)


@given(
    st.data(), st.lists(st.sampled_from(["a", "é", "中", "1", ".", "'", "!", " ", *WORDS[:9]]), max_size=8).map("".join)
)
def test_a_word_in_disguise_is_found(data: st.DataObject, text: str) -> None:
    plain = legible(text)
    assert set(slowly(plain)) <= set(found(SEARCH, data.draw(disguised(plain))))


HURTFUL = {
    "the same word": "free " * 200_000,
    "a word within words": "free" * 250_000,
    "flags": "🇫🇷" * 250_000,
    "accents": "free" + "\u0301" * 500_000 + "money",
    "links": "https://bit.example " * 50_000,
    "slashes": "://" * 330_000,
    "names before an @": "x://" + "a@" * 500_000,
    "where a host may end": "https://" + "日a" * 120 + ".example " + ("https://" + "日a" * 120 + " ") * 1_000,
    "dots": "https://" + "a." * 500_000,
    "spaces of no width": "f\u200b" * 300_000,
    "a long link": f"<a href='https://{'a.' * 400_000}example'>x</a>",
    "many links": "<a href=//bit.example>x</a>" * 30_000,
}


@pytest.mark.parametrize("name", HURTFUL)
def test_a_text_made_to_hurt_is_done_in_seconds(name: str) -> None:
    start = time.process_time()
    found(ALL, HURTFUL[name])
    assert time.process_time() - start < 60, name  # three seconds of the processor's at most, usually


def test_a_word_at_the_seam_of_two_parts_of_a_long_text() -> None:
    for before in range(49_985, 50_005):
        assert found(SEARCH, "x" * before + " free money") == ["free money", "free", "money"]


def test_all_of_a_text_is_told_in_the_rules_order_each_once() -> None:
    lures = Rule(id="lures", words=("free money", "win"), domains=("bit.example",), level="high")
    twice = Rule(id="again", words=("Free Money",), level="medium")
    areas = RiskAreas(
        areas=(Area(id="spam", name="Spam", rules=(lures, twice)), Area(id="scam", name="Scam", rules=(lures,)))
    )
    told = RuleSearch.of(areas).found("bit.example? free money: https://bit.example, FREE MONEY", ())
    assert told == [
        Needle("spam", "lures", "free money"),
        Needle("spam", "lures", "bit.example"),
        Needle("spam", "again", "Free Money"),
        Needle("scam", "lures", "free money"),
        Needle("scam", "lures", "bit.example"),
    ]


def test_rules_of_words_or_of_domains_alone() -> None:
    text = "free https://bit.example"
    assert found(search_of("free"), text) == ["free"]
    assert found(search_of("bit.example"), text) == ["bit.example"]
    assert found(RuleSearch([]), text) == []
