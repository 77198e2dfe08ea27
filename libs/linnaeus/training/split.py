"""Which rows are held out: by creator, as a function of the creator's id and a seed, whatever the partitioning.

Where a time is set, by the time of publication as well: what a model is judged on is then by creators that it has not
seen and of a time that it has not seen, as what it will score is.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Split

TRAIN = "train"
CALIBRATION = "calibration"
HELD_OUT = "held_out"

_HEX_DIGITS = 13
_RANGE = float(16**_HEX_DIGITS)


def with_split(rows: DataFrame, split: Split) -> DataFrame:
    """Adds `part` (train, calibration or held_out) and `fold` (0 to folds - 1, of training rows) by `creator_id`.

    Where `split.held_out_after` is set, of creators that are held out only rows with a `published_at` from then on are
    held out, and of the others only earlier ones are trained or calibrated on: the rest has no part (null). A row
    without a time counts as an earlier one.
    """
    is_held_out = uniform(F.col(c.CREATOR_ID), split.seed, "held_out") < split.held_out_share
    is_calibration = uniform(F.col(c.CREATOR_ID), split.seed, "calibration") < split.calibration_share
    part = F.when(is_held_out, F.lit(HELD_OUT)).when(is_calibration, F.lit(CALIBRATION)).otherwise(F.lit(TRAIN))
    if split.held_out_after is not None:
        is_later = F.coalesce(F.col(c.PUBLISHED_AT) >= F.lit(split.held_out_after), F.lit(False))
        part = F.when(is_held_out == is_later, part)
    fold = F.floor(uniform(F.col(c.CREATOR_ID), split.seed, "fold") * split.folds).cast("int")
    return rows.withColumn(c.PART, part).withColumn(c.FOLD, fold)


def sampled(rows: DataFrame, share: float, seed: int) -> DataFrame:
    """About this share of the rows of `part` train, by `content_id`; those of other parts as they are."""
    is_drawn = uniform(F.col(c.CONTENT_ID), seed, "sample") < share
    return rows.where((F.col(c.PART) != TRAIN) | is_drawn)


def uniform(key: Column, seed: int, purpose: str) -> Column:
    """A number in [0, 1) that depends on the key, the seed and the purpose alone (52 bits of a SHA-256)."""
    digest = F.sha2(F.concat(F.lit(f"{seed}:{purpose}:"), key), 256)
    return F.conv(F.substring(digest, 1, _HEX_DIGITS), 16, 10).cast("double") / F.lit(_RANGE)
