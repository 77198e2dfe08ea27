"""discover_taxonomy over lakes of planted topics: what is in force after it, and what stays in force on bad input."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pyspark.sql import SparkSession

from jobs import discover_taxonomy
from jobs._models import manifest_in_force
from jobs._taxonomy import in_force
from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas, tables
from linnaeus.contracts.config import Config
from linnaeus.runtime.command import JobResult
from linnaeus.runtime.lake import Lake
from linnaeus.taxonomy.tree import DISCOVERED
from tests.conftest import MakeConfig
from tests.contents import contents
from tests.oracles import vector_bytes
from tests.taxonomy.discovery.planted import WIDTH, Content, planted

SETTINGS = (
    f"embedder.dimension={WIDTH}",
    "discovery.guided.enabled=false",
    "discovery.topics=4",
    "discovery.prototypes_a_topic=3",
)


class Bench:
    """A lake of planted contents, and the job run on it."""

    def __init__(self, spark: SparkSession, make_config: MakeConfig) -> None:
        self.make_config = make_config
        self.lake = Lake(spark, self.config())

    def config(self, *overrides: str) -> Config:
        return self.make_config(*SETTINGS, *overrides)

    def put(self, given: Sequence[Content], embedder: str | None = None) -> None:
        session, manifest = self.lake.session, manifest_in_force(self.config())
        rows = contents(session, {one.id: (None, one.id) for one in given})
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
def bench(spark: SparkSession, make_config: MakeConfig) -> Bench:
    return Bench(spark, make_config)


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
        assert one.keywords and all(word.startswith(f"word{chr(97 + topic)}") for word in one.keywords)
    print(result)
