"""Operands and out in any layout; nothing beside out is written, nothing beside the operands read."""

import itertools

import numpy as np
import pytest
import reference
from operands import DTYPES, LAYOUTS, PATHS, Shape, exact, integer_operands, integers, unaligned

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)

FEW = ["in place", "streams", "b packed", "packed, k sliced", "dots", "dot", "matrix @ vector", "transposed",
       "transposed, one row", "transposed, one column", "split k"]


@pytest.mark.in_turn
@pytest.mark.parametrize("path", FEW)
def test_operands(target: str, dtype: type, path: str) -> None:
    m, k, n, *_ = PATHS[path]
    bad = [
        layouts for layouts in itertools.product(LAYOUTS, repeat=2)
        if not np.array_equal(fastla.matmul(*integer_operands(Shape(m, k, n, *layouts), dtype)), exact(m, k, n))
    ]
    assert not bad


@pytest.mark.in_turn
@pytest.mark.parametrize("path", FEW)
def test_zero_strides(target: str, dtype: type, path: str) -> None:
    m, k, n, *_ = PATHS[path]
    a, b = (x.astype(dtype) for x in (integers(1, m, k), integers(2, k, n)))
    lefts = a, *(np.broadcast_to(x, (m, k)) for x in (a[:1], a[:, :1], a[0, 0]))
    rights = b, *(np.broadcast_to(x, (k, n)) for x in (b[:1], b[:, :1], b[0, 0]))
    for x, y in itertools.product(lefts, rights):
        np.testing.assert_array_equal(fastla.matmul(x, y), reference.matmul(x, y))


@pytest.mark.in_turn
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_dimensional_operands(target: str, dtype: type, layout: str) -> None:
    for m, k in ((1, 1), (5, 3), (40, 33), (3, 5000), (70, 300)):
        matrix, vector = (LAYOUTS[layout](x.astype(dtype)) for x in (integers(1, m, k), integers(2, 2, k)))
        x, column = vector[1], LAYOUTS[layout](integers(3, m, 2).astype(dtype))[:, 1]
        for a, b in ((matrix, x), (x, matrix.T), (column, matrix), (matrix.T, column), (x, x), (x, x[::-1])):
            np.testing.assert_array_equal(fastla.matmul(a, b), reference.matmul(a, b))


# --- out ------------------------------------------------------------------------------------------------------------
# Each out is a part of a larger array of NaN, whose shape is given for m, n.
OUTS = {
    "C": (lambda m, n: (m, n), lambda x, m, n: x),
    "F": (lambda m, n: (n, m), lambda x, m, n: x.T),
    "padded": (lambda m, n: (m + 2, n + 5), lambda x, m, n: x[1:-1, 3:-2]),
    "padded F": (lambda m, n: (n + 2, m + 5), lambda x, m, n: x[1:-1, 3:-2].T),
    "every other row": (lambda m, n: (2 * m, n), lambda x, m, n: x[::2]),
    "every other element": (lambda m, n: (2 * m, 2 * n), lambda x, m, n: x[1::2, ::2]),
    "reversed rows": (lambda m, n: (m + 2, n + 1), lambda x, m, n: x[m:0:-1, 1:]),
    "reversed columns": (lambda m, n: (m + 2, n + 2), lambda x, m, n: x[1:-1, n:0:-1]),
    "reversed F": (lambda m, n: (n + 2, m + 2), lambda x, m, n: x[n:0:-1, m:0:-1].T),
    "between": (lambda m, n: (m, 3, n), lambda x, m, n: x[:, 1]),
    "innermost": (lambda m, n: (m, n, 3), lambda x, m, n: x[..., 1]),
}


def check_out(a: np.ndarray, b: np.ndarray, expected: np.ndarray, layout: str) -> None:
    """Poisoned with NaN, out holds the product afterwards and its surroundings are still NaN."""
    base_shape, view = OUTS[layout]
    m, n = expected.shape
    base = np.full(base_shape(m, n), np.nan, a.dtype.newbyteorder("="))
    out = view(base, m, n)
    assert out.shape == (m, n)
    assert fastla.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, expected, err_msg=layout)
    out[...] = np.nan
    assert np.isnan(base).all(), layout


@pytest.mark.in_turn
@pytest.mark.parametrize("path", PATHS)
def test_out(target: str, dtype: type, path: str) -> None:
    a, b = integer_operands(PATHS[path], dtype)
    for layout in OUTS:
        check_out(a, b, exact(*PATHS[path][:3]), layout)
    m, _, n, *_ = PATHS[path]
    for out in (unaligned(np.full((m, n), np.nan, dtype)), np.full((m, n), np.nan, np.dtype(dtype).newbyteorder())):
        assert fastla.matmul(a, b, out) is out
        np.testing.assert_array_equal(out, exact(*PATHS[path][:3]))


def test_out_for_every_small_shape(target: str, dtype: type) -> None:
    for m, k, n in itertools.product((1, 2, 5, 9, 17), (1, 7, 33), (1, 2, 3, 7, 8, 9, 15, 17, 33, 49)):
        for layouts in ("CC", "CF", "FC", "FF"):
            a, b = integer_operands(Shape(m, k, n, *layouts), dtype)
            check_out(a, b, exact(m, k, n), "padded")
            check_out(a, b, exact(m, k, n), "reversed rows")


def test_out_of_one_dimensional_operands(target: str, dtype: type) -> None:
    a, x, y = integers(1, 20, 33).astype(dtype), integers(2, 33).astype(dtype), integers(3, 20).astype(dtype)
    for left, right in ((a, x), (y, a), (a.T, y), (x, a.T), (np.stack([a, -a]), x), (y, np.stack([a, -a]))):
        expected = reference.matmul(left, right)
        for spread in (1, 2, -1, -3):
            out = np.full((*expected.shape[:-1], expected.shape[-1] * abs(spread)), np.nan, dtype)[..., ::spread]
            assert fastla.matmul(left, right, out=out) is out
            np.testing.assert_array_equal(out, expected)
    for out in (np.full((), np.nan, dtype), np.full(3, np.nan, dtype)):
        assert fastla.matmul(x, x, out=out) is out
        np.testing.assert_array_equal(out, np.full(out.shape, x @ x))


def test_out_with_more_leading_dimensions_than_the_result(target: str, dtype: type) -> None:
    a, b = integers(1, 4, 5).astype(dtype), integers(2, 5, 6).astype(dtype)
    stack = np.stack([a, -a])
    for left, right, shape in (
        (a, b, (3, 4, 6)), (a, b, (1, 4, 6)), (stack, b, (3, 2, 4, 6)), (stack[:1], b, (3, 4, 6)),
        (a, b[:, 0], (3, 4)), (a[0], b, (2, 3, 6)), (a[0], b[:, 0], (2, 3)),
    ):
        out, expected = np.full(shape, np.nan, dtype), np.full(shape, np.nan, dtype)
        np.matmul(left, right, out=expected)
        assert fastla.matmul(left, right, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_the_choice_to_turn_a_product_ends(target: str, dtype: type) -> None:
    """Square and nearly square products in all four orders: turning one must not ask for turning it back."""
    for m, d, k in itertools.product((7, 8, 16, 24, 32, 33, 40, 48), (-1, 0, 1), (7, 8, 16, 63, 64, 100)):
        n = m + d
        a, b = (np.arange(rows * columns, dtype=dtype).reshape(rows, columns) % 5 for rows, columns in ((m, k), (k, n)))
        for x in (a, np.asfortranarray(a)):
            for y in (b, np.asfortranarray(b)):
                orders = x.flags.f_contiguous, y.flags.f_contiguous
                assert np.array_equal(fastla.matmul(x, y), reference.matmul(a, b)), (m, n, k, orders)
