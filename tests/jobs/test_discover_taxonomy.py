"""discover_taxonomy over lakes of planted topics: what is in force after it, and what stays in force on bad input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs import discover_taxonomy
from jobs._models import manifest_in_force
from jobs._taxonomy import WRITTEN, in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.tree import DISCOVERED
from tests.conftest import MakeConfig
from tests.contents import contents
from tests.jobs.lakes import label
from tests.oracles import vector_bytes
from tests.taxonomy.discovery.planted import WIDTH, Content, planted
from tests.tiny_embedder import make_embedder, slow_vector

SETTINGS = (
    f"embedder.dimension={WIDTH}",
    "discovery.guided.enabled=false",
    "discovery.topics=4",
    "discovery.prototypes_a_topic=3",
)


class Bench:
    """A lake of planted contents, and the job run on it."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig, root: Path) -> None:
        self.make_config, self.root = make_config, root
        self.lake = Lake(spark, self.config())

    def config(self, *overrides: str) -> Config:
        return self.make_config(*SETTINGS, *overrides, root=self.root)

    def put(self, given: Sequence[Content], embedder: str | None = None) -> None:
        session, manifest = self.lake.session, manifest_in_force(self.config())
        rows = contents(session, {one.id: (one.id, f"{' '.join(one.tokens).upper()}.") for one in given})
        creators = session.createDataFrame([(one.id, one.creator) for one in given], [c.CONTENT_ID, c.CREATOR_ID])
        rows = rows.drop(c.CREATOR_ID).join(creators, c.CONTENT_ID).select(*tables.CONTENT.columns).cache()
        self.lake.merge(rows, tables.CONTENT)
        hashes = {row[c.CONTENT_ID]: row[c.CONTENT_HASH] for row in rows.collect()}
        form = tuple(0.5 for _ in schemas.STATISTICS.names)
        tokens = [
            (one.id, hashes[one.id], manifest.tokenizer, "en", one.tokens, len(one.tokens), form, 1) for one in given
        ]
        stamp = embedder or manifest.embedder
        vectors = [(hashes[one.id], stamp, vector_bytes(one.vector), None, 1) for one in given]
        self.lake.merge(session.createDataFrame(tokens, schemas.TOKENS), tables.TOKENS)
        self.lake.merge(session.createDataFrame(vectors, schemas.TEXT_EMBEDDINGS), tables.TEXT_EMBEDDINGS)

    def run(self, *overrides: str) -> JobResult:
        return discover_taxonomy.main(self.config(*overrides))

    def nodes_of(self) -> dict[str, str | None]:
        rows = self.lake.read(tables.TOPIC_ASSIGNMENTS).collect()
        return {row[c.CONTENT_ID]: row[c.NODE_ID] for row in rows}


@pytest.fixture
def bench(spark: SparkSession, make_config: MakeConfig, tmp_path: Path) -> Bench:
    return Bench(spark, make_config, tmp_path)


@pytest.mark.slow
def test_planted_topics_are_found_named_and_put_in_force(bench: Bench) -> None:
    given = planted([30, 25, 20, 15])
    bench.put(given)
    result = bench.run()
    newest = in_force(bench.lake)
    assert newest is not None
    topics = [newest.tree.nodes[one] for one in newest.tree.leaves() if newest.tree.nodes[one].origin == DISCOVERED]
    assert sorted(one.size for one in topics) == [15, 20, 25, 30]
    found = bench.nodes_of()
    assert len({(one.topic, found[one.id]) for one in given}) == 4
    for one in topics:
        topic = next(content.topic for content in given if found[content.id] == one.id)
        # Tokens are lower case, and these words are written in capitals.
        assert one.keywords and all(word.startswith(f"WORD{chr(65 + topic)}") for word in one.keywords)
        assert one.name.startswith(f"WORD{chr(65 + topic)}")
    assert result.details["unplaced"].startswith("0 of 90")
    stored = bench.lake.read(tables.TOPIC_REPRESENTATIVES).collect()
    assert {row[c.NODE_ID] for row in stored} == {one.id for one in newest.tree if one.origin == DISCOVERED}
    page = Path(result.details["page"])
    assert topics[0].name in page.read_text(encoding="utf-8")


@pytest.mark.soak
@pytest.mark.slow
def test_a_run_on_the_same_input_does_nothing_and_new_contents_keep_ids(bench: Bench) -> None:
    given = planted([30, 25, 20])
    bench.put(given)
    bench.run("discovery.topics=3", "discovery.tiers=1")
    first, versions = bench.nodes_of(), [bench.lake.version(table) for table in WRITTEN]
    again = bench.run("discovery.topics=3", "discovery.tiers=1")
    assert again.details["unchanged"] == "version 1 stands"
    assert [bench.lake.version(table) for table in WRITTEN] == versions
    more = planted([30, 25, 20, 40])
    bench.put([one for one in more if one.topic == 3])
    result = bench.run("discovery.topics=4", "discovery.tiers=1")
    assert result.details["changes"] == "1 birth"
    after = bench.nodes_of()
    assert {name: after[name] for name in first} == first
    assert len({after[one.id] for one in more} - {None}) == 4  # one may be unplaced


@pytest.mark.slow
def test_lakes_that_were_filled_in_another_order_have_the_same_ids(
    spark: SparkSession, make_config: MakeConfig, tmp_path: Path
) -> None:
    given = planted([30, 25, 20, 15], noise=0.2)
    rng, found = np.random.default_rng(0), []
    for place in ("one", "other"):
        bench = Bench(spark, make_config, tmp_path / place)
        order = rng.permutation(len(given)).tolist()
        for part in np.array_split(order, 1 if place == "one" else 3):
            bench.put([given[at] for at in part.tolist()])
        bench.run(f"discovery.rows_a_partition={50_000 if place == 'one' else 17}")
        rows = bench.lake.read(tables.TOPIC_ASSIGNMENTS).orderBy(c.CONTENT_ID).collect()
        newest = in_force(bench.lake)
        assert newest is not None
        found.append((rows, [(node, node.centroid) for node in newest.tree]))
    assert found[0] == found[1]


@pytest.mark.soak
@pytest.mark.slow
def test_labelled_examples_guide_contents_to_curated_nodes(bench: Bench, tmp_path: Path) -> None:
    given = planted([30, 25, 20])
    bench.put(given)
    examples = {one.id: "zero" for one in given if one.topic == 0}
    label(bench.lake, dict(list(examples.items())[:6]), "category")
    taxonomy = tmp_path / "taxonomy.yml"
    taxonomy.write_text("nodes: [{id: zero, name: Zero}, {id: one, name: wordba}]", encoding="utf-8")
    own = (f"taxonomy.path={taxonomy}", "discovery.guided.enabled=true", "discovery.topics=2")
    own += ("discovery.guided.read_nodes=false",)  # planted vectors are no embedder's
    result = bench.run(*own, "discovery.guided.absorb_from=1.0", "discovery.guided.join_from=0.8")
    assert result.details["guides"] == "1 by labelled examples, 1 by texts with its words"
    found = bench.nodes_of()
    assert {found[one.id] for one in given if one.topic == 0} == {"zero"}
    assert {found[one.id] for one in given if one.topic == 1} == {"one"}
    newest = in_force(bench.lake)
    assert newest is not None
    assert newest.tree.nodes["zero"].size == 30
    # A version that is discovered anew still has them, whatever the file says then.
    taxonomy.write_text("nodes: []", encoding="utf-8")
    bench.run(*own)
    again = in_force(bench.lake)
    assert again is not None
    assert {"zero", "one"} <= set(again.tree.nodes)


@pytest.mark.slow
def test_nodes_without_a_label_take_what_is_nearest_to_what_they_are_called(bench: Bench, tmp_path: Path) -> None:
    # An embedder to which a text is its letters; all texts have its two special tokens, so all cosines are high.
    folder = make_embedder(tmp_path / "embedder", dimension=256)
    rng, pools = np.random.default_rng(0), ("abcde", "klmno", "uvwxy")
    texts = [(topic, "".join(rng.choice(list(pools[topic]), 8))) for topic in range(3) for _ in range(20)]
    given = [
        Content(f"{topic}-{at:02d}", f"creator {at}", topic, slow_vector(folder, text).astype(np.float32), [text[:1]])
        for at, (topic, text) in enumerate(texts)
    ]
    taxonomy = tmp_path / "taxonomy.yml"
    taxonomy.write_text(
        "nodes: [{id: first, name: abc, description: de}, {id: second, name: lmn, description: o}]", encoding="utf-8"
    )
    own = (
        f"embedder.path={folder}",
        "embedder.name=tiny",
        "embedder.dimension=256",
        f"taxonomy.path={taxonomy}",
        "discovery.guided.enabled=true",
        "discovery.topics=3",
    )
    bench.put(given, embedder=identity(bench.config(*own).embedder))
    result = bench.run(*own)
    assert result.details["guides"] == "2 by name and description"
    newest = in_force(bench.lake)
    assert newest is not None
    places = bench.nodes_of()
    at = {name: newest.tree.path(node)[0] if node else None for name, node in places.items()}
    right = [at[one.id] == ("first", "second")[one.topic] for one in given if one.topic < 2]
    assert np.mean(right) >= 0.9
    assert not {at[one.id] for one in given if one.topic == 2} & {"first", "second"}


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("what", ["no vectors", "another embedder", "a cycle"])
def test_bad_input_is_said_and_what_is_in_force_stays(bench: Bench, tmp_path: Path, what: str) -> None:
    given = planted([12, 12])
    if what == "a cycle":
        bench.put(given)
        bench.run("discovery.topics=2")
        taxonomy = tmp_path / "taxonomy.yml"
        taxonomy.write_text("nodes: [{id: a, name: A, parent: b}, {id: b, name: B, parent: a}]", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="is its own ancestor"):
            bench.run(f"taxonomy.path={taxonomy}")
        newest = in_force(bench.lake)
        assert newest is not None and newest.version == 1
        return
    if what == "another embedder":
        bench.put(given, embedder="other@0123456789ab.0123456789abcdef")
    with pytest.raises(ConfigurationError, match="build_embeddings") as raised:
        bench.run()
    if what == "another embedder":
        assert "other@0123456789ab" in str(raised.value)
        assert manifest_in_force(bench.config()).embedder in str(raised.value)
    assert in_force(bench.lake) is None
