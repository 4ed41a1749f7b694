"""The same sentence encoder by onnxruntime, from the same weights: a graph of its own fused operators."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.minilm import files, model

OPSETS = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
EPSILON = float(model.EPSILON)


class _Graph:
    """Nodes and the numbers that they need; every method adds a node and returns the name of its result."""

    def __init__(self) -> None:
        self.nodes, self.held = [], {}

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def hold(self, name: str, array: np.ndarray) -> str:
        self.held[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def linear(self, x: str, name: str) -> str:
        weights = files.load()[0]
        product = self.add("MatMul", x, self.hold(name + ".weight", weights[name + ".weight"].T))
        return self.add("Add", product, self.hold(name + ".bias", weights[name + ".bias"]))

    def norm(self, x: str, name: str, added: str) -> str:
        scale, bias = (self.hold(f"{name}.{what}", files.load()[0][f"{name}.{what}"]) for what in ("weight", "bias"))
        return self.add("SkipLayerNormalization", x, added, scale, bias, domain="com.microsoft", epsilon=EPSILON)


def _encoder() -> bytes:
    graph, weights = _Graph(), files.load()[0]
    words, places, kinds = (weights[f"embeddings.{what}_embeddings.weight"]
                            for what in ("word", "position", "token_type"))
    x = graph.norm(graph.add("Gather", graph.hold("words", words), "tokens"), "embeddings.LayerNorm",
                   graph.add("Gather", graph.hold("places", places + kinds[0]), "at"))
    for layer in range(model.LAYERS):
        name = f"encoder.layer.{layer}."
        heads = [graph.linear(x, f"{name}attention.self.{part}") for part in ("query", "key", "value")]
        attended = graph.add("MultiHeadAttention", *heads, "", "mask", domain="com.microsoft", num_heads=model.HEADS)
        x = graph.norm(graph.linear(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm", x)
        hidden = graph.add("Gelu", graph.linear(x, name + "intermediate.dense"))
        x = graph.norm(graph.linear(hidden, name + "output.dense"), name + "output.LayerNorm", x)
    inputs = [helper.make_tensor_value_info(what, kind, ["texts", "length"])
              for what, kind in (("tokens", TensorProto.INT64), ("at", TensorProto.INT64), ("mask", TensorProto.INT32))]
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["texts", "length", model.WIDTH])
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.held.values()))
    return helper.make_model(made, opset_imports=OPSETS, ir_version=10).SerializeToString()


@functools.cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))
    return onnxruntime.InferenceSession(_encoder(), options, providers=["CPUExecutionProvider"])


def forward(batch: model.Batch) -> np.ndarray:
    """Return the embeddings of a batch, (texts, 384)."""
    at = np.broadcast_to(np.arange(batch.tokens.shape[1]), batch.tokens.shape)
    x, = _session().run(None, {"tokens": batch.tokens, "at": np.ascontiguousarray(at),
                               "mask": batch.mask.astype(np.int32)})
    sums = (x * batch.mask[:, :, None]).sum(1)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def embed(batches: Sequence[model.Batch]) -> np.ndarray:
    """Return the embeddings of all the texts in some batches, in the order of the texts."""
    result = np.empty((sum(len(batch.rows) for batch in batches), model.WIDTH), np.float32)
    for batch in batches:
        result[batch.rows] = forward(batch)
    return result
