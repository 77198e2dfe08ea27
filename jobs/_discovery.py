"""What discover_taxonomy reads and makes ready: contents with their vectors or tokens, curated nodes, and what tells
the topics that it found from those of the version before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs._taxonomy import InForce, assignments_in_force, last_seen
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.markup import plain_text
from linnaeus.features.text import text
from linnaeus.features.tokens import tokenizer_version
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import slots
from linnaeus.taxonomy.discovery.discover import Found, Texts
from linnaeus.taxonomy.discovery.material import Keep, Material, drawn, material, with_fit
from linnaeus.taxonomy.discovery.placing import NODE
from linnaeus.taxonomy.discovery.spelling import spelled, spellings, terms_of
from linnaeus.taxonomy.lineage import KEY_CONTENTS, key_of
from linnaeus.taxonomy.shares import with_ancestors
from linnaeus.taxonomy.tree import CURATED, Node, Tree

_NEW = "new"


def vectors_of(lake: Lake, config: Config, stamp: str, keep: Keep) -> Material:
    """Contents with their vectors by the embedder `stamp`.

    Raises ConfigurationError where there are none, or none by this embedder.
    """
    vectors = lake.read(tables.TEXT_EMBEDDINGS).where(F.col(c.EMBEDDER) == stamp).select(c.CONTENT_HASH, c.VECTOR)
    contents = lake.read(tables.CONTENT).join(vectors.select(c.CONTENT_HASH), c.CONTENT_HASH, "left_semi")
    n = contents.count()
    if n == 0:
        raise ConfigurationError(_no_vectors(lake, stamp))
    settings = config.discovery
    rows = with_fit(contents, settings.a_creator).join(vectors, c.CONTENT_HASH)
    at_once = slots(lake.session)
    partitions = at_once * math.ceil(n / (settings.rows_a_partition * at_once))
    return material(rows, config.embedder.dimension, partitions, settings, keep)


def _no_vectors(lake: Lake, stamp: str) -> str:
    stored = lake.read(tables.TEXT_EMBEDDINGS).select(c.EMBEDDER).distinct().orderBy(c.EMBEDDER)
    others = [row[c.EMBEDDER] for row in stored.collect()]  # few: one an embedder that was ever in force
    if not others:
        return "silver.text_embeddings has no vectors to discover topics in; run build_embeddings before"
    return (
        f"the vectors of silver.text_embeddings are of {', '.join(others)}, not of the embedder that is configured, "
        f"{stamp}; run build_embeddings, or configure the embedder that they are of"
    )


def texts_of(lake: Lake, config: Config) -> Texts:
    """Tokens of the contents' present texts by the configured tokenizer."""
    tokens = lake.read(tables.TOKENS).where(F.col(c.TOKENIZER) == tokenizer_version(config.tokens))
    pairs = config.discovery.pairs and set(config.tokens.ngrams) == {1}
    return Texts(tokens.select(c.CONTENT_ID, c.CONTENT_HASH, c.TOKENS), pairs)


def tokens_of(lake: Lake, config: Config) -> DataFrame:
    """Contents with their tokens, and whether topics are fitted to them. Raises ConfigurationError where none has."""
    texts = texts_of(lake, config)
    of_text = [c.CONTENT_ID, c.CONTENT_HASH]
    contents = lake.read(tables.CONTENT).join(texts.tokens.select(*of_text), of_text, "left_semi")
    if contents.isEmpty():
        raise ConfigurationError("silver.tokens has no tokens by the configured tokenizer; run build_tokens before")
    return with_fit(contents, config.discovery.a_creator).join(texts.tokens, of_text)


def curated_nodes(lake: Lake, config: Config, before: InForce | None) -> list[Node]:
    """Nodes that a person decides of, and those above them: of the tree in force, and those of taxonomy.path that were
    never in one. What was retired or merged since does not come back.

    Raises ConfigurationError where they are no tree.
    """
    there = list(before.tree) if before is not None else []
    fixed = {above for node in there if node.origin == CURATED for above in _path(before, node.id)}
    nodes = [node for node in there if node.id in fixed]
    known = last_seen(lake)
    for one in config.read_taxonomy().nodes:
        if one.id not in known:
            nodes.append(Node(one.id, one.name, one.parent, one.description, origin=CURATED))
    ids = {node.id for node in nodes}
    lost = {node.id for node in nodes if node.parent is not None and node.parent not in ids}
    return list(Tree.of([replace(one, parent=None) if one.id in lost else one for one in nodes], config.taxonomy.path))


def _path(before: InForce | None, node_id: str) -> tuple[str, ...]:
    return before.tree.path(node_id) if before is not None else ()


def as_written(lake: Lake, config: Config, tree: Tree) -> Tree:
    """The tree with the names and keywords of what was discovered as people write them, read off a sample of texts."""
    contents = lake.read(tables.CONTENT).select(c.CONTENT_ID, text().alias(c.TEXT))
    sample = drawn(contents, contents.count(), config.discovery.sample_contents)
    return spelled(tree, spellings(sample.select(c.TEXT), terms_of(tree), plain_text))


def shared_with(lake: Lake, found: Found) -> dict[tuple[str, str], int]:
    """Contents by the node where they are in the version in force, and the temporary id of the one where they are
    now; those placed in both alone."""
    now = found.placed.where(F.col(NODE) >= 0).select(c.CONTENT_ID, F.col(NODE).alias(_NEW))
    both = assignments_in_force(lake).where(F.col(c.NODE_ID).isNotNull()).join(now, c.CONTENT_ID)
    rows = both.groupBy(c.NODE_ID, _NEW).count().collect()  # few: at most a row for each pair of nodes
    return {(row[c.NODE_ID], str(found.ids[row[_NEW]])): row["count"] for row in rows}


def keys_of(found: Found) -> dict[str, str]:
    """By temporary id what tells a topic from all others: its contents with the least hashes."""
    order = Window.partitionBy(NODE).orderBy(F.xxhash64(c.CONTENT_ID), c.CONTENT_ID)
    ranked = found.placed.where(F.col(NODE) >= 0).select(NODE, c.CONTENT_ID, F.row_number().over(order).alias(c.RANK))
    rows = ranked.where(F.col(c.RANK) <= KEY_CONTENTS).collect()  # few: `KEY_CONTENTS` a node
    members: dict[str, list[str]] = {}
    for row in rows:
        members.setdefault(str(found.ids[row[NODE]]), []).append(row[c.CONTENT_ID])
    return {node: key_of(ids) for node, ids in members.items()}


def with_those_above(representatives: DataFrame, parents: Mapping[str, str | None], n: int) -> DataFrame:
    """Representatives of nodes, and of the nodes above them those that are nearest to any below, without a similarity:
    that one is to another centroid."""
    own = representatives.withColumn("own", F.col(c.NODE_ID))
    everywhere = with_ancestors(own, parents).withColumn("is_own", F.col("own") == F.col(c.NODE_ID))
    once = Window.partitionBy(c.NODE_ID, c.CONTENT_ID).orderBy(F.desc("is_own"))
    order = [F.desc("is_own"), F.col(c.RANK), F.col(c.SIMILARITY).desc_nulls_last(), F.col(c.CONTENT_ID)]
    first = everywhere.withColumn("__first", F.row_number().over(once)).where(F.col("__first") == 1)
    place = F.row_number().over(Window.partitionBy(c.NODE_ID).orderBy(*order)).cast("long")
    ranked = first.withColumn("__place", place).where(F.col("__place") <= n)
    similarity = F.when(F.col("is_own"), F.col(c.SIMILARITY)).alias(c.SIMILARITY)
    return ranked.select(c.NODE_ID, c.CONTENT_ID, F.col("__place").alias(c.RANK), similarity)
