"""What sources say in most of their texts: their names, their slogans, how they write.

Such a term says little of a text. It counts once for its source and not once a text: in each of n texts of a source,
one n-th. So a name that a press agency's texts all have counts next to nothing in any topic, while a word that thirty
sources have in all their texts still counts thirty times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.terms import COUNTS, GROUP, as_rows, collected, known_terms
from linnaeus.taxonomy.discovery.vectors import Batches

ONE = 1 << 10  # a text: parts of it are whole numbers, whose sums are exact in any order
LEAST = 5  # texts of a source from which it is told what most of them have
_ROWS = 1000  # texts whose terms are held at a time, about


@dataclass(frozen=True, eq=False)
class Repeats:
    """What a term (groups, terms) counts too much, `ONE` a text: `having`, where texts that have it are counted, and
    `texts`, where all texts are."""

    having: sparse.csr_matrix
    texts: sparse.csr_matrix

    def of(self, groups: npt.NDArray[np.integer] | slice) -> Repeats:
        """Of some of the groups."""
        return Repeats(self.having[groups], self.texts[groups])

    def merged(self, place: sparse.csr_matrix) -> Repeats:
        """Of groups of these groups, as the rows of `place` (merged, groups) say."""
        return Repeats((place @ self.having).tocsr(), (place @ self.texts).tocsr())


def repeats_by_group(rows: DataFrame, terms: Sequence[str], groups: int, pairs: bool) -> Repeats:
    """What sources repeat, of rows with `creator_id`, `tokens` and `group` (int)."""
    shared = rows.sparkSession.sparkContext.broadcast(list(terms))
    of_source = F.count("*").over(Window.partitionBy(c.CREATOR_ID)).alias(c.N)
    told = rows.select(c.CREATOR_ID, c.TOKENS, GROUP, of_source).where(F.col(c.N) >= LEAST).drop(c.N)
    ordered = told.sortWithinPartitions(c.CREATOR_ID)

    def run(batches: Batches) -> Batches:
        known = pa.array(shared.value, pa.string())
        total = sparse.csr_matrix((2 * groups, len(known)), dtype=np.int64)
        for part in _by_whole_sources(batches):
            total = total + _repeated(part, known, groups, pairs)
        yield as_rows(total)

    found = collected(ordered.mapInArrow(run, COUNTS), (2 * groups, len(terms)))
    shared.unpersist()
    return Repeats(found[:groups], found[groups:])


def _by_whole_sources(batches: Batches) -> Iterator[pa.Table]:
    """Rows in parts of about `_ROWS`, cut between sources: rows are sorted by them."""
    held: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        held = table if held is None else pa.concat_tables([held, table])
        cuts = [cut for cut in _cuts(held.column(0)) if cut < held.num_rows]
        for start, end in zip([0, *cuts], cuts, strict=False):
            yield held.slice(start, end - start)
        held = held.slice(cuts[-1]) if cuts else held
    if held is not None and held.num_rows:
        yield held


def _cuts(sources: pa.ChunkedArray) -> list[int]:
    """Where parts of about `_ROWS` end; the last is where the last source begins."""
    codes = np.asarray(sources.combine_chunks().dictionary_encode().indices)
    begins = np.flatnonzero(np.diff(codes)) + 1
    if len(begins) == 0:
        return []
    wanted = np.searchsorted(begins, np.arange(_ROWS, begins[-1], _ROWS))
    return sorted({*begins[wanted].tolist(), int(begins[-1])})


def _repeated(part: pa.Table, known: pa.Array, groups: int, pairs: bool) -> sparse.csr_matrix:
    """(2 groups, terms): what is counted too much of texts that have a term, then of all texts, of whole sources."""
    n_terms = len(known)
    sources = np.asarray(part.column(0).combine_chunks().dictionary_encode().indices, dtype=np.int64)
    of_group = np.asarray(part.column(2), dtype=np.int64)
    texts_of = np.bincount(sources)
    too_much = ONE - ONE // texts_of  # of each text, where a term of its source is repeated
    places, texts = known_terms(part.column(1).combine_chunks(), known, pairs)
    once = np.unique(texts * n_terms + places)
    text, term = once // n_terms, once % n_terms
    pair, of_pair, having = np.unique(sources[text] * n_terms + term, return_inverse=True, return_counts=True)
    is_most = 2 * having > texts_of[pair // n_terms]
    repeated = is_most[of_pair]
    source, of_source = pair[is_most] // n_terms, pair[is_most] % n_terms
    habits = _matrix(too_much[source], source, of_source, (len(texts_of), n_terms))
    present = _matrix(np.ones(len(sources), np.int64), of_group, sources, (groups, len(texts_of)))
    counted = _matrix(too_much[sources[text[repeated]]], of_group[text[repeated]], term[repeated], (groups, n_terms))
    return sparse.vstack([counted, present @ habits], format="csr")


def _matrix(
    values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    return sparse.csr_matrix((values, (rows, columns)), shape=shape, dtype=np.int64)
