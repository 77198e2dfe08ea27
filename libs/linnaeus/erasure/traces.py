"""The rows of a table that are a creator's, by what the table declares (contracts/tables.py)."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.hashed_ids import CREATOR, ITEM, TEXT, Hasher
from linnaeus.contracts.tables import Table, Traces
from linnaeus.erasure.records import hashes_in

_HASHES, _HASH = "__hashes", "__hash"


def keys_of(rows: DataFrame, table: Table, traces: Traces, gone: DataFrame, hasher: Hasher) -> DataFrame:
    """Keys, once each, of the rows that hold an id whose hash is in `gone` (`id_hash`).

    Texts do not count: see `keys_of_texts`.
    """
    found = [hasher.column(CREATOR, F.col(name)) for name in traces.creators]
    found += [hasher.column(ITEM, F.col(name)) for name in traces.contents + traces.items]
    lists = [F.array(*found)] if found else []
    lists += [hashes_in(F.col(name), F.col(c.ERRORS), hasher) for name in traces.records]
    if not lists:
        return rows.select(*table.key).limit(0)
    exploded = rows.select(*table.key, F.explode(F.concat(*lists)).alias(_HASH))
    wanted = F.broadcast(gone.select(F.col(c.ID_HASH).alias(_HASHES)))
    return exploded.join(wanted, F.col(_HASH) == F.col(_HASHES), "left_semi").select(*table.key).distinct()


def keys_of_texts(rows: DataFrame, table: Table, traces: Traces, kept: DataFrame) -> DataFrame:
    """Keys of the rows of a table of texts alone that no content has any more; `kept` are the contents that stay.

    Not only the creator's: whose an older text was that no content has now, nobody knows.
    """
    (column,) = traces.texts
    texts = kept.select(F.col(c.CONTENT_HASH).alias(_HASH)).distinct()
    return rows.join(texts, F.col(column) == F.col(_HASH), "left_anti").select(*table.key)


def items_of(rows: DataFrame, traces: Traces, creator_id: str) -> DataFrame:
    """Ids (`item_id`) of what stands as the creator's in a table with both kinds of ids; null is left out."""
    own = rows.where(F.col(traces.creators[0]) == creator_id)
    (column,) = traces.contents + traces.items
    return own.select(F.col(column).alias(c.ITEM_ID)).where(F.col(c.ITEM_ID).isNotNull())


def remembered(ids: DataFrame, texts: DataFrame, creator_id: str, is_item_too: bool, hasher: Hasher) -> DataFrame:
    """Hashes (`id_hash`, `kind`) of a creator, their items (`item_id`) and the texts (`content_hash`) that were theirs
    alone. `is_item_too`: a creator's id among items means the creator, no content of another."""
    own = [(hasher.of(CREATOR, creator_id), CREATOR)]
    own += [(hasher.of(ITEM, creator_id), ITEM)] if is_item_too else []
    first = ids.sparkSession.createDataFrame(own, f"{c.ID_HASH} string, {c.KIND} string")
    items = ids.select(hasher.column(ITEM, F.col(c.ITEM_ID)).alias(c.ID_HASH), F.lit(ITEM).alias(c.KIND))
    alone = texts.select(hasher.column(TEXT, F.col(c.CONTENT_HASH)).alias(c.ID_HASH), F.lit(TEXT).alias(c.KIND))
    return first.union(items).union(alone).distinct()
