"""Labelled contents that are most like a given one, by the cosine of their vectors: exact, and where the rows are.

Each batch of vectors becomes a column of cosines; no vector leaves the workers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.lexical import Floats, vector_matrix

SIMILARITY = "similarity"
_LABELS = "__labels"


def nearest(query: Floats, contents: DataFrame, vectors: DataFrame, labels: DataFrame, most: int) -> DataFrame:
    """Of each facet the `most` labelled contents whose cosine to `query` (dimension,) is greatest.

    `contents` have `content_id` and `content_hash`, `vectors` (of one embedder, a text once) `content_hash` and
    `vector`, `labels` are rows of silver.labels. Returns `content_id`, `facet`, `label`, `probability`, `source`,
    `similarity` (-1 to 1) and `rank` (from 1). Equals are ordered by a hash of the id, so that no end of the ids is
    first. Raises ValueError, in the workers, for a vector of another length.
    """
    said = F.struct(c.FACET, c.LABEL, c.PROBABILITY, c.SOURCE)
    labelled = labels.groupBy(F.col(c.ITEM_ID).alias(c.CONTENT_ID)).agg(F.collect_list(said).alias(_LABELS))
    rows = labelled.join(contents.select(c.CONTENT_ID, c.CONTENT_HASH), c.CONTENT_ID)
    found = rows.join(vectors.select(c.CONTENT_HASH, c.VECTOR), c.CONTENT_HASH)
    alike = with_similarity(found.select(c.CONTENT_ID, _LABELS, c.VECTOR), query)
    told = alike.select(c.CONTENT_ID, SIMILARITY, F.inline(_LABELS))
    by_likeness = Window.partitionBy(c.FACET).orderBy(
        F.col(SIMILARITY).desc(), F.xxhash64(c.CONTENT_ID), F.col(c.CONTENT_ID)
    )
    ranked = told.withColumn(c.RANK, F.row_number().over(by_likeness)).where(F.col(c.RANK) <= most)
    return ranked.select(c.CONTENT_ID, c.FACET, c.LABEL, c.PROBABILITY, c.SOURCE, SIMILARITY, c.RANK)


def with_similarity(rows: DataFrame, query: Floats) -> DataFrame:
    """Rows with `similarity`, the cosine of their `vector` to `query` (dimension,), in its place; 0 for a vector of
    zeros."""
    kept = [field for field in rows.schema.fields if field.name != c.VECTOR]
    schema = StructType([*kept, StructField(SIMILARITY, DoubleType())])
    wanted = query.astype(np.float64)
    wanted = wanted / (np.linalg.norm(wanted) or 1.0)

    def run(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            vectors = vector_matrix(batch.column(c.VECTOR), len(wanted), np.nan).astype(np.float64)
            norms = np.linalg.norm(vectors, axis=1)
            cosines = vectors @ wanted / np.where(norms > 0, norms, 1.0)
            columns = [batch.column(field.name) for field in kept]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(cosines)], names=schema.names)

    return rows.mapInArrow(run, schema)
