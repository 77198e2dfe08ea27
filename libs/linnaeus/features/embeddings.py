"""One vector a distinct text, by a Spark NLP annotator."""

from __future__ import annotations

import functools
import math
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
_TOO_LONG = r"(?<!\S)\S{101,}(?!\S)"
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
    return F.concat(F.regexp_replace(apart, _TOO_LONG, _UNKNOWN), F.lit(" "))


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
