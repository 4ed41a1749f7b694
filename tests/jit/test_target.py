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
    from fastla._jit.kernels import contract

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


def unaligned(x):
    memory = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    memory[...] = x
    return memory


def test_unaligned_operands_have_the_same_bits(numba):
    rng = np.random.default_rng(2)
    q, x, h = (rng.standard_normal(shape).astype(np.float32) for shape in ((40, 33), (900, 33), (2, 3, 41, 17)))
    bias = rng.standard_normal((41, 41)).astype(np.float32)
    np.testing.assert_array_equal(fastla.matmul(unaligned(q), unaligned(x).T), fastla.matmul(q, x.T))
    for metric in ("cosine", "dot", "euclidean"):
        np.testing.assert_equal(fastla.knn(unaligned(q), unaligned(x), 5, metric=metric),
                                fastla.knn(q, x, 5, metric=metric))
    u, out = unaligned(h), unaligned(h)
    fastla.attention(u, u, u, unaligned(bias), out=out)
    np.testing.assert_array_equal(out, fastla.attention(h, h, h, bias))


def test_values_that_no_row_sees_do_not_leak(numba):
    q = np.random.default_rng(4).standard_normal((1, 1, 20, 8)).astype(np.float32)
    v = q.copy()
    v[:, :, -1] = np.nan
    assert np.isfinite(fastla.attention(q, q, v, is_causal=True)[:, :, :-1]).all()
