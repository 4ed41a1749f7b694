"""score_mod, mask_mod and block_mask: a user's function for every score, against float64 NumPy."""

import math

import numpy as np
import pytest

import fastla

pytest.importorskip("numba")


def _arrays(sq, sk, heads=4, kv_heads=2, items=2, width=9, dtype=np.float32, seed=0):
    make = np.random.default_rng(seed).standard_normal
    return (make((items, heads, sq, width)).astype(dtype), make((items, kv_heads, sk, width)).astype(dtype),
            make((items, kv_heads, sk, width)).astype(dtype))


def _expected(q, k, v, score_mod=None, mask=None, softcap=0.0):
    """Values and lse in float64; mask (items, heads, Sq, Skv) of bool."""
    group = q.shape[1] // k.shape[1]
    k, v = (np.repeat(x, group, axis=1).astype(float) for x in (k, v))
    s = q.astype(float) @ k.mT / math.sqrt(q.shape[-1])
    s = softcap * np.tanh(s / softcap) if softcap else s
    if score_mod is not None:
        s = np.array([[[[score_mod(s[b, h, i, j], b, h, i, j) for j in range(s.shape[3])] for i in range(s.shape[2])]
                       for h in range(s.shape[1])] for b in range(s.shape[0])], float).reshape(s.shape)
    s = s if mask is None else np.where(mask, s, -np.inf)
    top = s.max(-1, initial=-np.inf, keepdims=True)
    w = np.exp(s - np.where(np.isfinite(top), top, 0))
    total = w.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return w / np.where(total == 0, 1, total) @ v, (top + np.log(total))[..., 0]


def _grid(g, q, k):
    shape = q.shape[0], q.shape[1], q.shape[2], k.shape[2]
    return np.array([bool(g(*at)) for at in np.ndindex(*shape)]).reshape(shape)


def _mod(s, b, h, i, j):
    return 2.0 * s - 0.125 * abs(i - j) * (h + 1) + b


def _seen(b, h, i, j):
    return (j <= i + 3 + h) and (i - j < 60) and i != 2


@pytest.mark.in_turn
@pytest.mark.parametrize(("sq", "sk"), [(1, 1), (1, 300), (3, 130), (7, 67), (66, 33), (150, 290)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_score_mod_and_mask_mod(target, sq, sk, dtype):
    q, k, v = _arrays(sq, sk, dtype=dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    mask = _grid(_seen, q, k)
    for mods, expected in (({"score_mod": _mod}, _expected(q, k, v, _mod)),
                           ({"mask_mod": _seen}, _expected(q, k, v, None, mask)),
                           ({"score_mod": _mod, "mask_mod": _seen}, _expected(q, k, v, _mod, mask))):
        out, lse = fastla.attention(q, k, v, return_lse=True, **mods)
        np.testing.assert_allclose(out, expected[0], tolerance, tolerance)
        np.testing.assert_allclose(lse, expected[1], tolerance, tolerance)


@pytest.mark.parametrize("sq", [2, 70])
def test_beside_what_attention_has_itself(target, sq):
    """Order: softcap, score_mod, masks; q_offset is not added to q_idx."""
    q, k, v = _arrays(sq, 90)
    offset, lengths = 5, np.array([90, 41])
    i, j = np.arange(sq)[:, None], np.arange(90)
    mask = (j <= i + offset) & (i + offset - j <= 30) & (j < lengths[:, None, None, None])
    given = np.random.default_rng(1).random((2, 4, sq, 90)) < 0.7
    out = fastla.attention(q, k, v, given, is_causal=True, q_offset=offset, window=(30, -1), kv_lengths=lengths,
                           softcap=2.0, score_mod=_mod, mask_mod=_seen)
    expected = _expected(q, k, v, _mod, mask & given & _grid(_seen, q, k), softcap=2.0)[0]
    np.testing.assert_allclose(out, expected, 1e-5, 1e-5)


@pytest.mark.parametrize("sq", [3, 100])
def test_only_rows_and_keys_that_exist(target, sq):
    """Bounds of arrays are checked: a call beyond them would raise."""
    q, k, v = _arrays(sq, 77)
    of_query, of_key, of_head, of_item = np.zeros(sq), np.zeros(77), np.zeros(4), np.zeros(2)
    expected = fastla.attention(q, k, v, kv_lengths=[77, 50])
    of_key[50:] = 1e3                   # keys of item 0 alone

    def mod(s, b, h, i, j):
        return s + of_query[i] + of_key[j] * b + of_head[h] + of_item[b]
    np.testing.assert_allclose(fastla.attention(q, k, v, kv_lengths=[77, 50], score_mod=mod), expected, 1e-5, 1e-6)
    short = np.zeros(50)
    fastla.attention(q[1:], k[1:], v[1:], kv_lengths=50, score_mod=lambda s, b, h, i, j: s + short[j])
    with pytest.raises(IndexError):
        fastla.attention(q, k, v, score_mod=lambda s, b, h, i, j: s + short[j])


@pytest.mark.parametrize("sq", [2, 70])
def test_keys_that_nobody_sees_do_not_matter(target, sq):
    q, k, v = _arrays(sq, 200)
    expected = fastla.attention(q, k, v, np.arange(200) != 3)
    k[:, :, 3], v[:, :, 3] = np.nan, np.inf
    np.testing.assert_array_equal(fastla.attention(q, k, v, mask_mod=lambda b, h, i, j: j != 3), expected)
    np.testing.assert_array_equal(fastla.attention(q, k, v, mask_mod=lambda b, h, i, j: False), 0)


def test_an_exception_comes_out_and_out_is_as_it_was(target):
    q, k, v = _arrays(70, 70)
    out = np.full_like(q, 7)

    def mod(s, b, h, i, j):
        if b == 1 and i == 69 and j == 42:
            raise KeyError("forty-two")
        return s
    for threads in (1, 3):
        with fastla.num_threads(threads), pytest.raises(KeyError, match="forty-two"):
            fastla.attention(q, k, v, score_mod=mod, out=out)
    assert (out == 7).all()


def test_bits_do_not_hang_on_threads(target):
    q, k, v = _arrays(300, 300)
    results = []
    for threads in (1, 3):
        with fastla.num_threads(threads):
            results.append(fastla.attention(q, k, v, score_mod=_mod, mask_mod=_seen))
    np.testing.assert_array_equal(*results)


def test_block_mask_keeps_its_answers(target):
    q, k, v = _arrays(70, 90)
    documents = np.arange(90) // 20

    def same(b, h, i, j):
        return documents[i] == documents[j] and h != b + 2
    expected = fastla.attention(q, k, v, mask_mod=same)
    kept = fastla.block_mask(same, 2, 4, 70, 90)
    np.testing.assert_array_equal(kept.seen, _grid(same, q, k))
    documents[:] = np.arange(90)
    np.testing.assert_allclose(fastla.attention(q, k, v, mask_mod=kept), expected, 1e-6, 1e-6)
    allowed = np.arange(90) % 3 != 0
    np.testing.assert_allclose(fastla.attention(q, k, v, allowed, mask_mod=kept),
                               fastla.attention(q, k, v, kept.seen & allowed), 1e-6, 1e-6)
    shared = fastla.block_mask(lambda b, h, i, j: j <= i, None, None, 70, 90)
    assert shared.shape == (1, 1, 70, 90)
    np.testing.assert_allclose(fastla.attention(q, k, v, mask_mod=shared), fastla.attention(q, k, v, is_causal=True),
                               1e-6, 1e-6)


@pytest.mark.parametrize("threads", [1, 3])
def test_block_mask_asks_in_the_pool(threads):
    i, j = np.ogrid[:300, :1100]
    with fastla.num_threads(threads):
        kept = fastla.block_mask(lambda b, h, i, j: (i + 7 * j + b) % (h + 2) == 0, 2, 3, 300, 1100)
        for b, h in np.ndindex(2, 3):
            np.testing.assert_array_equal(kept.seen[b, h], (i + 7 * j + b) % (h + 2) == 0)
        one = np.ones(1100, bool)
        with pytest.raises(IndexError):
            fastla.block_mask(lambda b, h, i, j: one[i * j], None, None, 300, 1100)
    assert fastla.block_mask(lambda b, h, i, j: True, None, 0, 5, 7).shape == (1, 0, 5, 7)
    assert fastla.block_mask(lambda b, h, i, j: True, None, None, 5, 0).nbytes == 0


def test_tiles_that_a_mask_hides_or_shows(target):
    """Empty, full and mixed ones, of booleans side by side and apart."""
    q, k, v = _arrays(150, 333)
    documents = np.arange(333) // 70
    mask = documents[:150, None] == documents
    mask[100, 64:128] = mask[3, 332] = True
    expected = fastla.attention(q, k, v, np.where(mask, np.float32(0), np.float32(-np.inf)))
    shared = np.broadcast_to(mask, (2, 4, 150, 333))
    for given in (mask, np.asfortranarray(mask), mask[:, ::-1].copy()[:, ::-1], shared):
        np.testing.assert_array_equal(fastla.attention(q, k, v, given), expected)


def test_block_mask_of_other_sizes():
    q, k, v = _arrays(5, 7)
    wrong = (((None, None, 5, 8), ("8", "7")), ((None, 3, 5, 7), ("3", "4")), ((3, None, 5, 7), ("3", "2")))
    for sizes, named in wrong:
        kept = fastla.block_mask(lambda b, h, i, j: True, *sizes)
        with pytest.raises(ValueError, match="mask_mod") as error:
            fastla.attention(q, k, v, mask_mod=kept)
        assert all(text in str(error.value) for text in named)
