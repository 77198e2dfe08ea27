"""What creators were from when to when: a slowly changing table of type 2 (Kimball, 1996, The Data Warehouse Toolkit).

A creator's row ends, and the next one begins, where their category, the accepted one, their main modality or their
flagged risk areas change; shares and chances move a little with every post, and are kept in gold.creator_profiles.

The history is written before the profiles. A run that is killed between the two leaves profiles as they were; the next
one finds the history as it should be and writes the profiles. Rows are numbered, so that two runs at once, which find
the same change, write it to the same key.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables

_WAS, _LAST = "was_", "last_"
_NAMED = {c.CATEGORY: "category", c.CATEGORY_ACCEPTED: "accepted category", c.MODALITY: "modality"}
_INPUTS = (c.MODELS, c.TAXONOMY_VERSIONS, c.CONTENTS_DIGEST, c.FORM_DIGEST, c.SETTINGS)
_TEXTS = "array<string>"


def revisions(rows: DataFrame, last: DataFrame, history: DataFrame, at: Column) -> DataFrame:
    """Rows of gold.creator_profile_history to be merged: those that end, and those that begin.

    `rows` are those of gold.creator_profiles that a run has made, `last` those that are stored, of the run before: in
    what they came from lies the reason. `at` is the time of the run.
    """
    current = _current(history)
    compared = _compared(rows, last, current.where("place = 1"))
    is_first = F.col(_WAS + c.REVISION).isNull()
    differing = compared.where(is_first | (F.size(c.CHANGES) > 0))
    # A clock that was set back must not end a row before it began.
    at = F.greatest(at, F.col(_WAS + c.VALID_FROM))
    begin = differing.withColumns(
        {
            c.REVISION: F.coalesce(F.col(_WAS + c.REVISION), F.lit(0).cast("long")) + 1,
            c.VALID_FROM: at,
            c.VALID_TO: F.lit(None).cast("timestamp"),
            c.IS_CURRENT: F.lit(True),
            c.REASONS: F.when(is_first, F.array(F.lit("first_profile"))).otherwise(F.col(c.REASONS)),
        }
    )
    end = differing.where(~is_first).select(
        *[
            F.col(_WAS + name).alias(name)
            for name in tables.CREATOR_PROFILE_HISTORY.columns
            if name not in (c.CREATOR_ID, c.VALID_TO, c.IS_CURRENT)
        ],
        c.CREATOR_ID,
        at.alias(c.VALID_TO),
        F.lit(False).alias(c.IS_CURRENT),
    )
    columns = tables.CREATOR_PROFILE_HISTORY.columns
    return begin.select(*columns).union(end.select(*columns)).union(_left_open(current).select(*columns))


def _current(history: DataFrame) -> DataFrame:
    """Rows that have not ended, with their `place` from the newest, and when the one after them began.

    There is one a creator; another run that had read an older history may have left more.
    """
    newest_first = Window.partitionBy(c.CREATOR_ID).orderBy(F.col(c.REVISION).desc())
    return history.where(F.col(c.IS_CURRENT)).select(
        "*",
        F.row_number().over(newest_first).alias("place"),
        F.lag(c.VALID_FROM).over(newest_first).alias("next_from"),
    )


def _left_open(current: DataFrame) -> DataFrame:
    """Ends of those that should have ended."""
    return current.where("place > 1").withColumns({c.VALID_TO: F.col("next_from"), c.IS_CURRENT: F.lit(False)})


def _compared(rows: DataFrame, last: DataFrame, newest: DataFrame) -> DataFrame:
    """Rows with the history's newest (`was_…`), `changes` and `reasons`."""
    was = newest.select(*[F.col(name).alias(_WAS + name) for name in tables.CREATOR_PROFILE_HISTORY.columns])
    before = last.select(*[F.col(name).alias(_LAST + name) for name in (c.CREATOR_ID, *_INPUTS)])
    joined = rows.join(was, F.col(c.CREATOR_ID) == F.col(_WAS + c.CREATOR_ID), "left").join(
        before, F.col(c.CREATOR_ID) == F.col(_LAST + c.CREATOR_ID), "left"
    )
    is_first = F.col(_WAS + c.REVISION).isNull()
    changes = F.when(is_first, F.array().cast(_TEXTS)).otherwise(_changes())
    return joined.withColumn(c.CHANGES, changes).withColumn(c.REASONS, _reasons())


def _changes() -> Column:
    """What differs from the history's newest row, in words."""
    named = [
        F.when(
            ~F.col(name).eqNullSafe(F.col(_WAS + name)),
            F.concat(F.lit(f"{said}: "), _or_none(_WAS + name), F.lit(" -> "), _or_none(name)),
        )
        for name, said in _NAMED.items()
    ]
    now, before = (F.coalesce(F.col(p + c.RISK_AREAS), F.array().cast(_TEXTS)) for p in ("", _WAS))
    began = F.transform(F.array_except(now, before), lambda area: F.concat(F.lit("risk flagged: "), area))
    ended = F.transform(F.array_except(before, now), lambda area: F.concat(F.lit("risk no longer flagged: "), area))
    return F.concat(F.array_compact(F.array(*named)), began, ended)


def _or_none(name: str) -> Column:
    return F.coalesce(F.col(name), F.lit("none"))


def _reasons() -> Column:
    """What the profile came from that the stored one did not."""

    def differs(name: str) -> Column:
        return ~F.col(name).eqNullSafe(F.col(_LAST + name))

    found = [
        (differs(c.CONTENTS_DIGEST), "contents_changed"),
        (differs(c.MODELS), "rescored"),
        (differs(c.TAXONOMY_VERSIONS), "taxonomy_changed"),
        (differs(c.FORM_DIGEST) & ~differs(c.CONTENTS_DIGEST), "dates_or_reach_changed"),
        (differs(c.SETTINGS), "settings_changed"),
    ]
    known = F.array_compact(F.array(*[F.when(is_so, reason) for is_so, reason in found]))
    # The creator's own have not changed: it is the rate that risks are shrunken to.
    return F.when(F.size(known) > 0, known).otherwise(F.array(F.lit("other_creators_changed")))
