"""Terms as people write them: `us` as US, `bank england` as Bank of England.

Tokens are lower case, without punctuation and without stop words. How a term is written most often is read off a sample
of the texts.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.vectors import Batches
from linnaeus.taxonomy.tree import DISCOVERED, Tree

_TERM, _WRITTEN = "term", "written"
_FOUND = StructType(
    [StructField(_TERM, StringType()), StructField(_WRITTEN, StringType()), StructField(c.N, LongType())]
)
_BETWEEN = 2  # words at most that stand between those of a pair: the stop words that its tokens lost
_AND = ("&", "+")  # signs that are read as a word
_LONGEST = 40  # characters of a word


def spellings(texts: DataFrame, terms: Collection[str], read: Callable[[str], str] = str) -> dict[str, str]:
    """How each of the terms (words, and pairs with a blank between them) is written most often in rows with `text`; of
    equally frequent ways the first by the alphabet. Terms that no text has are left out. `read` makes a text what its
    reader sees."""
    wanted = frozenset(terms)

    def run(batches: Batches) -> Batches:
        for batch in batches:
            counted: Counter[tuple[str, str]] = Counter()
            seen = _Words(wanted)
            for text in batch.column(0).to_pylist():
                counted.update(seen.of(read(text or "")))
            ways = list(counted)
            columns = [pa.array([way[at] for way in ways], pa.string()) for at in range(2)]
            counts = pa.array([counted[way] for way in ways], pa.int64())
            yield pa.RecordBatch.from_arrays([*columns, counts], names=_FOUND.names)

    found = texts.select(c.TEXT).mapInArrow(run, _FOUND).groupBy(_TERM, _WRITTEN).agg(F.sum(c.N).alias(c.N))
    best = F.min_by(_WRITTEN, F.struct(-F.col(c.N), F.col(_WRITTEN))).alias(_WRITTEN)
    rows = found.groupBy(_TERM).agg(best).collect()  # few: one a term
    return {row[_TERM]: row[_WRITTEN] for row in rows}


class _Words:
    """Finds terms in texts; remembers what each word is as a token."""

    def __init__(self, wanted: Collection[str]) -> None:
        pairs = [term.split(" ") for term in wanted if term.count(" ") == 1]
        self._wanted, self._firsts = wanted, frozenset(first for first, _ in pairs)
        self._tokens: dict[str, tuple[str, str]] = {}

    def of(self, text: str) -> Iterator[tuple[str, str]]:
        """Each term of a text with the way that it is written."""
        words = [self._token(word) for word in text.split()]
        for at, (token, written) in enumerate(words):
            if token in self._wanted:
                yield token, written
            if token in self._firsts:
                yield from self._pair(words[at : at + _BETWEEN + 2])

    def _pair(self, words: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        first = words[0][0]
        for end in range(1, len(words)):
            pair = f"{first} {words[end][0]}"
            if pair in self._wanted:
                yield pair, " ".join(written for _, written in words[: end + 1] if written)
                return

    def _token(self, word: str) -> tuple[str, str]:
        """The token, and the word without the punctuation about it."""
        known = self._tokens.get(word)
        if known is None:
            known = self._tokens[word] = as_token(word)
        return known


def as_token(word: str) -> tuple[str, str]:
    """A word as a token, and without the punctuation about it: ("us", "U.S.") of "(U.S.)". Signs are no token."""
    if len(word) > _LONGEST:
        return "", ""
    composed = unicodedata.normalize("NFC", word)
    is_kept = [_is_of_word(one) for one in composed]
    if True not in is_kept:
        return "", word if word in _AND else ""
    start, end = is_kept.index(True), len(is_kept) - is_kept[::-1].index(True)
    written = composed[start:end]
    if "." in written and composed[end : end + 1] == ".":
        written += "."  # of an abbreviation
    return "".join(one for one in written if _is_of_word(one)).lower(), written


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def titled(written: str) -> str:
    """A term as it stands in a name: its first and last word, and each that has no capital, begin with one; the words
    between them stay as they are."""
    words = written.split(" ")
    return " ".join(_capital(word) if at in (0, len(words) - 1) else word for at, word in enumerate(words))


def _capital(word: str) -> str:
    return word if word != word.lower() else word[:1].title() + word[1:]


def spelled(tree: Tree, ways: Mapping[str, str]) -> Tree:
    """The tree with the keywords and the names of its discovered nodes as people write them."""
    nodes = []
    for node in tree:
        if node.origin == DISCOVERED:
            name = ", ".join(titled(_spelled(term, ways)) for term in node.name.split(", "))
            node = replace(node, name=name, keywords=tuple(ways.get(one, one) for one in node.keywords))
        nodes.append(node)
    return Tree.of(nodes, "the topics found")


def _spelled(term: str, ways: Mapping[str, str]) -> str:
    """A term as it is written; one with a number behind it, as a name that stands for two nodes has, too."""
    bare, _, number = term.rpartition(" ")
    is_numbered = term not in ways and number.isdigit() and bare in ways
    return f"{ways[bare]} {number}" if is_numbered else ways.get(term, term)


def terms_of(tree: Tree) -> set[str]:
    """The terms that discovered nodes have as keywords or in their names."""
    discovered = [node for node in tree if node.origin == DISCOVERED]
    return {term for node in discovered for term in (*node.keywords, *node.name.split(", "))}
