"""Signals of a text's form: how long, how varied, how loud. Built-in expressions alone; each is finite for any text."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts.schemas import STATISTICS

_LINK = r"(?i)(?:https?://|www\.)\S+"
_EMOJI = r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}\x{1F1E6}-\x{1F1FF}]"
_LONGEST_COUNTED = 20


def statistics(text: Column) -> Column:
    """A struct of schemas.STATISTICS (floats, no unit) of a text; all zero for an empty one."""
    words = F.filter(F.split(F.lower(text), r"\s+"), lambda word: word != "")
    n_words = F.size(words)
    n_characters = F.length(text)
    numbers = F.transform(F.regexp_extract_all(text, F.lit(r"(\d+)"), 1), F.length)
    parts = {
        "n_characters": F.log1p(n_characters),
        "n_words": F.log1p(n_words),
        "word_length": _share(F.length(F.regexp_replace(text, r"\s", "")), n_words),
        "type_token_ratio": _share(F.size(F.array_distinct(words)), n_words),
        "capital_share": _share(_matched(text, r"\p{Lu}"), n_characters),
        "digit_share": _share(_matched(text, r"\p{Nd}"), n_characters),
        "punctuation_share": _share(_matched(text, r"[\p{P}\p{S}]"), n_characters),
        "n_links": F.log1p(F.size(F.regexp_extract_all(text, F.lit(f"({_LINK})"), 1))),
        "longest_number": F.least(F.coalesce(F.array_max(numbers), F.lit(0)), F.lit(_LONGEST_COUNTED)),
        "repeated_share": _share(_matched(text, r"(.)\1{2,}"), n_characters),
        "emoji_share": _share(_matched(text, _EMOJI), n_characters),
        "currency_share": _share(_matched(text, r"\p{Sc}"), n_characters),
    }
    return F.struct(*[parts[name].cast("float").alias(name) for name in STATISTICS.names])


def as_array(struct: str) -> Column:
    """The struct's values in the schema's order, as array<float>; zeros where the struct is null."""
    return F.array(*[F.coalesce(F.col(f"{struct}.{name}"), F.lit(0.0)).cast("float") for name in STATISTICS.names])


def _matched(text: Column, pattern: str) -> Column:
    """Characters that a pattern matches."""
    return F.length(text) - F.length(F.regexp_replace(text, pattern, ""))


def _share(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, part / whole).otherwise(F.lit(0.0))
