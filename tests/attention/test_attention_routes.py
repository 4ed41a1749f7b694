"""Each route is taken by the shapes that it is for; what the short one, whose groups mix items, promises."""

import numpy as np
import pytest
from attend import bits, check, normal, operands

import fastla
from fastla._core import core

# (heads, key heads, queries, keys)
ROUTES = {
    (1, 1, 1, 1): "short", (8, 1, 1, 20): "short", (5, 5, 8, 20): "short", (3, 3, 2, 0): "short",
    (1, 1, 1, 21): "decode", (8, 1, 1, 3000): "decode", (2, 2, 8, 21): "decode",
    (1, 1, 9, 1): "forward", (3, 1, 20, 20): "forward", (2, 2, 700, 700): "forward",
}
INF = np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_route_is_taken(target: str, dtype: str) -> None:
    for (h, hk, sq, skv), route in ROUTES.items():
        q, k, v = operands(1, h, hk, sq, skv, dtype=dtype)
        assert core.attention_route(q[0], k[0]) == route
        check(q, k, v, what=(h, hk, sq, skv))
    assert set(ROUTES.values()) == {"short", "decode", "forward"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_groups_mix_items(target: str, dtype: str) -> None:
    """Items of other lengths and places, and items that take the other route, in one call."""
    rng = np.random.default_rng(0)
    shapes = [(37, 1, 1, 1, 6), (9, 3, 3, 3, 20), (50, 6, 2, 1, 17), (7, 2, 1, 4, 40), (3, 30, 30, 7, 11)]
    for b, h, hk, sq, skv in shapes:
        q, k, v = operands(b, h, hk, sq, skv, 9, 13, dtype)
        lengths, offsets = rng.integers(0, skv + 1, b), rng.integers(-2, skv, b)
        check(q, k, v, kv_lengths=lengths, what=(b, h))
        check(q, k, v, kv_lengths=lengths, q_offset=offsets, is_causal=True, sinks=normal(1, h), what=(b, h))
        check(q, k, v, attn_mask=rng.random((b, h, sq, skv)) < 0.5, window=(2, 3), q_offset=offsets, softcap=2.0,
              what=(b, h))
        check(q, k, v, attn_mask=normal(2, h, sq, skv), alibi_slopes=np.abs(normal(3, h)), kv_lengths=lengths,
              what=(b, h))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layouts(target: str, dtype: str) -> None:
    q, k, v = operands(9, 4, 2, 3, 11, 10, 10, dtype)
    want = fastla.attention(q, k, v)
    for change in (
        np.asfortranarray, lambda x: np.repeat(x, 2, -1)[..., ::2], lambda x: x[:, :, ::-1].copy()[:, :, ::-1],
        lambda x: np.repeat(x, 3, 2)[:, :, ::3], lambda x: x.astype(x.dtype.newbyteorder()),
    ):
        np.testing.assert_allclose(fastla.attention(change(q), change(k), change(v)), want, rtol=1e-5, atol=1e-6)
        assert bits(fastla.attention(q, change(k), change(v))) == bits(want)


def test_what_a_row_does_not_see_does_not_matter(target: str) -> None:
    see = np.ones(12, bool)
    see[[3, 11]] = False
    ways = [
        ({"attn_mask": see}, [3, 11]), ({"attn_mask": np.where(see, 0, -INF).astype(np.float32)}, [3, 11]),
        ({"is_causal": True, "q_offset": 4}, [9, 11]), ({"window": (2, 1), "q_offset": 5}, [0, 2, 10]),
        ({"kv_lengths": 8}, [8, 11]),
    ]
    for sq in (1, 3):
        q, k, v = operands(5, 3, 3, sq, 12, 17)
        for keywords, hidden in ways:
            clean = check(q, k, v, **keywords)
            for poison in (np.nan, INF, -INF):
                bad_k, bad_v = k.copy(), v.copy()
                bad_k[:, :, hidden] = bad_v[:, :, hidden] = poison
                assert bits(fastla.attention(q, bad_k, bad_v, **keywords)) == bits(clean), (sq, sorted(keywords))


def test_what_is_seen_and_not_finite_shows(target: str) -> None:
    """In the rows that see it alone, be its weight 0."""
    for poison in (np.nan, INF, -INF):
        q, k, v = operands(5, 3, 3, 3, 12, 8)
        v[2, 1, 6, 3] = poison
        check(q, k, v, is_causal=True, q_offset=4, what=poison)
        check(q, k, v, alibi_slopes=np.full(3, 500, np.float32), what=poison)
        k[3, 0, 7, 2] = poison
        check(q, k, v, is_causal=True, q_offset=4, what=poison)
