"""One vector a distinct text, by a Spark NLP annotator."""

from __future__ import annotations

import functools
import math
import sys
import unicodedata
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.features.text import text

_VECTOR = "__vector"

# In Java's syntax: what BERT drops, what it reads as a space, and what it sets apart (ASCII signs, punctuation, Han).
_DROPPED = r"[\p{Mn}\p{Cf}\p{Co}\x{FFFD}\p{Cc}&&[^\t\n\r]]"
_SPACE = r"\p{Z}"
_SET_APART = (
    r"([\p{P}$+<=>^`|~\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2CEAF}\x{2F800}-\x{2FA1F}])"
)
_LONGEST_WORD = 100  # letters of a word that BERT looks up, counted in its canonical decomposition (NFD)
_TOO_LONG = rf"(?<!\S)\S{{{_LONGEST_WORD + 1},}}(?!\S)"
_MOST_PARTS = 3  # letters, marks left aside, that one letter comes apart into
_UNKNOWN = "\ue000"  # in no vocabulary, and dropped from every text before it is put in


def distinct_texts(content: DataFrame) -> DataFrame:
    """`content_hash` and `text`, once each, contents without any text left out."""
    texts = content.select(c.CONTENT_HASH, text().alias(c.TEXT)).where(F.col(c.TEXT) != "")
    return texts.dropDuplicates([c.CONTENT_HASH])


def embed(texts: DataFrame, annotator: Any, partitions: int) -> DataFrame:
    """`content_hash` and `embedding` of rows with `content_hash` and `text`.

    Rows are spread by the hash of their text, so that neither long texts nor an order in the input make a straggler.
    """
    plain = texts.withColumn(c.TEXT, plain_words(F.col(c.TEXT)))
    spread = plain.repartition(partitions, c.CONTENT_HASH)
    documents = DocumentAssembler().setInputCol(c.TEXT).setOutputCol("document").transform(spread)
    vectors = annotator.setInputCols(["document"]).setOutputCol(_VECTOR).transform(documents)
    return vectors.select(c.CONTENT_HASH, F.col(_VECTOR)[0]["embeddings"].alias(c.EMBEDDING))


def plain_words(text: Column) -> Column:
    """The text as uncased BERT's own tokenizer splits it, words and signs apart by spaces; never empty.

    Spark NLP's tokenizer knows the punctuation and spaces of ASCII alone: to it a typographic quote, an ellipsis or a
    no-break space is part of a word, and the vectors of such texts have little to do with those the model was trained
    for. So what it does not do is done here; after it, the two agree. Method: Devlin et al. (2019), BERT, whose
    reference tokenization.py drops marks and controls, sets punctuation and Han apart, and does not know longer words.
    """
    bare = F.regexp_replace(F.translate(text, *_marked_letters()), _DROPPED, "")
    apart = F.regexp_replace(F.regexp_replace(bare, _SPACE, " "), _SET_APART, " $1 ")
    short = F.regexp_replace(apart, _TOO_LONG, _UNKNOWN)
    kept = F.when(short.rlike(_perhaps_too_long()), _without_long_in_parts(short)).otherwise(short)
    return F.concat(kept, F.lit(" "))


def _without_long_in_parts(text: Column) -> Column:
    """The text without words that are too long once their letters come apart, as Hangul's syllables do."""

    def length_in_parts(word: Column) -> Column:
        twice = F.regexp_replace(word, _letters_of_parts(2), "$0$0")
        return F.length(F.regexp_replace(twice, _letters_of_parts(3), "$0$0$0"))

    def short_enough(word: Column) -> Column:
        return F.when(length_in_parts(word) > _LONGEST_WORD, F.lit(_UNKNOWN)).otherwise(word)

    return F.array_join(F.transform(F.split(text, r"\s+"), short_enough), " ")


def _perhaps_too_long() -> str:
    """Of a word whose letters in parts could make it too long. Few texts have one: only those are split into words."""
    return rf"(?<!\S)(?=\S{{{_LONGEST_WORD // _MOST_PARTS + 1}}})\S*{_letters_of_parts(2, 3)}"


@functools.cache
def _letters_of_parts(*counts: int) -> str:
    """A class of the letters that come apart into so many others (NFD, marks left aside): most are Hangul syllables."""
    ranges: list[list[int]] = []
    for code in range(0x80, sys.maxunicode + 1):
        parts = unicodedata.normalize("NFD", chr(code))
        if len(parts) == 1 or sum(unicodedata.category(part) != "Mn" for part in parts) not in counts:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges) + "]"


@functools.cache
def _marked_letters() -> tuple[str, str]:
    """Letters that stand for another with a mark outside U+0300 to U+036F (Spark NLP takes those off), and that other.

    The Greek capital sigma is among them because Java's lower case of it depends on the letters beside it.
    """
    marked, bare = ["\u03a3"], ["\u03c3"]
    for letter in map(chr, range(0x80, 0x10000)):
        parts = unicodedata.normalize("NFD", letter)
        marks = [part for part in parts if unicodedata.category(part) == "Mn"]
        if parts != letter and len(parts) - len(marks) == 1 and not all("\u0300" <= mark <= "\u036f" for mark in marks):
            marked.append(letter)
            bare.append(next(part for part in parts if part not in marks))
    return "".join(marked), "".join(bare)


def partitions_for(n_texts: int, texts_a_partition: int, slots: int) -> int:
    """Partitions for so many texts: at most `texts_a_partition` each, and a whole number of rounds over the slots."""
    rounds = max(1, math.ceil(n_texts / (texts_a_partition * slots)))
    return rounds * slots


def reuse(content: DataFrame, vectors: DataFrame, embedder: str) -> DataFrame:
    """Rows of silver.embeddings for contents whose text has a vector in `vectors` (content_hash, embedding)."""
    by_text = vectors.dropDuplicates([c.CONTENT_HASH])
    joined = content.join(by_text, c.CONTENT_HASH)
    return joined.select(c.CONTENT_ID, c.CONTENT_HASH, F.lit(embedder).alias(c.EMBEDDER), c.EMBEDDING)
