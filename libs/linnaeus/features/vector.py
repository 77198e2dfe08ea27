"""The columns that models are trained on and scored with, joined from the feature tables."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.features.statistics import as_array


def features(content: DataFrame, tokens: DataFrame, embeddings: DataFrame, buckets: int, bigrams: bool) -> DataFrame:
    """`content` with `embedding` (null where there was no text), `embedder`, `statistics` (array<float>) and `terms`.

    A feature row of another text than the content's present one (its hash differs) does not count: null, not stale.
    """
    lexical = tokens.select(
        c.CONTENT_ID,
        c.CONTENT_HASH,
        as_array(c.STATISTICS).alias(c.STATISTICS),
        hashed_terms(F.col(c.TOKENS), buckets, bigrams).alias(c.TERMS),
    )
    vectors = embeddings.select(c.CONTENT_ID, c.CONTENT_HASH, c.EMBEDDER, c.EMBEDDING)
    key = [c.CONTENT_ID, c.CONTENT_HASH]
    return content.join(lexical, key, "left").join(vectors, key, "left")


def hashed_terms(tokens: Column, buckets: int, bigrams: bool) -> Column:
    """Bucket numbers (array<int>, one a term, repeats kept) of tokens and, if asked, of neighbouring pairs.

    The hashing trick: Weinberger et al. (2009), Feature hashing for large scale multitask learning.
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
    return F.transform(terms, lambda term: F.pmod(F.xxhash64(term), F.lit(buckets)).cast("int"))
