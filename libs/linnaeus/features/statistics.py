"""Signals of a text's form: how long, how varied, how loud. Built-in expressions alone; each is finite for any text."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts.schemas import STATISTICS
from linnaeus.features.words import is_ascii, with_blanks

_LINK = r"(?i)(?:https?://|www\.)\S+"
_PERHAPS_LINK = r"://|(?i:www\.)"  # a text without has no link, which costs less to see
# Unicode's emoji of the supplementary planes (flags, cards and letters among them), then those of the first plane;
# digits and signs that are emoji only by what follows (1, #, ©, ™) are not.
_EMOJI = (
    r"[\x{1F000}-\x{1F0FF}\x{1F170}-\x{1F1FF}\x{1F200}-\x{1F2FF}\x{1F300}-\x{1FAFF}"
    r"\x{2600}-\x{27BF}\x{231A}\x{231B}\x{2328}\x{23CF}\x{23E9}-\x{23F3}\x{23F8}-\x{23FA}\x{24C2}\x{25AA}\x{25AB}"
    r"\x{25B6}\x{25C0}\x{25FB}-\x{25FE}\x{2934}\x{2935}\x{2B05}-\x{2B07}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}"
    r"\x{203C}\x{2049}\x{3030}\x{303D}\x{3297}\x{3299}]"
)
_LONGEST_COUNTED = 20


def statistics(text: Column, apart: Column | None = None) -> Column:
    """A struct of schemas.STATISTICS (floats, no unit) of a text; all zero for an empty one.

    `apart` is the text with marks between words that no blank parts (contracts/unspaced.py), null where blanks do.
    """
    spaced = text if apart is None else F.coalesce(with_blanks(apart), text)
    words = F.filter(F.split(F.lower(spaced), r"\s+"), lambda word: word != "")
    n_words = F.size(words)
    n_characters = F.length(text)
    numbers = F.transform(F.regexp_extract_all(text, F.lit(r"(\d+)"), 1), F.length)
    dollars = n_characters - F.length(F.replace(text, F.lit("$"), F.lit("")))
    parts = {
        "n_characters": F.log1p(n_characters),
        "n_words": F.log1p(n_words),
        "word_length": _share(F.length(F.regexp_replace(spaced, r"\s", "")), n_words),
        "type_token_ratio": _share(F.size(F.array_distinct(words)), n_words),
        "capital_share": _share(_matched(text, r"\p{Lu}"), n_characters),
        "digit_share": _share(_matched(text, r"\p{Nd}"), n_characters),
        "punctuation_share": _share(_matched(text, r"[\p{P}\p{S}]"), n_characters),
        "n_links": F.when(text.rlike(_PERHAPS_LINK), F.log1p(_n_matches(text, _LINK))).otherwise(F.lit(0.0)),
        "longest_number": F.least(F.coalesce(F.array_max(numbers), F.lit(0)), F.lit(_LONGEST_COUNTED)),
        "repeated_share": _share(_matched(text, r"(.)\1{2,}"), n_characters),
        "emoji_share": _share(F.when(is_ascii(text), F.lit(0)).otherwise(_matched(text, _EMOJI)), n_characters),
        "currency_share": _share(F.when(is_ascii(text), dollars).otherwise(_matched(text, r"\p{Sc}")), n_characters),
    }
    return F.struct(*[parts[name].cast("float").alias(name) for name in STATISTICS.names])


def as_array(struct: str, names: Sequence[str] = tuple(STATISTICS.names)) -> Column:
    """The struct's values of these names, in their order, as array<float>; zeros where the struct is null."""
    return F.array(*[F.coalesce(F.col(f"{struct}.{name}"), F.lit(0.0)).cast("float") for name in names])


def _n_matches(text: Column, pattern: str) -> Column:
    return F.size(F.regexp_extract_all(text, F.lit(pattern), F.lit(0)))


def _matched(text: Column, pattern: str) -> Column:
    """Characters that a pattern matches."""
    return F.length(text) - F.length(F.regexp_replace(text, pattern, ""))


def _share(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, part / whole).otherwise(F.lit(0.0))
