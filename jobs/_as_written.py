"""What was true when a row of gold.content_profiles was written: its models by version, tables by time travel."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs._models import unknown_statistics
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.errors import ConfigurationError, InputError, TrackingError
from linnaeus.contracts.tables import Table
from linnaeus.features.text import text
from linnaeus.features.vector import features_of
from linnaeus.inference.predictor import FeatureBatch
from linnaeus.inference.words import term_names
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.tracking import Tracking

_MICROS = "__micros"
Row = Mapping[str, Any]


def profile_of(lake: Lake, content_id: str, as_of: datetime.datetime | None) -> dict[str, Any]:
    """The row of a content, that of a time where one is given, `scored_at` in UTC. Raises InputError for none."""
    rows = lake.read(tables.CONTENT_PROFILES, timestamp=as_of)
    micros = F.unix_micros(c.SCORED_AT).alias(_MICROS)
    found = rows.where(F.col(c.CONTENT_ID) == content_id).select("*", micros).first()
    if found is None:
        is_there = not lake.read(tables.CONTENT).where(F.col(c.CONTENT_ID) == content_id).isEmpty()
        at = "" if as_of is None else f" as of {as_of.isoformat()}"
        how = "it is in bronze.content: run score_content" if is_there else "there is no such content"
        raise InputError(f"gold.content_profiles has no row of content {content_id!r}{at}; {how}")
    row = found.asDict(recursive=True)
    since = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    # Spark gives a time of the driver's zone, without saying so.
    return row | {c.SCORED_AT: since + datetime.timedelta(microseconds=row.pop(_MICROS))}


def model_of(tracking: Tracking, stamp: str) -> ModelBundle | str:
    """The model that a row was stamped with (`name/version`), or why there is none, in words."""
    name, _, number = stamp.rpartition("/")
    version = tracking.version(name, number)
    if version is None:
        return f"{stamp} is no longer in the registry"
    try:
        return tracking.load(version)
    except (ConfigurationError, TrackingError) as error:
        return f"{stamp} can't be loaded: {error}"


class Then:
    """Tables as they were at a time. Where a table's history does not go so far back it is read as it is now, which is
    noted: rows of a text's hash, tokenizer and embedder say the same whenever they were written."""

    def __init__(self, lake: Lake, at: datetime.datetime) -> None:
        self.session = lake.session
        self.versions: dict[str, int] = {}
        self.notes: list[str] = []
        self._lake, self._at = lake, at
        self._read: dict[str, DataFrame] = {}

    def read(self, table: Table) -> DataFrame:
        """A table's rows; none where there is no table."""
        name = table.full_name
        if name not in self._read:
            self._read[name] = self._first_read(table)
        return self._read[name]

    def _first_read(self, table: Table) -> DataFrame:
        if not self._lake.exists(table):
            return self._lake.read(table)
        try:
            snapshot = self._lake.snapshot([table], as_of=self._at)
        except ConfigurationError as error:
            self.notes.append(f"{table.full_name} is read as it is now, its history does not go back so far: {error}")
            snapshot = self._lake.snapshot([table])
        self.versions |= snapshot.versions
        return snapshot.read(table)


@dataclass(frozen=True, eq=False)
class ContentFeatures:
    """One content's features (a batch of one row), and its terms in the order of their bucket numbers."""

    batch: FeatureBatch
    terms: tuple[str, ...]


def features_then(then: Then, row: Row, manifest: FeatureManifest) -> ContentFeatures | str:
    """What was scored for a row, or what is missing of it, in words."""
    stamped, embedder = row[c.FEATURE_MANIFEST], row[c.EMBEDDER]
    if stamped not in (None, manifest.version):
        return f"its features are of manifest {stamped}, those of the model of {manifest.version}"
    if unknown := unknown_statistics(manifest):
        return f"the statistics {', '.join(unknown)} are no longer made"
    content = then.session.range(1).select(
        F.lit(row[c.CONTENT_ID]).alias(c.CONTENT_ID), F.lit(row[c.CONTENT_HASH]).alias(c.CONTENT_HASH)
    )
    tokens = then.read(tables.TOKENS).where(_is_of(row))
    is_scored = F.col(c.EMBEDDER) == embedder if embedder is not None else F.lit(False)
    vectors = then.read(tables.TEXT_EMBEDDINGS).where(F.col(c.CONTENT_HASH) == row[c.CONTENT_HASH]).where(is_scored)
    made = features_of(content, tokens, vectors, manifest)
    found = made.join(tokens.select(c.CONTENT_ID, c.TOKENS), c.CONTENT_ID, "left").first()
    assert found is not None
    if found[c.STATISTICS] is None:
        return f"silver.tokens no longer has the tokens of its text (hash {row[c.CONTENT_HASH][:12]}…)"
    if embedder is not None and found[c.VECTOR] is None:
        return f"silver.text_embeddings no longer has the vector of its text by {embedder}"
    return _as_features(found.asDict(), manifest)


def _as_features(found: Row, manifest: FeatureManifest) -> ContentFeatures:
    stored = found[c.VECTOR]
    vector = np.full(manifest.dimension, np.nan, np.float32) if stored is None else np.frombuffer(stored, "<f4")
    batch = FeatureBatch(
        vector[None, :],
        np.array([found[c.STATISTICS]], dtype=np.float32),
        np.array(found[c.TERMS], dtype=np.int32),
        np.array([0, len(found[c.TERMS])], dtype=np.int64),
    )
    return ContentFeatures(batch, tuple(term_names(found[c.TOKENS], manifest.bigrams)))


def text_then(then: Then, row: Row) -> str | None:
    """The text that was scored, or None where it is gone."""
    found = then.read(tables.CONTENT).where(_is_of(row)).select(text().alias(c.TEXT)).first()
    return None if found is None else str(found[c.TEXT])


def _is_of(row: Row) -> Column:
    """Rows of the content with the text that was scored."""
    is_both: Column = (F.col(c.CONTENT_ID) == row[c.CONTENT_ID]) & (F.col(c.CONTENT_HASH) == row[c.CONTENT_HASH])
    return is_both
