"""Contents to silver.embeddings: each distinct text is embedded once, and never again while text and embedder stay.

Vectors go to silver.text_embeddings first, in commits of a configured size, each embedder's beside the others'; when
all contents have theirs, silver.embeddings takes them in one commit. So a run that was cut off goes on where it
stopped, and no reader ever sees vectors of two embedders side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark import StorageLevel, inheritable_thread_target
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, Embedder
from linnaeus.contracts.errors import LinnaeusError
from linnaeus.features.embeddings import (
    SET_ASIDE_BY,
    distinct_texts,
    embed,
    part_of,
    partitions_for,
    set_aside_id,
    size_of,
    without_set_aside,
)
from linnaeus.features.near_duplicates import signatures
from linnaeus.features.text import text
from linnaeus.features.vector import with_embedding
from linnaeus.features.windows import Cutter, Windowing
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.embedder import LoadedEmbedder, check_stamps, failure_on, identity, load_embedder
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached, cached_apart, side_by_side, slots, task_failure

_FAILED = "embedding_failed"
_HAS_ROW, _HASH_OF_ROW, _EMBEDDER_OF_ROW = "__has_row", "__hash_of_row", "__embedder_of_row"


def main(config: Config) -> JobResult:
    """Embed what lacks a vector of this embedder."""
    lake = Lake(build_session(config), config)
    stamp = identity(config.embedder)
    with ExitStack() as held, ThreadPoolExecutor(1) as beside:
        # What there is to do is known when tables' logs have been read: the model is loaded meanwhile.
        loading = beside.submit(inheritable_thread_target(load_embedder), lake.session, config.embedder)
        todo, n_todo = _held(_todo(lake, stamp), held)
        if n_todo == 0:
            return _result(0, 0, 0, 0, stamp)
        steps: list[Callable[[], Any]] = [
            lambda: check_stamps(stamp, _stamps(lake)),
            lambda: _held(_new_texts(lake, todo, stamp), held),
            lambda: todo.select(c.CONTENT_HASH).distinct().count(),
        ]
        _, (new_texts, n_new), n_texts = side_by_side(lambda step: step(), steps)
        filling = _Filling(lake, config.embedder, stamp, loading.result(), held)
        if n_new > 0:
            filling.fill(new_texts, n_new)
        vectors = filling.vectors if n_new == n_texts else None
        served = _served(todo, _stored(lake, stamp) if vectors is None else vectors, config.embedder.dimension)
        written = lake.merge(served, tables.EMBEDDINGS, stored=F.col(_HAS_ROW)).written
    return _result(n_todo, n_new, filling.n_failed, written, stamp)


def _held(rows: DataFrame, held: ExitStack) -> tuple[DataFrame, int]:
    """The rows as they are now, kept until `held` ends whatever is written to their tables, and how many they are."""
    kept = cached_apart(rows, held)
    return kept, kept.count()


def _todo(lake: Lake, stamp: str) -> DataFrame:
    """Contents with a text, without a row of it by this embedder, whose text did not fail before."""
    content = lake.read(tables.CONTENT).select(c.CONTENT_ID, c.CONTENT_HASH, c.TITLE, c.BODY).where(text() != "")
    stored = lake.read(tables.EMBEDDINGS).select(
        c.CONTENT_ID, F.col(c.CONTENT_HASH).alias(_HASH_OF_ROW), F.col(c.EMBEDDER).alias(_EMBEDDER_OF_ROW)
    )
    is_whole = (F.col(_HASH_OF_ROW) == F.col(c.CONTENT_HASH)) & (F.col(_EMBEDDER_OF_ROW) == stamp)
    lacking = content.join(stored, c.CONTENT_ID, "left").where(~F.coalesce(is_whole, F.lit(False)))
    waiting = without_set_aside(lacking, lake.read(tables.QUARANTINE), stamp)
    has_row = F.col(_HASH_OF_ROW).isNotNull().alias(_HAS_ROW)
    return waiting.select(c.CONTENT_ID, c.CONTENT_HASH, c.TITLE, c.BODY, has_row)


def _stamps(lake: Lake) -> list[str]:
    stored = lake.read(tables.TEXT_EMBEDDINGS).select(c.EMBEDDER).distinct()
    return [row[c.EMBEDDER] for row in stored.collect()]  # few: one an embedder that was ever in force


def _new_texts(lake: Lake, todo: DataFrame, stamp: str) -> DataFrame:
    known = _stored(lake, stamp).select(c.CONTENT_HASH)
    return distinct_texts(todo).join(known, c.CONTENT_HASH, "left_anti")


def _stored(lake: Lake, stamp: str) -> DataFrame:
    """The rows of silver.text_embeddings that are this embedder's."""
    return lake.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == stamp)


def _served(todo: DataFrame, vectors: DataFrame, dimension: int) -> DataFrame:
    """Rows of silver.embeddings for contents whose text has its vector, and whether they have one already."""
    served = todo.select(c.CONTENT_ID, c.CONTENT_HASH, _HAS_ROW).join(vectors, c.CONTENT_HASH)
    return with_embedding(served, dimension)


@dataclass(eq=False)
class _Filling:
    """A fill on its way: what embeds, where to, and how many texts failed so far.

    What one commit can hold is also kept until `held` ends, so that it need not be read again.
    """

    lake: Lake
    settings: Embedder
    stamp: str
    loaded: LoadedEmbedder
    held: ExitStack
    n_failed: int = 0
    kept: list[DataFrame] | None = None

    @property
    def vectors(self) -> DataFrame | None:
        """All rows that were stored; None where they were too many to be kept."""
        return reduce(DataFrame.union, self.kept) if self.kept else None

    def fill(self, texts: DataFrame, n_texts: int) -> None:
        """Embed texts in commits of `texts_a_commit`."""
        n_parts = math.ceil(n_texts / self.settings.texts_a_commit)
        self.kept = [] if n_parts == 1 else None
        for part in _parts(texts, n_parts):
            self.commit_or_halve(part)

    def commit(self, texts: DataFrame) -> None:
        """Embed texts and store their vectors, in one commit; those that have none are read one by one."""
        self._commit(texts, self._commit_one_by_one)

    def _commit_one_by_one(self, texts: DataFrame) -> None:
        """As `commit`, of texts of which some made the batch fail that they were in; those are set aside."""
        with self.loaded.one_by_one():
            self._commit(texts, self._set_aside)

    def _commit(self, texts: DataFrame, take_lacking: Callable[[DataFrame], None]) -> None:
        vectors = self._embed(texts)
        try:
            lacking = vectors.where(F.col(c.VECTOR).isNull())
            if lacking.count() > 0:
                take_lacking(texts.join(lacking, c.CONTENT_HASH, "left_semi"))
            self._store(texts, vectors)
        finally:
            vectors.unpersist()

    def _embed(self, texts: DataFrame) -> DataFrame:
        """Vectors, persisted; null where the annotator failed."""
        settings = self.settings
        partitions = partitions_for(
            size_of(texts, settings.max_tokens, settings.most_windows),
            settings.windows_a_partition,
            int(settings.megabytes_a_partition * 2**20),
            slots(self.lake.session),
        )
        windowing = Windowing.of(settings, self.loaded.vocabulary)
        vectors = embed(texts, self.loaded.annotator, windowing, settings.dimension, partitions)
        return vectors.persist(StorageLevel.MEMORY_AND_DISK)

    def _store(self, texts: DataFrame, vectors: DataFrame) -> None:
        rows = vectors.where(F.col(c.VECTOR).isNotNull()).withColumn(c.EMBEDDER, F.lit(self.stamp))
        rows = rows.join(signatures(texts), c.CONTENT_HASH, "left").select(*tables.TEXT_EMBEDDINGS.columns)
        if self.kept is not None:
            rows = cached(rows, self.held)
            self.kept.append(rows)
        self.lake.merge(rows, tables.TEXT_EMBEDDINGS, stored=F.lit(False))

    def commit_or_halve(self, texts: DataFrame) -> None:
        """As `commit`; a text on which the annotator takes its whole task along is found by halves and set aside."""
        waiting = [(texts, 0)]
        while waiting:
            part, depth = waiting.pop()
            try:
                self.commit(part)
            except Exception as error:
                reason = task_failure(error)
                if reason is None:
                    raise
                if part.limit(2).count() > 1:
                    waiting += [(half, depth + 1) for half in _halves(part, depth)]
                else:
                    self._set_aside(part, reason)

    def _set_aside(self, texts: DataFrame, reason: str | None = None) -> None:
        """Texts to quarantine, with what the annotator says of each. Raises LinnaeusError where they are too many."""
        most = self.settings.most_failures
        keys = [row[c.CONTENT_HASH] for row in texts.select(c.CONTENT_HASH).limit(most + 1).collect()]  # few: see limit
        self.n_failed += len(keys)
        for key in keys[:most]:
            text_of = texts.where(F.col(c.CONTENT_HASH) == key)
            said = reason or self._reason(text_of)
            if self.n_failed > most:
                raise LinnaeusError(
                    f"{self.settings.name} failed on more than {most} texts (embedder.most_failures), on one with: "
                    f"{said}"
                )
            self.lake.merge(_quarantined(text_of, self.stamp, said), tables.QUARANTINE)

    def _reason(self, text_of: DataFrame) -> str:
        row = text_of.first()
        assert row is not None
        cutter = Cutter(Windowing.of(self.settings, self.loaded.vocabulary))
        windows = [one.text for one, _ in cutter.weighted(row[c.TITLE], row[c.BODY])]
        return failure_on(self.lake.session, self.loaded.annotator, windows)


def _parts(texts: DataFrame, n_parts: int) -> Iterator[DataFrame]:
    if n_parts == 1:
        yield texts
        return
    for part in range(n_parts):
        yield texts.where(part_of(F.col(c.CONTENT_HASH), n_parts) == part)


def _halves(texts: DataFrame, depth: int) -> list[DataFrame]:
    """Two parts by a hash of key and depth, so that each halving divides anew."""
    half = part_of(F.concat(F.col(c.CONTENT_HASH), F.lit(f"/{depth}")), 2)
    return [texts.where(half == one) for one in (0, 1)]


def _quarantined(texts: DataFrame, stamp: str, reason: str) -> DataFrame:
    rows = texts.select(
        set_aside_id(F.lit(stamp)).alias(c.RECORD_ID),
        F.lit(SET_ASIDE_BY).alias(c.SOURCE),
        text().alias(c.RAW),
        F.lit(None).cast("binary").alias(c.RAW_BYTES),
        F.array(F.lit(_FAILED)).alias(c.ERRORS),
        F.lit(1).cast("long").alias(c.OCCURRENCES),
        F.current_timestamp().alias(c.INGESTED_AT),
        F.lit(reason).alias(c.DETAIL),
    )
    return rows.select(*tables.QUARANTINE.columns)


def _result(n_todo: int, n_new: int, n_failed: int, written: int, stamp: str) -> JobResult:
    return JobResult(
        rows_read=n_todo,
        rows_written=written,
        rows_quarantined=n_failed,
        tables=(tables.TEXT_EMBEDDINGS, tables.EMBEDDINGS),
        details={"embedded": f"{n_new} distinct texts", "embedder": stamp},
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("build_embeddings", main, (FULL,), needs=DEPENDENCIES["build_embeddings"])


if __name__ == "__main__":
    command()
