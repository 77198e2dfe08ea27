"""Real texts for the benchmarks: those of ../shared/data, where it is, and of the sample; none is kept here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, repository, resolve
from tests.benchmarks.reference import Text
from tests.benchmarks.support import json_lines

SHARED = (repository() or Path()).parent / "shared" / "data"
SETS = ("topics/podcasts", "topics/videos", "risk/hate", "risk/toxic")
SCHEMA = f"{c.CONTENT_HASH} string, {c.TITLE} string, {c.BODY} string"


def distinct(config: Config, n: int | None, of: str = "all") -> list[Text]:
    """`n` distinct texts (title, body) in an order of chance, the same in every run; all of them where it is None.

    They are `of` the sample alone, or of all sets.
    """
    paths = [resolve(config.sample.folder) / "content.jsonl"]
    if of == "all":
        paths += [SHARED / name / "content.jsonl" for name in SETS]
    records = [record for path in paths for record in json_lines(path)]
    found = sorted({(one.get("title") or None, one.get("body") or None) for one in records}, key=str)
    n = len(found) if n is None else n
    if len(found) < n:
        raise SystemExit(f"there are {len(found)} distinct texts, not {n}; is ../shared/data there?")
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))[:n]]


def as_frame(session: SparkSession, texts: list[Text]) -> DataFrame:
    """The texts as rows of four partitions, cached, their number in the place of their hash."""
    rows = [(f"{i:08d}", title, body) for i, (title, body) in enumerate(texts)]
    frame = session.createDataFrame(rows, SCHEMA).repartition(4).cache()
    frame.count()
    return frame
