"""Ids that stand in records as they came, and records of those who were erased."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import written_ids
from linnaeus.contracts.hashed_ids import CREATOR, ITEM, Hasher

KIND_OF_FIELD = {c.CREATOR_ID: CREATOR, c.CONTENT_ID: ITEM, c.ITEM_ID: ITEM}
# Of such records the fields mean nothing, or an id stands inside of what should be one.
TORN = ("malformed_record", "unreadable_id")
_HASH, _HASHES = "__hash", "__hashes"
# Where an id may stand in what is no record: between quotes, between commas, or as a word.
_QUOTED, _BETWEEN, _WORD_ENDS = r'"((?:[^"\\]|\\.)*)"', r"[,;\t]", r"[^\p{L}\p{N}_.@\-]+"


def hashes_in(raw: Column, errors: Column, hasher: Hasher) -> Column:
    """Hashes (array) of all ids of a record: of its fields, or of its words where it can't be read as one."""
    of_fields = F.array(
        *[
            hasher.column(kind, written_ids.as_read(F.get_json_object(raw, f"$.{name}")))
            for name, kind in KIND_OF_FIELD.items()
        ]
    )
    words = F.concat(
        F.regexp_extract_all(raw, F.lit(_QUOTED), F.lit(1)),
        F.transform(F.split(raw, _BETWEEN), lambda one: F.trim(one)),
        F.split(raw, _WORD_ENDS),
    )
    words = F.array_union(words, F.transform(words, written_ids.as_read))
    of_words = F.concat(*[_hashed(words, kind, hasher) for kind in (CREATOR, ITEM)])
    return F.array_compact(F.when(_is_torn(errors), of_words).otherwise(of_fields))


def _is_torn(errors: Column) -> Column:
    return F.arrays_overlap(errors, F.array(*map(F.lit, TORN)))


def _hashed(words: Column, kind: str, hasher: Hasher) -> Column:
    return F.transform(words, lambda one: hasher.column(kind, one))


def without_erased(records: DataFrame, columns: Sequence[str], erased: DataFrame, hasher: Hasher) -> DataFrame:
    """Checked records (with `raw` and `errors`) but those of who was erased.

    `erased` holds hashes (`id_hash`) of ids. An id may stand in any of `columns`, or, in a record that can't be read,
    anywhere: set aside it would be there again.
    """
    known = F.broadcast(erased.select(F.col(c.ID_HASH).alias(_HASH)).distinct())
    is_torn = _is_torn(F.col(c.ERRORS))
    torn = records.where(is_torn).withColumn(_HASHES, hashes_in(F.col(c.RAW), F.col(c.ERRORS), hasher))
    of_erased = torn.select(c.RAW, F.explode(_HASHES).alias(_HASH)).join(known, _HASH, "left_semi").select(c.RAW)
    kept = records.where(is_torn).join(of_erased, c.RAW, "left_anti")
    whole = records.where(~is_torn)
    for name in columns:
        hashed = whole.withColumn(_HASH, hasher.column(KIND_OF_FIELD[name], F.col(name)))
        whole = hashed.join(known, _HASH, "left_anti")
    return whole.select(*records.columns).union(kept.select(*records.columns))
