"""Packed sequences: each is as attention on its own, bottom-right."""

from typing import Any

import numpy as np
import pytest
import reference
from attend import check_close, normal

import fastla


def check_packed(lengths_q: list[int], lengths_k: list[int], dtype: str = "float32", heads: tuple[int, int] = (6, 2),
                 **keywords: Any) -> None:
    cu_q, cu_k = (np.concatenate(([0], np.cumsum(x))).astype(np.int32) for x in (lengths_q, lengths_k))
    q, k, v = normal(0, cu_q[-1], heads[0], 8, dtype=dtype), normal(1, cu_k[-1], heads[1], 8, dtype=dtype), normal(2,
            cu_k[-1], heads[1], 5, dtype=dtype)
    out, lse = fastla.attention_varlen(q, k, v, cu_q, cu_k, return_lse=True, **keywords)
    assert out.dtype == q.dtype
    slopes = keywords.pop("alibi_slopes", None)
    for b in range(len(lengths_q)):
        rows, keys = slice(*cu_q[b:b + 2]), slice(*cu_k[b:b + 2])
        want, want_lse = reference.attention(
            q[rows].swapaxes(0, 1), k[keys].swapaxes(0, 1), v[keys].swapaxes(0, 1), q_offset="end",
            alibi_slopes=slopes[b] if np.ndim(slopes) == 2 else slopes, **keywords)
        check_close(out[rows], want.swapaxes(0, 1), q.dtype, b)
        check_close(lse[:, rows], want_lse, lse.dtype, b)


LENGTHS = [([0, 1, 0, 1], [0, 3, 0, 5]), ([0, 0, 0, 1], [0, 0, 0, 1]), ([3, 0, 2], [0, 4, 7]), ([2], [0]),
           ([0, 0], [0, 0]), ([], []),
           ([1, 70, 200, 3], [300, 70, 129, 2500]), ([33] * 9, list(range(1, 90, 10)))]


@pytest.mark.parametrize(("lengths_q", "lengths_k"), LENGTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_lengths(target: str, lengths_q: list[int], lengths_k: list[int], dtype: str) -> None:
    check_packed(lengths_q, lengths_k, dtype)
    check_packed(lengths_q, lengths_k, dtype, is_causal=True)


def test_arguments(target: str) -> None:
    lengths = [1, 70, 0, 129], [130, 70, 5, 40]
    for keywords in ({"window": (3, 1)}, {"window": (20, 0), "is_causal": True}, {"scale": 0.3, "softcap": 2.0},
                     {"sinks": normal(5, 6), "is_causal": True}, {"alibi_slopes": np.abs(normal(6, 6))},
                     {"alibi_slopes": np.abs(normal(6, 4, 6)), "is_causal": True}):
        check_packed(*lengths, **keywords)


def test_strides_and_out(target: str) -> None:
    bounds = [0, 20, 30]
    fused = normal(0, 30, 3, 4, 8)
    q, k, v = (fused[:, i] for i in range(3))
    want = fastla.attention_varlen(*(x.copy() for x in (q, k, v)), bounds, bounds)
    assert (fastla.attention_varlen(q, k, v, bounds, bounds) == want).all()
    out = np.full((30, 4, 16), np.nan, np.float32)[..., ::2]
    assert fastla.attention_varlen(q, k, v, bounds, bounds, out=out) is out
    assert (out == want).all()
    fastla.attention_varlen(q, k, v, bounds, bounds, out=fused[:, 1])
    assert (fused[:, 1] == want).all(), "out is the key"
