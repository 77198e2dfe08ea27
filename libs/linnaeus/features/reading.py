"""What has to be done to a text in Python, in one crossing: HTML becomes text, its language and words are told."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Tokens
from linnaeus.contracts.unspaced import set_apart
from linnaeus.features.language import UNDETERMINED, batch_detector, check_languages
from linnaeus.features.markup import plain_text

_READ = "__read"
_SCHEMA = StructType([StructField(name, StringType()) for name in (c.TEXT, c.LANGUAGE, c.APART)])


def read_texts(texts: DataFrame, settings: Tokens) -> DataFrame:
    """Rows with `text` as their reader sees it (no HTML, letters composed: NFC), and columns `language` and `apart`.

    `apart` is null where blanks part all words, else the text with marks between them (contracts/unspaced.py).
    Raises ConfigurationError for a language that can't be told.
    """
    languages, confidence = settings.languages, settings.language_confidence
    is_detected = settings.detect_language
    if is_detected:
        check_languages(languages)

    @F.pandas_udf(_SCHEMA)  # type: ignore[attr-defined,call-overload,untyped-decorator]
    def read(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        detect = batch_detector(languages, confidence) if is_detected else lambda texts: [UNDETERMINED] * len(texts)
        for batch in batches:
            plain = [unicodedata.normalize("NFC", plain_text(text or "")).strip() for text in batch]
            apart = [set_apart(one) for one in plain]
            yield pd.DataFrame({c.TEXT: plain, c.LANGUAGE: detect(plain), c.APART: apart}, dtype=object)

    others = [name for name in texts.columns if name != c.TEXT]
    rows = texts.select(*others, read(c.TEXT).alias(_READ))
    return rows.select(*others, *[f"{_READ}.{name}" for name in _SCHEMA.names])
