"""Topics from vectors: prototypes by k-means, merged to topics, described, set in a tree, and all contents placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, IntegerType, StructField, StructType
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Discovery
from linnaeus.taxonomy.discovery.comparing import NONE, Absolute, Joining, compared
from linnaeus.taxonomy.discovery.guided import Guides, above_of
from linnaeus.taxonomy.discovery.kmeans import Sums, fit, fit_sample, nearest, sums_of, sums_over
from linnaeus.taxonomy.discovery.material import (
    IS_FIT,
    Keep,
    Material,
    directions_of,
    drawn,
    sample_rows,
)
from linnaeus.taxonomy.discovery.merging import Cut, cut_to, merged_upward, silhouette
from linnaeus.taxonomy.discovery.number import Bounds, best_of, bounds, candidates
from linnaeus.taxonomy.discovery.placing import NODE, NOWHERE, Anchors, floor_of, place, told
from linnaeus.taxonomy.discovery.repeats import Repeats, repeats_by_group
from linnaeus.taxonomy.discovery.terms import (
    GROUP,
    c_tf_idf,
    coherence,
    counts_by_group,
    document_terms,
    keywords,
    vocabulary,
)
from linnaeus.taxonomy.discovery.topics import Topics, topic_id, tree_of
from linnaeus.taxonomy.discovery.vectors import (
    DIRECTION,
    Batches,
    Directions,
    Places,
    as_matrix,
    cosines,
    products,
    unit,
)
from linnaeus.taxonomy.tree import Node, Tree

_JOINED = "joined"


@dataclass(frozen=True, eq=False)
class Texts:
    """Tokens of contents (`content_id`, `content_hash`, `tokens`), and whether pairs of neighbours are terms too."""

    tokens: DataFrame
    pairs: bool


@dataclass(frozen=True, eq=False)
class Found:
    """A tree whose discovered nodes have temporary ids, where all contents are in it (see `placing.assignments`), the
    temporary ids of the numbered nodes (None for one that is not in the tree), and what is said of it."""

    tree: Tree
    placed: DataFrame
    ids: tuple[str | None, ...]
    said: dict[str, str] = field(default_factory=dict)


def discover(
    material: Material, texts: Texts, guides: Guides, curated: Sequence[Node], settings: Discovery, keep: Keep
) -> Found:
    """Topics of contents that have a direction, beside and below the curated nodes, those of `guides` among them."""
    absolute = _absolute(guides, settings)
    fitted, n_fit = _fitted(material, absolute, settings, keep)
    free = fitted.where(~F.col(_JOINED))
    n_free = n_fit if absolute is None else free.count()
    sampled = sample_rows(free, n_free, settings.sample_contents)
    sample = directions_of(sampled, material.width)
    joining = _joining(sample, guides, curated, settings) if absolute is None else absolute
    if len(sample) == 0:
        return _guides_alone(material, fitted, texts, guides, joining, curated, settings, keep)
    limits = bounds(settings, n_free)
    prototypes, sums, passes = _prototypes(free, n_free, sample, limits, material, settings)
    counted, of_guides, terms, repeats = _counts(fitted, texts, prototypes, joining, settings)
    pieces = Topics(sums.sums, sums.sizes, counted, terms, repeats)
    chosen, why = _chosen(pieces, sample, sampled, texts, limits, settings)
    topics = replace(pieces.merged(chosen.topics, chosen.n).in_order(), corpus=pieces.seen())
    found = _placed(material, topics, sample, guides, joining, of_guides, curated, settings, keep)
    said = {
        "contents": f"{material.n:,} with a vector, {material.left_out:,} without a direction",
        "fitted": f"{n_fit:,} contents, {len(prototypes):,} prototypes, {passes} passes",
        "topics": f"{len(topics.sizes)}{_fewer(topics, limits, sample)}",
        "number": why,
    }
    return replace(found, said=said | found.said)


def _absolute(guides: Guides, settings: Discovery) -> Absolute | None:
    """How contents join guides before topics are looked for, where a cosine is set."""
    if not guides.ids or settings.guided.join_from is None:
        return None
    return Absolute(guides.directions, settings.guided.join_from, settings.guided.below_from)


def _joining(sample: Directions, guides: Guides, curated: Sequence[Node], settings: Discovery) -> Joining:
    """How contents join guides beside topics."""
    if not guides.ids:
        return Absolute(guides.directions, 1.0, 1.0)  # of no nodes: nothing joins
    return compared(sample, guides.directions, above_of(guides.ids, curated), settings.guided.margin)


def _fitted(material: Material, absolute: Absolute | None, settings: Discovery, keep: Keep) -> tuple[DataFrame, int]:
    """What is fitted to, with whether a guide took it before, and how many contents those are."""
    counts = material.rows.where(IS_FIT)
    n = counts.count()
    rows = _with_joined(drawn(counts, n, settings.fit_contents), absolute)
    kept = keep(rows)
    return kept, kept.count()


def _with_joined(rows: DataFrame, absolute: Absolute | None) -> DataFrame:
    if absolute is None:
        return rows.withColumn(_JOINED, F.lit(False))
    schema = StructType([*rows.schema.fields, StructField(_JOINED, BooleanType())])
    at, width = rows.columns.index(DIRECTION), absolute.directions.shape[1]

    def run(batches: Batches) -> Batches:
        for batch in batches:
            is_joined = _joined(as_matrix(batch.column(at), width), absolute) != NONE
            yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(is_joined)], names=schema.names)

    return rows.mapInArrow(run, schema)


def _joined(given: Directions, joining: Joining) -> Places:
    """The place (n,) of the guide that each row (n, width) joins, or NONE."""
    return joining.joined(products(given, joining.directions).astype(np.float64))


def _prototypes(
    free: DataFrame, n_free: int, sample: Directions, limits: Bounds, material: Material, settings: Discovery
) -> tuple[Directions, Sums, int]:
    """Prototypes, the sums of their rows, and how many passes over all rows it took."""
    many = min(settings.prototypes_a_topic * limits.most, len(sample) // 3, settings.most_prototypes)
    begun = fit_sample(sample, max(many, limits.most), settings.seed)
    if n_free == len(sample):
        summed = sums_of(sample, begun)
        passes = 0
    else:
        begun, passes = fit(free, material.partitions, begun, settings.passes)
        summed = sums_over(free, material.partitions, begun)
    has_rows = summed.sizes > 0
    return begun[has_rows], Sums(summed.sums[has_rows], summed.sizes[has_rows], summed.similarity), passes


def _counts(
    fitted: DataFrame, texts: Texts, prototypes: Directions, joining: Joining, settings: Discovery
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, tuple[str, ...], Repeats]:
    """How often each prototype's contents, and those that joined each guide, have each term; the terms; and what of the
    prototypes' is their sources' repeating themselves."""
    of_text = [c.CONTENT_ID, c.CONTENT_HASH]
    words = fitted.select(*of_text).join(texts.tokens, of_text)
    terms = vocabulary(words, texts.pairs, settings.least_texts, settings.most_terms)
    joined = _with_group(fitted, prototypes, joining).join(texts.tokens, of_text)
    grouped = joined.select(c.CREATOR_ID, c.TOKENS, GROUP)
    counted = counts_by_group(grouped, terms, len(prototypes) + len(joining.directions), texts.pairs)
    free = grouped.where(F.col(GROUP) < len(prototypes))
    repeats = repeats_by_group(free, terms, len(prototypes), texts.pairs)
    return counted[: len(prototypes)], counted[len(prototypes) :], tuple(terms), repeats


def _with_group(fitted: DataFrame, prototypes: Directions, joining: Joining) -> DataFrame:
    """`content_id`, `creator_id`, `content_hash` and `group`: the nearest prototype of what no guide took before, and
    once more the guide (numbered after the prototypes) that a content joins."""
    kept = (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH)
    schema = StructType([*[fitted.schema[name] for name in kept], StructField(GROUP, IntegerType())])
    width, n = prototypes.shape[1], len(prototypes)

    def run(batches: Batches) -> Batches:
        for batch in batches:
            given = as_matrix(batch.column(3), width)
            free = np.flatnonzero(~np.asarray(batch.column(4)) & (n > 0))
            near = nearest(given[free], prototypes)[0] if len(free) else np.empty(0, np.int32)
            joined = _joined(given, joining)
            there = np.flatnonzero(joined != NONE)
            rows = pa.array(np.concatenate([free, there]))
            groups = np.concatenate([near, n + joined[there]]).astype(np.int32)
            columns = [*(column.take(rows) for column in batch.columns[:3]), pa.array(groups)]
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    return fitted.select(*kept, DIRECTION, _JOINED).mapInArrow(run, schema)


def _chosen(
    pieces: Topics,
    sample: Directions,
    sampled: Sequence[tuple[str, bytes]],
    texts: Texts,
    limits: Bounds,
    settings: Discovery,
) -> tuple[Cut, str]:
    """Which prototypes make which topic, and why there are so many."""
    merges = merged_upward(pieces.apart(settings.term_share), pieces.sizes)

    def cut(number: int) -> Cut:
        return cut_to(merges, pieces.sizes, number, limits.contents)

    tried = candidates(limits)
    if len(tried) == 1:
        asked = "as configured" if settings.topics is not None else "as few contents allow"
        return cut(tried[0]), asked
    if settings.criterion == "silhouette":

        def score(number: int) -> float:
            one = cut(number)
            return silhouette(sample, pieces.merged(one.topics, one.n).directions)
    else:
        documents = document_terms(texts.tokens, [name for name, _ in sampled], pieces.terms, texts.pairs)
        places = {term: place for place, term in enumerate(pieces.terms)}

        def score(number: int) -> float:
            one = cut(number)
            weights = c_tf_idf(pieces.merged(one.topics, one.n).counts)
            words = keywords(weights, pieces.terms, settings.keywords)
            return coherence(documents, [[places[word] for word in of_topic] for of_topic in words])

    number, value = best_of(tried, score)
    return cut(number), f"{number} of {limits.least} to {limits.most}, {settings.criterion} {value:.3f}"


def _fewer(topics: Topics, limits: Bounds, sample: Directions) -> str:
    if len(topics.sizes) >= limits.least:
        return ""
    if (sample == sample[0]).all():
        return ", as all contents are the same"
    return f", fewer than {limits.least}: there are no more of at least {limits.contents} contents that differ"


def _placed(
    material: Material,
    topics: Topics,
    sample: Directions,
    guides: Guides,
    joining: Joining,
    of_guides: sparse.csr_matrix,
    curated: Sequence[Node],
    settings: Discovery,
    keep: Keep,
) -> Found:
    """All contents at the topics and the guides, and the tree of those that have any."""
    absorbed, below = _relations(topics, sample, joining, settings)
    own = [at for at in range(len(topics.sizes)) if at not in absorbed]
    node_of = {at: number for number, at in enumerate(own)}
    node_of |= {at: len(own) + guide for at, guide in absorbed.items()}
    anchors = _anchors(topics.directions, node_of, below, joining, len(own), settings)
    rows = keep(place(material.rows, anchors, (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH)))
    floor = floor_of(rows, material.width, settings.unplaced_share)
    placed = told(rows, material.width, floor)
    counted = placed.groupBy(NODE).count().collect()  # few: one a node
    sizes = {row[NODE]: row["count"] for row in counted}
    parents = {at: None if below[at] == NONE else guides.ids[below[at]] for at in own if sizes.get(node_of[at])}
    tree = tree_of(topics, parents, _with_guides(curated, guides, joining, of_guides, topics, settings), settings)
    said = {"unplaced": f"{sizes.get(NOWHERE, 0):,} of {material.n:,}, nearer than {floor:.3f} to no topic"}
    if guides.ids:
        hanging = [at for at, parent in parents.items() if parent is not None]
        joined = sum(sizes.get(len(own) + guide, 0) for guide in range(len(guides.ids)))
        said["curated"] = (
            f"{joined:,} contents joined {len(guides.ids)} nodes, {sum(sizes[node_of[at]] for at in hanging):,} are "
            f"in {len(hanging)} topics below them, {len(absorbed)} topics are one of them"
        )
    known = (*[topic_id(at) if at in parents else None for at in own], *guides.ids)
    return Found(tree, placed, known, said)


def _anchors(
    directions: Directions,
    node_of: dict[int, int],
    below: Places,
    joining: Joining,
    first_guide: int,
    settings: Discovery,
) -> Anchors:
    """Directions of topics and guides by the numbers of their nodes: topics', then guides'."""
    n, m = len(directions), len(joining.directions)
    nodes = np.array([node_of[at] for at in range(n)] + [first_guide + guide for guide in range(m)])
    # What joins a guide before topics are looked for is in none of them.
    of_topics = np.full(n, NOWHERE, np.int32) if joining.takes_first else below
    order = np.argsort(nodes, kind="stable")
    return Anchors(
        np.vstack([directions, joining.directions])[order],
        nodes[order].astype(np.int32),
        np.repeat([False, True], [n, m])[order],
        np.concatenate([of_topics, np.arange(m)])[order].astype(np.int32),
        joining,
        settings.temperature,
        settings.likely,
    )


def _relations(
    topics: Topics, sample: Directions, joining: Joining, settings: Discovery
) -> tuple[dict[int, int], Places]:
    """Topics (by place) that are a guide (its place); and the guide below which each topic hangs (k,), or NONE: the one
    that most of the sample's contents of the topic count for."""
    k, m = len(topics.sizes), len(joining.directions)
    if m == 0 or k == 0:
        return {}, np.full(k, NONE, np.int32)
    alike = cosines(topics.directions, joining.directions)
    absorbed = {at: int(alike[at].argmax()) for at in range(k) if alike[at].max() >= settings.guided.absorb_from}
    of_topic, _ = nearest(sample, topics.directions)
    guide = joining.near(products(sample, joining.directions).astype(np.float64))
    votes = np.zeros((k, m), np.int64)
    np.add.at(votes, (of_topic[guide != NONE], guide[guide != NONE]), 1)
    below = joining.parents(votes, np.bincount(of_topic, minlength=k))
    for at, one in absorbed.items():
        below[at] = one
    return absorbed, below


def _with_guides(
    curated: Sequence[Node],
    guides: Guides,
    joining: Joining,
    of_guides: sparse.csr_matrix,
    topics: Topics,
    settings: Discovery,
) -> list[Node]:
    """The curated nodes with the directions and the words of those that are guides."""
    if not guides.ids:
        return list(curated)
    words = keywords(c_tf_idf(of_guides), topics.terms, settings.keywords)
    place_of = {one: at for at, one in enumerate(guides.ids)}
    vectors = unit(joining.directions)
    return [
        replace(one, keywords=words[at] or one.keywords, centroid=tuple(vectors[at].tolist()))
        if (at := place_of.get(one.id)) is not None
        else one
        for one in curated
    ]


def _guides_alone(
    material: Material,
    fitted: DataFrame,
    texts: Texts,
    guides: Guides,
    joining: Joining,
    curated: Sequence[Node],
    settings: Discovery,
    keep: Keep,
) -> Found:
    """All contents joined curated nodes: there is nothing to discover."""
    width = material.width
    nothing = Topics(np.zeros((0, width), np.int64), np.zeros(0, np.int64), sparse.csr_matrix((0, 0)), ())
    _, of_guides, terms, _ = _counts(fitted, texts, np.zeros((0, width), np.int16), joining, settings)
    nothing = replace(nothing, counts=sparse.csr_matrix((0, len(terms)), dtype=np.int64), terms=terms)
    sample = np.zeros((0, width), np.int16)
    found = _placed(material, nothing, sample, guides, joining, of_guides, curated, settings, keep)
    return replace(found, said={"topics": "0, as all contents join curated nodes"} | found.said)
