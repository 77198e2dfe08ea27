"""How many sentences a text has, by Spark NLP's rules."""

from __future__ import annotations

from pyspark.ml import Pipeline
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from sparknlp.annotator import SentenceDetector

from linnaeus.features.annotations import documents
from linnaeus.features.words import MARK, marked

# Spark NLP's sentence detector knows the full stops of ASCII.
_ENDS_ELSEWHERE = (
    r"\x{3002}\x{FF61}\x{FF01}\x{FF1F}"  # Chinese, Japanese
    r"\x{17D4}\x{17D5}\x{104B}"  # Khmer, Burmese
    r"\x{061F}\x{06D4}\x{0964}\x{0589}\x{1362}"  # Arabic, Urdu, Hindi, Armenian, Ethiopic
)
# Its time grows with the square of a text's length (320 kB took it 143 s), so it is given lines, long ones cut after a
# full stop.
_PIECE = rf".{{300,600}}?[.!?{_ENDS_ELSEWHERE}]\s|.{{1,600}}"
# Each rule of the detector that ends a sentence begins at one of these; the last eight are signs of its own.
_SIGNS = rf".!?;{_ENDS_ELSEWHERE}\x{{F050}}-\x{{F057}}"
# A piece with no such sign, or with one of ASCII at its end alone, is one sentence whatever the rules say of the sign.
_ONE_SENTENCE = rf"[^{_SIGNS}]*+[.!?;]?[\x{{0}}-\x{{20}}]*+"
_BLANK = r"[\x{0}-\x{20}]*+"
_OWN = "__sentences_"  # columns of our own, dropped at the end


def count_sentences(rows: DataFrame, text: str, target: str) -> DataFrame:
    """Adds `target` (int): the sentences of a column. A line's end is a sentence's.

    The full stops of a link are none: each stands as one word.
    """
    pieces, hard, found = (_OWN + name for name in ("pieces", "hard", "found"))
    rows = rows.withColumn(pieces, F.filter(_pieces(F.coalesce(text, F.lit(""))), lambda one: ~_is(one, _BLANK)))
    rows = rows.withColumn(hard, documents(F.filter(pieces, lambda one: ~_is(one, _ONE_SENTENCE))))
    detector = SentenceDetector().setInputCols([hard]).setOutputCol(found)
    detector = detector.setDetectLists(False).setCustomBounds([f"[{_ENDS_ELSEWHERE}]"])
    rows = Pipeline(stages=[detector]).fit(rows.limit(0)).transform(rows)
    n_easy = F.size(pieces) - F.size(hard)
    return rows.withColumn(target, n_easy + F.size(found)).drop(pieces, hard, found)


def _pieces(text: Column) -> Column:
    plain = F.regexp_replace(marked(text, ("url", "email")), rf"\s{MARK}\S+ ", "link")
    # The detector counts each sign of a row of them: one stays, and dots end a sentence before a capital alone.
    # A row of dots is tried once, from its first and whole: from each of a million the look ahead would take hours.
    for signs, left in (("[!?]+([!?])", "$1"), (r"(?<!\.)\.{2,}+(?=\s+\p{Lu})", "."), (r"\.{2,}", "\u2026")):
        plain = F.regexp_replace(plain, signs, left)
    return F.regexp_extract_all(plain, F.lit(_PIECE), F.lit(0))


def _is(piece: Column, pattern: str) -> Column:
    return piece.rlike(rf"\A{pattern}\z")
