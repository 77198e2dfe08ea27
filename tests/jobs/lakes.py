"""Lakes whose feature tables are written as they are, without Spark NLP: contents, tokens, vectors, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pyspark.sql import functions as F

from jobs._models import manifest_in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.runtime.lake import Lake
from linnaeus.training.split import with_split
from tests.contents import contents
from tests.oracles import vector_bytes


def creators_by_part(lake: Lake, config: Config, n: int = 60) -> dict[str, list[str]]:
    """Names of creators by the part of the split that they fall in."""
    names = lake.session.createDataFrame([(f"creator {i:02d}",) for i in range(n)], [c.CREATOR_ID])
    found: dict[str, list[str]] = {}
    for row in with_split(names, config.training.split).orderBy(c.CREATOR_ID).collect():
        found.setdefault(row[c.PART], []).append(row[c.CREATOR_ID])
    return found


def fill(lake: Lake, config: Config, rows: Sequence[tuple[str, str]], labels: Mapping[str, str], facet: str) -> None:
    """Contents (content_id, creator_id) with tokens and a vector of their label, and those labels by content_id.

    A content without a label has tokens and a vector of its own.
    """
    manifest, rng = manifest_in_force(config), np.random.default_rng(1)
    texts = {name: (None, f"{labels.get(name, 'none')} {name}") for name, _ in rows}
    by = F.create_map(*[F.lit(part) for pair in rows for part in pair])
    content = contents(lake.session, texts).withColumn(c.CREATOR_ID, by[F.col(c.CONTENT_ID)])
    lake.merge(content.select(*tables.CONTENT.columns), tables.CONTENT)
    hashes = {row[c.CONTENT_ID]: row[c.CONTENT_HASH] for row in content.collect()}
    form = tuple(0.5 for _ in schemas.STATISTICS.names)
    kinds = sorted(set(labels.values()))
    centres = {kind: rng.normal(size=manifest.dimension) for kind in [*kinds, None]}
    tokens, vectors = [], []
    for name, key in hashes.items():
        kind = labels.get(name)
        words = [f"{kind} {i}" for i in rng.integers(0, 8, 6)]
        tokens.append((name, key, manifest.tokenizer, "en", words, len(words), form, 1))
        numbers = (centres[kind] + rng.normal(size=manifest.dimension)).astype(np.float32)
        vectors.append((key, manifest.embedder, vector_bytes(numbers), None, 1))
    lake.merge(lake.session.createDataFrame(tokens, schemas.TOKENS), tables.TOKENS)
    lake.merge(lake.session.createDataFrame(vectors, schemas.TEXT_EMBEDDINGS), tables.TEXT_EMBEDDINGS)
    label(lake, labels, facet)


def label(lake: Lake, labels: Mapping[str, str], facet: str) -> None:
    """Sure labels of contents by id."""
    rows = [(name, facet, one, 1.0, 0, "gold", None, 0.0, None) for name, one in labels.items()]
    lake.merge(lake.session.createDataFrame(rows, schemas.LABELS), tables.LABELS)
