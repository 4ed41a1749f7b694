"""Every route of a product is taken by the shapes and strides it is for, is right, and honours an epilogue."""

import numpy as np
import pytest
from operands import DTYPES, PATHS, Shape, exact, integer_operands, integers, place

from fastla._core import core

# What any target does, whatever its tiles; other shapes' routes hang on the size of a tile.
EXPECTED = {
    "streams": "stream",
    "streams, wide": "stream",
    "packed, k sliced": "split k",
    "dots": "inner",
    "dot": "split k",
    "matrix @ vector": "inner",
    "vector @ matrix": "gemv",
    "transposed": "transposed",
    "transposed, one row": "transposed",
    "few rows, columns along k": "transposed",
    "split k": "split k",
    "split k, packed": "split k",
}
MORE = {
    "short dot": Shape(1, 700, 1),
    "small b": Shape(60, 100, 60),
    "row by row": Shape(300, 20, 700),
    "b transposed": Shape(300, 30, 700, "C", "F"),
    "few rows, columns along k": Shape(48, 100, 500, "C", "F"),
    "b packed, deep": Shape(300, 700, 700),
}
SHAPES = PATHS | MORE
ROUTES = {
    "dot", "gemv", "split k", "inner", "transposed", "transpose b", "stream", "rows", "in place", "pack b", "pack both",
}


def placed(m: int, n: int) -> np.ndarray:
    """What the epilogue of the tests adds."""
    return 8192.0 * np.arange(m)[:, np.newaxis] + np.arange(n)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_route_is_taken(target, dtype):
    taken = {name: core.product_route(*integer_operands(shape, dtype)) for name, shape in SHAPES.items()}
    assert {name: taken[name] for name in EXPECTED} == EXPECTED
    assert set(taken.values()) == ROUTES


@pytest.mark.parametrize(("dtype", "side", "route"),
                         [("float32", 250, "in place"), ("float64", 220, "in place"), ("float64", 223, "pack b")])
def test_a_b_that_leaves_l2_is_packed(target, dtype, side, route):
    assert core.product_route(*integer_operands(Shape(60, side, side), dtype)) == route


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_every_route_gives_every_element_to_the_epilogue_once(target, dtype, name):
    shape = SHAPES[name]
    a, b = integer_operands(shape, dtype)
    np.testing.assert_array_equal(core.marked_product(a, b), exact(*shape[:3]) + placed(shape.m, shape.n))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), [(40, 3), (100, 70), (40, 2000), (300, 40)])
def test_the_epilogue_meets_both_triangles_of_a_syrk(target, dtype, n, k):
    x = place(integers(3, n, k), dtype, "C")
    expected = x.astype(np.float64) @ x.T.astype(np.float64) + placed(n, n)
    np.testing.assert_array_equal(core.marked_product(x, x.T), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "k", "n"), [(3, 4, 5), (1, 7, 6), (6, 7, 1), (1, 9, 1), (20, 30, 40), (3, 0, 4)])
def test_items_of_a_batch_have_their_numbers(target, dtype, m, k, n):
    a, b = integers(4, 7, m, k).astype(dtype), integers(5, 7, k, n).astype(dtype)
    expected = a.astype(np.float64) @ b + placed(m, n) + 2.0**20 * np.arange(7)[:, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(core.marked_product(a, b), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_sum_meets_the_epilogue(target, dtype):
    np.testing.assert_array_equal(core.marked_product(np.ones((5, 0), dtype), np.ones((0, 6), dtype)), placed(5, 6))
