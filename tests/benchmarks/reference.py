"""The peer of build_embeddings: the same ONNX model run by onnxruntime itself, bare or in a pandas_udf."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

BATCH = 32


@lru_cache(maxsize=4)
def load(folder: str, max_tokens: int, threads: int) -> tuple[Any, Any]:
    """Tokenizer and session, once a process."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return tokenizer, onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"), options)


def embed_one(text: str, folder: str, max_tokens: int = 128, threads: int = 1) -> np.ndarray:
    """The vector of one text: mean of its tokens' states, norm one."""
    tokenizer, session = load(folder, max_tokens, threads)
    return _embed_batch([tokenizer.encode(text)], session)[0]


def embed_all(texts: list[str], folder: str, max_tokens: int = 128, threads: int = 1) -> np.ndarray:
    """Vectors of texts, one at a time: the reference that nothing mixes."""
    return np.stack([embed_one(text, folder, max_tokens, threads) for text in texts])


def sorted_batches(texts: list[str], folder: str, max_tokens: int) -> np.ndarray:
    """Vectors by padded batches of texts of like length, one thread: how a careful user would write it."""
    tokenizer, session = load(folder, max_tokens, 1)
    encodings = tokenizer.encode_batch(texts)
    order = np.argsort([len(one.ids) for one in encodings], kind="stable")
    vectors: list[Any] = [None] * len(texts)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        for place, vector in zip(places, _embed_batch([encodings[i] for i in places], session), strict=True):
            vectors[place] = vector
    return np.stack(vectors)


def vector_udf(text: Column, folder: str, max_tokens: int, one_by_one: bool = False) -> Column:
    """The peer: an iterator pandas_udf, one thread a task, sorted batches of 32 (or exact, one text at a time)."""
    run = embed_all if one_by_one else sorted_batches

    @F.pandas_udf("array<float>")  # type: ignore[call-overload]
    def embed(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for texts in batches:
            yield pd.Series(list(run(texts.tolist(), folder, max_tokens)))

    return embed(text)


def _embed_batch(encodings: list[Any], session: Any) -> np.ndarray:
    width = max(len(one.ids) for one in encodings)
    ids = np.zeros((len(encodings), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(encodings):
        ids[row, : len(one.ids)] = one.ids
        mask[row, : len(one.ids)] = 1
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    states = session.run(None, {one.name: given[one.name] for one in session.get_inputs()})[0]
    summed = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
    return (summed / np.linalg.norm(summed, axis=1, keepdims=True)).astype(np.float32)
