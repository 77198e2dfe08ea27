"""One vector a distinct text, by a Spark NLP annotator."""

from __future__ import annotations

import math
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.features.text import text

_VECTOR = "__vector"


def distinct_texts(content: DataFrame) -> DataFrame:
    """`content_hash` and `text`, once each, contents without any text left out."""
    texts = content.select(c.CONTENT_HASH, text().alias(c.TEXT)).where(F.col(c.TEXT) != "")
    return texts.dropDuplicates([c.CONTENT_HASH])


def embed(texts: DataFrame, annotator: Any, partitions: int) -> DataFrame:
    """`content_hash` and `embedding` of rows with `content_hash` and `text`.

    Rows are spread by the hash of their text, so that neither long texts nor an order in the input make a straggler.
    """
    spread = texts.repartition(partitions, c.CONTENT_HASH)
    documents = DocumentAssembler().setInputCol(c.TEXT).setOutputCol("document").transform(spread)
    vectors = annotator.setInputCols(["document"]).setOutputCol(_VECTOR).transform(documents)
    return vectors.select(c.CONTENT_HASH, F.col(_VECTOR)[0]["embeddings"].alias(c.EMBEDDING))


def partitions_for(n_texts: int, texts_a_partition: int, slots: int) -> int:
    """Partitions for so many texts: at most `texts_a_partition` each, and a whole number of rounds over the slots."""
    rounds = max(1, math.ceil(n_texts / (texts_a_partition * slots)))
    return rounds * slots


def reuse(content: DataFrame, vectors: DataFrame, embedder: str) -> DataFrame:
    """Rows of silver.embeddings for contents whose text has a vector in `vectors` (content_hash, embedding)."""
    by_text = vectors.dropDuplicates([c.CONTENT_HASH])
    joined = content.join(by_text, c.CONTENT_HASH)
    return joined.select(c.CONTENT_ID, c.CONTENT_HASH, F.lit(embedder).alias(c.EMBEDDER), c.EMBEDDING)
