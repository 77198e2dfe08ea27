"""An embedder of a few kilobytes: a table of random vectors, a row a token, as an ONNX model that Spark NLP loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# A word is read letter by letter. The last token may be in the vocabulary and not in the table: see `without_last`.
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "</s>", *LETTERS, *(f"##{letter}" for letter in LETTERS[:-1]))
VOCABULARY += ("##z",)


def make_embedder(folder: Path, dimension: int = 8, seed: int = 0, without_last: int = 0) -> Path:
    """Write model.onnx and assets/vocab.txt; on a text with one of the `without_last` tokens the model fails."""
    table = np.random.default_rng(seed).normal(size=(len(VOCABULARY) - without_last, dimension)).astype(np.float32)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", dimension])
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "tiny",
        inputs,
        [states],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    save(model, str(folder / "model.onnx"))
    (folder / "assets" / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return folder


def slow_vector(folder: Path, text: str) -> np.ndarray:
    """The vector of a text that fits one window, computed apart: the mean of its tokens' rows, of norm one."""
    from onnx import load

    table = numpy_helper.to_array(load(str(folder / "model.onnx")).graph.initializer[0])
    tokens = ["[CLS]"]
    for word in text.split():
        tokens += [word[0], *(f"##{letter}" for letter in word[1:])]
    mean = table[[VOCABULARY.index(token) for token in [*tokens, "[SEP]"]]].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))
