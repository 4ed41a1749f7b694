"""Every argument of attention alone and together with others, against the formula."""

from typing import Any

import numpy as np
import pytest
from attend import bits, check, normal, operands
from hypothesis import given, settings
from hypothesis import strategies as st

import fastla
from fastla import _core

INF = np.float32(np.inf)


def masks(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """A mask of a kind that broadcasts to some shape: some of its axes are 1, some leading ones missing."""
    first = rng.integers(0, len(shape) + 1)
    shape = tuple(1 if rng.random() < 0.3 else n for n in shape[first:])
    seen = rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    if kind == "bool":
        return np.asarray(seen)
    added = rng.standard_normal(shape)
    return np.asarray(np.where(seen, added, -np.inf) if rng.random() < 0.5 else added).astype(kind)


ARGUMENTS = ("is_causal", "q_offset", "kv_lengths", "window", "scale", "softcap", "sinks", "alibi_slopes", "attn_mask")


def argument(name: str, rng: np.random.Generator, b: int, h: int, sq: int, skv: int) -> Any:
    """A value for an argument."""
    choices = {
        "is_causal": lambda: True,
        "q_offset": lambda: "end" if rng.random() < 0.3 else rng.integers(-sq - 2, skv + 3,
                b) if rng.random() < 0.5 else int(rng.integers(-3, skv + 3)),
        "kv_lengths": lambda: rng.integers(0, skv + 1, b) if rng.random() < 0.7 else int(rng.integers(0, skv + 1)),
        "window": lambda: tuple(int(x) for x in rng.integers(-1, rng.choice([2, 20, 150]), 2)),
        "scale": lambda: float(rng.choice([0.0, 0.3, 2.0, -1.0])),
        "softcap": lambda: float(rng.choice([0.0, 0.5, 3.0, 30.0])),
        "sinks": lambda: (3 * rng.standard_normal(h)).astype(np.float32),
        "alibi_slopes": lambda: rng.random(h if rng.random() < 0.5 else (b, h)).astype(np.float32),
        "attn_mask": lambda: masks(rng, (b, h, sq, skv), str(rng.choice(["bool", "float32", "float64", "float16"]))),
    }
    return choices[name]()


@pytest.mark.parametrize("target_name", _core.runnable_targets())
@given(st.sets(st.sampled_from(ARGUMENTS), max_size=4), st.integers(0, 2**32 - 1),
       st.sampled_from(["float32", "float64", "float16"]))
@settings(deadline=None, max_examples=80)
def test_arguments_together(target_name: str, names: set[str], seed: int, dtype: str) -> None:
    before = _core.current_target()
    _core.use_target(target_name)
    try:
        rng = np.random.default_rng(seed)
        b, hk, group = (int(rng.integers(1, most)) for most in (4, 3, 4))
        sq, skv = int(rng.choice([1, 2, 7, 20, 60])), int(rng.choice([1, 5, 64, 130, 300]))
        q, k, v = operands(b, hk * group, hk, sq, skv, int(rng.choice([1, 8, 17])), int(rng.choice([1, 8, 21])),
                           dtype, seed % 1000)
        keywords = {name: argument(name, rng, b, hk * group, sq, skv) for name in sorted(names)}
        check(q, k, v, what=keywords, **keywords)
    finally:
        _core.use_target(before)


def test_every_pair_of_arguments(target: str) -> None:
    rng = np.random.default_rng(0)
    for i, first in enumerate(ARGUMENTS):
        for second in ARGUMENTS[i:]:
            for sq, skv in ((1, 150), (3, 150), (70, 150), (1, 4), (3, 20)):
                q, k, v = operands(2, 4, 2, sq, skv, 16)
                keywords = {name: argument(name, rng, 2, 4, sq, skv) for name in (first, second)}
                check(q, k, v, what=keywords, **keywords)


# --- what rows see ----------------------------------------------------------------------------------------------------
def test_causal_with_more_or_fewer_keys_than_queries(target: str) -> None:
    for sq, skv, offset in [(5, 2, -3), (5, 2, 0), (2, 5, 3), (2, 5, "end"), (130, 40, "end"), (40, 130, 100),
                            (60, 60, -70), (60, 60, 1000)]:
        check(*operands(1, 2, 2, sq, skv), is_causal=True, q_offset=offset, what=(sq, skv, offset))


def test_window_edges_are_inclusive(target: str) -> None:
    n = 150
    q, k, v = np.zeros((1, 1, n, 4), np.float32), normal(1, 1, 1, n, 4), np.eye(n, dtype=np.float32)[None, None]
    i, j = np.ogrid[:n, :n]
    for left, right in [(0, 0), (2, 0), (0, 2), (-1, 0), (3, -1), (-1, -1), (130, 5), (500, 500)]:
        out = fastla.attention(q, k, v, window=(left, right))[0, 0]
        seen = ((left < 0) | (j >= i - left)) & ((right < 0) | (j <= i + right))
        assert ((out != 0) == seen).all(), (left, right)


def test_a_window_hangs_on_the_offset(target: str) -> None:
    q, k, v = operands(1, 2, 2, 200, 200)
    whole = fastla.attention(q, k, v, is_causal=True, window=(40, 0))
    for first, end in [(199, 200), (150, 200), (90, 150)]:
        got = fastla.attention(q[:, :, first:end], k[:, :, :end], v[:, :, :end], is_causal=True, window=(40, 0),
                               q_offset=first)
        np.testing.assert_allclose(got, whole[:, :, first:end], atol=1e-6)


def test_rows_that_see_nothing(target: str) -> None:
    q, k, v = operands(1, 2, 2, 60, 300)
    see = np.ones((60, 300), bool)
    see[[0, 7, 59]] = False
    for mask in (see, np.where(see, 0, -INF)):
        for rows in (slice(None), slice(0, 2)):
            out, lse = fastla.attention(q[:, :, rows], k, v, mask[rows], return_lse=True)
            hidden = ~see[rows].any(1)
            assert (out[:, :, hidden] == 0).all()
            assert (lse[:, :, hidden] == -INF).all()
            assert np.isfinite(lse[:, :, ~hidden]).all()
    out, lse = fastla.attention(q, k, v, ~see, sinks=np.array([1.5, -2], np.float32), return_lse=True)
    assert (out[:, :, 1] == 0).all()
    assert (lse[0, :, 1] == [1.5, -2]).all()


def test_first_blocks_hidden(target: str) -> None:
    q, k, v = operands(1, 1, 1, 600, 600, 4)
    i, j = np.ogrid[:600, :600]
    see = (j <= i) & (j > i - 10)
    for mask in (see, np.where(see, 0, -INF).astype(np.float32)):
        check(q, k, v, attn_mask=mask)


def test_a_row_of_the_lowest_numbers_is_uniform(target: str) -> None:
    q, k, v = operands(1, 2, 2, 9, 40)
    for lowest in (np.full((9, 40), np.finfo(np.float32).min, np.float32), np.full((9, 40), -1e300)):
        for rows in (1, 9):
            out = fastla.attention(q[:, :, :rows], k, v, lowest[:rows])
            np.testing.assert_allclose(out, np.broadcast_to(v.mean(2, keepdims=True), out.shape), atol=1e-5)


def test_tiles_of_a_mask(target: str) -> None:
    """Empty, full and mixed ones in every order, per head and shared."""
    rng = np.random.default_rng(3)
    q, k, v = operands(2, 2, 2, 90, 330, 8)
    for shape in [(90, 330), (2, 1, 90, 330), (1, 2, 90, 330), (2, 1, 1, 330), (2, 2, 90, 330)]:
        tiles = rng.integers(0, 3, (*shape[:-2], -(-shape[-2] // 40), -(-shape[-1] // 50)))
        kinds = np.repeat(np.repeat(tiles, 40, -2), 50, -1)[..., :shape[-2], :shape[-1]]
        see = (kinds == 1) | ((kinds == 2) & (rng.random(shape) < 0.5))
        check(q, k, v, attn_mask=see, what=shape)
        check(q, k, v,
              attn_mask=np.where(see, np.where(kinds == 2, rng.standard_normal(shape), 0),
                                 -np.inf).astype(np.float32), what=shape)


def test_masks_in_odd_places(target: str) -> None:
    q, k, v = operands(2, 2, 2, 33, 65)
    rng = np.random.default_rng(4)
    check(q, k, v, attn_mask=(rng.random((2, 1, 33, 1)) < 0.5))
    check(q, k, v,
          attn_mask=rng.standard_normal((65, 2, 33, 4)).astype(np.float32).transpose(1, 3, 2, 0)[:, ::2, ::-1, ::-1])
    unaligned = np.empty(33 * 65 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(33, 65)
    unaligned[...] = rng.standard_normal((33, 65))
    check(q, k, v, attn_mask=unaligned)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_what_nobody_sees_does_not_matter(target: str, dtype: str) -> None:
    """Poison in keys and values that no row sees: the bits of the clean call."""
    see = np.ones(300, bool)
    see[[3, 130, 290]] = False
    ways = [
        ({"attn_mask": see}, [3, 130, 290]), ({"attn_mask": np.where(see, 0, -INF).astype(np.float32)}, [3, 130, 290]),
        ({"is_causal": True, "q_offset": 100}, [160, 200, 299]), ({"window": (20, 5), "q_offset": 100}, [0, 79, 250]),
        ({"kv_lengths": 200},
         [200, 299]), ({"kv_lengths": 200, "attn_mask": see, "is_causal": True, "q_offset": "end"}, [3, 130, 201]),
    ]
    for sq in (1, 2, 60):
        q, k, v = operands(1, 2, 2, sq, 300, 17, dtype=dtype)
        for keywords, hidden in ways:
            clean = check(q, k, v, **keywords)
            for poison in (np.nan, np.inf, -np.inf):
                bad_k, bad_v = k.copy(), v.copy()
                bad_k[:, :, hidden] = bad_v[:, :, hidden] = poison
                assert bits(fastla.attention(q, bad_k, bad_v, **keywords)) == bits(clean), (sq, sorted(keywords),
                        poison)


def test_what_is_seen_and_not_finite_shows(target: str) -> None:
    """In the rows that see it alone, be its weight 0."""
    for sq in (1, 2, 60):
        for poison in (np.nan, np.inf, -np.inf):
            q, k, v = operands(1, 2, 2, sq, 300, 8)
            v[0, 1, 130, 3] = poison
            check(q, k, v, is_causal=True, q_offset=100, what=(sq, poison))
            check(q, k, v, is_causal=True, q_offset=200, alibi_slopes=np.full(2, 50, np.float32), what=(sq, poison))
            k[0, 0, 140, 2] = poison
            check(q, k, v, is_causal=True, q_offset=100, what=(sq, poison))


def test_sinks_beside_a_tile_that_is_not_seen(target: str) -> None:
    for sink in (2.0, 60.0, -60.0, 300.0, -np.inf):
        for sq in (2, 300):
            check(*operands(1, 2, 2, sq, 300), sinks=np.array([sink, 1], np.float32), is_causal=True, window=(1, 0),
                  what=sink)


def test_parts_merge_by_lse(target: str) -> None:
    q, k, v = operands(2, 2, 2, 4, 330)
    keywords = {"scale": 0.9, "softcap": 3.0}
    whole, total = fastla.attention(q, k, v, return_lse=True, **keywords)
    parts = [fastla.attention(q, k[:, :, a:b], v[:, :, a:b], return_lse=True, **keywords) for a,
             b in ((0, 10), (10, 10), (10, 200), (200, 330))]
    merged = sum(np.exp(lse - total)[..., None] * out for out, lse in parts)
    np.testing.assert_allclose(merged, whole, atol=1e-5)
