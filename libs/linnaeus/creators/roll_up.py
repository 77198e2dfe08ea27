"""Scored contents to one row a creator."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Creators, Taxonomy, fingerprint
from linnaeus.creators.evidence import CONTENT, FORM
from linnaeus.creators.modality import modality_columns, modality_sums
from linnaeus.creators.risk import prior, risk_columns, risk_sums, with_posterior
from linnaeus.creators.shares import category_columns, category_sums, with_paths


def roll_up(
    pooled: DataFrame, profiles: DataFrame, creators: DataFrame, settings: Creators, taxonomy: Taxonomy
) -> DataFrame:
    """Rows of gold.creator_profiles, stamp excluded, for every creator who is known or has content.

    `pooled` is what `pool` makes of the same rows of gold.content_profiles; it is read twice: cache it.
    """
    rows = with_paths(with_posterior(pooled, prior(pooled, settings.risk), settings.risk), taxonomy)
    form = F.max(F.when(F.col(c.FACET) == CONTENT, F.col(FORM))).alias(c.FORM_DIGEST)
    sums = rows.groupBy(c.CREATOR_ID).agg(*category_sums(), *modality_sums(), *risk_sums(), form)
    came_from = _came_from(profiles)
    everyone = creators.select(c.CREATOR_ID).union(came_from.select(c.CREATOR_ID)).distinct()
    joined = everyone.join(came_from, c.CREATOR_ID, "left").join(sums, c.CREATOR_ID, "left")
    made = category_columns(settings) | modality_columns() | risk_columns(settings.risk)
    made[c.SETTINGS] = F.lit(fingerprint([settings.model_dump(mode="json"), taxonomy.parents]))
    made[c.N_CONTENT] = F.coalesce(c.N_CONTENT, F.lit(0).cast("long"))
    names = [name for name in tables.CREATOR_PROFILES.columns if name != c.AS_OF]
    return joined.select(*[made[name].alias(name) if name in made else F.col(name) for name in names])


def _came_from(profiles: DataFrame) -> DataFrame:
    """How many contents there are of each creator, which, and what scored them."""
    by_models = profiles.groupBy(c.CREATOR_ID, c.CATEGORY_MODEL, c.RISK_MODEL, c.TAXONOMY_VERSION).agg(
        F.count(F.lit(1)).alias("n"), F.bit_xor(F.xxhash64(c.CONTENT_ID, c.CONTENT_HASH)).alias("digest")
    )
    return by_models.groupBy(c.CREATOR_ID).agg(
        F.sum("n").alias(c.N_CONTENT),
        F.bit_xor(F.col("digest")).alias(c.CONTENTS_DIGEST),
        F.array_sort(F.array_union(F.collect_set(c.CATEGORY_MODEL), F.collect_set(c.RISK_MODEL))).alias(c.MODELS),
        F.array_sort(F.collect_set(c.TAXONOMY_VERSION)).alias(c.TAXONOMY_VERSIONS),
    )
