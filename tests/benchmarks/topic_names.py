"""Names of topics: how many say what is frequent everywhere, or a word twice, as now, as before, and as BERTopic's.

    .venv/bin/python tests/benchmarks/topic_names.py [--sets videos,podcasts,bbc] [--bertopic PYTHON] [--show]

Ours are the names in the tree that the job's functions find, by the creators that each set has. "Before" are, for these
nodes, the three weightiest terms of class-based TF-IDF over all topics, as linnaeus named them until they were chosen
by what tells a node from those beside it. BERTopic's are the first four words of each of its topics, its default, in a
tree of one tier. Frequent are the 20 words that stand in the most contents below a name's parent, and those of the
whole set. A subject can be as frequent as boilerplate, so the last two columns say what a name is worth: the share of a
node's contents, and of the other contents below its parent, that have a term of its name, as means over the nodes.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[2]))

from linnaeus.contracts import columns as c
from linnaeus.runtime.spark import build_session
from linnaeus.taxonomy.discovery.naming import are_forms
from linnaeus.taxonomy.discovery.spelling import spelled, spellings, terms_of
from linnaeus.taxonomy.discovery.terms import c_tf_idf, keywords
from linnaeus.taxonomy.tree import Node, Tree
from tests.benchmarks.discovery import Texts, _terms, _wanted, bertopic, config_for, discovered, texts_of_set
from tests.benchmarks.support import print_table

FREQUENT = 20  # words
LEAST_TEXTS = 3  # as discovery.least_texts
_NAMING = re.compile(r"^[^\W\d_][\w'\-]+( [^\W\d_][\w'\-]+)*$")
HEADER = ("set", "names", "nodes", "a frequent word", "a word twice", "a word of a name above", "inside", "beside")


@dataclass(frozen=True, eq=False)
class Placed:
    """A tree, its names, and the contents (sets of terms) at or below each node."""

    tree: Tree
    contents: Mapping[str | None, Sequence[frozenset[str]]]

    def named(self, names: Mapping[str, str]) -> Placed:
        """With other names."""
        return replace(self, tree=Tree.of([replace(node, name=names[node.id]) for node in self.tree]))

    @cached_property
    def frequent(self) -> dict[str | None, frozenset[str]]:
        """The most frequent words of the contents below each node, and of all."""
        return {node: _frequent(contents) for node, contents in self.contents.items()}

    def row(self, name: str, by: str) -> tuple[str, ...]:
        """The figures of the names."""
        nodes, n = list(self.tree), max(1, len(self.tree))
        frequent = sum(bool(words(one) & (self.frequent[one.parent] | self.frequent[None])) for one in nodes)
        twice = sum(_has_twice(one) for one in nodes)
        above = sum(self._says_above(one) for one in nodes)
        inside, beside = np.array([self._having(one) for one in nodes]).reshape(-1, 2).mean(axis=0)
        shares = [f"{100 * share:.1f}%" for share in (frequent / n, twice / n, above / n, inside, beside)]
        return (name, by, str(len(nodes)), *shares)

    def _says_above(self, node: Node) -> bool:
        path = self.tree.path(node.id)[:-1]
        return any(
            are_forms(one, word) for above in path for word in words(self.tree.nodes[above]) for one in words(node)
        )

    def _having(self, node: Node) -> tuple[float, float]:
        """Of the node's contents the share that have a term of its name, and of the others below its parent."""
        terms = set(node.name.lower().split(", "))
        inside = sum(bool(terms & one) for one in self.contents[node.id])
        every = sum(bool(terms & one) for one in self.contents[node.parent])
        n, n_every = len(self.contents[node.id]), len(self.contents[node.parent])
        return inside / max(1, n), (every - inside) / max(1, n_every - n)


def words(node: Node) -> set[str]:
    """The words of a node's name."""
    return set(re.findall(r"\w+", node.name.lower()))


def _has_twice(node: Node) -> bool:
    own = [word for word in re.findall(r"\w+", node.name.lower()) if not word.isdigit()]
    return any(are_forms(one, other) for at, one in enumerate(own) for other in own[:at])


def _frequent(contents: Iterable[frozenset[str]]) -> frozenset[str]:
    counted = Counter(term for one in contents for term in one if " " not in term)
    return frozenset(sorted(counted, key=lambda word: (-counted[word], word))[:FREQUENT])


def placed(tree: Tree, nodes: Sequence[str | None], texts: Texts) -> Placed:
    """A tree with the contents of each node and those below it; of None all."""
    terms = [frozenset(_terms(tokens)) for tokens in texts.tokens]
    contents: dict[str | None, list[frozenset[str]]] = {None: terms, **{node: [] for node in tree.nodes}}
    for node, own in zip(nodes, terms, strict=True):
        for above in tree.path(node) if node is not None else ():
            contents[above].append(own)
    return Placed(tree, contents)


def before(given: Placed, n_keywords: int) -> dict[str, str]:
    """Names as they were: of class-based TF-IDF, tier by tier, the topics first."""
    tree, names = given.tree, {}
    words_of: dict[str, tuple[str, ...]] = {}
    for level in range(1, 5):
        nodes = [one for one in tree.nodes if tree.level(one) == level or one in tree.leaves()]
        words_of |= {one: found for one, found in _by_weight(given, nodes, n_keywords).items() if one not in words_of}
    words_of |= _by_weight(given, tree.leaves(), n_keywords)
    for node in sorted(tree, key=lambda one: (one.id not in tree.leaves(), -one.size)):
        names[node.id] = _joined(words_of[node.id], set(names.values()))
    return names


def _by_weight(given: Placed, nodes: Sequence[str], n: int) -> dict[str, tuple[str, ...]]:
    counted = {node: Counter(term for one in given.contents[node] for term in one) for node in nodes}
    every = Counter(term for one in given.contents[None] for term in one)
    terms = sorted(term for term, k in every.items() if k >= LEAST_TEXTS and _NAMING.match(term))
    place = {term: at for at, term in enumerate(terms)}
    cells = [
        (row, place[term], k) for row, node in enumerate(nodes) for term, k in counted[node].items() if term in place
    ]
    rows, columns, counts = (np.array(one) for one in zip(*cells, strict=True))
    matrix = sparse.csr_matrix((counts, (rows, columns)), shape=(len(nodes), len(terms)))
    return dict(zip(nodes, keywords(c_tf_idf(matrix), terms, n), strict=True))


def _joined(terms: Sequence[str], taken: set[str]) -> str:
    for length in range(3, max(3, len(terms)) + 1):
        first = terms[:length]
        in_pairs = {word for one in first if " " in one for word in one.split()}
        name = ", ".join(one for one in first if one not in in_pairs).title()
        if name not in taken:
            return name
    return f"{name} {len(taken)}"


def of_bertopic(python: str, name: str, texts: Texts) -> Placed:
    """BERTopic's topics, named as it names them."""
    found = bertopic(python, name)
    nodes = [Node(f"{at:04d}", ", ".join(its[:4])) for at, its in enumerate(found.words)]
    return placed(Tree.of(nodes), [None if at < 0 else f"{at:04d}" for at in found.of], texts)


def in_words(given: Placed, others: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Rows of names, each node below its parent: contents, ours, and the others."""

    def below(parent: str | None, depth: int) -> Iterable[tuple[str, ...]]:
        for node in sorted(given.tree.children.get(parent, ()), key=lambda one: (-len(given.contents[one]), one)):
            its = (given.tree.nodes[node].name, *(names[node] for names in others))
            yield ("· " * depth + f"{len(given.contents[node]):,}", *its)
            yield from below(node, depth + 1)

    return list(below(None, 0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="videos,podcasts,bbc")
    parser.add_argument("--bertopic", default=None, help="the interpreter that has bertopic; none: ours alone")
    parser.add_argument("--show", action="store_true", help="print all names too")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    rows, shown = [], {}
    for one in _wanted(options.sets):
        texts, config = texts_of_set(one), config_for(one, tuple(options.set))
        tree, nodes, _ = discovered(texts, config)
        found = placed(tree, nodes, texts)
        old = before(found, config.discovery.keywords)
        rows += [found.row(one.name, "ours"), found.named(old).row(one.name, "before")]
        if options.bertopic:
            theirs = of_bertopic(options.bertopic, one.name, texts)
            alike = (f"discovery.topics={len(theirs.tree)}", "discovery.tiers=1", *options.set)
            tree_alike, nodes_alike, _ = discovered(texts, config_for(one, alike))
            rows.append(placed(tree_alike, nodes_alike, texts).row(one.name, "ours, as many topics, one tier"))
            rows.append(theirs.row(one.name, "BERTopic"))
        frame = build_session(config, "benchmark").createDataFrame(
            [(text,) for text in texts.texts], f"{c.TEXT} string"
        )
        as_written = replace(found, tree=spelled(tree, spellings(frame, terms_of(tree))))
        shown[one.name] = in_words(as_written, [old])
    print_table("Names of topics", HEADER, rows)
    for name, its in shown.items() if options.show else ():
        print_table(f"Names on {name}", ("contents", "now", "before"), its)


if __name__ == "__main__":
    main()
