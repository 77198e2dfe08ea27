"""What curated nodes are about, for discover_taxonomy: by labelled contents, their own words, the tree in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pyspark.sql import functions as F

from jobs._taxonomy import InForce
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.features.embeddings import Partitions, embed
from linnaeus.features.windows import Windowing
from linnaeus.runtime.embedder import load_embedder
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import slots
from linnaeus.taxonomy.discovery.discover import Texts
from linnaeus.taxonomy.discovery.guided import Guides, guides_of, has_words, sums_by_node, words_of
from linnaeus.taxonomy.discovery.material import Material
from linnaeus.taxonomy.discovery.vectors import DIRECTION, Directions, Whole, with_directions
from linnaeus.taxonomy.tree import CURATED, Node

_SURE = 0.5  # probability from which a label is an example
_TEXTS = f"{c.CONTENT_HASH} string, {c.TITLE} string, {c.BODY} string"


def guides_in(
    lake: Lake,
    config: Config,
    rows: Material,
    texts: Texts,
    curated: Sequence[Node],
    before: InForce | None,
    stamp: str,
) -> Guides:
    """Curated nodes with a direction. Raises ConfigurationError where the embedder can't read what they are called."""
    settings = config.discovery.guided
    nodes = sorted((node for node in curated if node.origin == CURATED), key=lambda node: node.id)
    if not settings.enabled or not nodes:
        return Guides.none(rows.width)
    ids = [node.id for node in nodes]
    described = {one.id: one for one in config.read_taxonomy().nodes}
    is_same = before is not None and before.row[c.EMBEDDER] == stamp
    # What a file describes goes by the file: its direction in the tree in force was made from that.
    in_force = {node.id: node.centroid or () for node in nodes if is_same and node.id not in described}
    said = {
        node.id: (node.name, node.description or "", *(described[node.id].examples if node.id in described else ()))
        for node in nodes
    }
    read: dict[str, Directions] = {}
    by_words: tuple[Whole, Whole] = (np.zeros((len(ids), rows.width), np.int64), np.zeros(len(ids), np.int64))
    if settings.read_nodes:
        read = directions_read(lake, config, {one: its for one, its in said.items() if not in_force.get(one)}, rows)
    else:
        by_words = _by_words(rows, texts, said, ids)
    return guides_of(_by_examples(lake, rows, ids), in_force, read, by_words, ids, settings.least_examples)


def _by_examples(lake: Lake, rows: Material, ids: Sequence[str]) -> tuple[Whole, Whole]:
    labels = lake.read(tables.LABELS).where((F.col(c.FACET) == c.CATEGORY_FACET) & (F.col(c.PROBABILITY) >= _SURE))
    examples = rows.rows.join(
        labels.select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), F.col(c.LABEL).alias(c.NODE_ID)), c.CONTENT_ID
    )
    return sums_by_node(examples, ids, rows.partitions, rows.width)


def _by_words(
    rows: Material, texts: Texts, said: Mapping[str, Sequence[str]], ids: Sequence[str]
) -> tuple[Whole, Whole]:
    words = {node: words_of(its) for node, its in said.items()}
    matching = texts.tokens.select(c.CONTENT_ID, F.explode(has_words(words)).alias(c.NODE_ID))
    return sums_by_node(rows.rows.join(matching, c.CONTENT_ID), ids, rows.partitions, rows.width)


def directions_read(
    lake: Lake, config: Config, said: Mapping[str, Sequence[str]], rows: Material
) -> dict[str, Directions]:
    """Directions (width,) of what nodes are said to be, each a name and further texts, as the contents' are made.

    Raises ConfigurationError as load_embedder does.
    """
    if not said:
        return {}
    settings = config.embedder
    loaded = load_embedder(lake.session, settings)
    named = [(node, its[0], "\n".join(filter(None, its[1:])) or None) for node, its in said.items()]
    frame = lake.session.createDataFrame(named, _TEXTS)
    windowing = Windowing.of(settings, loaded.vocabulary)
    vectors = embed(frame, loaded.annotator, windowing, settings.dimension, Partitions(1, slots(lake.session), 1))
    made = with_directions(vectors.select(c.CONTENT_HASH, c.VECTOR), settings.dimension, rows.projection)
    found = made.where("is_there").collect()  # few: one a curated node
    return {row[c.CONTENT_HASH]: np.frombuffer(bytes(row[DIRECTION]), "<i2").astype(np.int16) for row in found}
