"""The ONNX standard's own tests of its Attention operator (opsets 23 to 25), said in fastla's words."""

import importlib
from typing import Any

import numpy as np
import pytest

import fastla

onnx = pytest.importorskip("onnx")


def node_tests() -> list[Any]:
    """The operator's tests as one node; those expanded into others have several."""
    from onnx.backend.test.case import node as operators
    importlib.import_module("onnx.backend.test.case.node.attention")     # onnx's loader computes every operator's
    return [case for case in operators._NodeTestCases
            if [node.op_type for node in case.model.graph.node] == ["Attention"]]


def heads_apart(x: np.ndarray, heads: int) -> np.ndarray:
    """(batch, length, heads * width) as (batch, heads, length, width)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def answer(attributes: dict[str, Any], inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The operator's first output."""
    q, k, v = (inputs[name] for name in "QKV")
    folded = q.ndim == 3
    if folded:
        q = heads_apart(q, attributes["q_num_heads"])
        k, v = (heads_apart(x, attributes["kv_num_heads"]) for x in (k, v))
    offset: Any = 0
    if "past_key" in inputs:
        offset = inputs["past_key"].shape[2]
        k, v = (np.concatenate((inputs[past], x), 2) for past, x in (("past_key", k), ("past_value", v)))
    lengths = inputs.get("nonpad_kv_seqlen")
    mask = inputs.get("attn_mask")
    if mask is not None and mask.shape[-1] < k.shape[2]:
        hidden = False if mask.dtype == bool else -np.inf
        mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, k.shape[2] - mask.shape[-1])], constant_values=hidden)
    y = fastla.attention(
        q, k, v, mask, is_causal=bool(attributes.get("is_causal")), q_offset=offset if lengths is None else "end",
        kv_lengths=lengths, scale=attributes.get("scale"), softcap=attributes.get("softcap"),
        window=(attributes.get("left_window_size", -1), attributes.get("right_window_size", -1)))
    return y.swapaxes(1, 2).reshape(*y.shape[:1], y.shape[2], -1) if folded else y


@pytest.mark.parametrize("case", node_tests(), ids=lambda case: case.name)
def test_node(target: str, case: Any) -> None:
    node = case.model.graph.node[0]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for given, expected in case.data_sets:
        arrays = [x if isinstance(x, np.ndarray) else onnx.numpy_helper.to_array(x) for x in (*given, expected[0])]
        got = answer(attributes, dict(zip([name for name in node.input if name], arrays[:-1], strict=True)))
        want = arrays[-1]
        assert got.dtype == want.dtype
        narrow = want.dtype.itemsize == 2
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=2e-2 if narrow else case.rtol,
                                   atol=1e-2 if narrow else max(case.atol, 1e-6))


def test_all_of_them_are_there() -> None:
    assert len(node_tests()) >= 93
