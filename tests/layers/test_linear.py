"""linear and gated_linear of arrays against float64 NumPy, on every target."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layered import ACTIVATIONS, check_layer, dtype_of, normal, wide
from operands import LAYOUTS

import fastla

DTYPES = ["float32", "float64", "float16", "bfloat16"]
# Products of every route, blocks that are cut, more rows than a task takes.
SHAPES = [(1, 1, 1), (1, 7, 5), (3, 48, 49), (1, 300, 100), (9, 33, 17), (50, 97, 130), (260, 49, 300), (40, 5, 0),
          (2, 1, 700), (70, 1, 9), (45, 3, 5)]


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_every_part(target, dtype, m, n, k):
    x, w, r = normal(1, m, k, dtype=dtype), normal(2, n, k, dtype=dtype), normal(3, m, n, dtype=dtype)
    bias = normal(4, n, dtype=dtype)
    for activation in ACTIVATIONS:
        check_layer(fastla.linear(x, w, bias, activation=activation, residual=r), x, w, bias, activation, r, dtype)
    check_layer(fastla.linear(x, w), x, w, dtype=dtype)
    check_layer(fastla.linear(x, w, residual=r), x, w, residual=r, dtype=dtype)
    check_layer(fastla.linear(x, w, activation="silu"), x, w, activation="silu", dtype=dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_gated(target, dtype, m, n, k):
    x, gate, up = normal(1, m, k, dtype=dtype), normal(2, n, k, dtype=dtype), normal(3, n, k, dtype=dtype)
    got = fastla.gated_linear(x, gate, up, activation="silu")
    g, u = wide(x) @ wide(gate).T, wide(x) @ wide(up).T
    size = np.abs(wide(x)) @ np.abs(wide(gate)).T + np.abs(wide(x)) @ np.abs(wide(up)).T + 1
    eps = {"float64": 2.0**-52}.get(dtype, 2.0**-23)
    own = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(dtype, 0)
    expected = ACTIVATIONS["silu"](g) * u
    assert got.dtype == dtype_of(dtype)
    assert (np.abs(wide(got) - expected) <= 16 * eps * size**2 + own * np.abs(expected) + own / 1e3).all()


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(target, dtype, layout):
    x, w = LAYOUTS[layout](normal(5, 3, 11, 60, dtype=dtype)), LAYOUTS[layout](normal(6, 53, 60, dtype=dtype))
    r = LAYOUTS[layout](normal(7, 3, 11, 53, dtype=dtype))
    out = LAYOUTS["every other"](np.zeros((3, 11, 53), dtype))
    got = fastla.linear(x, w, activation="relu", residual=r)
    check_layer(got, x, w, None, "relu", r, dtype)
    check_layer(fastla.linear(x.swapaxes(0, 1), w), x.swapaxes(0, 1), w, dtype=dtype)
    assert fastla.linear(x, w, activation="relu", residual=r, out=out) is out
    np.testing.assert_allclose(wide(out), wide(got), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_that_overlap_operands(target, dtype):
    x, w, r = normal(1, 9, 9, dtype=dtype), normal(2, 9, 9, dtype=dtype), normal(3, 9, 9, dtype=dtype)
    expected = fastla.linear(x, w, activation="gelu", residual=r)
    for make in (lambda: (x, w, r.copy()), lambda: (x.copy(), w, r), lambda: (x, w.copy(), r)):
        a, b, c = make()
        out = next(z for z, first in ((a, x), (b, w), (c, r)) if z is not first)
        assert fastla.linear(a, b, activation="gelu", residual=c, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_bits_do_not_depend_on_threads_or_alignment(target):
    x, w, bias = normal(1, 300, 200), normal(2, 301, 200), normal(3, 301)
    expected = fastla.linear(x, w, bias, activation="gelu")
    with fastla.num_threads(1):
        np.testing.assert_array_equal(fastla.linear(x, w, bias, activation="gelu"), expected)
    np.testing.assert_array_equal(fastla.linear(x, w, LAYOUTS["padded"](bias[None])[0], activation="gelu"), expected)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_call(data):
    lead = tuple(data.draw(st.lists(st.integers(0, 4), max_size=3)))
    n, k = data.draw(st.integers(1, 60)), data.draw(st.integers(0, 60))
    dtype = data.draw(st.sampled_from(DTYPES))
    activation = data.draw(st.sampled_from(list(ACTIVATIONS)))
    x, w = normal(1, *lead, k, dtype=dtype), normal(2, n, k, dtype=dtype)
    bias = normal(3, n) if data.draw(st.booleans()) else None
    residual = normal(4, *lead, n, dtype=dtype) if data.draw(st.booleans()) else None
    got = fastla.linear(x, w, bias, activation=activation, residual=residual)
    check_layer(got, x, w, bias, activation, residual, dtype, slack=2)


def test_promotion_and_broadcasting(target):
    assert fastla.linear([[1, 2]], [[3, 4]]).tolist() == [[11.0]]
    assert fastla.linear(np.ones((2, 3), np.float32), np.ones((4, 3))).dtype == np.float64
    assert fastla.linear(np.ones((2, 3), np.float16), np.ones((4, 3), np.float32)).dtype == np.float32
    x, w = normal(1, 5, 3), normal(2, 4, 3)
    check_layer(fastla.linear(x, w, residual=np.ones(4)), x, w, residual=np.ones((5, 4)))
    assert fastla.linear(x[0], w).shape == (4,)


def test_nothing_warns(target):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastla.linear(np.full((2, 3), 1e30, np.float32), np.full((4, 3), 1e30, np.float32), activation="silu")


@pytest.mark.parametrize(("arguments", "error", "words"), [
    (((2, 3), (4, 2)), ValueError, "3 inputs of x would meet 2"),
    (((2, 3), (3,)), ValueError, "weight has shape"),
    (((), (4, 3)), ValueError, "x has shape"),
    (((2, 3), (4, 3), (3,)), ValueError, "bias has shape"),
])
def test_shapes_that_do_not_fit(arguments, error, words):
    with pytest.raises(error, match=words):
        fastla.linear(*(np.ones(shape, np.float32) for shape in arguments))


@pytest.mark.parametrize(("keywords", "error", "words"), [
    ({"activation": "swish"}, ValueError, "activation must be"),
    ({"residual": np.ones((3, 3))}, ValueError, "residual has shape"),
    ({"out": np.ones((2, 4))}, ValueError, "out has shape"),
    ({"out": [1]}, TypeError, "out must be an array"),
    ({"bias": np.ones(4, complex)}, TypeError, "bias has dtype"),
])
def test_arguments_that_do_not_fit(keywords, error, words):
    with pytest.raises(error, match=words):
        fastla.linear(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), **keywords)
    with pytest.raises(ValueError, match="up has shape"):
        fastla.gated_linear(np.ones((2, 3)), np.ones((4, 3)), np.ones((5, 3)))


@pytest.mark.parametrize("packed", [None, "float32", "int8"])
def test_a_function_of_the_user_as_activation(packed):
    pytest.importorskip("numba")
    rng = np.random.default_rng(5)
    weight, bias, shift = rng.standard_normal((51, 20)).astype("f4"), rng.standard_normal(51).astype("f4"), 0.25
    w = weight if packed is None else fastla.pack(weight) if packed == "float32" else fastla.quantize(weight)
    for m in (1, 7, 260):
        x, residual = rng.standard_normal((m, 20)).astype("f4"), rng.standard_normal((m, 51)).astype("f4")
        plain = fastla.linear(x, w, bias)
        y = fastla.linear(x, w, bias, activation=lambda y: max(y, 0.0) ** 2 + shift, residual=residual)
        np.testing.assert_allclose(y, np.maximum(plain, 0) ** 2 + np.float32(shift) + residual, rtol=1e-5, atol=1e-6)
        gated = fastla.gated_linear(x, w, w, activation=lambda y: y * shift)
        product = fastla.linear(x, w)
        np.testing.assert_allclose(gated, product * np.float32(shift) * product, rtol=1e-5, atol=1e-6)


def test_what_a_function_raises_comes_out():
    pytest.importorskip("numba")

    def refuse(y):
        if y > 3:
            raise KeyError("too much")
        return y

    x = np.ones((5, 4), np.float32)
    for weight in (np.eye(4, dtype=np.float32), fastla.pack(np.eye(4, dtype=np.float32))):
        np.testing.assert_array_equal(fastla.linear(x, weight, activation=refuse), x)
        with pytest.raises(KeyError, match="too much"):
            fastla.linear(5 * x, weight, activation=refuse)
