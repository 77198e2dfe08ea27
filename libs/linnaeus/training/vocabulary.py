"""The terms that the logistic regression knows: those of enough training texts, the most frequent of too many."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Logistic
from linnaeus.contracts.lexical import Terms, terms_of
from linnaeus.training.workers import Batches

_TERM, _TEXTS = "term", "n_texts"
_COUNTED = StructType([StructField(_TERM, IntegerType()), StructField(_TEXTS, LongType())])


def vocabulary(placed: DataFrame, settings: Logistic) -> Terms:
    """Numbers of terms, increasing, that at least `min_documents` texts have.

    Of more than `max_terms` the most frequent are kept, of equally frequent ones those of the least numbers. `placed`
    has `content_id` and `terms`; a content that stands there once for each of its classes is one text.
    """
    # No shuffle where rows were placed by their contents' ids (see `booster.place`).
    texts = placed.dropDuplicates([c.CONTENT_ID]).select(c.TERMS)
    counted = texts.mapInArrow(_count, _COUNTED).groupBy(_TERM).agg(F.sum(_TEXTS).alias(_TEXTS))
    frequent = counted.where(F.col(_TEXTS) >= settings.min_documents).orderBy(F.desc(_TEXTS), _TERM)
    kept = frequent.limit(settings.max_terms).agg(F.sort_array(F.collect_list(_TERM)).alias(_TERM))
    found = kept.first()  # at most `max_terms` numbers
    assert found is not None
    return np.array(found[_TERM], dtype=np.int32)


def _count(batches: Batches) -> Batches:
    """Terms of a batch, and how many of its rows have each."""
    for batch in batches:
        terms, offsets = terms_of(batch.column(c.TERMS))
        row = np.repeat(np.arange(batch.num_rows, dtype=np.int64), np.diff(offsets))
        once = np.unique((row << 31) + terms)  # a term a row: numbers of terms have 31 bits
        found, n_texts = np.unique(once & 0x7FFFFFFF, return_counts=True)
        columns = [pa.array(found.astype(np.int32)), pa.array(n_texts.astype(np.int64))]
        yield pa.RecordBatch.from_arrays(columns, names=_COUNTED.names)
