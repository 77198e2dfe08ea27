"""Contents below the right curated node: topics guided by names, descriptions or three examples, beside cosines alone.

    .venv/bin/python -m tests.benchmarks.guided_topics [--sets bbc,videos,podcasts] [--seeds 17,18]

Each set's sections are curated nodes, and no content is labelled but three of each in the last rows, drawn by the seed;
figures there are means over the seeds. A content is right at its section's node or in a topic below it. "Cosine" is the
nearest direction of the same nodes, "before" what an absolute cosine did (join_from 0.6, nodes by texts that have their
words). 4,000 texts of a set at most, at most two windows of each, by onnxruntime (kept in .cache/benchmarks); tokens
are a plain split. The margin and the weights were chosen on podcasts alone.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Config, load_config, resolve
from linnaeus.runtime.spark import build_session, cached
from linnaeus.taxonomy.discovery.discover import Texts as DiscoveryTexts
from linnaeus.taxonomy.discovery.discover import discover
from linnaeus.taxonomy.discovery.guided import Guides, guides_of, words_of
from linnaeus.taxonomy.discovery.kmeans import grouped
from linnaeus.taxonomy.discovery.material import material, with_fit
from linnaeus.taxonomy.discovery.placing import NODE
from linnaeus.taxonomy.discovery.vectors import Directions, cosines, directions
from linnaeus.taxonomy.tree import CURATED, Node
from tests.benchmarks.reference import Peer, Text, embed_windows, load, windows_of
from tests.benchmarks.support import json_lines, print_table
from tests.benchmarks.texts import SHARED

KEPT = resolve(".cache/benchmarks/guided")
MOST, WINDOWS, EXAMPLES = 4000, 2, 3
BEFORE = ("discovery.guided.join_from=0.6",)
# A line for each section, written from its name alone.
DESCRIBED: dict[str, dict[str, tuple[str, str]]] = {
    "podcasts": {
        "arts": ("Arts", "Books, design, fashion, food, performing and visual arts"),
        "business": ("Business", "Companies, careers, entrepreneurs, investing, management and marketing"),
        "comedy": ("Comedy", "Stand-up, improvisation, jokes and funny conversations"),
        "education": ("Education", "Courses, language learning, how-to and self-improvement"),
        "fiction": ("Fiction", "Audio drama and invented stories"),
        "government": ("Government", "Public institutions, councils, agencies and public policy"),
        "health_fitness": ("Health & Fitness", "Medicine, mental health, nutrition, exercise and sexuality"),
        "history": ("History", "Past events, people and times"),
        "kids_family": ("Kids & Family", "Stories and lessons for children, parenting and pets"),
        "leisure": ("Leisure", "Hobbies, games, cars, crafts, animation, home and garden"),
        "music": ("Music", "Songs, bands, albums, interviews with musicians and the history of music"),
        "news": ("News", "Daily news, politics and commentary on current events"),
        "religion_spirituality": (
            "Religion & Spirituality",
            "Christianity, Islam, Judaism, Buddhism, Hinduism, sermons and faith",
        ),
        "science": ("Science", "Physics, biology, nature, astronomy, chemistry and mathematics"),
        "society_culture": (
            "Society & Culture",
            "Documentaries, personal journals, philosophy, places and relationships",
        ),
        "sports": ("Sports", "Football, basketball, baseball, wrestling, running and other sports"),
        "technology": ("Technology", "Computers, software, gadgets and the internet"),
        "true_crime": ("True Crime", "Murders, crimes, trials and investigations"),
        "tv_film": ("TV & Film", "Reviews, interviews and conversations about series and films"),
    },
    "videos": {
        "art_and_music": ("art and music", "Drawing, painting, songs, concerts and musical instruments"),
        "food": ("food", "Recipes, cooking, restaurants and street food"),
        "history": ("history", "Past events, wars, empires and people"),
        "manufacturing": ("manufacturing", "Factories, machines and how things are made"),
        "science_and_technology": (
            "science and technology",
            "Experiments, physics, space, computers and gadgets",
        ),
        "travel": ("travel", "Trips, destinations, hotels and journeys to other countries"),
    },
    "bbc": {
        "business": ("Business", "Companies, markets, the economy, jobs and trade"),
        "entertainment": ("Entertainment", "Films, music, television, celebrities and awards"),
        "politics": ("Politics", "Government, parties, elections, ministers and laws"),
        "sport": ("Sport", "Matches, players, teams, championships and athletics"),
        "tech": ("Technology", "Computers, software, the internet, phones and games"),
    },
}
NAMES, DESCRIPTIONS, WITH_EXAMPLES = "names alone", "names and descriptions", "three examples each"


@dataclass(frozen=True, eq=False)
class Set:
    """Contents (n) with directions, tokens and the place of their section; and nodes (m) with the directions of their
    names, and of names with descriptions."""

    name: str
    ids: list[str]
    directions: Directions
    tokens: list[list[str]]
    sections: npt.NDArray[np.int64]
    nodes: list[str]
    read: Mapping[str, Directions]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="bbc,videos,podcasts")
    parser.add_argument("--seeds", default="17,18", help="of the examples")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    seeds, rows = [int(one) for one in options.seeds.split(",")], []
    for name in options.sets.split(","):
        one = set_of(name)
        for by in (NAMES, DESCRIPTIONS, WITH_EXAMPLES):
            found = [_measured(one, by, seed, tuple(options.set)) for seed in (seeds if by == WITH_EXAMPLES else [0])]
            cosine, ours, before = (100 * np.mean([each[at] for each in found]) for at in range(3))
            rows.append((name, by, f"{cosine:.1f}%", f"**{ours:.1f}%**", f"{before:.1f}%", found[0][3]))
            print(rows[-1], file=sys.stderr, flush=True)
    header = ("set", "nodes by", "cosine alone", "ours", "before", "what was found")
    print_table("Contents below the right curated node", header, rows)


def _measured(one: Set, by: str, seed: int, overrides: tuple[str, ...]) -> tuple[float, float, float, str]:
    guides = guides_by(one, by, seed)
    cosine = float((cosines(one.directions, guides.directions).argmax(axis=1) == one.sections).mean())
    ours, said = share(one, guides, overrides)
    before, _ = share(one, guides_before(one, by, seed), BEFORE)
    return cosine, ours, before, said


def guides_by(one: Set, by: str, seed: int) -> Guides:
    """What the job makes of names, of descriptions too, or of names and examples."""
    read = one.read[DESCRIPTIONS if by == DESCRIPTIONS else NAMES]
    sums = _examples(one, seed) if by == WITH_EXAMPLES else _nothing(one)
    return guides_of(sums, {}, dict(zip(one.nodes, read, strict=True)), _nothing(one), one.nodes, EXAMPLES)


def guides_before(one: Set, by: str, seed: int) -> Guides:
    """What the job made of them: examples alone, or texts that have two of the words, or the only one."""
    sums, counts = _nothing(one)
    for place, node in enumerate(one.nodes):
        words = set(words_of(DESCRIBED[one.name][node][: 2 if by == DESCRIPTIONS else 1]))
        has = np.array([len(words.intersection(tokens)) >= min(2, len(words)) for tokens in one.tokens])
        sums[place], counts[place] = one.directions[has].sum(axis=0, dtype=np.int64), has.sum()
    examples = _examples(one, seed) if by == WITH_EXAMPLES else _nothing(one)
    return guides_of(examples, {}, {}, (sums, counts), one.nodes, EXAMPLES)


def _nothing(one: Set) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    m, width = len(one.nodes), one.directions.shape[1]
    return np.zeros((m, width), np.int64), np.zeros(m, np.int64)


def _examples(one: Set, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rng, m = np.random.default_rng(seed), len(one.nodes)
    drawn = [rng.choice(np.flatnonzero(one.sections == place), EXAMPLES, replace=False) for place in range(m)]
    places = np.repeat(np.arange(m), EXAMPLES).astype(np.int32)
    return grouped(one.directions[np.concatenate(drawn)], places, m), np.full(m, EXAMPLES)


def share(one: Set, guides: Guides, overrides: tuple[str, ...]) -> tuple[float, str]:
    """The share of contents at or below their section's node, by what the job calls; and what it says."""
    config = load_config("local", ["spark.master=local[2]", "spark.shuffle_partitions=2", *overrides])
    settings = config.discovery
    frame = _frame(one, config)
    curated = [Node(node, DESCRIBED[one.name][node][0], origin=CURATED) for node in one.nodes]
    with ExitStack() as held:
        keep = partial(cached, until=held)
        width = one.directions.shape[1]
        vectors = frame.select(c.CONTENT_ID, c.VECTOR)
        given = material(with_fit(frame, settings.a_creator).join(vectors, c.CONTENT_ID), width, 2, settings, keep)
        tokens = DiscoveryTexts(frame.select(c.CONTENT_ID, c.CONTENT_HASH, c.TOKENS), settings.pairs)
        found = discover(given, tokens, guides, curated, settings, keep)
        rows = found.placed.select(c.CONTENT_ID, NODE).collect()  # a benchmark's: some thousands
    roots = [None if node is None else found.tree.path(node)[0] for node in found.ids]
    at = {row[c.CONTENT_ID]: roots[row[NODE]] if row[NODE] >= 0 else None for row in rows}
    right = [at[name] == one.nodes[section] for name, section in zip(one.ids, one.sections, strict=True)]
    return float(np.mean(right)), f"{found.said['topics']} topics; {found.said['curated']}"


def _frame(one: Set, config: Config) -> DataFrame:
    rows = [
        (name, name, name, its.astype(np.float32).tobytes(), tokens)
        for name, its, tokens in zip(one.ids, one.directions, one.tokens, strict=True)
    ]
    names = (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH)
    schema = ", ".join([*[f"{name} string" for name in names], f"{c.VECTOR} binary", f"{c.TOKENS} array<string>"])
    return build_session(config, "benchmark").createDataFrame(rows, schema).repartition(2)


def set_of(name: str) -> Set:
    """A set's contents and nodes, their vectors kept once they are made."""
    records, nodes = _records(name), sorted(DESCRIBED[name])
    kept = KEPT / f"{name}.npz"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        said = [DESCRIBED[name][node] for node in nodes]
        np.savez_compressed(
            kept,
            vectors=_vectors([(title, body) for _, title, body, _ in records]),
            names=_vectors([(its, None) for its, _ in said]),
            described=_vectors(list(said)),
        )
    stored = np.load(kept)
    vectors, names, described = (directions(stored[one])[0] for one in ("vectors", "names", "described"))
    return Set(
        name,
        [one[0] for one in records],
        vectors,
        [_tokens(f"{title or ''} {body or ''}") for _, title, body, _ in records],
        np.array([nodes.index(section) for *_, section in records]),
        nodes,
        {NAMES: names, DESCRIPTIONS: described},
    )


def _records(name: str) -> list[tuple[str, str | None, str | None, str]]:
    """Id, title, body and section of the contents, 4,000 by a hash of their ids, in the order of the ids."""
    folder = resolve(load_config("local").sample.folder) if name == "bbc" else SHARED / "topics" / name
    labels = {
        one["item_id"]: one["label"]
        for one in json_lines(folder / "gold_labels.jsonl")
        if one["facet"] == c.CATEGORY_FACET
    }
    found = [
        (one["content_id"], one.get("title"), one.get("body"), labels[one["content_id"]])
        for one in json_lines(folder / "content.jsonl")
        if one["content_id"] in labels
    ]
    return sorted(sorted(found, key=lambda one: hashlib.sha256(one[0].encode()).hexdigest())[:MOST])


def _tokens(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]{2,}", text.lower()) if word not in ENGLISH_STOP_WORDS]


def _vectors(texts: Sequence[Text]) -> npt.NDArray[np.float32]:
    """Of the configured model, the first and the middle window of each text."""
    peer = Peer.of(load_config("local").embedder)
    tokenizer, session = load(peer)
    found = []
    for text in texts:
        windows = windows_of(text, peer, tokenizer)
        chosen = [windows[at * len(windows) // WINDOWS] for at in range(WINDOWS)] if len(windows) > WINDOWS else windows
        found.append(sum(weight * embed_windows([one], session)[0] for one, weight in chosen))
    return np.array(found, dtype=np.float32)


if __name__ == "__main__":
    main()
