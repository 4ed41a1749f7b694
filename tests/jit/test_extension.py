"""Functions of fastla inside @njit code."""

import numpy as np
import pytest

import fastla

numba = pytest.importorskip("numba")
from fastla._jit import extension  # noqa: E402

extension.init()


def test_products_of_any_layout_and_type():
    f = numba.njit(lambda a, b: fastla.matmul(a[..., ::2], b.T))
    a, b = np.arange(24.0).reshape(3, 8), np.arange(20.0).reshape(5, 4)
    for dtype in (np.int8, np.int64, np.float32, np.complex128):
        x, y = a.astype(dtype), b.astype(dtype)
        answer = f(x, y)
        assert answer.dtype == dtype
        np.testing.assert_array_equal(answer, x[:, ::2] @ y.T)
    g = numba.njit(lambda a, b: fastla.matmul(a, b))
    stack = np.arange(60.0).reshape(5, 1, 3, 4)
    np.testing.assert_array_equal(g(stack, b[:4]), stack @ b[:4])
    with pytest.raises(ValueError, match="matmul"):
        g(a, b)


def test_the_others():
    @numba.njit
    def f(q, x):
        scores, rows = fastla.knn(q, x, 3, "dot")
        return scores, rows, fastla.softmax(fastla.cosine_similarity(q, x)), fastla.dot(q[0], x[0])
    rng = np.random.default_rng(0)
    q, x = rng.standard_normal((4, 6)), rng.standard_normal((9, 6))
    scores, rows, weights, dot = f(q, x)
    expected = fastla.knn(q, x, 3, metric="dot")
    np.testing.assert_array_equal(scores, expected[0])
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_array_equal(weights, fastla.softmax(fastla.cosine_similarity(q, x)))
    assert dot == fastla.dot(q[0], x[0])


def test_attention():
    f = numba.njit(lambda q, m: fastla.attention(q, q, q, m))
    q, mask = np.random.default_rng(1).standard_normal((1, 2, 5, 6)), np.tri(5, dtype=bool)
    np.testing.assert_array_equal(f(q, mask), fastla.attention(q, q, q, mask))
