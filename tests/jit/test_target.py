"""Numba as a target: chosen by name, compiled when needed, cached; what it leaves is the native target's."""

import numpy as np
import pytest

import fastla
from fastla import _core
from fastla._core import core

pytest.importorskip("numba")


@pytest.fixture
def numba():
    with fastla.use_backend("numba"):
        yield


def test_structs_are_the_compilers():
    from fastla._jit import contract

    for name, size in core.contract_sizes().items():
        assert contract.layout(name).itemsize == size, name


def test_use_backend_goes_back():
    before = _core.current_target()
    with fastla.use_backend("numba"):
        shown = fastla.show_config("dicts")
        assert shown["backend"] == shown["target"] == "numba" and "matmul" in shown["Numba"]
        assert "int8" in shown["dtypes"]
    assert _core.current_target() == before and fastla.show_config("dicts")["backend"] == "native"
    with pytest.raises(ValueError, match="'numba' or 'native', not 'gpu'"):
        fastla.use_backend("gpu")


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.float32, np.float64])
def test_products(numba, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in (8, 1, 64), (9, 3, 65), (31, 70, 50), (100, 1500, 97), (48, 0, 70), (3, 5, 2):
        a, b = rng.integers(-4, 5, (m, k)).astype(dtype), rng.integers(-4, 5, (k, n)).astype(dtype)
        for x in a, a.T.copy().T:
            for y in b, b.T.copy().T:
                np.testing.assert_array_equal(fastla.matmul(x, y), a @ b)


def test_int8_wraps_around(numba):
    a = np.random.default_rng(1).integers(-128, 128, (67, 300)).astype(np.int8)
    np.testing.assert_array_equal(fastla.matmul(a, a.T), a @ a.T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_nearest_rows(numba, dtype, metric):
    rng = np.random.default_rng(2)
    for m, n, d, k in (5, 1000, 33, 7), (60, 243, 5, 3), (1, 5, 4, 5):
        x, q = rng.integers(-3, 4, (n, d)).astype(dtype), rng.integers(-3, 4, (m, d)).astype(dtype)
        x[n // 2] = 0
        scores, rows = fastla.knn(q, x, k, metric=metric)
        expected = q.astype(float) @ x.T.astype(float)
        if metric == "cosine":
            norms = np.linalg.norm(q.astype(float), axis=1)[:, None] * np.linalg.norm(x.astype(float), axis=1)
            expected = np.divide(expected, norms, out=np.zeros_like(expected), where=norms > 0)
        best = np.sort(expected, axis=1)[:, ::-1][:, :k]
        np.testing.assert_allclose(scores, best, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(expected, rows, 1), best, rtol=1e-5, atol=1e-6)
        ties = scores[:, 1:] == scores[:, :-1]
        assert (rows[:, 1:] > rows[:, :-1])[ties].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attention(numba, dtype):
    rng = np.random.default_rng(3)
    for b, h, kv, sq, sk, d, dv in (2, 4, 2, 50, 133, 20, 13), (1, 2, 1, 9, 5, 8, 8):
        q, k, v = (rng.standard_normal(s).astype(dtype) for s in ((b, h, sq, d), (b, kv, sk, d), (b, kv, sk, dv)))
        mask = rng.random((sq, sk)) < 0.5
        mask[2] = False
        scores = q.astype(float) @ np.repeat(k, h // kv, 1).swapaxes(-1, -2) / np.sqrt(d)
        causal = np.tri(sq, sk, dtype=bool)
        for options, seen in ({}, True), ({"is_causal": True}, causal), ({"attn_mask": mask}, mask):
            masked = np.where(seen, scores, -np.inf)
            top = masked.max(-1, keepdims=True)
            weights = np.exp(masked - np.where(np.isinf(top), 0, top))
            total = weights.sum(-1, keepdims=True)
            expected = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ np.repeat(v, h // kv, 1)
            np.testing.assert_allclose(fastla.attention(q, k, v, **options), expected, rtol=1e-4, atol=1e-5)


def test_values_that_no_row_sees_do_not_leak(numba):
    q = np.random.default_rng(4).standard_normal((1, 1, 20, 8)).astype(np.float32)
    v = q.copy()
    v[:, :, -1] = np.nan
    assert np.isfinite(fastla.attention(q, q, v, is_causal=True)[:, :, :-1]).all()


def test_eigenpairs(numba):
    a = np.random.default_rng(5).standard_normal((700, 700))
    a += a.T
    np.testing.assert_allclose(np.sort(np.abs(fastla.eigsh(a, k=3)[0])),
                               np.sort(np.abs(np.linalg.eigvalsh(a)))[-3:], rtol=1e-8)
