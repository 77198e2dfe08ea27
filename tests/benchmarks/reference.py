"""The peer of build_embeddings: the same ONNX model over the same windows, by onnxruntime, bare or in a pandas_udf."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts.config import Embedder, resolve

BATCH = 32
Text = tuple[str | None, str | None]  # title and body


@dataclass(frozen=True)
class Peer:
    """What the peer needs of the settings; hashable, so that a process loads the model once."""

    folder: str
    max_tokens: int
    overlap: int
    title_weight: float
    body_weight: float
    threads: int = 1

    @staticmethod
    def of(settings: Embedder, threads: int = 1) -> Peer:
        """The peer of an embedder."""
        folder = str(resolve(settings.path or ""))
        weights = (settings.title_weight, settings.body_weight)
        return Peer(folder, settings.max_tokens, settings.overlap, *weights, threads)


@lru_cache(maxsize=4)
def load(peer: Peer) -> tuple[Any, Any]:
    """Tokenizer and session, once a process."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(peer.folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(peer.max_tokens, stride=peer.overlap)
    tokenizer.encode_special_tokens = True  # "[SEP]" in somebody's text is text
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = peer.threads
    options.inter_op_num_threads = 1
    return tokenizer, onnxruntime.InferenceSession(str(Path(peer.folder) / "model.onnx"), options)


def windows_of(text: Text, peer: Peer, tokenizer: Any) -> list[tuple[Any, float]]:
    """Encodings of the title alone and of the text, cut by the tokenizer itself, with their weights."""
    found: list[tuple[Any, float]] = []
    title, body = (part.strip() if part else "" for part in text)
    parts = ((title if body else "", peer.title_weight), (f"{title}\n{body}".strip(), peer.body_weight))
    for part, weight in parts:
        if not part or weight == 0:
            continue
        first = tokenizer.encode(part)
        encodings = [first, *first.overflowing]
        total = sum(len(one.ids) - 2 for one in encodings)
        found += [(one, weight * (len(one.ids) - 2) / total) for one in encodings if total]
    return found or [(tokenizer.encode(""), 1.0)]


def one_by_one(texts: list[Text], peer: Peer) -> np.ndarray:
    """Vectors of texts, a window at a time: the reference that nothing mixes."""
    tokenizer, session = load(peer)
    vectors = []
    for text in texts:
        windows = windows_of(text, peer, tokenizer)
        vectors.append(sum(weight * embed_windows([one], session)[0] for one, weight in windows))
    return _unit(np.stack(vectors))


def sorted_batches(texts: list[Text], peer: Peer) -> np.ndarray:
    """Vectors by padded batches of windows of like length: how a careful user would write it."""
    tokenizer, session = load(peer)
    windows = [(i, one, weight) for i, text in enumerate(texts) for one, weight in windows_of(text, peer, tokenizer)]
    order = np.argsort([len(one.ids) for _, one, _ in windows], kind="stable")
    vectors: Any = 0.0
    for start in range(0, len(order), BATCH):
        batch = [windows[i] for i in order[start : start + BATCH]]
        found = embed_windows([one for _, one, _ in batch], session)
        if start == 0:
            vectors = np.zeros((len(texts), found.shape[1]))
        np.add.at(vectors, [i for i, _, _ in batch], found * np.array([weight for *_, weight in batch])[:, None])
    return _unit(vectors)


def bare(texts: list[Text], peer: Peer, threads: int) -> np.ndarray:
    """Vectors without Spark: as many Python threads as cores over one session, a window at a time."""
    load(peer)
    parts = [texts[i::threads] for i in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda part: one_by_one(part, peer), parts))
    vectors = np.empty((len(texts), found[0].shape[1]))
    for i, part in enumerate(found):
        vectors[i::threads] = part
    return vectors


def vector_udf(title: Column, body: Column, peer: Peer, exact: bool = False) -> Column:
    """The peer in Spark: an iterator pandas_udf, one thread a task, sorted batches (or exact, a window at a time)."""
    run = one_by_one if exact else sorted_batches

    @F.pandas_udf("array<float>")  # type: ignore[call-overload]
    def embed(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for titles, bodies in batches:
            yield pd.Series(list(run(list(zip(titles, bodies, strict=True)), peer).astype(np.float32)))

    return embed(title, body).alias("embedding")  # type: ignore[no-any-return]


def embed_windows(encodings: list[Any], session: Any) -> np.ndarray:
    """Vectors (n, width) of a batch of windows, filled up to the longest."""
    longest = max(len(one.ids) for one in encodings)
    ids = np.zeros((len(encodings), longest), dtype=np.int64)
    attention = np.zeros_like(ids)
    for row, one in enumerate(encodings):
        ids[row, : len(one.ids)] = one.ids
        attention[row, : len(one.ids)] = 1
    inputs = {"input_ids": ids, "attention_mask": attention, "token_type_ids": np.zeros_like(ids)}
    hidden = session.run(None, inputs)[0]
    return _unit((hidden * attention[:, :, None]).sum(axis=1) / attention.sum(axis=1, keepdims=True))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
