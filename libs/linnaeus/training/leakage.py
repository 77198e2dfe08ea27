"""Near-duplicates of what models are judged and calibrated on are not trained on, whoever published them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.training.split import TRAIN

_BANDS = 16
_KEY, _IS_TEXT, _OTHER = "__key", "__is_text", "__other"


def without_leaks(rows: DataFrame, at_least: float) -> DataFrame:
    """Rows but those in `part` train that agree with a row of another part: the same text, or nearly.

    `rows` has `content_id`, `content_hash`, `part` and `signature` (MinHash, see features/near_duplicates.py; null
    where a text has no word). Nearly: the share of places at which two signatures agree, an estimate of the texts'
    Jaccard similarity, is `at_least`. Candidates are pairs with a band of the signature in common; of a band that many
    rows of other parts share one row stands for all, so the work grows with the rows.
    """
    keyed = _keyed(rows)
    judged = keyed.where(F.col(c.PART) != TRAIN).groupBy(_KEY).agg(F.min(c.SIGNATURE).alias(_OTHER))
    found = keyed.where(F.col(c.PART) == TRAIN).join(judged, _KEY)
    leaks = found.where(F.col(_IS_TEXT) | (_agreement() >= at_least)).select(c.CONTENT_ID).distinct()
    return rows.join(leaks, c.CONTENT_ID, "left_anti")


def _keyed(rows: DataFrame) -> DataFrame:
    """A row a key that two rows of one text, or nearly one text, have in common: the text's hash, and each band."""
    width = F.size(c.SIGNATURE) / _BANDS
    bands = F.transform(
        F.sequence(F.lit(0), F.lit(_BANDS - 1)),
        lambda band: F.struct(
            F.xxhash64(band, F.slice(c.SIGNATURE, (band * width + 1).cast("int"), width.cast("int"))).alias(_KEY),
            F.lit(False).alias(_IS_TEXT),
        ),
    )
    of_text = F.array(F.struct(F.xxhash64(c.CONTENT_HASH).alias(_KEY), F.lit(True).alias(_IS_TEXT)))
    keys = F.when(F.col(c.SIGNATURE).isNull(), of_text).otherwise(F.concat(of_text, bands))
    return rows.select(c.CONTENT_ID, c.PART, c.SIGNATURE, F.inline(keys))


def _agreement() -> Column:
    agree = F.zip_with(c.SIGNATURE, _OTHER, lambda a, b: (a == b).cast("int"))
    return F.aggregate(agree, F.lit(0), lambda total, one: total + one) / F.size(c.SIGNATURE)
