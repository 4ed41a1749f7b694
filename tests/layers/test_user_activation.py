"""linear(activation=f): a user's function of bias and product, before the residual."""

import math

import numpy as np
import pytest

import fastla

pytest.importorskip("numba")


def _silu(v):
    return v / (1.0 + math.exp(-v))


@pytest.mark.in_turn
@pytest.mark.parametrize("shape", [(1, 7, 5), (3, 64, 48), (65, 90, 130), (2, 3, 33, 20)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_like_the_one_that_has_a_name(target, shape, dtype):
    make = np.random.default_rng(0).standard_normal
    *rows, d, n = shape
    x, w, bias, residual = (make(s).astype(dtype) for s in ((*rows, d), (n, d), n, (*rows, n)))
    for weight in (w, fastla.pack(w), fastla.quantize(w.astype(np.float32))):
        for more in ({}, {"bias": bias, "residual": residual}):
            expected = fastla.linear(x, weight, activation="silu", **more)
            result = fastla.linear(x, weight, activation=_silu, **more)
            assert result.dtype == expected.dtype
            tolerance = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13}[result.dtype.name]
            np.testing.assert_allclose(result, expected, tolerance, tolerance)


def test_an_exception_leaves_out_as_it_was(target):
    def f(v):
        if v > 0:
            raise ArithmeticError("positive")
        return v
    x, out = np.ones((40, 40), np.float32), np.full((40, 40), 7, np.float32)
    for weight in (x, fastla.pack(x)):
        with pytest.raises(ArithmeticError, match="positive"):
            fastla.linear(x, weight, activation=f, out=out)
    assert (out == 7).all()
    with pytest.raises(TypeError, match="activation"):
        fastla.linear(x, x, activation=lambda a, b: a)
