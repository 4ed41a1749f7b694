"""A result's bits hang on the item's own numbers and shapes: neither on threads nor on the batch."""

from typing import Any

import numpy as np
import pytest
from attend import bits, operands

import fastla

# (heads, key heads, queries, keys): every route, keys in parts, panels and groups of several heads.
SHAPES = [(3, 3, 1, 3), (40, 20, 3, 20), (4, 2, 1, 5000), (4, 4, 130, 300), (6, 2, 3, 2500), (2, 2, 700, 700),
          (8, 2, 20, 1100)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_threads(target: str, dtype: str) -> None:
    for h, hk, sq, skv in SHAPES:
        q, k, v = operands(2, h, hk, sq, skv, 32, dtype=dtype)
        keywords: dict[str, Any] = {"is_causal": True, "q_offset": "end", "return_lse": True}
        answers = set()
        for threads in (1, 2, 3, 7):
            with fastla.num_threads(threads):
                out, lse = fastla.attention(q, k, v, **keywords)
                answers.add((bits(out), bits(lse)))
        assert len(answers) == 1, (h, hk, sq, skv)


def test_an_item_is_as_it_would_be_alone(target: str) -> None:
    for h, hk, sq, skv in SHAPES:
        q, k, v = operands(5, h, hk, sq, skv, 16)
        lengths = np.array([skv, 1, skv // 2, skv - 1, 0])
        batch = fastla.attention(q, k, v, kv_lengths=lengths)
        for b, n in enumerate(lengths):
            assert bits(batch[b]) == bits(fastla.attention(q[b:b + 1], k[b:b + 1], v[b:b + 1], kv_lengths=n)[0])
            assert bits(batch[b]) == bits(fastla.attention(q[b], k[b, :, :n], v[b, :, :n])), "without the padding"


def test_equal_items_are_equal(target: str) -> None:
    for h, hk, sq, skv in SHAPES:
        q, k, v = (np.repeat(x, 7, 0) for x in operands(1, h, hk, sq, skv, 16))
        out = fastla.attention(q, k, v)
        assert all(bits(x) == bits(out[0]) for x in out)
        assert bits(fastla.attention(q, k, v)) == bits(out)


def test_packed_is_as_padded(target: str) -> None:
    rng = np.random.default_rng(0)
    lengths = [1, 40, 0, 130, 7]
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    q, k, v = (rng.standard_normal((bounds[-1], heads, 16)).astype(np.float32) for heads in (4, 2, 2))
    out = fastla.attention_varlen(q, k, v, bounds, bounds, is_causal=True)
    for a, b in zip(bounds[:-1], bounds[1:], strict=True):
        alone = fastla.attention(*(x[a:b].swapaxes(0, 1) for x in (q, k, v)), is_causal=True)
        assert bits(out[a:b]) == bits(alone.swapaxes(0, 1))
