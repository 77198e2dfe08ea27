"""One vector a distinct text, by a Spark NLP annotator over its windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from sparknlp.base import DocumentAssembler

from linnaeus.contracts import columns as c
from linnaeus.features.text import text
from linnaeus.features.windows import Windowing, cut_into_windows, pool_windows

SET_ASIDE_BY = "build_embeddings"  # the source, in bronze.quarantine, of texts that can't be embedded
_VECTOR = "__vector"
_CHARACTERS_A_TOKEN = 4  # of English; only partitions are counted by it


@dataclass(frozen=True)
class Size:
    """How much there is to embed: distinct texts, their bytes (UTF-8), and about how many windows."""

    texts: int
    bytes: int
    windows: int


@dataclass(frozen=True)
class Partitions:
    """Partitions of the three steps: texts cut into windows, windows embedded, vectors pooled."""

    texts: int
    windows: int
    vectors: int


def distinct_texts(content: DataFrame) -> DataFrame:
    """`content_hash`, `title` and `body`, once each, contents without any text left out."""
    texts = content.where(text() != "").select(c.CONTENT_HASH, c.TITLE, c.BODY)
    return texts.dropDuplicates([c.CONTENT_HASH])


def size_of(texts: DataFrame, max_tokens: int, most_windows: int | None = None) -> Size:
    """The size of rows with `title` and `body`, of which at most `most_windows` windows each are read; one pass."""
    windows = F.ceil(F.length(text()) / F.lit(max_tokens * _CHARACTERS_A_TOKEN)) + F.lit(1)
    if most_windows is not None:
        windows = F.least(windows, F.lit(most_windows))
    total = texts.agg(
        F.count(F.lit(1)).alias("texts"),
        F.coalesce(F.sum(F.octet_length(text())), F.lit(0)).alias("bytes"),
        F.coalesce(F.sum(windows), F.lit(0)).alias("windows"),
    ).first()
    assert total is not None
    return Size(total["texts"], total["bytes"], total["windows"])


def partitions_for(size: Size, windows_a_partition: int, bytes_a_partition: int, slots: int) -> Partitions:
    """Whole rounds over the slots, of at most so many windows and so many bytes of text each.

    Texts differ in length by five orders of magnitude, windows by two: so texts are spread by their bytes, and what is
    dear, the windows' vectors, by the number of windows, whichever text they are of. No task waits for a long text.
    """
    return Partitions(
        texts=_rounds(size.bytes, bytes_a_partition, slots),
        windows=_rounds(size.windows, windows_a_partition, slots),
        vectors=_rounds(size.windows, 100 * windows_a_partition, slots),
    )


def embed(texts: DataFrame, annotator: Any, windowing: Windowing, dimension: int, partitions: Partitions) -> DataFrame:
    """`content_hash`, `vector` (binary) and `n_tokens` of rows with `content_hash`, `title` and `body`, once each."""
    windows = cut_into_windows(texts.repartition(partitions.texts, c.CONTENT_HASH), windowing)
    vectors = embed_windows(spread_windows(windows, partitions.windows), annotator)
    gathered = vectors.repartition(partitions.vectors, c.CONTENT_HASH).sortWithinPartitions(c.CONTENT_HASH, c.PLACE)
    return pool_windows(gathered, dimension)


def spread_windows(windows: DataFrame, partitions: int) -> DataFrame:
    """The windows on partitions by their text and place, those of a long text not together, short windows first.

    Neighbours of like length make batches in which little is filled up; the rest of the order makes them the same ones
    in every run.
    """
    spread = windows.repartition(partitions, c.CONTENT_HASH, c.PLACE)
    return spread.sortWithinPartitions(c.N_TOKENS, c.CONTENT_HASH, c.PLACE)


def embed_windows(windows: DataFrame, annotator: Any) -> DataFrame:
    """The windows with their `embedding` in the place of their `text`."""
    documents = DocumentAssembler().setInputCol(c.TEXT).setOutputCol("document").transform(windows)
    vectors: DataFrame = annotator.setInputCols(["document"]).setOutputCol(_VECTOR).transform(documents)
    kept = [name for name in windows.columns if name != c.TEXT]
    return vectors.select(*kept, F.col(_VECTOR)[0]["embeddings"].alias(c.EMBEDDING))


def set_aside_id(embedder: Column) -> Column:
    """The id in bronze.quarantine of a text (`content_hash`) that an embedder can't embed."""
    return F.sha2(F.concat(F.lit(f"{SET_ASIDE_BY}\n"), embedder, F.lit("\n"), F.col(c.CONTENT_HASH)), 256)


def without_set_aside(contents: DataFrame, quarantine: DataFrame, embedder: str) -> DataFrame:
    """Contents whose text did not make this embedder fail."""
    failed = quarantine.where(F.col(c.SOURCE) == SET_ASIDE_BY).select(F.col(c.RECORD_ID).alias("__failed"))
    return contents.join(failed, F.col("__failed") == set_aside_id(F.lit(embedder)), "left_anti")


def part_of(key: Column, parts: int) -> Column:
    """The part, of so many, that a key falls into: the same in every run."""
    return F.pmod(F.xxhash64(key), F.lit(parts))


def _rounds(amount: int, a_partition: int, slots: int) -> int:
    return slots * max(1, math.ceil(amount / (a_partition * slots)))
