"""Contents to silver.embeddings: each distinct text is embedded once, and never again while text and embedder stay."""

from __future__ import annotations

from pyspark import StorageLevel
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.features.embeddings import distinct_texts, embed, partitions_for, reuse
from linnaeus.features.text import pending
from linnaeus.runtime.command import JobResult, exit_with
from linnaeus.runtime.embedder import identity, load_annotator
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots


def main(config: Config) -> JobResult:
    """Embed what lacks a vector of this embedder."""
    embedder = identity(config.embedder)
    session = build_session(config)
    lake = Lake(session, config)
    stored = lake.read(tables.EMBEDDINGS)
    todo = pending(lake.read(tables.CONTENT), stored, c.EMBEDDER, embedder)
    known = stored.where(F.col(c.EMBEDDER) == embedder).select(c.CONTENT_HASH, c.EMBEDDING)
    n_todo = todo.count()
    if n_todo == 0:
        return _result(0, 0, 0, embedder)
    new_texts = distinct_texts(todo).join(known, c.CONTENT_HASH, "left_anti").persist(StorageLevel.MEMORY_AND_DISK)
    vectors = None
    try:
        n_new = new_texts.count()
        written = lake.merge(reuse(todo, known, embedder), tables.EMBEDDINGS).written
        if n_new > 0:
            partitions = partitions_for(n_new, config.embedder.texts_a_partition, slots(session))
            annotator = load_annotator(session, config.embedder)
            vectors = embed(new_texts, annotator, partitions).persist(StorageLevel.MEMORY_AND_DISK)
            written += lake.merge(reuse(todo, vectors, embedder), tables.EMBEDDINGS).written
    finally:
        new_texts.unpersist()
        if vectors is not None:
            vectors.unpersist()
    return _result(n_todo, n_new, written, embedder)


def _result(n_todo: int, n_new: int, written: int, embedder: str) -> JobResult:
    return JobResult(
        rows_read=n_todo,
        rows_written=written,
        tables=(tables.EMBEDDINGS,),
        details={"embedded": f"{n_new} distinct texts", "embedder": embedder},
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("build_embeddings", main)


if __name__ == "__main__":
    command()
