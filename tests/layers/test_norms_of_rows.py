"""layer_norm and rms_norm against float64 NumPy, on every target."""

import numpy as np
import pytest
from layered import EPSILON, dtype_of, normal, wide
from operands import LAYOUTS

import fastla

DTYPES = ["float32", "float64", "float16", "bfloat16"]


def expected(name, x, weight=1.0, bias=0.0, eps=1e-5):
    x = wide(x)
    x = x - x.mean(-1, keepdims=True) if name == "layer_norm" else x
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + eps) * weight + bias


def call(name, x, weight=None, bias=None, **keywords):
    return getattr(fastla, name)(x, weight, **({"bias": bias} if name == "layer_norm" else {}), **keywords)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 7, 16, 33, 384, 1001])
def test_values(target, name, dtype, d):
    x, weight, bias = normal(1, 5, 3, d, dtype=dtype), normal(2, d), normal(3, d)
    got = call(name, x, weight, bias)
    want = expected(name, x, wide(weight), wide(bias) if name == "layer_norm" else 0.0)
    assert got.dtype == dtype_of(dtype)
    np.testing.assert_allclose(wide(got), want, rtol=4 * EPSILON[dtype], atol=8 * EPSILON[dtype])
    np.testing.assert_allclose(wide(call(name, x)), expected(name, x), rtol=4 * EPSILON[dtype], atol=8 * EPSILON[dtype])


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_residual(target, name, dtype):
    x, r, weight = normal(1, 40, 70, dtype=dtype), normal(2, 40, 70, dtype=dtype), normal(3, 70)
    y, total = call(name, x, weight, residual=r)
    np.testing.assert_array_equal(total, x + r)
    np.testing.assert_array_equal(y, call(name, total, weight))
    a, b = x.copy(), r.copy()
    first, second = call(name, a, weight, residual=b, out=(a, b))
    assert first is a
    assert second is b
    np.testing.assert_array_equal(a, y)
    np.testing.assert_array_equal(b, total)
    out = np.empty((70, 40), x.dtype).T
    got, total_too = call(name, x, weight, residual=r, out=out)
    assert got is out
    np.testing.assert_array_equal(out, y)
    np.testing.assert_array_equal(total_too, total)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(target, layout):
    x = LAYOUTS[layout](normal(1, 4, 9, 50))
    np.testing.assert_allclose(fastla.layer_norm(x), expected("layer_norm", x), atol=2e-6)
    np.testing.assert_allclose(fastla.rms_norm(x.swapaxes(0, 1)), expected("rms_norm", x.swapaxes(0, 1)), atol=2e-6)


def test_outputs_that_overlap(target):
    memory = normal(1, 11, 20)
    want = fastla.layer_norm(memory[:10])
    assert np.shares_memory(fastla.layer_norm(memory[:10], out=memory[1:]), memory)
    np.testing.assert_array_equal(memory[1:], want)


def test_a_large_mean_and_special_rows(target):
    x = normal(1, 6, 400).astype(np.float32) + np.float32(4000)
    np.testing.assert_allclose(fastla.layer_norm(x), expected("layer_norm", x), atol=1e-5)
    x[2, 3], x[3, 4] = np.nan, np.inf
    got = fastla.layer_norm(x)
    assert np.isnan(got[2:4]).all()
    assert np.isfinite(np.delete(got, [2, 3], 0)).all()
    assert (fastla.rms_norm(np.zeros((2, 5))) == 0).all()
    assert np.isnan(fastla.rms_norm(x)[2]).all()
    assert fastla.layer_norm(np.empty((0, 5))).shape == (0, 5)
    assert fastla.layer_norm(np.empty((5, 0))).shape == (5, 0)


@pytest.mark.parametrize(("keywords", "error", "words"), [
    ({"weight": np.ones(4)}, ValueError, "weight has shape"),
    ({"bias": np.ones(4)}, ValueError, "bias has shape"),
    ({"eps": -1}, ValueError, "eps must be"),
    ({"eps": "a"}, TypeError, "eps must be"),
    ({"residual": np.ones(5)}, ValueError, "residual has shape"),
    ({"out": np.ones((2, 4))}, ValueError, "out has shape"),
    ({"out": (None, None)}, ValueError, "out is a tuple"),
])
def test_arguments_that_do_not_fit(keywords, error, words):
    with pytest.raises(error, match=words):
        fastla.layer_norm(np.ones((2, 5)), **keywords)
