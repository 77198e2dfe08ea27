"""The text of a content, and which contents still lack a feature."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


def text() -> Column:
    """Title and body as one text; an empty string where there is neither (an image without a title)."""
    return F.btrim(F.concat_ws("\n", c.TITLE, c.BODY), F.lit(" \t\r\n"))


def pending(content: DataFrame, stored: DataFrame, stamp: str, value: str) -> DataFrame:
    """Contents without a stored row of the same text (content_hash) and the same maker (`stamp` == `value`)."""
    whole = stored.where(F.col(stamp) == value).select(c.CONTENT_ID, c.CONTENT_HASH)
    return content.join(whole, [c.CONTENT_ID, c.CONTENT_HASH], "left_anti")
