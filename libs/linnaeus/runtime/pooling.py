"""A sentence embedder's attention mask and mean pooling, moved into its ONNX graph.

Spark NLP averages a text's token states in Scala, boxed number by boxed number: about a fifth of the time of a small
model. As four nodes of the graph it costs nothing to speak of, and one vector leaves the graph instead of one a token.

And Spark NLP fills the shorter texts of a batch up with zeros but says in the mask that they are words (its issue
14182), so a batch of several lengths changes the vectors: worst cosine 0.45. The graph finds them by their id itself.
"""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from linnaeus.contracts.errors import ConfigurationError

STATES, MASK, IDS = "last_hidden_state", "attention_mask", "input_ids"
PADDING = "[PAD]"  # the token whose id is 0, in BERT's vocabularies
_INSTEAD = {STATES: "pooling/states", MASK: "pooling/attention_mask"}
_FIRST_OPSET = 13  # from here on Unsqueeze and ReduceSum take their axes as inputs


def with_mean_pooling(model: bytes) -> bytes:
    """The model with `last_hidden_state` (batch, tokens, width) averaged over the mask to (batch, 1, width).

    The mask, there and in the model's attention, is `attention_mask` where `input_ids` is not 0, whatever it says
    there. The same bytes give the same bytes. Raises ConfigurationError for what is no ONNX model, for a graph without
    that output or one of these inputs, and for an operator set before 13.
    """
    try:
        loaded = onnx.load_model_from_string(model)
    except DecodeError as error:
        raise ConfigurationError("embedder.path: model.onnx is no ONNX model; run `make setup` again") from error
    graph = loaded.graph
    output = next((one for one in graph.output if one.name == STATES), None)
    opset = max((one.version for one in loaded.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if output is None or not {MASK, IDS} <= {one.name for one in graph.input} or opset < _FIRST_OPSET:
        raise ConfigurationError(
            f"embedder.path: model.onnx needs inputs {IDS} and {MASK}, an output {STATES} and operator set "
            f"{_FIRST_OPSET} or later; export it again (optimum-cli export onnx --task feature-extraction)"
        )
    width = output.type.tensor_type.shape.dim[-1].dim_value
    for node in graph.node:
        node.output[:] = [_INSTEAD.get(name, name) for name in node.output]
        node.input[:] = [_INSTEAD.get(name, name) for name in node.input]
    graph.initializer.extend(
        helper.make_tensor(f"pooling/{name}", TensorProto.INT64, [1], [value])
        for name, value in (("axis_1", 1), ("axis_2", 2), ("padding", 0))
    )
    masking = [
        helper.make_node("Equal", [IDS, "pooling/padding"], ["pooling/is_padding"]),
        helper.make_node("Not", ["pooling/is_padding"], ["pooling/is_token"]),
        helper.make_node("Cast", ["pooling/is_token"], ["pooling/ones"], to=TensorProto.INT64),
        helper.make_node("Mul", [MASK, "pooling/ones"], [_INSTEAD[MASK]]),
    ]
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend(
        [
            *masking,
            *others,
            helper.make_node("Cast", [_INSTEAD[MASK]], ["pooling/mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["pooling/mask", "pooling/axis_1"], ["pooling/row"]),
            helper.make_node("MatMul", ["pooling/row", "pooling/states"], ["pooling/sum"]),
            helper.make_node("ReduceSum", ["pooling/row", "pooling/axis_2"], ["pooling/count"], keepdims=1),
            helper.make_node("Div", ["pooling/sum", "pooling/count"], [STATES]),
        ]
    )
    pooled = helper.make_tensor_value_info(STATES, TensorProto.FLOAT, ["batch", 1, width or "width"])
    graph.output.remove(output)
    graph.output.insert(0, pooled)
    return bytes(loaded.SerializeToString(deterministic=True))
