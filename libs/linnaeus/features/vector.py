"""The columns that models are trained on and scored with, joined from the feature tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.bundle import FeatureGroup, FeatureManifest
from linnaeus.contracts.lexical import list_array, term_space, vector_matrix
from linnaeus.contracts.schemas import STATISTICS
from linnaeus.features.statistics import as_array


def feature_matrix(
    content: DataFrame, tokens: DataFrame, vectors: DataFrame, manifest: FeatureManifest
) -> tuple[DataFrame, tuple[FeatureGroup, ...]]:
    """`content` with one column `features` (array<float>), and where each group begins and how wide it is.

    The groups are those that know nothing of classes: the embedding (NaN where there is no text, as the booster takes
    it) and the statistics. `features` is null where the tokens of a content's present text are yet to be built.
    """
    absent = F.array_repeat(F.lit(float("nan")).cast("float"), manifest.dimension)
    vector = F.concat(F.coalesce(F.col(c.EMBEDDING), absent), F.col(c.STATISTICS))
    rows = with_embedding(features_of(content, tokens, vectors, manifest).drop(c.TERMS), manifest.dimension)
    return rows.select(*content.columns, vector.alias(c.FEATURES)), manifest.shared_groups()


def with_embedding(rows: DataFrame, dimension: int) -> DataFrame:
    """Rows with `embedding` (array<float>), the numbers of their `vector` (binary); null where that is null.

    Raises ValueError for a vector of another length than `dimension`.
    """
    schema = StructType([*rows.schema.fields, StructField(c.EMBEDDING, ArrayType(FloatType()))])

    def run(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            vectors = batch.column(c.VECTOR)
            numbers = list_array(vector_matrix(vectors, dimension, np.nan), absent=~np.asarray(vectors.is_valid()))
            yield pa.RecordBatch.from_arrays([*batch.columns, numbers], names=schema.names)

    return rows.mapInArrow(run, schema)


def features_of(content: DataFrame, tokens: DataFrame, vectors: DataFrame, manifest: FeatureManifest) -> DataFrame:
    """`features` by a manifest: rows of another tokenizer or embedder do not count."""
    of_tokenizer = tokens.where(F.col(c.TOKENIZER) == manifest.tokenizer)
    of_embedder = vectors.where(F.col(c.EMBEDDER) == manifest.embedder)
    return features(content, of_tokenizer, of_embedder, manifest.buckets, manifest.bigrams, manifest.statistics)


def features(
    content: DataFrame,
    tokens: DataFrame,
    vectors: DataFrame,
    buckets: int,
    bigrams: bool,
    statistics: Sequence[str] = tuple(STATISTICS.names),
) -> DataFrame:
    """`content` with `embedder`, `vector` and `signature` (null where there was no text), `statistics` and `terms`.

    `vectors` are rows of silver.text_embeddings, of one embedder. They are joined by the text's hash: a join by content
    with silver.embeddings reads longer (tests/benchmarks/text_features.md). Tokens of another text than the content's
    present one (its hash differs) do not count: null, not stale.
    """
    lexical = tokens.select(
        c.CONTENT_ID,
        c.CONTENT_HASH,
        as_array(c.STATISTICS, statistics).alias(c.STATISTICS),
        hashed_terms(F.col(c.TOKENS), buckets, bigrams).alias(c.TERMS),
    )
    of_text = vectors.select(c.CONTENT_HASH, c.EMBEDDER, c.VECTOR, c.SIGNATURE)
    rows = content.join(lexical, [c.CONTENT_ID, c.CONTENT_HASH], "left").join(of_text, c.CONTENT_HASH, "left")
    made = (c.STATISTICS, c.TERMS, c.EMBEDDER, c.VECTOR, c.SIGNATURE)
    return rows.select(*content.columns, *made)


def hashed_terms(tokens: Column, buckets: int, bigrams: bool) -> Column:
    """Numbers (array<int>, one a term, repeats kept) of tokens and, if asked, of neighbouring pairs.

    Modulo `buckets` they are the terms' buckets; they themselves, below `term_space(buckets)`, tell apart terms that
    share one. The hashing trick: Weinberger et al. (2009), Feature hashing for large scale multitask learning.
    """
    terms = tokens
    if bigrams:
        following = F.slice(tokens, F.lit(2), F.greatest(F.size(tokens) - 1, F.lit(0)))
        pairs = F.zip_with(
            F.slice(tokens, F.lit(1), F.greatest(F.size(tokens) - 1, F.lit(0))),
            following,
            lambda left, right: F.concat_ws(" ", left, right),
        )
        terms = F.concat(tokens, pairs)
    return F.transform(terms, lambda term: F.pmod(F.xxhash64(term), F.lit(term_space(buckets))).cast("int"))
