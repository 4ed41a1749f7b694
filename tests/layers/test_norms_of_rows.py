"""layer_norm and rms_norm against float64 NumPy, on every target."""

import numpy as np
import pytest
from layered import EPSILON, dtype_of, normal, wide
from operands import LAYOUTS

import fastla
from fastla import _row_norms

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


LEAST = {"float32": 2.0**-149, "float64": 2.0**-1074, "float16": 2.0**-24, "bfloat16": 2.0**-133}
MOST = {"float32": 1.7e38, "float64": 8.9e307, "float16": 32000, "bfloat16": 1.6e38}


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [2, 33, 400])
def test_rows_of_any_size(target, name, dtype, d):
    """From subnormal numbers to the largest: what a row is once a power of two has brought it near 1."""
    weight = np.random.default_rng(4).uniform(0.5, 2, d)
    numbers = np.random.default_rng(3).integers(-200, 200, (3, d)) / 100
    for size in (100 * LEAST[dtype], 1e4 * LEAST[dtype], 1e-3 * MOST[dtype], MOST[dtype]):
        x = (numbers * size).astype(dtype_of(dtype))
        near = np.ldexp(wide(x), -int(np.log2(size)))
        got = call(name, x, weight.astype(np.float64 if dtype == "float64" else np.float32), eps=0.0)
        np.testing.assert_allclose(wide(got), expected(name, near, weight, eps=0), rtol=8 * EPSILON[dtype],
                                   atol=8 * EPSILON[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_without_a_spread(target, dtype):
    """Equal numbers of any size are 0, or the bias, as long as eps is not 0."""
    for size in (0.0, 100 * LEAST[dtype], 1.0, MOST[dtype]):
        for eps in (1e-5, 1e-290, 5e-324):
            x, bias = np.full((2, 70), size, dtype), normal(3, 70, dtype=dtype)
            np.testing.assert_array_equal(fastla.layer_norm(x, None, bias, eps=eps), np.broadcast_to(bias, x.shape))
        assert np.isnan(fastla.layer_norm(x, eps=0.0)).all()
    assert np.isnan(fastla.rms_norm(np.zeros((2, 70), dtype), eps=0.0)).all()


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7,), (1, 9), (3, 5, 40), (0, 4), (4, 0)])
def test_the_compiled_entry_gives_what_the_python_function_does(target, name, dtype, shape):
    x, r, weight = normal(1, *shape, dtype=dtype), normal(2, *shape, dtype=dtype), normal(3, shape[-1], dtype=dtype)
    function = getattr(fastla, name)
    for keywords in ({}, {"eps": 1e-3}, {"residual": r}, {"residual": r, "eps": np.float64(2.0)}):
        got, want = function(x, weight, **keywords), function.__wrapped__(x, weight, **keywords)
        for ours, theirs in zip(*(pair if isinstance(pair, tuple) else (pair,) for pair in (got, want)), strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_the_common_call_is_compiled(monkeypatch):
    monkeypatch.setattr(_row_norms, "_norm", None)
    x = normal(1, 6, 8)
    fastla.layer_norm(x, x[0], x[1], eps=1e-6, residual=x)
    fastla.rms_norm(x, x[0])
    for other in (x.astype(np.float16), x[:, ::2], x.tolist()):
        with pytest.raises(TypeError, match="not callable"):
            fastla.rms_norm(other)


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
