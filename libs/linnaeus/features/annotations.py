"""Spark NLP's annotations as expressions: what its stages read, without a stage that makes it."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def documents(texts: Column) -> Column:
    """Texts (array<string>) as documents, as DocumentAssembler makes them; to it emoji are two characters."""
    return _annotations(texts, "document")


def tokens(words: Column) -> Column:
    """Words (array<string>) as tokens of one sentence; their places are not told."""
    return _annotations(words, "token")


def _annotations(texts: Column, kind: str) -> Column:
    metadata = F.create_map(F.lit("sentence"), F.lit("0"))
    no_vector = F.array().cast("array<float>")

    def annotation(text: Column) -> Column:
        return F.struct(
            F.lit(kind).alias("annotatorType"),
            F.lit(0).alias("begin"),
            (F.length(text) - 1).alias("end"),
            text.alias("result"),
            metadata.alias("metadata"),
            no_vector.alias("embeddings"),
        )

    # Spark NLP knows by a column's metadata what is in it.
    return F.transform(texts, annotation).alias(kind, metadata={"annotatorType": kind})
