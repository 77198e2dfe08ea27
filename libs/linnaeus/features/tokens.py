"""Tokens by Spark NLP: sentences, tokens, normalised, without stop words, in their normal form, as n-grams."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.ml import Pipeline
from pyspark.ml.feature import StopWordsRemover
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from sparknlp.annotator import Lemmatizer, NGramGenerator, Stemmer, Tokenizer

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens, fingerprint, resolve
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.annotations import documents, tokens
from linnaeus.features.language import UNDETERMINED
from linnaeus.features.sentences import count_sentences
from linnaeus.features.words import BETWEEN, EASY, MARK, marked, put_back, shortened, spaced, unmarked

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
_PREPARATION = 3
_STEMMED = ("en", UNDETERMINED)  # Spark NLP's stemmer is Porter's, for English
# A pattern that matches one character, whatever stands about it: a class without another inside.
_ONE_CHARACTER = re.compile(r"\[\^?(?:[^\[\]\\&^]|\\[pP]\{\w+\}|\\[^QE])+\]")
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
    normal form by: a mark stands for each, and they come back to its place at the end.
    Raises ConfigurationError for a list, a pattern or a dictionary that can't be used.
    """
    check_stages(texts.sparkSession, settings)
    rows = _with_words(texts, settings).withColumn(_OWN + "normal", _normal(F.col(_OWN + "words"), settings))
    rows = rows.withColumn(_OWN + "clean", _without_stop_words(F.col(_OWN + "normal"), settings))
    rows = _with_normal_form(rows, settings)
    rows = rows.withColumn(_OWN + "all", _with_exceptions(F.col(_OWN + "form"), F.col(_OWN + "kept")))
    rows = _with_sentences(_with_ngrams(rows, settings), settings)
    return rows.drop(*[name for name in rows.columns if name.startswith(_OWN)])


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


def _with_words(texts: DataFrame, settings: Tokens) -> DataFrame:
    """Adds `words`, BETWEEN between them and MARK in the place of each exception, and the exceptions as `kept`."""
    rows = texts.withColumn(_OWN + "spaced", spaced(F.coalesce(c.TEXT, F.lit(""))))
    rows = rows.withColumn(_OWN + "marked", marked(F.col(_OWN + "spaced"), settings.exceptions))
    bare, kept = unmarked(F.col(_OWN + "marked"))
    rows = rows.withColumn(_OWN + "bare", bare)
    rows = rows.withColumn(_OWN + "kept", F.transform(kept, F.lower) if settings.lowercase else kept)
    short, easy = shortened(F.col(_OWN + "bare"))
    rows = rows.withColumn(_OWN + "easy", easy).withColumn(_OWN + "document", documents(F.array(short)))
    # With an exception the tokenizer keeps words with signs of its own whole, without one it does not.
    rows = _through(rows, Tokenizer().setExceptions([MARK]), "document", "token")
    joined = F.array_join(F.col(_OWN + "token")["result"], BETWEEN)
    return rows.withColumn(_OWN + "words", put_back(joined, EASY, F.col(_OWN + "easy")))


def _normal(words: Column, settings: Tokens) -> Column:
    """What Spark NLP's Normalizer makes of words, whatever their lengths: that stage compiles its patterns for each."""
    if not all(map(_ONE_CHARACTER.fullmatch, settings.clean_up_patterns)):
        one_by_one = F.split(words, BETWEEN)
        return F.transform(one_by_one, lambda one: F.when(one == MARK, one).otherwise(_cleaned(one, settings)))
    return F.split(_cleaned(words, settings, rf"(?<![{BETWEEN}{MARK}])"), BETWEEN)


def _cleaned(text: Column, settings: Tokens, condition: str = "") -> Column:
    for pattern in settings.clean_up_patterns:
        text = F.regexp_replace(text, pattern + condition, "")
    return F.lower(text) if settings.lowercase else text


def _without_stop_words(words: Column, settings: Tokens) -> Column:
    """Words of the lengths asked for that are no stop words of the text's language; of no list where it was not told.

    Whatever the words' case. As an expression: Spark NLP's StopWordsCleaner would be a stage a list, over every row.
    """
    lists = {language: _stop_words(language) for language in settings.stop_words}
    lists[UNDETERMINED] = [word for stop_words in lists.values() for word in stop_words]

    def kept(stop_words: list[str]) -> Column:
        return F.filter(words, lambda one: (one == MARK) | _is_kept(one, stop_words, settings))

    chosen = F.when(F.lit(False), words)
    for language, stop_words in lists.items():
        chosen = chosen.when(F.col(c.LANGUAGE) == language, kept(stop_words))
    return chosen.otherwise(kept([]))


def _is_kept(word: Column, stop_words: list[str], settings: Tokens) -> Column:
    is_of_length = F.length(word).between(max(1, settings.min_length), settings.max_length)
    lowered = word if settings.lowercase else F.lower(word)
    return is_of_length & ~lowered.isin(*sorted(set(stop_words))) if stop_words else is_of_length


def _with_normal_form(rows: DataFrame, settings: Tokens) -> DataFrame:
    words = F.col(_OWN + "clean")
    if settings.normal_form == "stem":
        is_of = F.col(c.LANGUAGE).isin(*_STEMMED)
        # Rows of other languages come as empty, which costs the stage nothing.
        given = F.when(is_of, words).otherwise(F.array().cast("array<string>"))
        rows = _through(rows.withColumn(_OWN + "given", tokens(given)), Stemmer(), "given", "stem")
        words = F.when(is_of, F.col(_OWN + "stem")["result"]).otherwise(words)
    elif settings.normal_form == "lemma":
        quoted = [rf"\Q{part}\E" for part in (settings.lemma_key_delimiter, settings.lemma_value_delimiter)]
        stage = Lemmatizer().setDictionary(_dictionary(settings).as_uri(), *quoted)
        rows = _through(rows.withColumn(_OWN + "given", tokens(words)), stage, "given", "lemma")
        words = F.col(_OWN + "lemma")["result"]
    return rows.withColumn(_OWN + "form", words)


def _with_exceptions(words: Column, kept: Column) -> Column:
    """The words with each exception in the place of its mark."""
    whole = F.split(put_back(F.array_join(words, BETWEEN), MARK, kept), BETWEEN)
    return F.when(F.size(kept) == 0, words).otherwise(whole)


def _with_ngrams(rows: DataFrame, settings: Tokens) -> DataFrame:
    words = F.col(_OWN + "all")
    parts = [words] if 1 in settings.ngrams else []
    for n in sorted(set(settings.ngrams) - {1}):
        rows = rows.withColumn(_OWN + "given", tokens(words))
        rows = _through(rows, NGramGenerator().setN(n), "given", f"{n}grams")
        parts.append(F.col(f"{_OWN}{n}grams")["result"])
    return rows.withColumn(c.TOKENS, F.concat(*parts)).withColumn(c.N_TOKENS, F.size(c.TOKENS))


def _with_sentences(rows: DataFrame, settings: Tokens) -> DataFrame:
    if not settings.detect_sentences:
        return rows.withColumn(c.N_SENTENCES, F.lit(None).cast("int"))
    return count_sentences(rows, c.TEXT, c.N_SENTENCES)


def _through(rows: DataFrame, stage: Any, source: str, target: str) -> DataFrame:
    # Nothing is learnt from rows: the fit only binds the stage, so an empty frame will do.
    stages = [stage.setInputCols([_OWN + source]).setOutputCol(_OWN + target)]
    return Pipeline(stages=stages).fit(rows.limit(0)).transform(rows)


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
