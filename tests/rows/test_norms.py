"""Norms of every order over every axis and layout, against scaled float64, over every target."""

import itertools

import numpy as np
import pytest
import reference
from grids import combinations, slow
from operands import DTYPES, LAYOUTS, tile

import fastla

ORDERS = [2, 1, 0, np.inf, -np.inf, 3, 4, 7, 0.5, 2.5, -1]
NATIVE = [2, 1, 0, np.inf, -np.inf, 3]
AXES = [None, 0, 1, -1, (0, 1), (2, 0), (1, 2), (2, 1, 0), ()]


def tolerance(dtype: type, length: int) -> float:
    """Of a norm: its terms are rounded in sums of at most 2048 each."""
    return float(np.finfo(dtype).eps) * (8 + length**0.5)


def check(x: np.ndarray, axis: int | tuple[int, ...] | None, order: float, keepdims: bool = False) -> None:
    norm = fastla.vector_norm(x, axis=axis, ord=order, keepdims=keepdims)
    right = reference.vector_norm(x, axis, order, keepdims)
    assert norm.shape == right.shape
    assert norm.dtype == x.dtype
    length = x.size // max(1, right.size)
    np.testing.assert_allclose(norm, right, rtol=tolerance(x.dtype, length), err_msg=f"{x.shape} {axis} {order}")


@pytest.mark.in_turn
@pytest.mark.parametrize(("dtype", "layout"), combinations(DTYPES, LAYOUTS))
def test_every_axis_and_order_in_every_layout(target, dtype, layout):
    x = LAYOUTS[layout](np.random.default_rng(1).standard_normal((5, 6, 21)).astype(dtype))
    for axis, order, keepdims in itertools.product(AXES, ORDERS, (False, True)):
        if axis == () and order != 0:
            np.testing.assert_allclose(fastla.vector_norm(x, axis=axis, ord=order), np.abs(x), rtol=1e-6)
        elif axis != ():
            check(x.astype(dtype) if layout == "byte-swapped" else x, axis, order, keepdims)
        np.testing.assert_array_equal(
            fastla.vector_norm(x, axis=axis,
                               ord=order), np.squeeze(fastla.vector_norm(x, axis=axis, ord=order, keepdims=True))
        )


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", NATIVE)
def test_lengths_and_counts_around_vectors(target, dtype, order):
    """Vectors along memory and across it, by blocks and by lanes; their tails."""
    lanes = tile(target, dtype).lanes
    sizes = sorted({1, 2, 3, 7, 8, 9, lanes - 1, lanes, lanes + 1, 4 * lanes - 1, 4 * lanes, 4 * lanes + 1, 300} - {0})
    x = np.random.default_rng(2).standard_normal((300, 301)).astype(dtype)
    for n, d in itertools.product(sizes, sizes):
        for view in (x[:n, :d], x[:d, :n].T, np.ascontiguousarray(x[:n, :d]), np.asfortranarray(x[:n, :d]),
                     x[: 2 * n : 2, : 2 * d : 2]):
            check(view, 0, order)
            check(view, 1, order)


@pytest.mark.parametrize("dtype", DTYPES)
def test_narrow_rows_that_follow_each_other(target, dtype):
    x = np.random.default_rng(3).standard_normal(800_000).astype(dtype)
    for columns in [1, 2, 3, 5, 8, 17, 31, 63, 65]:
        for rows in (3, 40, 41, 1031, 4000):
            check(x[: rows * columns].reshape(rows, columns), 0, 2)
            check(x[: rows * columns * 3].reshape(3, rows, columns), 1, np.inf)
            check(x[: rows * columns].reshape(rows, columns)[::-1], 0, 1)


# Each is cut into parts: one vector, few, as columns, in layouts that are packed.
LONG = {
    "one": lambda x: (x, 0), "one, backwards": lambda x: (x[::-1], 0), "one, every third": lambda x: (x[::3], 0),
    "few": lambda x: (x[:600_000].reshape(2, -1), 1), "few columns": lambda x: (x[:1_000_000].reshape(-1, 2), 0),
    "columns": lambda x: (x[:1_050_000].reshape(-1, 35), 0), "many columns": lambda x: (x.reshape(-1, 5000), 0),
    "columns of a stack": lambda x: (x.reshape(3, -1, 50),
                                     1), "every other column": lambda x: (x.reshape(-1, 300)[:, ::2], 0),
    "by columns": lambda x: (x[:999_999].reshape(3, -1).T, 0), "two axes": lambda x: (x.reshape(300, 10, 500), (0, 2)),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LONG)
def test_long_vectors(target, dtype, case):
    x, axis = LONG[case](np.random.default_rng(4).standard_normal(1_500_000).astype(dtype))
    for order in NATIVE:
        check(x, axis, order)
    right = reference.vector_norm(x, axis, 2)
    for power in (-30, 30) if dtype == np.float32 else (-300, 300):      # squares are out of range
        scaled = fastla.vector_norm(x * dtype(10.0**power), axis=axis)
        np.testing.assert_allclose(scaled.astype(np.float64) / 10.0**power, right,
                                   rtol=1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 30), (300, 3), *slow(((1, 1),), ((1, 5000),), ((3, 300),), ((70, 200),))])
def test_any_magnitude_beside_any_other(target, dtype, shape):
    """From the smallest denormal to the largest number, rows of different magnitudes in one block."""
    rng = np.random.default_rng(5)
    info = np.finfo(dtype)
    exponents = rng.integers(info.minexp - info.nmant, info.maxexp - 8, (shape[0], 1))
    x = np.ldexp(rng.uniform(0.5, 1, shape), exponents).astype(dtype)
    least = 2 * float(info.smallest_subnormal)
    for view, axis in ((x, 1), (np.ascontiguousarray(x.T), 0), (np.asfortranarray(x), 1),
                       (np.repeat(x, 2, 1)[:, ::2], 1)):
        right = reference.vector_norm(view, axis, 2)
        np.testing.assert_allclose(fastla.vector_norm(view, axis=axis), right, rtol=tolerance(dtype, 300), atol=least)
        unit = np.moveaxis(reference.unit(np.moveaxis(view, axis, -1)), -1, axis)
        np.testing.assert_allclose(fastla.normalize(view, axis), unit, rtol=tolerance(dtype, 300), atol=least)


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_too_large_for_their_dtype(target, dtype):
    x = np.full((3, 50), np.finfo(dtype).max, dtype)
    x[1] = 1
    for view, axis in ((x, 1), (np.ascontiguousarray(x.T), 0)):
        np.testing.assert_array_equal(fastla.vector_norm(view, axis=axis),
                                      np.array([np.inf, np.sqrt(50), np.inf], dtype))
        np.testing.assert_allclose(fastla.normalize(view, axis), np.full(view.shape, 1 / np.sqrt(50)), rtol=1e-6)
        np.testing.assert_array_equal(fastla.vector_norm(view, axis=axis, ord=np.inf), [x[0, 0], 1, x[0, 0]])
    np.testing.assert_allclose(fastla.vector_norm(x[0] / dtype(4), ord=3), x[0, 0] / 4 * np.float64(50) ** (1 / 3),
                               rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_and_nan(target, dtype):
    """In each place of short and long vectors, along and across memory."""
    inf, nan = np.inf, np.nan
    for length in (1, 3, 20, 70, 3000):
        for place in {0, 1, length // 2, length - 1} & set(range(length)):
            x = np.ones((4, length), dtype)
            x[1, place], x[2, place] = -inf, nan
            for view, axis in ((x, 1), (np.asfortranarray(x), 1), (np.ascontiguousarray(x.T), 0),
                               (np.repeat(x, 2, 1)[:, ::2], 1)):
                for order in (1, 2, 3, inf):
                    norm = fastla.vector_norm(view, axis=axis, ord=order)
                    assert norm[1] == inf
                    assert np.isnan(norm[2])
                    assert np.isfinite(norm[[0, 3]]).all()
                least = fastla.vector_norm(view, axis=axis, ord=-inf)
                np.testing.assert_array_equal(least, [1, inf if length == 1 else 1, nan, 1])
                np.testing.assert_array_equal(fastla.vector_norm(view, axis=axis, ord=0), np.full(4, length))
    x = np.array([[inf, 1], [nan, inf], [1, -inf], [0, 0]], dtype)
    np.testing.assert_array_equal(fastla.vector_norm(x, axis=1), [inf, nan, inf, 0])
    np.testing.assert_array_equal(fastla.normalize(x), [[nan, 0], [nan, nan], [0, nan], [0, 0]])


def test_norms_warn_of_nothing(target):
    with np.errstate(all="raise"):
        for x in (np.array([1e308, 1e308]), np.array([1e-320, 1e-300]), np.array([np.inf, np.nan]), np.zeros(3)):
            for order in (2, 1, 3, np.inf, -np.inf, 0):
                fastla.vector_norm(x, ord=order)
            fastla.normalize(x)
            fastla.paired_cosine_similarity(x, x)
