"""KVCache: what was appended is what attention sees."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import reference
from attend import TOLERANCE, bits, check_close, normal

import fastla

DTYPES = ["float32", "float64", "float16", "bfloat16", "int8"]


class Twin:
    """Each sequence's keys and values, as plain lists of arrays."""

    def __init__(self, batch: int, heads: int, d: int, dv: int) -> None:
        self.parts = [[np.zeros((heads, 0, d)), np.zeros((heads, 0, dv))] for _ in range(batch)]

    def append(self, key: np.ndarray, value: np.ndarray, lengths: Any = None) -> None:
        for b, part in enumerate(self.parts):
            n = key.shape[2] if lengths is None else lengths[b]
            self.parts[b] = [np.concatenate((old, x[b, :, :n].astype(np.float64)), 1) for old,
                             x in zip(part, (key, value), strict=True)]

    def attend(self, query: np.ndarray, **keywords: Any) -> np.ndarray:
        keywords.setdefault("q_offset", "end")
        return np.stack([reference.attention(query[b], k, v, **keywords)[0] for b, (k, v) in enumerate(self.parts)])


def filled(dtype: str = "float32", steps: tuple[int, ...] = (3, 1, 1, 0, 40, 1),
           capacity: int = 4) -> tuple[fastla.KVCache, Twin]:
    cache, twin = fastla.KVCache(3, 2, 8, value_dim=5, capacity=capacity, dtype=dtype), Twin(3, 2, 8, 5)
    for step, n in enumerate(steps):
        k, v = normal(step, 3, 2, n, 8), normal(step + 50, 3, 2, n, 5)
        lengths = None if step % 2 == 0 else np.array([n, n // 2, 0])
        twin.append(k, v, lengths)
        cache.append(k, v, lengths)
        k[...] = v[...] = np.nan        # what was appended is the cache's own
    return cache, twin


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_append_and_attend(target: str, dtype: str) -> None:
    cache, twin = filled(dtype)
    assert cache.lengths.tolist() == [k.shape[1] for k, _ in twin.parts]
    for sq, keywords in [(1, {}), (2, {"is_causal": True}), (20, {"is_causal": True, "window": (7, 0)}),
                         (1, {"softcap": 2.0, "scale": 0.2}),
                         (3, {"q_offset": 0, "is_causal": True}), (1,
                                                                   {"sinks": normal(9, 4),
                                                                    "alibi_slopes": np.abs(normal(8, 4))})]:
        q = normal(99, 3, 4, sq, 8)
        check_close(cache.attend(q, **keywords), twin.attend(q, **keywords), q.dtype, keywords)
        out, lse = cache.attend(q, return_lse=True, **keywords)
        assert out.shape == (3, 4, sq, 5)
        assert lse.shape == (3, 4, sq)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_narrow_storage_is_rounded_once(target: str, dtype: str) -> None:
    """As attention over the rounded numbers, computed in float32."""
    cache, twin = filled(dtype)
    for part in twin.parts:
        for i, x in enumerate(part):
            part[i] = _rounded(x, dtype)
    for sq in (1, 20):
        q = normal(99, 3, 4, sq, 8)
        check_close(cache.attend(q, is_causal=True), twin.attend(q, is_causal=True), q.dtype, sq)


def _rounded(x: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "int8":
        scale = np.abs(x).max(-1, keepdims=True, initial=0) / 127
        return np.rint(x / np.where(scale > 0, scale, 1)) * scale
    if dtype == "float16":
        return x.astype(np.float16).astype(np.float64)
    import ml_dtypes
    return x.astype(ml_dtypes.bfloat16).astype(np.float64)


def test_the_bound_of_int8(target: str) -> None:
    """A value is off by at most 1/254 of the largest of its row: seen through a query that picks one token."""
    rng = np.random.default_rng(0)
    v = (rng.standard_normal((1, 1, 50, 33)) * 10.0 ** rng.integers(-20, 20, (1, 1, 50, 1))).astype(np.float32)
    cache = fastla.KVCache(1, 1, 1, value_dim=33, dtype="int8")
    cache.append(np.ones((1, 1, 50, 1), np.float32), v)
    for token in range(50):
        got = cache.attend(np.ones((1, 1, 1, 1), np.float32), np.arange(50) == token)[0, 0, 0]
        assert np.abs(got - v[0, 0, token]).max() <= np.abs(v[0, 0, token]).max() * (1 / 254 + 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_growth_keeps_what_was_there(target: str, dtype: str) -> None:
    q = normal(1, 3, 4, 1, 8)
    answers = {bits(filled(dtype, capacity=capacity)[0].attend(q)) for capacity in (0, 1, 7, 1000)}
    assert len(answers) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_storage_is_narrow(dtype: str) -> None:
    cache = fastla.KVCache(2, 3, 64, capacity=100, dtype=dtype)
    width = {"float64": 8, "float32": 4, "int8": 1}.get(dtype, 2)
    assert cache.nbytes == 2 * 2 * 3 * 100 * (64 * width + (4 if dtype == "int8" else 0))
    assert dtype in repr(cache)


@pytest.mark.parametrize("dtype", DTYPES)
def test_truncate_reorder_copy_pickle(target: str, dtype: str) -> None:
    cache, _ = filled(dtype)
    q = normal(1, 3, 4, 2, 8)
    before = bits(cache.attend(q))
    for twin in (cache.copy(), copy.copy(cache), copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert bits(twin.attend(q)) == before
        twin.append(normal(5, 3, 2, 4, 8), normal(6, 3, 2, 4, 5))
        twin.truncate(cache.lengths)
        assert bits(twin.attend(q)) == before
        twin.reorder([2, 0, 0])
        assert bits(twin.attend(q[[2, 0, 0]])) == bits(cache.attend(q)[[2, 0, 0]])
        twin.truncate(0)
        assert (twin.attend(q) == 0).all()
    assert bits(cache.attend(q)) == before
    cache.reorder([1, 1, 1, 0, 2])
    assert len(cache.lengths) == 5
    cache.lengths[:] = 0
    assert cache.lengths.any(), "a copy"


def test_a_mask_has_the_longest_sequence_s_keys(target: str) -> None:
    cache, twin = filled()
    q = normal(1, 3, 4, 3, 8)
    mask = np.random.default_rng(2).random((3, 1, 3, cache.lengths.max())) < 0.5
    want = np.stack([reference.attention(q[b], k, v, mask[b, :, :, :k.shape[1]])[0] for b,
                     (k, v) in enumerate(twin.parts)])
    check_close(cache.attend(q, mask), want, q.dtype)


@pytest.mark.parametrize(("call", "kind", "names"), [
    (lambda c: c.append(normal(0, 3, 2, 4, 7), normal(0, 3, 2, 4, 5)), ValueError, "append: key has shape"),
    (lambda c: c.append(normal(0, 3, 2, 4, 8), normal(0, 3, 2, 5, 5)), ValueError, "append: key has shape"),
    (lambda c: c.append(normal(0, 2, 4, 8), normal(0, 2, 4, 5)), ValueError, "append: key has shape"),
    (lambda c: c.append(np.ones((3, 2, 1, 8), int), normal(0, 3, 2, 1, 5)), TypeError, "append: key"),
    (lambda c: c.append(normal(0, 3, 2, 4, 8), normal(0, 3, 2, 4, 5), [1, 2]), ValueError, "append: lengths"),
    (lambda c: c.append(normal(0, 3, 2, 4, 8), normal(0, 3, 2, 4, 5), [1, 2, 5]), ValueError, "append: lengths"),
    (lambda c: c.append(normal(0, 3, 2, 4, 8), normal(0, 3, 2, 4, 5), [1.0, 2, 3]), TypeError, "append: lengths"),
    (lambda c: c.truncate(100), ValueError, "truncate: lengths"), (lambda c: c.truncate(-1), ValueError,
                                                                   "truncate: lengths"),
    (lambda c: c.reorder([3]), ValueError, "reorder: rows"), (lambda c: c.reorder([-1]), ValueError, "reorder: rows"),
    (lambda c: c.reorder([0.5]), TypeError, "reorder: rows"), (lambda c: c.attend(normal(0, 3, 3, 1, 8)), ValueError,
                                                               "attend: query"),
    (lambda c: c.attend(normal(0, 2, 4, 1, 8)), ValueError,
     "attend: query"), (lambda c: c.attend(normal(0, 3, 4, 1, 7)), ValueError, "attend: query"),
])
def test_what_does_not_fit_changes_nothing(call: Any, kind: type, names: str) -> None:
    cache, _ = filled()
    q = normal(1, 3, 4, 2, 8)
    before, lengths = bits(cache.attend(q)), cache.lengths
    with pytest.raises(kind, match=f"KVCache.{names}"):
        call(cache)
    assert (cache.lengths == lengths).all()
    assert bits(cache.attend(q)) == before


def test_int8_refuses_what_it_cannot_hold() -> None:
    cache = fastla.KVCache(1, 1, 4, dtype="int8")
    with pytest.raises(ValueError, match="finite"):
        cache.append(np.full((1, 1, 1, 4), np.nan), np.zeros((1, 1, 1, 4)))
    assert cache.lengths.tolist() == [0]


@pytest.mark.parametrize(("arguments", "kind"),
                         [((-1, 1, 4), ValueError), ((1, 0, 4), ValueError), ((1, 1, 4.0), TypeError),
                          ((True, 1, 4), TypeError)])
def test_sizes(arguments: tuple, kind: type) -> None:
    with pytest.raises(kind, match="KVCache"):
        fastla.KVCache(*arguments)
    with pytest.raises(ValueError, match="dtype"):
        fastla.KVCache(1, 1, 4, dtype="int4")


def test_decoding_is_the_prompt_continued(target: str) -> None:
    """Token by token, and all at once under a causal mask."""
    q, k, v = normal(0, 1, 4, 30, 8), normal(1, 1, 2, 30, 8), normal(2, 1, 2, 30, 8)
    whole = fastla.attention(q, k, v, is_causal=True)
    cache = fastla.KVCache(1, 2, 8, capacity=2)
    for t in range(30):
        cache.append(k[:, :, t:t + 1], v[:, :, t:t + 1])
        np.testing.assert_allclose(cache.attend(q[:, :, t:t + 1]), whole[:, :, t:t + 1], atol=2 * TOLERANCE["float32"])
