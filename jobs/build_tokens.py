"""Contents to silver.tokens: tokens, language and text statistics, for texts that are new or changed."""

from __future__ import annotations

import math

from pyspark.sql import functions as F

from jobs.dependencies import DEPENDENCIES
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.features.reading import read_texts
from linnaeus.features.statistics import statistics
from linnaeus.features.text import pending, text
from linnaeus.features.tokens import tokenize, tokenizer_version
from linnaeus.runtime.command import FULL, JobResult, exit_with
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, slots


def main(config: Config) -> JobResult:
    """Tokenise what lacks tokens of these settings."""
    session = build_session(config)
    lake = Lake(session, config)
    version = tokenizer_version(config.tokens)
    todo = pending(lake.read(tables.CONTENT), lake.read(tables.TOKENS), c.TOKENIZER, version)
    n_todo = todo.count()
    written = 0
    if n_todo > 0:
        partitions = max(slots(session), math.ceil(n_todo / config.tokens.texts_a_partition))
        texts = todo.select(c.CONTENT_ID, c.CONTENT_HASH, text().alias(c.TEXT)).repartition(partitions, c.CONTENT_ID)
        rows = tokenize(read_texts(texts, config.tokens), config.tokens).select(
            c.CONTENT_ID,
            c.CONTENT_HASH,
            F.lit(version).alias(c.TOKENIZER),
            c.LANGUAGE,
            c.TOKENS,
            c.N_TOKENS,
            statistics(F.col(c.TEXT), F.col(c.APART)).alias(c.STATISTICS),
            c.N_SENTENCES,
        )
        written = lake.merge(rows, tables.TOKENS).written
    return JobResult(
        rows_read=n_todo, rows_written=written, tables=(tables.TOKENS,), details={"tokenised": f"{n_todo} texts"}
    )


def command() -> None:
    """Entry point of the wheel."""
    exit_with("build_tokens", main, (FULL,), needs=DEPENDENCIES["build_tokens"])


if __name__ == "__main__":
    command()
