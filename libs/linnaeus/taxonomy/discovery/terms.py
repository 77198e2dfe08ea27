"""What topics are about, in words: class-based TF-IDF (Grootendorst, 2022, BERTopic: neural topic modeling with a
class-based TF-IDF procedure) of single words and pairs of neighbours, counted on the workers.

Counts are whole numbers and add up: those of prototypes, counted once, give those of every topic and every tier above.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, IntegerType, LongType, StringType, StructField, StructType
from scipy import sparse

from linnaeus.contracts import columns as c
from linnaeus.taxonomy.discovery.vectors import Batches

GROUP = "group"
RARITY = 1.25  # exponent of what a rare term counts more than a frequent one
_TERM = "term"
_ROWS = 1000  # texts whose terms are held at a time
# What names a topic: words that begin with a letter; no links, addresses, mentions, numbers or single letters.
_WORD = r"\p{L}[\p{L}\p{M}\p{N}'\-]+"
_IS_NAMING = rf"^{_WORD}( {_WORD})*$"
_FOUND = StructType([StructField(_TERM, StringType()), StructField(c.N, LongType())])
COUNTS = StructType(
    [StructField(GROUP, IntegerType()), *[StructField(name, BinaryType()) for name in ("indices", "counts")]]
)


def vocabulary(rows: DataFrame, pairs: bool, least: int, most: int) -> list[str]:
    """The terms that at least `least` texts have, at most `most`, the most frequent first (of equal ones by the
    alphabet), of rows with `tokens`."""

    def run(batches: Batches) -> Batches:
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                terms, texts = _terms(batch.column(0).slice(start, _ROWS), pairs)
                coded = terms.dictionary_encode()
                codes = np.asarray(coded.indices, dtype=np.int64)
                n = max(1, len(coded.dictionary))
                once = np.unique(texts * n + codes) % n
                yield pa.RecordBatch.from_arrays(
                    [coded.dictionary, pa.array(np.bincount(once, minlength=len(coded.dictionary)), pa.int64())],
                    names=_FOUND.names,
                )

    found = rows.select(c.TOKENS).mapInArrow(run, _FOUND).groupBy(_TERM).agg(F.sum(c.N).alias(c.N))
    kept = found.where((F.col(c.N) >= least) & F.col(_TERM).rlike(_IS_NAMING))
    ordered = kept.orderBy(F.col(c.N).desc(), _TERM).limit(most)
    return [row[_TERM] for row in ordered.collect()]  # few: at most `most`


def counts_by_group(rows: DataFrame, terms: Sequence[str], groups: int, pairs: bool) -> sparse.csr_matrix:
    """How many (groups, terms) of each group's texts have each term, of rows with `tokens` and `group` (int)."""
    shared = rows.sparkSession.sparkContext.broadcast(list(terms))

    def run(batches: Batches) -> Batches:
        known = pa.array(shared.value, pa.string())
        total = sparse.csr_matrix((groups, len(known)), dtype=np.int64)
        for batch in batches:
            of_text = np.asarray(batch.column(1), dtype=np.int64)
            for start in range(0, batch.num_rows, _ROWS):
                places, texts = known_terms(batch.column(0).slice(start, _ROWS), known, pairs)
                # Once a text: one that says a word a hundred times says no more of its topic than that it has it.
                once = np.unique(texts * len(known) + places)
                cells = (of_text[start + once // len(known)], once % len(known))
                total = total + sparse.csr_matrix((np.ones(len(once), np.int64), cells), shape=total.shape)
        yield as_rows(total)

    found = collected(rows.select(c.TOKENS, GROUP).mapInArrow(run, COUNTS), (groups, len(terms)))
    shared.unpersist()
    return found


def collected(rows: DataFrame, shape: tuple[int, int]) -> sparse.csr_matrix:
    """The sum, as one matrix, of rows that the workers made by `as_rows`."""
    found = sparse.csr_matrix(shape, dtype=np.int64)
    for row in rows.collect():  # few: at most groups x partitions
        places, counts = np.frombuffer(row["indices"], np.int32), np.frombuffer(row["counts"], np.int64)
        at = (np.full(len(places), row[GROUP]), places)
        found = found + sparse.csr_matrix((counts, at), shape=shape, dtype=np.int64)
    return found


def document_terms(tokens: DataFrame, chosen: Sequence[str], terms: Sequence[str], pairs: bool) -> sparse.csr_matrix:
    """Which (n, terms) of the chosen contents, a sample, have which term, as 0 and 1: what `coherence` asks for."""
    numbers = tokens.sparkSession.createDataFrame(list(enumerate(chosen)), f"{GROUP} int, {c.CONTENT_ID} string")
    rows = tokens.join(numbers, c.CONTENT_ID)
    return counts_by_group(rows, terms, len(chosen), pairs)


def known_terms(column: pa.Array, known: pa.Array, pairs: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places in `known` of all terms of a list<string> column that it has, and the row that each is of."""
    terms, texts = _terms(column, pairs)
    places = compute.index_in(terms, value_set=known)
    is_known = np.asarray(places.is_valid())
    return np.asarray(places.drop_null(), dtype=np.int64), texts[is_known]


def _terms(column: pa.Array, pairs: bool) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Words, and pairs of neighbours if asked, of a list<string> column, and the row that each is of."""
    lists = column.fill_null([]) if column.null_count else column
    words = lists.flatten()
    lengths = np.diff(np.asarray(lists.offsets, dtype=np.int64))
    texts = np.repeat(np.arange(len(lists)), lengths)
    if not pairs or len(words) < 2:
        return words, texts
    together = compute.binary_join_element_wise(words[:-1], words[1:], " ")
    is_pair = texts[:-1] == texts[1:]
    found = pa.concat_arrays([words, together.filter(pa.array(is_pair))])
    return found, np.concatenate([texts, texts[:-1][is_pair]])


def as_rows(total: sparse.csr_matrix) -> pa.RecordBatch:
    """Rows (`COUNTS`) that are not empty, as their place and two buffers of plain numbers."""
    total.sum_duplicates()
    present = np.flatnonzero(np.diff(total.indptr))
    spans = [slice(total.indptr[i], total.indptr[i + 1]) for i in present]
    columns = [
        pa.array(present, pa.int32()),
        pa.array([total.indices[span].astype(np.int32).tobytes() for span in spans], pa.binary()),
        pa.array([total.data[span].astype(np.int64).tobytes() for span in spans], pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, names=COUNTS.names)


def c_tf_idf(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weights (groups, terms): a term's share of its group's terms, times ln(1 + A / f)^RARITY; f is how often all
    groups have it, A how many terms a group has on average.

    Of counts of texts, not of words: topics' words stand together more often. With the exponent they are shared by
    fewer topics (both measured: tests/benchmarks/discovery.md).
    """
    given = counts.astype(np.float64)
    in_group = np.asarray(given.sum(axis=1)).reshape(-1)
    of_term = np.asarray(given.sum(axis=0)).reshape(-1)
    rarity = np.log(1 + in_group.mean() / np.maximum(of_term, 1.0)) ** RARITY
    return (sparse.diags(1 / np.maximum(in_group, 1.0)) @ given @ sparse.diags(rarity)).tocsr()


def keywords(weights: sparse.csr_matrix, terms: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Of each group its n weightiest terms that stand apart, of equal ones by the alphabet."""
    return [apart(found, n) for found in weightiest(weights, terms, 4 * n)]


def weightiest(weights: sparse.csr_matrix, terms: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Of each group its n weightiest terms, of equal ones by the alphabet."""
    found = []
    for group in range(weights.shape[0]):
        row = weights[group]
        by_weight = sorted(zip(-row.data, (terms[place] for place in row.indices), strict=True))
        found.append(tuple(term for _, term in by_weight[:n]))
    return found


def apart(terms: Sequence[str], n: int) -> tuple[str, ...]:
    """The first n terms, without words of pairs that stand before them, without pairs both of whose words do, and
    without pairs of one word."""
    chosen: list[str] = []
    for term in terms:
        words = set(term.split())
        in_pairs = {word for one in chosen if " " in one for word in one.split()}
        is_twice = len(words) <= term.count(" ")
        if len(chosen) < n and not is_twice and not words <= (in_pairs if len(words) == 1 else set(chosen)):
            chosen.append(term)
    return tuple(chosen)


def coherence(documents: sparse.csr_matrix, words: Sequence[Sequence[int]]) -> float:
    """The mean NPMI (Bouma, 2009) over all pairs of each group's words, -1 to 1: `documents` (texts, terms) says which
    texts have which terms. Of words that never stand together it is -1."""
    pairs = np.array([pair for group in words for pair in combinations(group, 2)], dtype=np.int64).reshape(-1, 2)
    if len(pairs) == 0:
        return 0.0
    used, places = np.unique(pairs, return_inverse=True)
    left, right = places.reshape(-1, 2).T
    has = (documents[:, used] > 0).astype(np.float64)
    n = has.shape[0]
    together = np.asarray((has.T @ has).tocsr()[left, right]).reshape(-1) / n
    alone = np.asarray(has.sum(axis=0)).reshape(-1) / n
    is_met = (together > 0) & (together < 1)
    met = np.where(is_met, together, 0.5)
    npmi = np.log(met / np.maximum(alone[left] * alone[right], 1e-300)) / -np.log(met)
    return float(np.where(is_met, npmi, np.where(together > 0, 1.0, -1.0)).mean())
