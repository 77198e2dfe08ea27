"""Tokens by Spark NLP: sentences, tokens, normalised, without stop words, in their normal form, as n-grams."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.ml import Pipeline
from pyspark.ml.feature import StopWordsRemover
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from sparknlp.annotator import (
    Lemmatizer,
    NGramGenerator,
    SentenceDetector,
    Stemmer,
    Tokenizer,
)
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.language import UNDETERMINED
from linnaeus.features.words import MARK, marked, spaced

# Names of the stop-word lists that come with Spark ML, by ISO 639-1 code.
STOP_WORD_LISTS = {
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "hu": "hungarian",
    "it": "italian",
    "no": "norwegian",
    "pt": "portuguese",
    "ru": "russian",
    "es": "spanish",
    "sv": "swedish",
    "tr": "turkish",
}
# Raise it when texts are read, prepared or split in another way: what was tokenised before is then done again.
_PREPARATION = 2
_STEMMED = ("en", UNDETERMINED)  # Spark NLP's stemmer is Porter's, for English
# Spark NLP's sentence detector knows the full stops of ASCII.
_ENDS_ELSEWHERE = r"[\x{3002}\x{FF01}\x{FF1F}\x{061F}\x{06D4}\x{0964}]"
# Its time grows with the square of a text's length (320 kB took it 143 s), so it is given lines, long ones cut after a
# full stop.
_PIECE = r".{300,600}?[.!?\x{3002}\x{FF01}\x{FF1F}\x{061F}\x{06D4}\x{0964}]\s|.{1,600}"
_OWN = "__tokens_"  # columns of our own, dropped at the end


def tokenizer_version(settings: Tokens) -> str:
    """A fingerprint of all that changes tokens: the settings, the dictionary's content, the way texts are prepared.

    Raises ConfigurationError where there is no such dictionary.
    """
    made_by = settings.model_dump(exclude={"texts_a_partition", "lemma_dictionary"}) | {"preparation": _PREPARATION}
    if settings.normal_form == "lemma":
        made_by["lemma_dictionary"] = hashlib.sha256(_dictionary(settings).read_bytes()).hexdigest()
    return fingerprint(made_by)


def tokenize(texts: DataFrame, settings: Tokens) -> DataFrame:
    """Adds `tokens` (array<string>, empty for an empty text), `n_tokens` and `n_sentences` to rows with `text` and
    `language`. `n_sentences` is null where sentences are not detected.

    Links, addresses, hashtags and mentions named in `tokens.exceptions` pass the normaliser, the stop words and the
    normal form by: they are set aside after the tokenizer and come back to their places.
    Raises ConfigurationError for a list, a pattern or a dictionary that can't be used.
    """
    check_stages(texts.sparkSession, settings)
    prepared = texts.withColumn(_OWN + "text", marked(spaced(F.col(c.TEXT)), settings.exceptions))
    split = _with_sentences(_through(prepared, [_document("text"), _tokenizer()]), settings)
    words, kept = _apart(split, settings)
    normal = words.withColumn(_OWN + "normal", _normal(F.col(_OWN + "word"), settings))
    clean = _with_normal_form(_without_stop_words(normal, settings), settings)
    together = clean.withColumn(_OWN + "all", _as_tokens(_in_order(F.col(_OWN + "clean"), kept)))
    tokens = _ngrams(together, settings)
    return tokens.drop(*[name for name in tokens.columns if name.startswith(_OWN)])


def check_stages(session: SparkSession, settings: Tokens) -> None:
    """Raise ConfigurationError, in one line, for the first setting that no stage can be made of."""
    for pattern in settings.clean_up_patterns:
        try:
            session._jvm.java.util.regex.Pattern.compile(pattern)  # type: ignore[union-attr]
        except IllegalArgumentException as error:
            reason = str(error).splitlines()[0]
            raise ConfigurationError(f"tokens.clean_up_patterns: {pattern!r} is no regex: {reason}") from error
    for language in settings.stop_words:
        if language not in STOP_WORD_LISTS:
            known = ", ".join(sorted(STOP_WORD_LISTS))
            raise ConfigurationError(f"tokens.stop_words: no list for {language!r}; known: {known}")
        if settings.detect_language and language not in settings.languages:
            raise ConfigurationError(f"tokens.stop_words: {language!r} is never told; add it to tokens.languages")
    if settings.normal_form == "lemma":
        _check_dictionary(settings)


def _document(name: str) -> DocumentAssembler:
    return DocumentAssembler().setInputCol(_OWN + name).setOutputCol(f"{_OWN}{name}_document")


def _tokenizer() -> Tokenizer:
    # The mark alone is the exception: Spark NLP compiles each exception anew for every word, and takes a `$` within
    # what it matches for a reference to a group.
    return Tokenizer().setInputCols([_OWN + "text_document"]).setOutputCol(_OWN + "token").setExceptions([MARK])


def _normal(words: Column, settings: Tokens) -> Column:
    """What Spark NLP's Normalizer makes of tokens; as an expression, since it compiles its patterns for each token."""

    def clean(one: Column) -> Column:
        result = one["result"]
        for pattern in settings.clean_up_patterns:
            result = F.regexp_replace(result, pattern, "")
        return one.withField("result", F.lower(result) if settings.lowercase else result)

    return F.filter(
        F.transform(words, clean),
        lambda one: F.length(one["result"]).between(max(1, settings.min_length), settings.max_length),
    )


def _through(rows: DataFrame, stages: list[Any]) -> DataFrame:
    # Nothing is learnt from rows: the fit only binds the stages, so an empty frame will do.
    return Pipeline(stages=stages).fit(rows.limit(0)).transform(rows) if stages else rows


def _with_sentences(rows: DataFrame, settings: Tokens) -> DataFrame:
    """Adds `n_sentences`. A line's end is a sentence's; the full stops of a link are none: each stands as one word."""
    if not settings.detect_sentences:
        return rows.withColumn(c.N_SENTENCES, F.lit(None).cast("int"))
    plain = F.regexp_replace(marked(F.col(c.TEXT), ("url", "email")), rf"\s{MARK}\S+ ", "link")
    # The detector counts each sign of a row of them: one stays, and dots end a sentence before a capital alone.
    # A row of dots is tried once, from its first and whole: from each of a million the look ahead would take hours.
    for signs, left in (("[!?]+([!?])", "$1"), (r"(?<!\.)\.{2,}+(?=\s+\p{Lu})", "."), (r"\.{2,}", "\u2026")):
        plain = F.regexp_replace(plain, signs, left)
    # Spark NLP takes an array of documents where its type says that none is null.
    pieces = F.transform(F.regexp_extract_all(plain, F.lit(_PIECE), F.lit(0)), lambda one: F.coalesce(one, F.lit("")))
    detector = SentenceDetector().setInputCols([_OWN + "pieces_document"]).setOutputCol(_OWN + "sentence")
    detector = detector.setDetectLists(False).setCustomBounds([_ENDS_ELSEWHERE])
    found = _through(rows.withColumn(_OWN + "pieces", pieces), [_document("pieces"), detector])
    return found.withColumn(c.N_SENTENCES, F.size(_OWN + "sentence"))


def _apart(rows: DataFrame, settings: Tokens) -> tuple[DataFrame, Column | None]:
    """Rows with the words alone, and the exceptions without their mark; None where there are none by the settings."""
    if not settings.exceptions:
        return rows.withColumn(_OWN + "word", _as_tokens(F.col(_OWN + "token"))), None
    words = F.filter(_OWN + "token", lambda one: ~one["result"].startswith(MARK))

    def unmarked(one: Column) -> Column:
        bare = F.regexp_replace(one["result"], MARK, "")
        return one.withField("result", F.lower(bare) if settings.lowercase else bare)

    exceptions = F.transform(F.filter(_OWN + "token", lambda one: one["result"].startswith(MARK)), unmarked)
    return rows.withColumn(_OWN + "word", _as_tokens(words)), exceptions


def _in_order(words: Column, kept: Column | None) -> Column:
    if kept is None:
        return words
    by_place = F.array_sort(F.concat(words, kept), lambda one, other: one["begin"] - other["begin"])
    return F.when(F.size(kept) == 0, words).otherwise(by_place)


def _without_stop_words(rows: DataFrame, settings: Tokens) -> DataFrame:
    """Each row without the stop words of its own language; without all lists' where its language was not told.

    Whatever the words' case. As an expression: Spark NLP's StopWordsCleaner would be a stage a list, over every row.
    """
    lists = {language: _stop_words(language) for language in settings.stop_words}
    every = {UNDETERMINED: [word for words in lists.values() for word in words]}

    def is_stop_word(one: Column) -> Column:
        found = F.lit(False)
        for language, words in (lists | every).items():
            is_of = F.coalesce(F.col(c.LANGUAGE) == language, F.lit(False))
            found = found | (is_of & F.lower(one["result"]).isin(*sorted(set(words))))
        return found

    normal = F.col(_OWN + "normal")
    stopped = F.filter(normal, lambda one: ~is_stop_word(one)) if lists else normal
    return rows.withColumn(_OWN + "stopped", _as_tokens(stopped))


def _with_normal_form(rows: DataFrame, settings: Tokens) -> DataFrame:
    words = F.col(_OWN + "stopped")
    if settings.normal_form == "stem":
        is_of = F.col(c.LANGUAGE).isin(*_STEMMED)
        rows = _through_some(rows, Stemmer(), "stopped", "stem", is_of)
        words = F.when(is_of, F.col(_OWN + "stem")).otherwise(words)
    elif settings.normal_form == "lemma":
        quoted = [rf"\Q{part}\E" for part in (settings.lemma_key_delimiter, settings.lemma_value_delimiter)]
        stage = Lemmatizer().setDictionary(_dictionary(settings).as_uri(), *quoted)
        rows = _through(rows, [stage.setInputCols([_OWN + "stopped"]).setOutputCol(_OWN + "lemma")])
        words = F.col(_OWN + "lemma")
    return rows.withColumn(_OWN + "clean", words)


def _through_some(rows: DataFrame, stage: Any, source: str, target: str, is_chosen: Column) -> DataFrame:
    """The stage's output for the chosen rows; the others come as empty, which costs the stage nothing."""
    none = F.array().cast(rows.schema[_OWN + source].dataType)
    given = F.when(is_chosen, F.col(_OWN + source)).otherwise(none)
    rows = rows.withColumn(f"{_OWN}{target}_given", _as_tokens(given))
    return _through(rows, [stage.setInputCols([f"{_OWN}{target}_given"]).setOutputCol(_OWN + target)])


def _ngrams(rows: DataFrame, settings: Tokens) -> DataFrame:
    parts = [F.col(_OWN + "all.result")] if 1 in settings.ngrams else []
    for n in sorted(set(settings.ngrams) - {1}):
        stage = NGramGenerator().setN(n).setInputCols([_OWN + "all"]).setOutputCol(f"{_OWN}{n}grams")
        rows = _through(rows, [stage])
        parts.append(F.col(f"{_OWN}{n}grams.result"))
    tokens = F.coalesce(F.concat(*parts), F.array().cast("array<string>"))
    return rows.withColumn(c.TOKENS, tokens).withColumn(c.N_TOKENS, F.size(c.TOKENS))


def _as_tokens(annotations: Column) -> Column:
    """Spark NLP knows by a column's metadata what is in it."""
    return annotations.alias("tokens", metadata={"annotatorType": "token"})


def _stop_words(language: str) -> list[str]:
    words = StopWordsRemover.loadDefaultStopWords(STOP_WORD_LISTS[language])
    # The normaliser has taken apostrophes out by then: "don't" comes as "dont".
    return [form for word in words for form in (word, word.replace("'", ""))]


def _dictionary(settings: Tokens) -> Path:
    if settings.lemma_dictionary is None:
        raise ConfigurationError("tokens.normal_form is lemma: set tokens.lemma_dictionary to a dictionary file")
    path = resolve(settings.lemma_dictionary)
    if not path.is_file():
        raise ConfigurationError(f"tokens.lemma_dictionary: there is no file {path}")
    return path


def _check_dictionary(settings: Tokens) -> None:
    path = _dictionary(settings)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"tokens.lemma_dictionary: {path} is not UTF-8") from error
    for number, line in enumerate(lines, start=1):
        lemma, delimiter, forms = line.partition(settings.lemma_key_delimiter)
        if line.strip() and not (lemma.strip() and delimiter and forms.strip()):
            raise ConfigurationError(
                f"tokens.lemma_dictionary: {path}, line {number}: a lemma, {settings.lemma_key_delimiter!r} and its "
                "forms are expected"
            )
