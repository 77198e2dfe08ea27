"""Topics beside BERTopic's: how coherent and how near the true sections they are, and how time grows with contents.

    .venv/bin/python tests/benchmarks/discovery.py quality --sets videos,podcasts,bbc --bertopic PYTHON
    .venv/bin/python tests/benchmarks/discovery.py scale --sizes 100000,1000000 --bertopic PYTHON

PYTHON is the interpreter of an environment with bertopic, umap-learn and hdbscan (tests/benchmarks/bertopic_topics.py
runs in it). Both read the same vectors and the same tokens, made once and kept in .cache/benchmarks. BERTopic is as it
comes (UMAP, HDBSCAN, c-TF-IDF; its seed set); ours is asked for as many topics as it found. NPMI and diversity are of
the ten weightiest words of each topic, in the same texts; the mutual information is with the true sections, over all
contents, those that are unplaced as one topic more.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from scipy import sparse
from sklearn.metrics import normalized_mutual_info_score

sys.path.insert(0, str(Path(__file__).parents[2]))

from jobs import aggregate_labels, build_tokens, ingest_bronze
from jobs._discovery import texts_of
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, resolve
from linnaeus.contracts.lexical import binary_array
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached
from linnaeus.taxonomy.discovery.discover import Texts as DiscoveryTexts
from linnaeus.taxonomy.discovery.discover import discover
from linnaeus.taxonomy.discovery.guided import Guides
from linnaeus.taxonomy.discovery.material import material, with_fit
from linnaeus.taxonomy.discovery.placing import NODE
from linnaeus.taxonomy.discovery.terms import coherence
from linnaeus.taxonomy.tree import Tree
from tests.benchmarks.models import SETS, Set, config_of
from tests.benchmarks.reference import Peer, Text, bare
from tests.benchmarks.support import print_table, timed

KEPT = resolve(".cache/benchmarks/discovery")
WORDS = 10
WIDTH, CENTRES, NOISE = 384, 100, 0.04  # of clustered vectors; as tests/benchmarks/bertopic_topics.py makes them


@dataclass(frozen=True, eq=False)
class Texts:
    """Contents by id: vectors (n, width) as float32, tokens, the true section, the creator, and title and body."""

    ids: list[str]
    vectors: npt.NDArray[np.float32]
    tokens: list[list[str]]
    sections: list[str]
    creators: list[str]
    texts: list[str]


@dataclass(frozen=True)
class Topics:
    """A topic of each content (-1: unplaced), and the weightiest words of each topic."""

    of: list[int]
    words: list[list[str]]
    seconds: float


@dataclass(frozen=True)
class Figures:
    """What is compared."""

    topics: int
    npmi: float
    diversity: float
    information: float
    unplaced: float
    seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    quality_of = commands.add_parser("quality")
    quality_of.add_argument("--sets", default="videos,podcasts,bbc")
    scale_of = commands.add_parser("scale")
    scale_of.add_argument("--sizes", default="100000,1000000")
    scale_of.add_argument("--bertopic-sizes", default="10000,30000,100000")
    for one in (quality_of, scale_of):
        one.add_argument("--bertopic", default=None, help="the interpreter that has bertopic; none: ours alone")
        one.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    commands.add_parser("texts").add_argument("--sets", default="videos,podcasts,bbc")
    options = parser.parse_args()
    if options.command == "texts":
        for one in _wanted(options.sets):
            print(one.name, len(texts_of_set(one).ids), flush=True)
    elif options.command == "quality":
        quality(_wanted(options.sets), options.bertopic, tuple(options.set))
    else:
        sizes, others = (_numbers(one) for one in (options.sizes, options.bertopic_sizes))
        scale(sizes, others, options.bertopic, tuple(options.set))


def _wanted(names: str) -> list[Set]:
    return [one for one in SETS if one.name in names.split(",")]


def _numbers(given: str) -> list[int]:
    return [int(one) for one in given.split(",") if one]


def quality(sets: Sequence[Set], python: str | None, overrides: tuple[str, ...]) -> None:
    """Figures of each set, of both where there is an interpreter for BERTopic."""
    rows = []
    for one in sets:
        texts = texts_of_set(one)
        theirs = figures(texts, bertopic(python, one.name)) if python else None
        wanted = (f"discovery.topics={theirs.topics}",) if theirs else ()
        found = {
            "ours, single words": figures(texts, ours(one, texts, (*wanted, "discovery.pairs=false", *overrides))),
            "ours, as configured": figures(texts, ours(one, texts, (*wanted, *overrides))),
            "ours, number chosen": figures(texts, ours(one, texts, overrides)),
        }
        rows += [_row(one.name, "BERTopic", theirs)] if theirs else []
        for by, its in found.items():
            rows.append(_row(one.name, by, its))
            print(rows[-1], file=sys.stderr, flush=True)
    header = ("set", "by", "topics", "NPMI", "diversity", "mutual information", "unplaced", "seconds")
    print_table("Topics of real texts", header, rows)


def _row(name: str, by: str, found: Figures) -> tuple[str, ...]:
    return (
        name,
        by,
        str(found.topics),
        f"{found.npmi:.3f}",
        f"{found.diversity:.3f}",
        f"{found.information:.3f}",
        f"{100 * found.unplaced:.1f}%",
        f"{found.seconds:.0f}",
    )


def figures(texts: Texts, found: Topics) -> Figures:
    """The figures of topics of these texts."""
    words = [of_topic[:WORDS] for of_topic in found.words]
    vocabulary = {word: place for place, word in enumerate(sorted({word for one in words for word in one}))}
    cells = [(row, vocabulary[word]) for row, of in enumerate(texts.tokens) for word in _terms(of) & vocabulary.keys()]
    at, places = zip(*cells, strict=True)
    documents = sparse.csr_matrix((np.ones(len(at)), (at, places)), shape=(len(texts.ids), len(vocabulary)))
    return Figures(
        len(words),
        coherence(documents, [[vocabulary[word] for word in one] for one in words]),
        len({word for one in words for word in one}) / sum(len(one) for one in words),
        float(normalized_mutual_info_score(texts.sections, found.of)),
        sum(one < 0 for one in found.of) / len(found.of),
        found.seconds,
    )


def _terms(tokens: Sequence[str]) -> set[str]:
    return {*tokens, *(f"{left} {right}" for left, right in itertools.pairwise(tokens))}


def config_for(one: Set, overrides: tuple[str, ...] = ()) -> Config:
    """Settings of a set's lake, without curated nodes as guides: BERTopic has none."""
    return config_of(one, ("discovery.guided.enabled=false", "spark.shuffle_partitions=2", *overrides))


def texts_of_set(one: Set) -> Texts:
    """The set's labelled contents with vectors and tokens, kept in a file once they are made."""
    kept = KEPT / f"{one.name}.npz"
    if not kept.is_file():
        config = config_for(one)
        lake = Lake(build_session(config, "benchmark"), config)
        for job in (ingest_bronze, build_tokens, aggregate_labels):
            job.main(config)
        _keep(lake, config, one, kept)
    found = np.load(kept)
    tokens = [line.split("\t") if line else [] for line in found["tokens"].tolist()]
    given = {name: found[name].tolist() for name in ("ids", "sections", "creators", "texts")}
    return Texts(vectors=found["vectors"], tokens=tokens, **given)


def _keep(lake: Lake, config: Config, one: Set, kept: Path) -> None:
    labels = lake.read(tables.LABELS).where(F.col(c.FACET) == one.facet)
    rows = (
        lake.read(tables.CONTENT)
        .join(texts_of(lake, config).tokens, [c.CONTENT_ID, c.CONTENT_HASH])
        .join(labels.select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.LABEL), c.CONTENT_ID)
        .select(c.CONTENT_ID, c.CREATOR_ID, c.TITLE, c.BODY, c.TOKENS, c.LABEL)
        .orderBy(c.CONTENT_ID)
        .collect()  # a benchmark's texts: some thousands
    )
    vectors = _vectors(config, one, {row[c.CONTENT_ID]: (row[c.TITLE], row[c.BODY]) for row in rows})
    there = [row for row in rows if row[c.CONTENT_ID] in vectors]
    np.savez_compressed(
        kept,
        ids=np.array([row[c.CONTENT_ID] for row in there]),
        vectors=np.stack([vectors[row[c.CONTENT_ID]] for row in there]),
        tokens=np.array(["\t".join(row[c.TOKENS]) for row in there]),
        sections=np.array([row[c.LABEL] for row in there]),
        creators=np.array([row[c.CREATOR_ID] for row in there]),
        texts=np.array(["\n".join(filter(None, (row[c.TITLE], row[c.BODY]))) for row in there]),
    )


def _vectors(config: Config, one: Set, texts: dict[str, Text]) -> dict[str, npt.NDArray[np.float32]]:
    """By id, of the configured model over the same windows by onnxruntime alone: equal to build_embeddings'
    (tests/benchmarks/text_features.md), and the machine need not run Spark meanwhile."""
    kept = KEPT / f"{one.name}-vectors.npz"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = bare(list(texts.values()), Peer.of(config.embedder), 2).astype(np.float32)
        np.savez_compressed(kept, ids=np.array(list(texts)), vectors=found)
    stored = np.load(kept)
    return dict(zip(stored["ids"].tolist(), stored["vectors"], strict=True))


def ours(one: Set, texts: Texts, overrides: tuple[str, ...]) -> Topics:
    """Ours, by what the job calls, each content a creator of its own: BERTopic knows of none."""
    tree, placed, seconds = discovered(replace(texts, creators=texts.ids), config_for(one, overrides))
    at = {node: place for place, node in enumerate(sorted(set(filter(None, placed))))}
    of = [-1 if node is None else at[node] for node in placed]
    return Topics(of, [list(tree.nodes[node].keywords) for node in at], seconds)


def discovered(texts: Texts, config: Config) -> tuple[Tree, list[str | None], float]:
    """The tree that the job's functions find, the node of each content, and the seconds that it took."""
    session, settings = build_session(config, "benchmark"), config.discovery
    vectors = [vector.tobytes() for vector in texts.vectors]
    rows = list(zip(texts.ids, texts.creators, texts.ids, vectors, texts.tokens, strict=True))
    schema = (
        f"{c.CONTENT_ID} string, {c.CREATOR_ID} string, {c.CONTENT_HASH} string, {c.VECTOR} binary, "
        f"{c.TOKENS} array<string>"
    )
    (frame := session.createDataFrame(rows, schema).repartition(2).cache()).count()
    with timed() as clock, ExitStack() as held:
        keep = partial(cached, until=held)
        fit = with_fit(frame, settings.a_creator).join(frame.select(c.CONTENT_ID, c.VECTOR), c.CONTENT_ID)
        given = material(fit, WIDTH, 2, settings, keep)
        tokens = DiscoveryTexts(frame.select(c.CONTENT_ID, c.CONTENT_HASH, c.TOKENS), settings.pairs)
        found = discover(given, tokens, Guides.none(given.width), [], settings, keep)
        placed = {row[c.CONTENT_ID]: row[NODE] for row in found.placed.select(c.CONTENT_ID, NODE).collect()}
    print(found.said, file=sys.stderr)
    nodes = [found.ids[placed[name]] if placed[name] >= 0 else None for name in texts.ids]
    return found.tree, nodes, clock.seconds


def bertopic(python: str, name: str) -> Topics:
    """BERTopic's, from its own environment; kept once it is done."""
    kept = KEPT / f"{name}-bertopic.json"
    if not kept.is_file():
        _run_bertopic(python, ["topics", str(KEPT / f"{name}.npz"), str(kept)])
    return Topics(**json.loads(kept.read_text(encoding="utf-8")))


def _run_bertopic(python: str, arguments: Sequence[str]) -> str:
    command = [python, str(Path(__file__).with_name("bertopic_topics.py")), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def scale(sizes: Sequence[int], others: Sequence[int], python: str | None, overrides: tuple[str, ...]) -> None:
    """Seconds and memory by how many clustered vectors there are."""
    rows = []
    for n in sizes:
        config = config_for(SETS[0], ("discovery.topics=100", "spark.driver_memory=5g", *overrides))
        with _Peak() as peak:
            seconds, said = _scaled(n, config)
        rows.append(("ours", f"{n:,}", f"{seconds:.0f}", f"{1e6 * seconds / n:.0f}", f"{peak.gib:.1f}", said))
        print(rows[-1], file=sys.stderr, flush=True)
    for n in others if python else []:
        try:
            told = json.loads(_run_bertopic(str(python), ["scale", str(n)]).splitlines()[-1])
        except subprocess.CalledProcessError as error:
            rows.append(("BERTopic", f"{n:,}", "failed", "", "", error.stderr.strip().splitlines()[-1][:80]))
            continue
        each = f"{1e6 * told['seconds'] / n:.0f}"
        rows.append(("BERTopic", f"{n:,}", f"{told['seconds']:.0f}", each, f"{told['gib']:.1f}", told["said"]))
        print(rows[-1], file=sys.stderr, flush=True)
    print_table(
        "Clustered vectors of 384 numbers",
        ("by", "vectors", "seconds", "µs a vector", "peak GiB, all processes", "what was found"),
        rows,
    )


def _scaled(n: int, config: Config) -> tuple[float, str]:
    """Seconds from stored vectors to placed contents, and what was found."""
    session = build_session(config, "benchmark")
    stored = KEPT / f"clustered-{n}"
    if not stored.is_dir():
        _clustered(session, n).write.parquet(str(stored))
    nothing = session.createDataFrame([], f"{c.CONTENT_ID} string, {c.CONTENT_HASH} string, {c.TOKENS} array<string>")
    settings, vectors = config.discovery, session.read.parquet(str(stored))
    with ExitStack() as held:
        keep = partial(cached, until=held)
        with timed() as clock:
            rows = with_fit(vectors, settings.a_creator).join(vectors.select(c.CONTENT_HASH, c.VECTOR), c.CONTENT_HASH)
            given = material(rows, WIDTH, 2 * math.ceil(n / (2 * settings.rows_a_partition)), settings, keep)
            found = discover(given, DiscoveryTexts(nothing, True), Guides.none(WIDTH), [], settings, keep)
        # Few: one a topic and centre.
        counts = found.placed.join(vectors, c.CONTENT_ID).groupBy(NODE, "centre").count().collect()
    right = _right(counts)
    return clock.seconds, f"{len(found.ids)} topics, {found.said['fitted']}; {100 * right / n:.1f}% with their centre"


def _right(counts: Sequence[Row]) -> int:
    """Contents in a topic that is their centre's for the most part."""
    largest: dict[int, int] = {}
    for row in counts:
        if row[NODE] >= 0:
            largest[row[NODE]] = max(largest.get(row[NODE], 0), row["count"])
    return sum(largest.values())


def _clustered(session: SparkSession, n: int) -> DataFrame:
    """Seeded contents around seeded directions, ten of each creator."""
    columns = (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH, "centre", c.VECTOR)
    schema = ", ".join(map(" ".join, zip(columns, ("string", "string", "string", "int", "binary"), strict=True)))
    directions = np.random.default_rng(17).normal(size=(CENTRES, WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            at = np.asarray(batch.column(0))
            rng = np.random.default_rng([17, int(at[0])])
            of = rng.integers(0, CENTRES, len(at))
            vectors = (directions[of] + NOISE * rng.normal(size=(len(at), WIDTH))).astype(np.float32)
            ids = [np.char.add(*named) for named in (("c", at.astype(str)), ("b", (at // 10).astype(str)))]
            texts = [pa.array(one) for one in (*ids, np.char.add("h", at.astype(str)))]
            made = [*texts, pa.array(of, pa.int32()), binary_array(vectors)]
            yield pa.RecordBatch.from_arrays(made, names=list(columns))

    return session.range(n, numPartitions=max(2, n // 50_000)).mapInArrow(run, schema)


class _Peak:
    """The most memory (proportional set size, GiB) that this process and those below it took together."""

    def __init__(self) -> None:
        self.gib, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            self.gib = max(self.gib, sum(_pss(one) for one in _family(os.getpid())) / 2**20)


def _family(process: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, waiting = [], [process]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def _pss(process: int) -> int:
    """KiB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
