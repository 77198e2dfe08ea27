"""What was true when a row of gold.content_profiles was written: its models by version, tables by time travel."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs._models import unknown_statistics
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.bundle import FeatureManifest, ModelBundle
from linnaeus.contracts.errors import ConfigurationError, InputError, TrackingError
from linnaeus.contracts.lexical import Floats
from linnaeus.contracts.tables import Table
from linnaeus.features.text import text
from linnaeus.features.vector import features_of
from linnaeus.inference.predictor import FeatureBatch
from linnaeus.inference.words import term_names
from linnaeus.runtime.lake import Lake, Snapshot
from linnaeus.runtime.spark import side_by_side
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


@dataclass(frozen=True, eq=False)
class Then:
    """Tables as they were at a time, by full name, the versions that were read, and notes.

    Where a table's history does not go so far back it is read as it is now, which is noted: rows of a text's hash,
    tokenizer and embedder say the same whenever they were written.
    """

    session: SparkSession
    rows: Mapping[str, DataFrame]
    versions: Mapping[str, int]
    notes: tuple[str, ...]

    @staticmethod
    def of(lake: Lake, at: datetime.datetime, wanted: Sequence[Table]) -> Then:
        """These tables; no rows of one that there is not."""
        found = side_by_side(lambda table: _snapshot(lake, table, at), wanted)
        rows = {table.full_name: one.read(table) for table, (one, _) in zip(wanted, found, strict=True)}
        versions = {name: version for one, _ in found for name, version in one.versions.items()}
        return Then(lake.session, rows, versions, tuple(note for _, note in found if note is not None))

    def read(self, table: Table) -> DataFrame:
        """A table's rows."""
        return self.rows[table.full_name]


def _snapshot(lake: Lake, table: Table, at: datetime.datetime) -> tuple[Snapshot, str | None]:
    """A table as it was at a time; else as it is now, and what is to be said of that."""
    if not lake.exists(table):
        return lake.snapshot([table]), None
    try:
        return lake.snapshot([table], as_of=at), None
    except ConfigurationError as error:
        note = f"{table.full_name} is read as it is now, its history does not go back so far: {error}"
        return lake.snapshot([table]), note


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
    made = features_of(content, tokens, _vectors_of(then, row), manifest)
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


def vector_then(then: Then, row: Row) -> Floats | None:
    """The vector (dimension,) that was scored, or None where there was none or it is gone."""
    found = _vectors_of(then, row).select(c.VECTOR).first()
    return None if found is None else np.frombuffer(found[c.VECTOR], "<f4")


def _vectors_of(then: Then, row: Row) -> DataFrame:
    """The row of silver.text_embeddings that was scored; none where the content was scored without a vector."""
    is_scored = F.col(c.EMBEDDER) == row[c.EMBEDDER] if row[c.EMBEDDER] is not None else F.lit(False)
    return then.read(tables.TEXT_EMBEDDINGS).where(F.col(c.CONTENT_HASH) == row[c.CONTENT_HASH]).where(is_scored)


def text_then(then: Then, row: Row) -> str | None:
    """The text that was scored, or None where it is gone."""
    found = then.read(tables.CONTENT).where(_is_of(row)).select(text().alias(c.TEXT)).first()
    return None if found is None else str(found[c.TEXT])


def _is_of(row: Row) -> Column:
    """Rows of the content with the text that was scored."""
    is_both: Column = (F.col(c.CONTENT_ID) == row[c.CONTENT_ID]) & (F.col(c.CONTENT_HASH) == row[c.CONTENT_HASH])
    return is_both
