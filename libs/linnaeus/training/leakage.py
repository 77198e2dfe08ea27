"""Near-duplicates of what models are judged and calibrated on are not trained on, whoever published them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.training.split import TRAIN

_BANDS = 16
_BAND, _OTHER = "__band", "__other"


def without_leaks(rows: DataFrame, at_least: float) -> DataFrame:
    """Rows but those in `part` train that agree with a row of another part: the same text, or nearly.

    `rows` has `content_id`, `content_hash`, `part` and `signature` (MinHash, see features/near_duplicates.py; null
    where a text has no word). Nearly: the share of places at which two signatures agree, an estimate of the texts'
    Jaccard similarity, is `at_least`. Candidates are pairs with a band of the signature in common; of a band that many
    rows of other parts share one row stands for all, so the work grows with the rows.
    """
    train, others = rows.where(F.col(c.PART) == TRAIN), rows.where(F.col(c.PART) != TRAIN)
    same_text = train.join(others.select(c.CONTENT_HASH).distinct(), c.CONTENT_HASH, "left_semi").select(c.CONTENT_ID)
    judged = _banded(others).groupBy(_BAND).agg(F.min(c.SIGNATURE).alias(_OTHER))
    near = _banded(train).join(judged, _BAND).where(_agreement() >= at_least).select(c.CONTENT_ID)
    return rows.join(same_text.union(near).distinct(), c.CONTENT_ID, "left_anti")


def _banded(rows: DataFrame) -> DataFrame:
    """A row a band: its place and its part of the signature."""
    width = F.size(c.SIGNATURE) / _BANDS
    bands = F.transform(
        F.sequence(F.lit(0), F.lit(_BANDS - 1)),
        lambda band: F.struct(band, F.slice(c.SIGNATURE, (band * width + 1).cast("int"), width.cast("int"))),
    )
    known = rows.where(F.col(c.SIGNATURE).isNotNull())
    return known.select(
        c.CONTENT_ID, c.SIGNATURE, F.explode(F.transform(bands, lambda band: F.xxhash64(band))).alias(_BAND)
    )


def _agreement() -> Column:
    agree = F.zip_with(c.SIGNATURE, _OTHER, lambda a, b: (a == b).cast("int"))
    return F.aggregate(agree, F.lit(0), lambda total, one: total + one) / F.size(c.SIGNATURE)
