"""What is said of a source of which not one record can be kept: mostly its form is another than it was taken for."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.bronze.deduplicate import CONFLICTING, SUPERSEDED
from linnaeus.bronze.exports.reading import SEVERAL_QUESTIONS
from linnaeus.bronze.records import INVALID_UTF8, MALFORMED
from linnaeus.contracts import columns as c
from linnaeus.contracts.errors import InputError

_MISSING = "missing_"
_MOST = 20  # columns that are named


def refuse(source: str, aside: DataFrame, encoding: str) -> None:
    """Raise InputError where all records of a source stand in `aside` for what is wrong with themselves."""
    codes = _codes(aside)
    if {CONFLICTING, SUPERSEDED} & codes.keys():
        return
    found = _columns(aside)
    counts = ", ".join(f"{n} {code}" for code, n in codes.items())
    columns = f" Columns found: {', '.join(found)}." if found else ""
    raise InputError(f"sources.{source}: no record of it can be kept ({counts}).{columns} {_advice(codes, encoding)}")


def _codes(aside: DataFrame) -> dict[str, int]:
    """How many records have each code."""
    by_code = aside.select(F.explode(c.ERRORS).alias("code"), c.OCCURRENCES).groupBy("code")
    rows = by_code.agg(F.sum(c.OCCURRENCES).alias("n")).orderBy("code").collect()  # few: one a code
    return {row["code"]: row["n"] for row in rows}


def _columns(aside: DataFrame) -> list[str]:
    """Names, not values: a value may tell of a creator."""
    keys = aside.where(~F.array_contains(c.ERRORS, MALFORMED)).select(
        F.explode(F.json_object_keys(c.RAW)).alias("name")
    )
    rows = keys.distinct().orderBy("name").limit(_MOST).collect()  # few: _MOST
    return [row["name"] for row in rows]


def _advice(codes: dict[str, int], encoding: str) -> str:
    missing = [code.removeprefix(_MISSING) for code in codes if code.startswith(_MISSING)]
    if INVALID_UTF8 in codes:
        return f"Set ingest.encoding (it is {encoding}; windows-1252, say), or export as UTF-8."
    if missing == [c.ANNOTATOR_ID]:
        return "Set ingest.votes_annotator to who gave these answers, or name them in a column annotator_id."
    if SEVERAL_QUESTIONS in codes:
        return "Set ingest.votes_question to the question whose answers are votes."
    if missing:
        return f"Give columns of the names {', '.join(missing)}: rename those that hold them."
    if MALFORMED in codes:
        return "Give one JSON object a line, an array of objects, or CSV with a header."
    return "Mend what the codes say (docs/operations/quarantine.md)."
