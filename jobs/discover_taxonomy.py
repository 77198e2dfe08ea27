"""Embeddings (or tokens) to the tree of topics: discovered, described, matched to the version before, put in force.

On the input and the settings of the version in force nothing is done; on an error that version stays in force.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from jobs._discovery import (
    as_written,
    curated_nodes,
    keys_of,
    shared_with,
    texts_of,
    tokens_of,
    vectors_of,
    with_those_above,
)
from jobs._guides import guides_in
from jobs._taxonomy import DISCOVERY, WRITTEN, InForce, in_force, last_seen, put_in_force, with_sizes
from jobs._taxonomy_page import write_page
from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.features.tokens import tokenizer_version
from linnaeus.runtime.command import INPUTS, JobResult, exit_with, fingerprint_of
from linnaeus.runtime.embedder import identity
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session, cached
from linnaeus.taxonomy.discovery.discover import Found, discover
from linnaeus.taxonomy.discovery.lda import discover_by_tokens
from linnaeus.taxonomy.discovery.material import Keep
from linnaeus.taxonomy.discovery.placing import assignments, representatives
from linnaeus.taxonomy.lineage import Lineage, trace
from linnaeus.taxonomy.tree import Tree

_READ = (tables.CONTENT, tables.TOKENS, tables.TEXT_EMBEDDINGS, tables.LABELS)


def main(config: Config) -> JobResult:
    """Discover topics and put them in force. Raises ConfigurationError where there is nothing to discover them in, or
    the curated nodes are no tree."""
    lake = Lake(build_session(config), config)
    before = in_force(lake)
    stamp = identity(config.embedder) if config.discovery.method == "vectors" else None
    inputs = _inputs(lake, config, stamp)
    if before is not None and before.row[c.MADE_BY] == DISCOVERY and before.inputs == inputs:
        return JobResult(tables=WRITTEN, details={"unchanged": f"version {before.version} stands", INPUTS: inputs})
    with ExitStack() as held:
        keep = partial(cached, until=held)
        found = _found(lake, config, before, stamp, keep)
        found = replace(found, tree=as_written(lake, config, found.tree))
        lineage = _lineage(lake, found, before, stamp)
        version, n_placed, tree = _put_in_force(lake, config, found, lineage, before, inputs, stamp, keep)
    page = write_page(lake, config, version)
    said = {"version": str(version)} | found.said | {"tree": _tree_in_words(tree), "changes": _in_words(lineage)}
    return JobResult(
        rows_read=n_placed,
        rows_written=n_placed,
        tables=WRITTEN,
        details=said | ({"page": str(page)} if page else {}) | {INPUTS: inputs},
    )


def _inputs(lake: Lake, config: Config, stamp: str | None) -> str:
    nodes = [one.model_dump(mode="json") for one in config.read_taxonomy().nodes]
    return fingerprint_of(
        lake, _READ, config.discovery.model_dump(mode="json"), nodes, stamp, tokenizer_version(config.tokens)
    )


def _found(lake: Lake, config: Config, before: InForce | None, stamp: str | None, keep: Keep) -> Found:
    curated, settings = curated_nodes(lake, config, before), config.discovery
    texts = texts_of(lake, config)
    if stamp is None:
        return discover_by_tokens(tokens_of(lake, config), curated, texts.pairs, settings, keep)
    rows = vectors_of(lake, config, stamp, keep)
    guides = guides_in(lake, config, rows, texts, curated, before, stamp)
    found = discover(rows, texts, guides, curated, settings, keep)
    sources = Counter(guides.sources)
    told = ", ".join(f"{n} by {source}" for source, n in sorted(sources.items()))
    return replace(found, said=found.said | ({"guides": told} if told else {}))


def _lineage(lake: Lake, found: Found, before: InForce | None, stamp: str | None) -> Lineage:
    tree_before = before.tree if before is not None else Tree.of([])
    is_same = before is not None and before.row[c.EMBEDDER] == stamp
    return trace(
        tree_before,
        found.tree,
        shared_with(lake, found),
        keys_of(found),
        last_seen(lake),
        are_centroids_comparable=is_same,
    )


def _put_in_force(
    lake: Lake,
    config: Config,
    found: Found,
    lineage: Lineage,
    before: InForce | None,
    inputs: str,
    stamp: str | None,
    keep: Keep,
) -> tuple[int, int, Tree]:
    """The version's number, how many contents it has, and its tree."""
    ids = [None if one is None else lineage.ids[one] for one in found.ids]
    rows = keep(assignments(found.placed, ids))
    contents = rows.select(c.CONTENT_ID, c.CREATOR_ID)
    tree = with_sizes(lineage.tree, rows, contents)
    n = config.discovery.representatives
    version = put_in_force(
        lake,
        tree,
        lineage.changes,
        rows,
        with_those_above(representatives(rows, n), tree.parents, n),
        DISCOVERY,
        inputs,
        config.discovery.model_dump(mode="json"),
        None,
        stamp,
        after=0 if before is None else before.version,
    )
    return version, rows.count(), tree


def _tree_in_words(tree: Tree) -> str:
    levels = Counter(tree.level(node.id) for node in tree)
    tiers = ", ".join(str(levels[level]) for level in sorted(levels))
    return f"{len(tree)} nodes, by tier {tiers}"


def _in_words(lineage: Lineage) -> str:
    kinds = Counter(change.kind for change in lineage.changes)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none"


def command() -> None:
    """Entry point of the wheel."""
    exit_with("discover_taxonomy", main)


if __name__ == "__main__":
    command()
