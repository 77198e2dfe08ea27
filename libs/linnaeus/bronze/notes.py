"""What is said of records that are kept though not all in them is taken as it came: codes, how many, and in words."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.bronze.exports.reading import SKIPPED
from linnaeus.contracts import columns as c

NOTES = "notes"
NO_NUMBER = "no_number"
ID_READ = "id_read"
LABEL_READ = "label_read"
_LATE = "late"
_REASON = "reason"
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


class Counted(NamedTuple):
    """How many records there are, what is said of those that are kept, and how many are no records, by the reason."""

    n: int
    said: tuple[str, ...]
    skipped: dict[str, int]


def is_skipped() -> Column:
    """Whether a row is no record: what an export has beside votes."""
    return F.coalesce(F.get(c.ERRORS, F.lit(0)).startswith(SKIPPED), F.lit(False))


def counted(rows: DataFrame, time: str | None, latest: datetime.datetime) -> Counted:
    """Count rows, which have `errors` and `notes`.

    `time` names the column of which a value from `latest` on is beyond tomorrow.
    """
    is_late = F.lit(False) if time is None else F.col(time) >= F.lit(latest)
    noted = {code: F.array_contains(NOTES, code) for code in _WORDS if code != _LATE} | {_LATE: is_late}
    is_good = F.size(c.ERRORS) == 0
    counts = [F.count(F.when(is_good & condition, 1)).alias(code) for code, condition in noted.items()]
    reason = F.when(is_skipped(), F.get(c.ERRORS, F.lit(0))).alias(_REASON)
    found = rows.groupBy(reason).agg(F.count(F.lit(1)).alias("n"), *counts).collect()  # few: one a reason
    by_reason = {row[_REASON]: row for row in found}
    records = by_reason.pop(None, None)
    skipped = {reason.removeprefix(SKIPPED): row["n"] for reason, row in by_reason.items()}
    if records is None:
        return Counted(0, (), skipped)
    said = tuple(f"{records[code]} {words}" for code, words in _WORDS.items() if records[code] > 0)
    return Counted(records["n"], said, skipped)
