"""Records that can't be kept, in the form of bronze.quarantine."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


def quarantine(rows: DataFrame, source: str) -> DataFrame:
    """One row for each distinct record (`raw`, `raw_bytes`, `errors`), with how often it came; stamp excluded.

    The id is a function of source and raw bytes, so that a record found again is the same row.
    """
    raw = F.coalesce(F.col(c.RAW_BYTES), F.encode(F.col(c.RAW), "UTF-8"))
    identified = rows.select(
        F.sha2(F.concat(F.encode(F.lit(source + "\n"), "UTF-8"), raw), 256).alias(c.RECORD_ID),
        c.RAW,
        c.RAW_BYTES,
        c.ERRORS,
    )
    return identified.groupBy(c.RECORD_ID).agg(
        F.lit(source).alias(c.SOURCE),
        F.first(c.RAW).alias(c.RAW),
        F.first(c.RAW_BYTES).alias(c.RAW_BYTES),
        F.max(c.ERRORS).alias(c.ERRORS),
        F.count(F.lit(1)).alias(c.OCCURRENCES),
        F.lit(None).cast("string").alias(c.DETAIL),
    )
