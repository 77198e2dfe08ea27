"""The mean inside the graph is the mean outside of it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.pooling import with_mean_pooling

WIDTH, WORDS = 6, 50


def model(
    output: str = "last_hidden_state", mask: str = "attention_mask", opset: int = 17, ids_name: str = "input_ids"
) -> bytes:
    """A table of random vectors, looked up by id: the smallest graph with the inputs and output of an encoder."""
    table = np.random.default_rng(3).normal(size=(WORDS, WIDTH)).astype(np.float32)
    ids = helper.make_tensor_value_info(ids_name, TensorProto.INT64, ["batch", "tokens"])
    masks = helper.make_tensor_value_info(mask, TensorProto.INT64, ["batch", "tokens"])
    states = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", "tokens", WIDTH])
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", ids_name], [output])],
        "lookup",
        [ids, masks],
        [states],
        [numpy_helper.from_array(table, "table")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return bytes(made.SerializeToString())


def run(content: bytes, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input_ids": ids, "attention_mask": mask})[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_is_over_what_the_mask_leaves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, WORDS, size=(4, 9))
    lengths = rng.integers(1, 10, size=4)
    mask = (np.arange(9) < lengths[:, None]).astype(np.int64)
    states = run(model(), ids, mask)
    by_hand = np.stack([states[row, : lengths[row]].mean(axis=0) for row in range(4)])
    pooled = run(with_mean_pooling(model()), ids, mask)
    assert pooled.shape == (4, 1, WIDTH)
    np.testing.assert_allclose(pooled[:, 0], by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_padding_does_not_count_though_the_mask_says_that_it_is_a_word(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, size=4)
    ids = np.where(np.arange(9) < lengths[:, None], rng.integers(1, WORDS, size=(4, 9)), 0)
    pooled = with_mean_pooling(model())
    together = run(pooled, ids, np.ones_like(ids))
    for row, n in enumerate(lengths):
        alone = run(pooled, ids[row : row + 1, :n], np.ones((1, n), dtype=np.int64))
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-6, atol=1e-7)


def test_the_same_bytes_give_the_same_bytes_and_a_valid_model() -> None:
    pooled = with_mean_pooling(model())
    assert pooled == with_mean_pooling(model())
    onnx.checker.check_model(onnx.load_model_from_string(pooled), full_check=True)


@pytest.mark.parametrize(
    "unfit",
    [model(output="sentence_embedding"), model(mask="mask"), model(ids_name="ids"), model(opset=11), b"no model"],
    ids=range(5),
)
def test_a_graph_that_can_not_be_pooled_is_said_in_one_line(unfit: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"^embedder\.path: model\.onnx") as error:
        with_mean_pooling(unfit)
    assert "\n" not in str(error.value)
