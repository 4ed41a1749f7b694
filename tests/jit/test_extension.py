"""Functions of fastla inside @njit code."""

import os
import subprocess
import sys
import textwrap

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


def test_errors_can_be_caught_and_come_out_as_they_are():
    @numba.njit
    def caught(a, b):
        tries = 0
        try:
            fastla.matmul(a, b)
        except Exception:
            tries = 1
        return tries + fastla.matmul(a, a.T)[0, 0]      # what was caught leaves nothing behind

    @numba.njit
    def by_axis(a, axis):
        return fastla.softmax(a, axis)

    @numba.njit
    def search(a, k, metric):
        return fastla.knn(a, a, k, metric)
    a = np.ones((3, 4))
    for _ in range(2):
        assert caught(a, a) == 5 and caught(a, a.T) == 4
        for call, kind in ((lambda: by_axis(a, 2), np.exceptions.AxisError), (lambda: search(a, 4, "dot"), ValueError),
                           (lambda: search(a, 1, "no"), ValueError), (lambda: search(a, 1.5, "dot"), TypeError)):
            with pytest.raises(kind, match="softmax|knn"):
                call()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        numba.njit(lambda x: fastla.matmul(x, x))(np.full((2, 2), 1e300))


CACHED = """
    import numba, numpy as np, fastla
    from fastla._jit import extension
    extension.init()
    @numba.njit(cache=True)
    def f(q, x):
        try:
            fastla.matmul(q, q)
        except Exception:
            return fastla.knn(q, x)[1][0, 0] + fastla.matmul(q, x.T)[1, 0]
        return -1.0
    x = np.eye(12)[:, :5]
    print(f(x[1:3], x), sum(f.stats.cache_hits.values()))
"""


def test_code_with_calls_is_cached(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(CACHED))
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=os.pathsep.join(sys.path))
    for hits in "01":
        command = [sys.executable, str(script)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["1.0", hits]
