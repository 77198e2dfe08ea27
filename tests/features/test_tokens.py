"""Tokens by the real Spark NLP stages."""

from __future__ import annotations

import random
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from pyspark.ml import Pipeline
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from sparknlp.annotator import Normalizer, StopWordsCleaner, Tokenizer
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.contracts import unspaced
from linnaeus.contracts.config import Tokens, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.unspaced import EDGE, JOINT, set_apart
from linnaeus.features import words
from linnaeus.features.tokens import STOP_WORD_LISTS, _stop_words, tokenize, tokenizer_version
from linnaeus.features.words import spaced

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
    "“Hello… world”": ["hello", "world"],
    "Hello…world, no\u00a0break, word—word": ["hello", "world", "break", "word", "word"],
    "fun😀time ❤️": ["fun", "time"],
    "See https://Example.com/a?b=c.": ["see", "https://example.com/a?b=c"],
    "Mail <joe@x.org>, the #NewMusic by @Joe_B!": ["mail", "joe@x.org", "#newmusic", "@joe_b"],
    "(https://x.org/$1\\2)": ["https://x.org/$1\\2"],
    "https://x.org/" + "y" * 60 + " the end": ["https://x.org/" + "y" * 60, "end"],
    "שלום, עולם! مرحبا،كيف حالك؟": ["שלום", "עולם", "مرحبا", "كيف", "حالك"],
    "\ue000private \ue002a\ue003b": ["private", "ab"],
}
# Words that no blank parts, each script's and mixed ones.
UNSPACED = {
    "今だけ無料で配布、登録は今日まで。": ["今", "だけ", "無料", "で", "配布", "登録", "は", "今日", "まで"],
    "他买了一部手机，电池可以用两天！": ["他", "买", "了", "一部", "手机", "电池", "可以", "用", "两", "天"],
    "ร้านนี้ขายก๋วยเตี๋ยวอร่อยมากและราคาไม่แพง": "ร้าน นี้ ขาย ก๋วยเตี๋ยว อร่อย มาก และ ราคา ไม่ แพง".split(),
    "ហាងនេះលក់គុយទាវឆ្ងាញ់ណាស់ហើយតម្លៃមិនថ្លៃទេ។": "ហាង នេះ លក់ គុយទាវ ឆ្ងាញ់ ណាស់ ហើយ តម្លៃ មិន ថ្លៃ ទេ".split(),
    "ຮ້ານນີ້ຂາຍເຝີແຊບຫຼາຍແລະລາຄາບໍ່ແພງ": "ຮ້ານ ນີ້ ຂາຍ ເຝີ ແຊບ ຫຼາຍ ແລະ ລາຄາ ບໍ່ ແພງ".split(),
    "ကျွန်တော်စာအုပ်ဖတ်တယ်။": ["ကျွန်တော်", "စာအုပ်", "ဖတ်", "တယ်"],
    "iPhone 15を買った。": ["iphone", "15", "を", "買", "っ", "た"],
    "ใช้iPhone15ถ่ายรูป3ครั้ง": ["ใช้", "iphone15", "ถ่าย", "รูป", "3", "ครั้ง"],
    "🎉無料🎉ฟรี": ["無料", "ฟรี"],
    "ខ្ញុំ\u200bទៅ\u200bផ្សារ": ["ខ្ញុំ", "ទៅ", "ផ្សារ"],
    "無\u200b料 が\u200dん e\u200bcole": ["無料", "がん", "ecole"],
    # Names stay whole where blanks part them; in Latin letters they end where another script begins.
    "#カメラ好き #iPhone写真 @人民日报 田中太郎@例え.jp": [
        "#カメラ好き",
        "#iphone写真",
        "@人民日报",
        "田中太郎@例え.jp",
    ],
    "お問い合わせはinfo@x.orgまで @tanakaさん": ["お", "問い合わせ", "は", "info@x.org", "まで", "@tanaka", "さん"],
    "詳細はhttps://x.org/a?b=1をご覧 https://ja.wikipedia.org/wiki/日本語入力": [
        "詳細",
        "は",
        "https://x.org/a?b=1",
        "を",
        "ご覧",
        "https://ja.wikipedia.org/wiki/日本語入力",
    ],
    "the 電車 and 電車賃": ["電車", "電車", "賃"],
}


@pytest.fixture
def settings() -> Tokens:
    return load_config("local").tokens


def rows_of(spark: SparkSession, texts: list[str], settings: Tokens, languages: list[str] | None = None) -> list[Row]:
    """Rows of the result in the texts' order; their language is English unless another is given."""
    given = [(i, text, languages[i] if languages else "en", set_apart(text)) for i, text in enumerate(texts)]
    rows = spark.createDataFrame(given, f"place int, {c.TEXT} string, {c.LANGUAGE} string, {c.APART} string")
    found = tokenize(rows, settings)
    assert set(found.columns) == {"place", c.TEXT, c.LANGUAGE, c.APART, c.TOKENS, c.N_TOKENS, c.N_SENTENCES}
    collected = found.orderBy("place").collect()
    assert all(row[c.N_TOKENS] == len(row[c.TOKENS]) for row in collected)
    return collected


def tokens_of(
    spark: SparkSession, texts: list[str], settings: Tokens, languages: list[str] | None = None
) -> list[list[str]]:
    return [row[c.TOKENS] for row in rows_of(spark, texts, settings, languages)]


def changed(settings: Tokens, **changes: object) -> Tokens:
    return Tokens.model_validate(settings.model_dump() | changes)


def test_tokens_by_the_settings_in_force(spark: SparkSession, settings: Tokens) -> None:
    cases = CASES | UNSPACED
    found = tokens_of(spark, list(cases), settings)
    assert dict(zip(cases, found, strict=True)) == cases


def test_words_that_no_blank_parts_go_through_every_stage(spark: SparkSession, settings: Tokens) -> None:
    other = changed(settings, lowercase=False, min_length=2, ngrams=(1, 2), normal_form="stem", exceptions=())
    text = "新しいカメラを買ったCats #カメラ好き"
    alone = ["新しい", "カメラ", "cat", "カメラ", "好き"]
    assert tokens_of(spark, [text], other) == [alone + [f"{one} {two}" for one, two in pairwise(alone)]]
    groups = changed(settings, clean_up_patterns=("(?:[^a-z])",), exceptions=("hashtag",))
    assert tokens_of(spark, ["無料 #無料です 無料free無料"], groups) == [["#無料です", "free"]]


def test_a_megabyte_of_thai_without_a_blank_is_words(spark: SparkSession, settings: Tokens) -> None:
    sentence = "ร้านนี้ขายก๋วยเตี๋ยวอร่อยมากและราคาไม่แพง"
    texts = [sentence * n for n in (2, 10_000)]  # 72 characters gave none; the second is 1.2 MB
    found = rows_of(spark, texts, settings)
    assert [row[c.N_TOKENS] for row in found] == [20, 100_000]
    assert [set(row[c.TOKENS]) for row in found] == [set(UNSPACED[sentence])] * 2


def test_marks_between_words_change_nothing_of_other_scripts(spark: SparkSession, settings: Tokens) -> None:
    """Patterns without the marks, those of texts whose words blanks part, find the same links and names in them."""
    parts = [
        "a",
        "é",
        "한",
        "न",
        "ि",
        "7",
        " ",
        " ",
        ".",
        "#",
        "@",
        "_",
        "-",
        "/",
        "://",
        "https://",
        "www.",
        "&",
        "ß",
        "👍",
    ]
    draw = random.Random(5)
    texts = ["".join(draw.choices(parts, k=draw.randint(0, 40))) for _ in range(3000)]
    assert not any(map(set_apart, texts))
    bare = {name: pattern.translate({ord(JOINT): None, ord(EDGE): None}) for name, pattern in words._PATTERNS.items()}
    assert all(bare[name] != pattern for name, pattern in words._PATTERNS.items())
    rows = spark.createDataFrame(list(enumerate(texts)), f"place int, {c.TEXT} string")
    ready = spaced(F.col(c.TEXT))
    with pytest.MonkeyPatch.context() as patch:
        ours = words.marked(ready, settings.exceptions)
        patch.setattr(words, "_PATTERNS", bare)
        before = words.marked(ready, settings.exceptions)
    told = rows.agg(F.count_if(~ours.eqNullSafe(before)), F.count_if(ours.contains(words.MARK))).first()
    assert told is not None and told[0] == 0 and told[1] > 300


def test_other_settings_make_other_tokens(spark: SparkSession, settings: Tokens) -> None:
    other = changed(settings, lowercase=False, stop_words=("fr",), min_length=3, max_length=5, exceptions=("hashtag",))
    text = "Le chat and the Éléphant sont là, ABC #Tag joe@x.org"
    assert tokens_of(spark, [text], other, ["fr"]) == [["chat", "and", "the", "ABC", "#Tag"]]


def test_without_exceptions_links_are_words_like_any(spark: SparkSession, settings: Tokens) -> None:
    off = changed(settings, exceptions=())
    assert tokens_of(spark, ["https://x.org/a joe@x.org #tag"], off) == [["httpsxorga", "joexorg", "tag"]]


def test_without_stop_words_all_tokens_stay(spark: SparkSession, settings: Tokens) -> None:
    none = changed(settings, stop_words=())
    assert tokens_of(spark, ["The cat and I"], none) == [["the", "cat", "and", "i"]]


def test_the_stop_words_are_those_of_each_texts_language(spark: SparkSession, settings: Tokens) -> None:
    two = changed(settings, stop_words=("en", "de"))
    text = "the cat und die katze"
    found = tokens_of(spark, [text] * 4, two, ["en", "de", "fr", "und"])
    assert found == [
        ["cat", "und", "die", "katze"],
        ["the", "cat", "katze"],
        ["the", "cat", "und", "die", "katze"],
        ["cat", "katze"],
    ]


def test_stems_of_english_and_of_what_may_be(spark: SparkSession, settings: Tokens) -> None:
    stems = changed(settings, normal_form="stem")
    found = tokens_of(spark, ["the cats were running https://x.org/cats #cats"] * 3, stems, ["en", "und", "de"])
    assert found[:2] == [["cat", "run", "https://x.org/cats", "#cats"]] * 2
    assert found[2] == ["the", "cats", "were", "running", "https://x.org/cats", "#cats"]


def test_lemmas_by_a_dictionary(spark: SparkSession, settings: Tokens, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("run->run\tran\truns\n\nété->étés\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("run = ran|runs\nété = étés\n", encoding="utf-8")
    first = changed(settings, normal_form="lemma", lemma_dictionary=str(tmp_path / "a.txt"))
    text = "She ran, he runs: étés, cats #ran"
    assert tokens_of(spark, [text], first) == [["run", "run", "été", "cats", "#ran"]]
    second = changed(
        first, lemma_dictionary=str(tmp_path / "b.txt"), lemma_key_delimiter="=", lemma_value_delimiter="|"
    )
    assert tokens_of(spark, [text], second) == [["run", "run", "été", "cats", "#ran"]]
    before = tokenizer_version(first)
    (tmp_path / "a.txt").write_text("run->run\tran\n", encoding="utf-8")
    assert tokenizer_version(first) != before != tokenizer_version(second)
    copy = tmp_path / "copy.txt"
    copy.write_bytes((tmp_path / "a.txt").read_bytes())
    assert tokenizer_version(changed(first, lemma_dictionary=str(copy))) == tokenizer_version(first)


@pytest.mark.parametrize("lowercase", [True, False])
def test_normaliser_and_stop_words_are_those_of_spark_nlp(
    spark: SparkSession, settings: Tokens, lowercase: bool
) -> None:
    ours = changed(settings, lowercase=lowercase, min_length=2, max_length=12, exceptions=(), stop_words=("en",))
    texts = [*CASES, "THE End's İstanbul ß ẞ ǅ and I'M the-one of-a-kind 12.50$ naïve x", "Don't DON'T dont It's its"]
    numbered = [(i, text, "en") for i, text in enumerate(texts)]
    rows = spark.createDataFrame(numbered, f"i int, {c.TEXT} string, {c.LANGUAGE} string")
    prepared = rows.withColumn("ready", spaced(F.col(c.TEXT)))
    stages = [
        DocumentAssembler().setInputCol("ready").setOutputCol("document"),
        Tokenizer().setInputCols(["document"]).setOutputCol("token"),
        Normalizer()
        .setInputCols(["token"])
        .setOutputCol("normal")
        .setLowercase(lowercase)
        .setCleanupPatterns(list(ours.clean_up_patterns))
        .setMinLength(2)
        .setMaxLength(12),
        StopWordsCleaner().setInputCols(["normal"]).setOutputCol("clean").setStopWords(_stop_words("en")),
    ]
    theirs = Pipeline(stages=stages).fit(prepared).transform(prepared).select("i", "clean.result").orderBy("i")
    assert tokens_of(spark, texts, ours) == [row["result"] for row in theirs.collect()]


def test_ngrams_go_over_what_is_left_in_order(spark: SparkSession, settings: Tokens) -> None:
    pairs = changed(settings, ngrams=(1, 2))
    texts = ["The big cat, see https://x.org now", "one", ""]
    assert tokens_of(spark, texts, pairs) == [
        ["big", "cat", "see", "https://x.org", "big cat", "cat see", "see https://x.org"],
        ["one"],
        [],
    ]
    assert tokens_of(spark, texts[:1], changed(settings, ngrams=(3,))) == [["big cat see", "cat see https://x.org"]]


def test_sentences(spark: SparkSession, settings: Tokens) -> None:
    cases = {
        "": 0,
        " \n ": 0,
        "One": 1,
        "Mr. Smith went home. He slept! Did he?": 3,
        "A title\nA body. And more": 3,
        "See https://example.com/a?b=c.d now. Or mail joe@x.org. Done.": 3,
        "What!?!!!!!!!!! Well... yes...... He left....": 3,
        "終わり。これは。": 2,
        "كيف حالك؟ نعم.": 2,
        "It goes on and on and on. " * 200: 200,
    }
    found = [row[c.N_SENTENCES] for row in rows_of(spark, list(cases), settings)]
    assert dict(zip(cases, found, strict=True)) == cases
    off = changed(settings, detect_sentences=False)
    assert [row[c.N_SENTENCES] for row in rows_of(spark, ["One. Two."], off)] == [None]


@pytest.mark.soak
@pytest.mark.slow
def test_a_megabyte_is_done_in_seconds_whatever_it_is_of(spark: SparkSession, settings: Tokens) -> None:
    texts = ["x" * 1_000_000, "." * 1_000_000, "no end to it " * 77_000, "http://" + "y" * 1_000_000, "😀" * 250_000]
    start = time.perf_counter()
    found = rows_of(spark, texts, settings)
    assert [len(row[c.TOKENS]) for row in found] == [0, 0, 77_000, 0, 0]  # `end` is no stop word, the others are
    assert [row[c.TOKENS][:1] for row in found] == [[], [], ["end"], [], []]
    # Given whole, the full stops alone take minutes.
    assert time.perf_counter() - start < 900


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stop_words": ("en", "xx")}, "tokens.stop_words: no list for 'xx'; known: da, de, en"),
        ({"stop_words": ("fr",), "languages": ("en",)}, "tokens.stop_words: 'fr' is never told"),
        ({"clean_up_patterns": ("[a-", "x")}, "tokens.clean_up_patterns: '[a-' is no regex: "),
        ({"normal_form": "lemma"}, "set tokens.lemma_dictionary"),
        (
            {"normal_form": "lemma", "lemma_dictionary": "/no/such"},
            "tokens.lemma_dictionary: there is no file /no/such",
        ),
        ({"normal_form": "lemma", "lemma_dictionary": __file__}, "line 1: a lemma, '->' and its forms are expected"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(
    spark: SparkSession, settings: Tokens, changes: dict[str, object], said: str
) -> None:
    rows = spark.createDataFrame([("a", "en", None)], f"{c.TEXT} string, {c.LANGUAGE} string, {c.APART} string")
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        tokenize(rows, changed(settings, **changes))
    assert "\n" not in str(raised.value)


def test_every_stop_word_list_exists(spark: SparkSession, settings: Tokens) -> None:
    every = changed(settings, stop_words=tuple(STOP_WORD_LISTS))
    assert tokens_of(spark, ["the und avec linnaeus"], every, ["und"]) == [["linnaeus"]]


@pytest.mark.parametrize(
    "change",
    [
        {"exceptions": ("url",)},
        {"clean_up_patterns": ("[^a-z]",)},
        {"lowercase": False},
        {"stop_words": ("en", "fr")},
        {"min_length": 2},
        {"max_length": 41},
        {"normal_form": "stem"},
        {"ngrams": (1, 2)},
        {"detect_sentences": False},
        {"detect_language": False},
        {"languages": ("en", "fr")},
        {"language_confidence": 0.5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_that_changes_rows_changes_the_version(settings: Tokens, change: dict[str, object]) -> None:
    assert tokenizer_version(changed(settings, **change)) != tokenizer_version(settings)


def test_another_icu_changes_the_version(settings: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tokenizer_version(settings)
    monkeypatch.setattr(unspaced, "MADE_BY", "ICU 99.1")
    assert tokenizer_version(settings) != before


def test_what_changes_no_row_keeps_the_version(settings: Tokens) -> None:
    assert tokenizer_version(changed(settings, texts_a_partition=7)) == tokenizer_version(settings)
    assert tokenizer_version(changed(settings, lemma_dictionary="unused")) == tokenizer_version(settings)


def test_patterns_of_one_character_and_longer_ones_clean_alike(spark: SparkSession, settings: Tokens) -> None:
    texts = [*CASES, "ΟΔΟΣ ΣΑΣ a.b@c.org ΑΣ", "#a1 b2 https://x.org/c3-", "İ ẞ A-Σ."]
    classes = changed(settings, clean_up_patterns=(r"[^\p{L}\p{M}\p{N}$£€]", "[1-3]"))
    groups = changed(settings, clean_up_patterns=(r"(?:[^\p{L}\p{M}\p{N}$£€])", "(?:[1-3])"))
    assert tokens_of(spark, texts, classes) == tokens_of(spark, texts, groups)


def test_a_pattern_may_look_about_itself_within_a_word(spark: SparkSession, settings: Tokens) -> None:
    ends = changed(settings, clean_up_patterns=("^x+|y$", "[a-c]{2}"), stop_words=())
    assert tokens_of(spark, ["xxa by #xy abcad"], ends) == [["a", "b", "#xy", "d"]]


def test_exceptions_come_back_to_their_places(spark: SparkSession, settings: Tokens) -> None:
    text = "@a the http://x.org/b- (cats) #c @d\u2187e"
    kept = ["@a", "http://x.org/b", "cats", "#c", "@d", "e"]
    assert tokens_of(spark, [text, "the @a", "@a @a"], settings) == [kept, ["@a"], ["@a", "@a"]]
    assert tokens_of(spark, [text], changed(settings, min_length=3, normal_form="stem")) == [
        ["@a", "http://x.org/b", "cat", "#c", "@d"]
    ]


def test_words_are_those_of_the_tokenizer_itself(spark: SparkSession, settings: Tokens) -> None:
    bare = {"exceptions": (), "clean_up_patterns": (), "stop_words": (), "lowercase": False, "max_length": 1000}
    parts = [
        "a",
        "B",
        "é",
        "한",
        "1",
        " ",
        " ",
        "\n",
        *".,;:!?*-()\"'",
        "@",
        "#",
        "/",
        "&",
        "\u2187",
        "\u2188",
        "\t",
        "_",
        "^",
    ]
    draw = random.Random(3)
    texts = ["".join(draw.choices(parts, k=draw.randint(0, 40))) for _ in range(2000)]
    rows = spark.createDataFrame(list(enumerate(texts)), f"place int, {c.TEXT} string")
    stages = [
        DocumentAssembler().setInputCol("ready").setOutputCol("document"),
        Tokenizer().setInputCols(["document"]).setOutputCol("token").setExceptions(["\ue000"]),
    ]
    ready = rows.withColumn("ready", spaced(F.col(c.TEXT)))
    theirs = Pipeline(stages=stages).fit(ready).transform(ready).select("token.result").orderBy("place").collect()
    found = tokens_of(spark, texts, changed(settings, detect_sentences=False, **bare))
    assert found == [row["result"] for row in theirs]
