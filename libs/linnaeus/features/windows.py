"""A text as the windows that an embedder reads: all of it, cut at words, each as long as the model can take."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.broadcast import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql.types import BinaryType, FloatType, IntegerType, StringType, StructField, StructType
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Embedder
from linnaeus.contracts.lexical import binary_array, vector_matrix
from linnaeus.features.markup import plain_text

WINDOWS = StructType(
    [
        StructField(c.CONTENT_HASH, StringType()),
        StructField(c.PLACE, IntegerType()),
        StructField(c.TEXT, StringType()),
        StructField(c.N_TOKENS, IntegerType()),
        StructField(c.WEIGHT, FloatType()),
    ]
)
_SPECIAL_TOKENS = 2  # [CLS] and [SEP], once a window
_UNKNOWN = "[UNK]"
# Stands for a word that BERT does not look up. It is in no vocabulary: private letters are dropped from every text.
_UNKNOWN_WORD = "\ue000"
_LONGEST_WORD = 100  # letters of a word that BERT looks up
_SEGMENT = re.compile(r"(?s).{1,50000}[^ \t\r\n]*")  # ends with a word, by what BERT takes for white space
_WINDOWS_A_BATCH = 1000

Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class Windowing:
    """How texts are cut and weighed.

    `vocabulary` is the embedder's, in the order of its ids; `max_tokens` the length of a window, the two special tokens
    included; `overlap` the most tokens that a window shares with the one before it. A body is read after its title, as
    one text; `title_weight` is that of the title's own vector beside it, `body_weight` that of the text's.
    `most_windows` is how many windows of a text are read at most; None: all.
    """

    vocabulary: tuple[str, ...]
    max_tokens: int
    overlap: int
    title_weight: float
    body_weight: float
    most_windows: int | None = None

    @staticmethod
    def of(settings: Embedder, vocabulary: tuple[str, ...]) -> Windowing:
        """That of an embedder."""
        weights = (settings.title_weight, settings.body_weight)
        return Windowing(vocabulary, settings.max_tokens, settings.overlap, *weights, settings.most_windows)


@dataclass(frozen=True)
class Window:
    """Words of a window apart by spaces, and how many tokens they are."""

    text: str
    n_tokens: int


def cut_into_windows(texts: DataFrame, settings: Windowing) -> DataFrame:
    """Rows of WINDOWS of texts (content_hash, title, body), one text's in the order of `place`: at least one each.

    A text's weights are shares of its parts' weights, by tokens. The vector of a text is the mean of
    its windows' vectors by these weights (pool_windows), as Reimers and Gurevych (2019), Sentence-BERT, average tokens.
    """
    shared = texts.sparkSession.sparkContext.broadcast(settings)

    def run(batches: Batches) -> Batches:
        cutter = _cutter(shared)
        for batch in batches:
            yield from _cut_batch(batch, cutter)

    return texts.select(c.CONTENT_HASH, c.TITLE, c.BODY).mapInArrow(run, WINDOWS)


class Cutter:
    """Cuts texts by the vocabulary of an uncased BERT."""

    def __init__(self, settings: Windowing) -> None:
        self.settings = settings
        self._room = settings.max_tokens - _SPECIAL_TOKENS
        vocabulary = {token: i for i, token in enumerate(settings.vocabulary)}
        # The reference's own normaliser and splitter. Spark NLP's tokenizer knows the punctuation and spaces of ASCII
        # alone: to it a typographic quote or a no-break space is part of a word, and vectors of such texts have little
        # to do with those the model was trained for. Words that stand apart already leave it nothing to do.
        self._normalizer = BertNormalizer(lowercase=True)
        self._splitter = BertPreTokenizer()
        self._tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=_UNKNOWN, max_input_chars_per_word=_LONGEST_WORD))

    def windows(self, text: str) -> list[Window]:
        """The windows of a text, `most_windows` at most; none for a text without a word."""
        words = self._words(text)
        if not words:
            return []
        counts = self._pieces(words)
        if counts.sum() <= self._room:
            return [Window(" ".join(words), int(counts.sum()))]
        spans = spread(spans_of(counts, self._room, self.settings.overlap), self.settings.most_windows)
        return [Window(" ".join(words[first:end]), int(counts[first:end].sum())) for first, end in spans]

    def weighted(self, title: str | None, body: str | None) -> list[tuple[Window, float]]:
        """Windows of the title alone and of the text, title first, with their weights; of nothing one empty window."""
        head, rest = (plain_text(part).strip() if part else "" for part in (title, body))
        found: list[tuple[Window, float]] = []
        parts = ((head if rest else "", self.settings.title_weight), (f"{head}\n{rest}", self.settings.body_weight))
        for text, weight in parts:
            windows = self.windows(text) if weight > 0 else []
            total = sum(one.n_tokens for one in windows)
            found += [(one, weight * one.n_tokens / total) for one in windows]
        return found or [(Window(" ", 0), 1.0)]

    def _words(self, text: str) -> list[str]:
        """Normalised words and signs. A long text is read by segments, so that its words are what memory holds."""
        words: list[str] = []
        for segment in _SEGMENT.findall(text):
            found = self._splitter.pre_tokenize_str(self._normalizer.normalize_str(segment))
            words += [word if len(word) <= _LONGEST_WORD else _UNKNOWN_WORD for word, _ in found]
        return words

    def _pieces(self, words: list[str]) -> npt.NDArray[np.int64]:
        """Tokens of each word."""
        encoding = self._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        return np.bincount(np.asarray(encoding.word_ids, dtype=np.int64), minlength=len(words))


def spans_of(counts: npt.NDArray[np.int64], room: int, overlap: int) -> list[tuple[int, int]]:
    """First and end of each window over words of `counts` tokens.

    Each window takes as many words as have room (at least one); the next shares with it as many as make at most
    `overlap` tokens, and has at least one word that it has not.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    spans, first = [], 0
    while True:
        end = max(first + 1, int(np.searchsorted(ends, starts[first] + room, side="right")))
        spans.append((first, end))
        if end == len(counts):
            return spans
        earliest = max(ends[end - 1] - overlap, ends[end] - room)  # it must have room for a word that is new
        first = min(max(first + 1, int(np.searchsorted(starts, earliest))), end)


def spread(spans: list[tuple[int, int]], most: int | None) -> list[tuple[int, int]]:
    """`most` of the spans, or all where there are no more: the first of each of `most` like shares of the text."""
    if most is None or len(spans) <= most:
        return spans
    return [spans[i * len(spans) // most] for i in range(most)]


def pool_windows(vectors: DataFrame, dimension: int) -> DataFrame:
    """`content_hash`, `vector` (of norm one, binary) and `n_tokens` from rows of windows with their vectors.

    Rows have content_hash, place, n_tokens, weight and embedding, the windows of a text in one partition and next to
    each other. Where a window has no vector, because the annotator failed on it, the text has none either: null.
    Raises ValueError for a vector of another length than `dimension`.
    """
    schema = StructType(
        [
            StructField(c.CONTENT_HASH, StringType()),
            StructField(c.VECTOR, BinaryType()),
            StructField(c.N_TOKENS, IntegerType()),
        ]
    )

    def run(batches: Batches) -> Batches:
        pool = _Pool(dimension)
        for batch in batches:
            yield pool.take(batch)
        yield pool.rest()

    return vectors.select(c.CONTENT_HASH, c.N_TOKENS, c.WEIGHT, c.EMBEDDING).mapInArrow(run, schema)


class _Pool:
    """Weighted sums of consecutive rows of a text; the last text of a batch waits for the next batch."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._hash: str | None = None
        self._sum = np.zeros(dimension)
        self._tokens = 0

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The texts that are complete now."""
        if batch.num_rows == 0:
            return self._rows([], np.zeros((0, self._dimension)), [])
        keys = np.asarray(batch.column(c.CONTENT_HASH).to_pylist(), dtype=object)
        firsts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        weight = np.asarray(batch.column(c.WEIGHT), dtype=np.float64)[:, None]
        vectors = vector_matrix(batch.column(c.EMBEDDING), self._dimension, np.nan)
        sums = np.add.reduceat(vectors * weight, firsts)
        tokens = np.add.reduceat(np.asarray(batch.column(c.N_TOKENS), dtype=np.int64), firsts)
        names = list(keys[firsts])
        if names[0] == self._hash:
            sums[0] += self._sum
            tokens[0] += self._tokens
        elif self._hash is not None:
            names = [self._hash, *names]
            sums = np.vstack([self._sum, sums])
            tokens = np.append(self._tokens, tokens)
        self._hash, self._sum, self._tokens = names[-1], sums[-1], int(tokens[-1])
        return self._rows(names[:-1], sums[:-1], list(tokens[:-1]))

    def rest(self) -> pa.RecordBatch:
        """The last text."""
        if self._hash is None:
            return self._rows([], np.zeros((0, self._dimension)), [])
        return self._rows([self._hash], self._sum[None, :], [self._tokens])

    def _rows(self, names: list[str], sums: npt.NDArray[np.float64], tokens: list[Any]) -> pa.RecordBatch:
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        unit = (sums / np.where(norms == 0, 1.0, norms)).astype(np.float32)
        vectors = binary_array(unit, np.isnan(norms[:, 0]))
        columns = [pa.array(names, pa.string()), vectors, pa.array(tokens, pa.int32())]
        return pa.RecordBatch.from_arrays(columns, names=[c.CONTENT_HASH, c.VECTOR, c.N_TOKENS])


def _cut_batch(batch: pa.RecordBatch, cutter: Cutter) -> Batches:
    rows: list[tuple[str, int, str, int, float]] = []
    columns = (batch.column(name) for name in (c.CONTENT_HASH, c.TITLE, c.BODY))
    for key, title, body in zip(*columns, strict=True):
        windows = cutter.weighted(title.as_py(), body.as_py())
        rows += [(key.as_py(), i, one.text, one.n_tokens, weight) for i, (one, weight) in enumerate(windows)]
        if len(rows) >= _WINDOWS_A_BATCH:
            yield _window_rows(rows)
            rows = []
    yield _window_rows(rows)


def _window_rows(rows: list[tuple[str, int, str, int, float]]) -> pa.RecordBatch:
    types = (pa.string(), pa.int32(), pa.string(), pa.int32(), pa.float32())
    columns = zip(*rows, strict=True) if rows else ([] for _ in types)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=WINDOWS.names)


def _cutter(shared: Broadcast[Windowing]) -> Cutter:
    """Made once a Python worker and setting."""
    return _made(shared.value)


@functools.lru_cache(maxsize=4)
def _made(settings: Windowing) -> Cutter:
    return Cutter(settings)
