"""What is said of records that are kept though not all in them is taken as it came: codes, how many, and in words."""

from __future__ import annotations

import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c

NOTES = "notes"
NO_NUMBER = "no_number"
ID_READ = "id_read"
LABEL_READ = "label_read"
_LATE = "late"
_WORDS = {
    ID_READ: "with an id such as 101.0 read as 101",
    LABEL_READ: "with a label or facet read without blanks or .0",
    NO_NUMBER: "with NaN or Infinity read as nothing",
    _LATE: "with a time beyond tomorrow, which wins over no other",
}


def codes(*checks: tuple[Column, str]) -> Column:
    """The codes of the checks that hold, in their order."""
    found = F.array(*[F.when(condition, F.lit(code)) for condition, code in checks])
    return F.filter(found, lambda code: code.isNotNull())


def counted(rows: DataFrame, time: str | None, latest: datetime.datetime) -> tuple[int, tuple[str, ...]]:
    """How many rows (with `errors` and `notes`) there are, and what is said of those without errors.

    `time` names the column of which a value from `latest` on is beyond tomorrow.
    """
    is_late = F.lit(False) if time is None else F.col(time) >= F.lit(latest)
    noted = {code: F.array_contains(NOTES, code) for code in _WORDS if code != _LATE} | {_LATE: is_late}
    is_good = F.size(c.ERRORS) == 0
    counts = [F.count(F.when(is_good & condition, 1)).alias(code) for code, condition in noted.items()]
    found = rows.agg(F.count(F.lit(1)).alias("n"), *counts).first()
    assert found is not None  # an aggregate has a row
    return found["n"], tuple(f"{found[code]} {words}" for code, words in _WORDS.items() if found[code] > 0)
