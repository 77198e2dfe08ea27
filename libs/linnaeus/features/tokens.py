"""Tokens by Spark NLP: document, tokens, normalised, without stop words."""

from __future__ import annotations

from pyspark.ml import Pipeline
from pyspark.ml.feature import StopWordsRemover
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sparknlp.annotator import Normalizer, StopWordsCleaner, Tokenizer
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens, fingerprint
from linnaeus.contracts.errors import ConfigurationError

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


def tokenizer_version(settings: Tokens) -> str:
    """A fingerprint of the settings that change tokens."""
    return fingerprint(settings.model_dump(exclude={"texts_a_partition"}))


def tokenize(texts: DataFrame, settings: Tokens) -> DataFrame:
    """Adds `tokens` (array<string>, empty for an empty text) and `n_tokens` to rows with a column `text`."""
    stages = [
        DocumentAssembler().setInputCol(c.TEXT).setOutputCol("document"),
        Tokenizer().setInputCols(["document"]).setOutputCol("token"),
        Normalizer()
        .setInputCols(["token"])
        .setOutputCol("normal")
        .setLowercase(settings.lowercase)
        .setCleanupPatterns(list(settings.clean_up_patterns))
        .setMinLength(settings.min_length)
        .setMaxLength(settings.max_length),
        StopWordsCleaner().setInputCols(["normal"]).setOutputCol("clean").setStopWords(_stop_words(settings)),
    ]
    # Nothing is learnt from rows: the fit only binds the stages, so an empty frame will do.
    annotated = Pipeline(stages=stages).fit(texts.limit(0)).transform(texts)
    tokens = F.coalesce(F.col("clean.result"), F.array().cast("array<string>"))
    kept = annotated.withColumn(c.TOKENS, tokens).withColumn(c.N_TOKENS, F.size(c.TOKENS))
    return kept.drop("document", "token", "normal", "clean")


def _stop_words(settings: Tokens) -> list[str]:
    words: list[str] = []
    for language in settings.stop_words:
        if language not in STOP_WORD_LISTS:
            known = ", ".join(sorted(STOP_WORD_LISTS))
            raise ConfigurationError(f"tokens.stop_words: no list for {language!r}; known: {known}")
        words.extend(StopWordsRemover.loadDefaultStopWords(STOP_WORD_LISTS[language]))
    # The normaliser has taken apostrophes out by then: "don't" comes as "dont".
    return sorted({form for word in words for form in (word, word.replace("'", ""))})
