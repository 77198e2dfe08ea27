"""Records of a source of votes, whoever wrote them, as records of votes.

A vote of an export has a `raw` of its own, a JSON object, so that quarantine tells one answer of a record from another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from linnaeus.bronze.exports.reading import VOTES, Reading, Vote
from linnaeus.bronze.records import FIELDS
from linnaeus.contracts import columns as c

NAMES = (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.LABEL, c.VOTED_AT)
_FOUND, _VOTE = "__found", "__vote"
_SCHEMA = ArrayType(StructType([StructField(name, StringType()) for name in Vote._fields]))


def as_votes(records: DataFrame, reading: Reading) -> DataFrame:
    """Records with the fields of votes: a row for each vote, and for each thing that is none (`skipped_…` in errors).

    Records that are unreadable, or have all fields of a vote, stay as they are.
    """
    if reading.form == VOTES:
        return records.withColumn(FIELDS, _as_given(reading))

    @F.pandas_udf(StringType())  # type: ignore[attr-defined,call-overload,untyped-decorator]
    def found_in(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for texts, files in batches:
            yield pd.Series([_found(reading, *pair) for pair in zip(texts, files, strict=True)], dtype=object)

    # Only what may be an export crosses to Python.
    text = F.when((F.size(c.ERRORS) == 0) & ~_is_vote(), F.col(c.RAW))
    told = records.select("*", F.from_json(found_in(text, c.PATH), _SCHEMA).alias(_FOUND))
    each = told.select("*", F.explode_outer(_FOUND).alias(_VOTE))
    is_own = F.col(_VOTE).isNull()
    fields = F.struct(*[F.col(f"{_VOTE}.{name}").alias(name) for name in NAMES])
    code = F.col(f"{_VOTE}.code")
    made = {
        c.RAW: F.when(is_own, F.col(c.RAW)).otherwise(F.col(f"{_VOTE}.raw")),
        FIELDS: F.when(is_own, _as_given(reading)).otherwise(fields),
        c.ERRORS: F.when(is_own | code.isNull(), F.col(c.ERRORS)).otherwise(F.array(code)),
    }
    return each.withColumns(made).select(*records.columns)


def _found(reading: Reading, text: str | None, file: str | None) -> str | None:
    """The votes in a record, as JSON; None where it stays as it is. Escaped: a lone surrogate can't cross as a text."""
    votes = None if text is None else reading.votes_in(text, file)
    return None if votes is None else json.dumps([one._asdict() for one in votes])


def _is_vote() -> Column:
    """Whether a record has all fields of a vote."""
    needed = [F.col(f"{FIELDS}.{name}") for name in NAMES if name != c.VOTED_AT]
    return F.forall(F.array(*needed), lambda one: F.coalesce(F.trim(one) != "", F.lit(False)))


def _as_given(reading: Reading) -> Column:
    """The fields of a record, with an annotator where that is set and it names none."""
    given = {name: F.col(f"{FIELDS}.{name}") for name in NAMES}
    if reading.annotator is not None:
        named = given[c.ANNOTATOR_ID]
        given[c.ANNOTATOR_ID] = F.coalesce(F.when(F.trim(named) != "", named), F.lit(reading.annotator))
    return F.struct(*[column.alias(name) for name, column in given.items()])
