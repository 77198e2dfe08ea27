"""A fingerprint of the labelled contents: what training and the search for label issues follow from, and no more.

New contents without a label change three tables and nothing that is learnt. One query tells that, where choosing and
comparing the examples takes some dozens.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest
from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Reader

# Tokens and vectors follow from a text's hash and what made them, so these stand for them.
_OF_CONTENT = (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH, c.KIND, c.PUBLISHED_AT, c.VIEWS)
_SUM = "decimal(38,0)"


def labelled_state(lake: Reader, manifest: FeatureManifest, more: Sequence[Table] = ()) -> str:
    """Count and hash all labels with the contents and features that they are of, whatever their order.

    `more` are tables by item and facet, or by content and facet, of which all rows count too.
    """
    labels = lake.read(tables.LABELS)
    content = lake.read(tables.CONTENT).select(*_OF_CONTENT)
    tokens = lake.read(tables.TOKENS).where(F.col(c.TOKENIZER) == manifest.tokenizer)
    tokens = tokens.select(c.CONTENT_ID, F.col(c.CONTENT_HASH).alias("tokens_of"))
    vectors = lake.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == manifest.embedder)
    vectors = vectors.select(c.CONTENT_HASH, F.lit(True).alias("has_vector"))
    rows = labels.join(content, F.col(c.ITEM_ID) == F.col(c.CONTENT_ID), "left")
    rows = rows.join(tokens, c.CONTENT_ID, "left").join(vectors, c.CONTENT_HASH, "left")
    found = [_digest(rows), *(_digest(lake.read(table).drop(*table.stamps)) for table in more)]
    return " ".join(found)


def _digest(rows: DataFrame) -> str:
    """The number of rows, and the sums of two independent 64-bit hashes of each."""
    columns = [_hashable(rows, name) for name in sorted(rows.columns)]
    hashes = [F.xxhash64(*columns), F.xxhash64(F.lit(1), *columns[::-1])]
    sums = [F.sum(one.cast(_SUM)).cast("string") for one in hashes]
    found = rows.agg(F.count(F.lit(1)).cast("string"), *sums).first()
    assert found is not None
    return ":".join(value or "0" for value in found)


def _hashable(rows: DataFrame, name: str) -> Column:
    is_map = rows.schema[name].dataType.typeName() == "map"
    return F.array_sort(F.map_entries(name)) if is_map else F.col(name)
