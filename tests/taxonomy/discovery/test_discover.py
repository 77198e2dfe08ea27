"""Discovery as a whole: planted topics, the same to the byte whatever the rows' order, and what is said of few rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Discovery, load_config
from linnaeus.runtime.spark import cached
from linnaeus.taxonomy.discovery.discover import Texts, discover
from linnaeus.taxonomy.discovery.guided import Guides
from linnaeus.taxonomy.discovery.lda import discover_by_tokens
from linnaeus.taxonomy.discovery.material import material, with_fit
from linnaeus.taxonomy.discovery.placing import NODE
from linnaeus.taxonomy.discovery.topics import Topics
from linnaeus.taxonomy.discovery.vectors import directions
from linnaeus.taxonomy.tree import CURATED, Node, Tree
from tests.oracles import vector_bytes
from tests.taxonomy.discovery.planted import WIDTH, Content, centres, planted

FEW = ("discovery.prototypes_a_topic=3", "discovery.least_contents=5")


def settings_of(*overrides: str) -> Discovery:
    return load_config("local", [*FEW, *overrides]).discovery


class Outcome:
    """What a discovery found, as plain values."""

    def __init__(self, tree: Tree, placed: dict[str, tuple[Any, ...]], ids: Sequence[str | None], said: dict[str, str]):
        self.nodes = [(node, node.centroid) for node in tree]
        self.tree, self.placed, self.ids, self.said = tree, placed, tuple(ids), said

    def node_of(self, content: Content) -> str | None:
        number = self.placed[content.id][0]
        return self.ids[number] if number >= 0 else None

    def groups(self, given: Sequence[Content]) -> set[tuple[int, str | None]]:
        """Planted topics and the nodes that their contents are placed at; a few contents may be unplaced."""
        pairs = [(one.topic, self.node_of(one)) for one in given]
        placed = [pair for pair in pairs if pair[1] is not None]
        assert len(placed) >= 0.95 * len(pairs)
        return set(placed)


def run(
    spark: SparkSession,
    given: Sequence[Content],
    settings: Discovery,
    guides: Guides | None = None,
    curated: Sequence[Node] = (),
    partitions: int = 2,
    seed: int | None = None,
) -> Outcome:
    order = range(len(given)) if seed is None else np.random.default_rng(seed).permutation(len(given)).tolist()
    rows = [
        (one.id, one.creator, f"hash of {one.id}", vector_bytes(one.vector), one.tokens)
        for one in (given[at] for at in order)
    ]
    schema = (
        f"{c.CONTENT_ID} string, {c.CREATOR_ID} string, {c.CONTENT_HASH} string, {c.VECTOR} binary, "
        f"{c.TOKENS} array<string>"
    )
    frame = spark.createDataFrame(rows, schema).repartition(partitions)
    with ExitStack() as held:
        keep = partial(cached, until=held)
        fitted = with_fit(frame, settings.a_creator)
        texts = Texts(frame.select(c.CONTENT_ID, c.CONTENT_HASH, c.TOKENS), pairs=True)
        if settings.method == "lda":
            rows_of = fitted.join(texts.tokens, [c.CONTENT_ID, c.CONTENT_HASH])
            found = discover_by_tokens(rows_of, curated, False, settings, keep)
        else:
            with_vectors = fitted.join(frame.select(c.CONTENT_ID, c.VECTOR), c.CONTENT_ID)
            one = material(with_vectors, len(given[0].vector), partitions, settings, keep)
            found = discover(one, texts, guides or Guides.none(one.width), curated, settings, keep)
        names = [name for name in found.placed.columns if name not in (c.CONTENT_ID,)]
        placed = {
            row[c.CONTENT_ID]: (row[NODE], *(row[name] for name in names if name != NODE))
            for row in found.placed.collect()
        }
        return Outcome(found.tree, placed, found.ids, found.said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        pytest.param(("discovery.reduction=pca", "discovery.components=8"), marks=pytest.mark.soak),
    ],
)
def test_the_same_input_gives_the_same_to_the_byte_in_any_order_on_any_partitions(
    spark: SparkSession, overrides: tuple[str, ...]
) -> None:
    given = planted([60, 50, 40, 30, 25, 20], noise=0.25, creators=9)
    # Some vectors are doubled, so that there are ties of all kinds.
    given += [Content(f"copy {one.id}", "copier", one.topic, one.vector, one.tokens) for one in given[::9]]
    settings = settings_of(
        "discovery.topics=8", "discovery.fit_contents=150", "discovery.sample_contents=100", *overrides
    )
    first = run(spark, given, settings)
    for seed, partitions in ((1, 1), (2, 5)):
        again = run(spark, given, settings, partitions=partitions, seed=seed)
        assert again.nodes == first.nodes
        assert again.placed == first.placed
        assert again.said == first.said


def test_permuted_labels_of_clusters_are_the_same_topics() -> None:
    from scipy import sparse

    rng = np.random.default_rng(0)
    sums = directions(rng.normal(size=(12, 5)))[0].astype(np.int64) * rng.integers(1, 9, (12, 1))
    sizes, counts = np.repeat([7, 3], 6), sparse.csr_matrix(rng.integers(0, 5, (12, 20)))
    topics = Topics(sums, sizes, counts, tuple(f"w{at}" for at in range(20))).in_order()
    order = rng.permutation(12)
    permuted = Topics(sums[order], sizes[order], counts[order], topics.terms).in_order()
    assert (permuted.sums == topics.sums).all()
    assert (permuted.counts != topics.counts).nnz == 0


@pytest.mark.slow
def test_planted_topics_are_found_and_described_as_many_as_the_criterion_says(spark: SparkSession) -> None:
    given = planted([60, 50, 40, 30, 25, 20])
    found = run(spark, given, settings_of("discovery.most_topics=12"))
    assert len(found.groups(given)) == 6
    assert found.said["topics"] == "6"
    assert "silhouette" in found.said["number"]
    for one in (one for one in given[::20] if found.node_of(one)):
        words = found.tree.nodes[str(found.node_of(one))].keywords
        assert words
        assert all(word.startswith(one.tokens[0][:5]) for word in words)
    by_words = run(spark, given, settings_of("discovery.most_topics=12", "discovery.criterion=coherence"))
    assert "coherence" in by_words.said["number"]


@pytest.mark.slow
def test_few_contents_are_few_topics_and_equal_ones_are_one(spark: SparkSession) -> None:
    three = planted([1, 1, 1])
    found = run(spark, three, settings_of("discovery.topics=10"))
    assert len(found.groups(three)) == 3
    same = [Content(f"{at}", f"{at}", 0, three[0].vector, ["word"]) for at in range(30)]
    found = run(spark, same, settings_of("discovery.topics=5"))
    assert found.said["topics"] == "1, as all contents are the same"
    assert {found.node_of(one) for one in same} == {found.ids[0]}


@pytest.mark.slow
def test_what_has_no_direction_is_left_out_and_counted(spark: SparkSession) -> None:
    given = planted([20, 20])
    nothing = [np.zeros(WIDTH, np.float32), np.full(WIDTH, np.nan, np.float32)]
    bad = [Content(f"bad {at}", "someone", 0, vector, ["word"]) for at, vector in enumerate(nothing)]
    found = run(spark, given + bad, settings_of("discovery.topics=2"))
    assert set(found.placed) == {one.id for one in given}
    assert "2 without a direction" in found.said["contents"]


@pytest.mark.slow
def test_a_creator_with_nine_tenths_of_the_contents_defines_no_topics(spark: SparkSession) -> None:
    loud = [Content(f"loud {one.id}", "loud", 9, one.vector, one.tokens) for one in planted([900], noise=1.0, seed=5)]
    given = planted([25, 25, 25, 25])
    found = run(spark, given + loud, settings_of("discovery.topics=4", "discovery.a_creator=5"))
    assert len(found.groups(given)) == 4
    assert len({found.node_of(one) for one in given}) == 4
    assert len(found.placed) == 1000


@pytest.mark.slow
def test_contents_near_a_guide_join_it_and_topics_hang_below_or_beside(spark: SparkSession) -> None:
    given = planted([40, 40, 40, 40])
    near = directions(centres(4))[0]
    # The second topic's own direction is a guide, and the third and fourth are near one that lies between them.
    between = directions((centres(4)[2] + centres(4)[3])[None])[0]
    guides = Guides(("a", "b"), np.vstack([near[[1]], between]), ("labelled examples",) * 2)
    curated = [Node("a", "A", origin=CURATED), Node("b", "B", origin=CURATED), Node("c", "C", "b", origin=CURATED)]
    settings = settings_of("discovery.topics=3", "discovery.guided.join_from=0.85")
    found = run(spark, given, settings, guides, curated)
    by_topic = dict(found.groups(given))
    assert len(found.groups(given)) == len(by_topic) == 4
    assert by_topic[1] == "a"
    parents = {topic: found.tree.nodes[str(node)].parent for topic, node in by_topic.items()}
    assert parents == {0: None, 1: None, 2: "b", 3: "b"}
    assert found.tree.nodes["c"].parent == "b"
    assert "40 contents joined 2 nodes" in found.said["curated"]
    absorbed = run(spark, given, settings_of("discovery.topics=4", "discovery.guided.join_from=1.0"), guides, curated)
    assert {node for topic, node in absorbed.groups(given) if topic == 1} == {"a"}
    everything = settings_of("discovery.topics=3", "discovery.guided.join_from=-1.0")
    assert "all contents join" in run(spark, given, everything, guides, curated).said["topics"]


@pytest.mark.slow
def test_curated_nodes_are_compared_and_topics_hang_below_the_one_of_most_of_their_contents(
    spark: SparkSession,
) -> None:
    given = planted([40, 40, 40, 40, 40])
    # Names are poor: most of their direction is one that no content has.
    own = centres(5)
    away = np.random.default_rng(0).normal(size=WIDTH)
    away -= own.T @ (own @ away)
    names = np.vstack([0.5 * own[1], 0.4 * (own[2] + own[3])]) + away / np.linalg.norm(away)
    guides = Guides(("a", "b"), directions(names)[0], ("name and description",) * 2)
    curated = [Node("a", "A", origin=CURATED), Node("b", "B", origin=CURATED), Node("c", "C", "b", origin=CURATED)]
    found = run(spark, given, settings_of("discovery.topics=5"), guides, curated)
    by_topic = dict(found.groups(given))
    assert len(found.groups(given)) == len(by_topic) == 5
    assert by_topic[1] == "a"  # a topic that is this node itself
    parents = {topic: found.tree.nodes[str(node)].parent for topic, node in by_topic.items()}
    assert parents == {0: None, 1: None, 2: "b", 3: "b", 4: None}
    assert found.said["curated"] == (
        "40 contents joined 2 nodes, 80 are in 2 topics below them, 1 topics are one of them"
    )
    assert all(word.startswith("wordb") for word in found.tree.nodes["a"].keywords)
    assert {word[:5] for word in found.tree.nodes["b"].keywords} == {"wordc", "wordd"}
    # In any order, on any partitions.
    again = run(spark, given, settings_of("discovery.topics=5"), guides, curated, partitions=3, seed=1)
    assert (again.nodes, again.placed, again.said) == (found.nodes, found.placed, found.said)


@pytest.mark.slow
def test_topics_by_tokens_are_the_same_on_any_partitions(spark: SparkSession) -> None:
    given = planted([40, 40, 40])
    given.append(Content("without a word", "someone", 0, given[0].vector, []))
    settings = settings_of("discovery.method=lda", "discovery.topics=3", "discovery.iterations=30")
    first = run(spark, given, settings)
    again = run(spark, given, settings, partitions=5, seed=4)
    assert again.nodes == first.nodes
    assert again.placed == first.placed
    assert first.node_of(given[-1]) is None
    agreeing = max(sum(first.node_of(one) == node for one in given if one.topic == 0) for node in first.ids)
    assert agreeing >= 36
