"""Stacks of products: leading dimensions broadcast, in any layout."""

import itertools

import numpy as np
import pytest
import reference
from grids import slow
from operands import DTYPES, LAYOUTS, integers, place, tile

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)

SHAPES = [
    ((5, 3, 4), (5, 4, 6)),
    ((5, 3, 4), (4, 6)),
    ((3, 4), (5, 4, 6)),
    ((1, 3, 4), (5, 4, 6)),
    ((5, 3, 4), (1, 4, 6)),
    ((2, 1, 3, 4), (7, 4, 6)),
    ((2, 7, 3, 4), (2, 1, 4, 6)),
    ((2, 3, 1, 9), (2, 1, 9, 5)),
    ((2, 5, 6, 9), (9,)),
    ((9,), (2, 5, 9, 3)),
    ((2, 5, 1, 40), (40,)),
    ((40,), (5, 40, 1)),
    ((3, 2, 20, 50), (50, 30)),
    ((3, 2, 20, 50), (3, 2, 50, 30)),
    ((2, 3, 1, 1), (3, 1, 1)),
    ((1, 1, 1, 8, 8), (1, 8, 8)),
    ((2, 2, 2, 2, 2, 2, 3, 4), (2, 1, 2, 1, 2, 4, 3)),
    ((3, 17, 300), (3, 300, 290)),
    ((2, 2, 5000), (2, 5000, 3)),
    ((3, 1, 1025), (2, 1, 1025, 64)),
    ((5, 20, 33), (7, 1, 33, 34)),
]
EMPTY = [
    ((0, 3, 4), (4, 6)),
    ((0, 3, 4), (1, 4, 6)),
    ((3, 4), (2, 0, 4, 6)),
    ((5, 0, 4), (5, 4, 6)),
    ((5, 3, 4), (4, 0)),
    ((5, 3, 0), (5, 0, 6)),
    ((3, 0), (0, 6)),
    ((0,), (0,)),
    ((0,), (0, 4)),
    ((4, 0), (0,)),
    ((0, 0), (0, 0)),
    ((0, 3), (3,)),
    ((3,), (3, 0)),
    ((2, 0, 3, 0), (1, 0, 2)),
]


def operands(shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Small integers."""
    return integers(1, *shapes[0]).astype(dtype), integers(2, *shapes[1]).astype(dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize("every", [SHAPES, EMPTY], ids=["full", "empty"])
def test_broadcasting(target: str, dtype: type, every: list) -> None:
    for shapes in every:
        a, b = operands(shapes, dtype)
        expected = reference.matmul(a, b)
        c = fastla.matmul(a, b)
        assert c.dtype == dtype and c.shape == np.matmul(a, b).shape
        np.testing.assert_array_equal(c, expected, err_msg=str(shapes))
        out = np.full(expected.shape, np.nan, dtype)
        assert fastla.matmul(a, b, out=out) is out, shapes
        np.testing.assert_array_equal(out, expected, err_msg=str(shapes))


STACK_LAYOUTS = {
    **{name: LAYOUTS[name] for name in ("C", "F", "padded", "every other", "reversed F", "unaligned")},
    "stack innermost": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
    "stack between": lambda x: np.ascontiguousarray(np.swapaxes(x, 0, -2)).swapaxes(0, -2),
    "reversed stack": lambda x: x[::-1].copy()[::-1],
    "every other item": lambda x: np.repeat(x, 2, axis=0)[::2],
    "leading dimensions transposed": lambda x: np.ascontiguousarray(np.swapaxes(x, 0, 1)).swapaxes(0, 1),
}


# Those of a few kilobytes: tiles, single rows and columns, sums along k, in whose place operands may be packed.
SMALL = [(1, 40, 1), (2, 1, 1), (4, 5, 1), (9, 6, 1), (90, 7, 1), (30, 40, 1), (1, 1, 11), (1, 17, 30), (1, 60, 3),
         (3, 70, 2)]


@pytest.mark.in_turn
@pytest.mark.parametrize("core_shape", [(3, 4, 5), (1, 7, 30), (20, 33, 2), (2, 33, 20), (20, 40, 70), *SMALL])
def test_layouts(target: str, dtype: type, core_shape: tuple[int, int, int]) -> None:
    m, k, n = core_shape
    a, b = operands(((4, 3, m, k), (4, 3, k, n)), dtype)
    expected = reference.matmul(a, b)
    bad = []
    for left, right, out in itertools.product(STACK_LAYOUTS, repeat=3):
        if out != "C" and "C" not in (left, right):
            continue        # enough: pairs of unusual layouts
        c = STACK_LAYOUTS[out](np.full(expected.shape, np.nan, dtype))
        fastla.matmul(STACK_LAYOUTS[left](a), STACK_LAYOUTS[right](b), c)
        if not np.array_equal(c, expected):
            bad.append((left, right, out))
    assert not bad


@pytest.mark.parametrize("core_shape", [(3, 4, 5), (1, 40, 1), (20, 40, 70)])
def test_zero_strides(target: str, dtype: type, core_shape: tuple[int, int, int]) -> None:
    m, k, n = core_shape
    a, b = operands(((m, k), (k, n)), dtype)
    a_stack, b_stack = np.broadcast_to(a, (3, 2, m, k)), np.broadcast_to(b, (3, 2, k, n))
    partly = np.broadcast_to(np.stack([b, -b]), (3, 2, k, n))
    expected = reference.matmul(a, b)
    for left, right in ((a_stack, b_stack), (a_stack, b), (a, b_stack), (a_stack.copy(), b_stack)):
        np.testing.assert_array_equal(fastla.matmul(left, right), np.broadcast_to(expected, (3, 2, m, n)))
    np.testing.assert_array_equal(fastla.matmul(a_stack, partly), np.broadcast_to([expected, -expected], (3, 2, m, n)))


def test_as_many_dimensions_as_numpy_has(target: str, dtype: type) -> None:
    a = integers(1, *(2, 1) * 4, *(1,) * 54, 3, 4).astype(dtype)
    b = integers(2, *(1, 2) * 4, *(1,) * 54, 4, 5).astype(dtype)
    assert a.ndim == 64
    np.testing.assert_array_equal(fastla.matmul(a, b), np.matmul(a, b))
    np.testing.assert_array_equal(fastla.matmul(a[..., 0, 0, 0, :], b[0, 0]), np.matmul(a[..., 0, 0, 0, :], b[0, 0]))
    column = b[(0,) * 62][:, 0]
    np.testing.assert_array_equal(fastla.matmul(a, column), np.matmul(a, column))


@pytest.mark.in_turn
@pytest.mark.parametrize("threads", [7, *slow(1, 2)])
def test_many_and_large(target: str, dtype: type, threads: int) -> None:
    """Items shared out among threads, many in a task; and items that are each worth all threads."""
    with fastla.num_threads(threads):
        # The last two: one dimension of the stack turns into rows, the other does not.
        for shapes in (((10007, 3, 3), (10007, 3, 3)), ((53, 32, 32), (53, 32, 32)), ((40, 50, 9, 9), (50, 9, 9)),
                       ((2, 250, 401), (2, 401, 260)), ((3, 1, 1025), (2, 1, 1025, 64)),
                       ((9, 20, 300), (3, 1, 300, 290))):
            a, b = operands(shapes, dtype)
            expected = np.matmul(a, b)      # einsum would be slow, and this is exact
            for _ in range(10 if expected.size < 20000 else 1):
                np.testing.assert_array_equal(fastla.matmul(a, b), expected)


def test_small_products_of_every_shape(target: str, dtype: type) -> None:
    """Those of a few kilobytes are done tile by tile, the same tile of many products in a row."""
    mr, nr, lanes = tile(target, dtype)
    widths = sorted({i * lanes + d for i in range(2 * nr // lanes + 1) for d in (-1, 0, 1)} - {-1, 0})
    bad = []
    for m, k, n in itertools.product(range(1, 2 * mr + 2), (1, 2, 5), widths):
        a, b = operands(((9, m, k), (9, k, n)), dtype)
        out = np.full((9, m + 1, n + 3), np.nan, dtype)
        fastla.matmul(a, b, out[:, :m, :n])
        beside = np.isnan(out[:, m:]).all() and np.isnan(out[..., n:]).all()
        if not (beside and np.array_equal(out[:, :m, :n], reference.matmul(a, b))):
            bad.append((m, k, n))
    assert not bad


@pytest.mark.in_turn
def test_bits_do_not_hang_on_the_place_in_a_stack(target: str, dtype: type) -> None:
    """Nor on how many threads share the stack, nor on where a group of products that is packed begins."""
    rng = np.random.default_rng(3)
    for (m, k, n), layout in itertools.product([*SMALL, (3, 4, 5), (7, 9, 33)], ("C", "F", "every other")):
        a = np.tile(rng.standard_normal((3, m, k)), (701, 1, 1))
        b = np.tile(rng.standard_normal((3, k, n)), (701, 1, 1))
        for threads in (1, 3):
            with fastla.num_threads(threads):
                c = fastla.matmul(place(a, dtype, layout), place(b, dtype, layout)).reshape(701, 3, m, n)
            assert (c == c[0]).all(), (m, k, n, layout)
        error = np.abs(c[0] - a[:3] @ b[:3])
        assert (error <= max(16, k) * np.finfo(dtype).eps * (np.abs(a[:3]) @ np.abs(b[:3]))).all(), (m, k, n, layout)


def test_small_stacks_times_their_own_transposes_are_symmetric(target: str, dtype: type) -> None:
    for m, k in ((2, 1), (3, 9), (5, 40), (9, 17)):
        x = np.random.default_rng(m).standard_normal((50, m, k)).astype(dtype)
        c = fastla.matmul(x, x.mT)
        assert (c == c.mT).all()


def test_a_stack_against_one_matrix_is_one_product_in_any_layout(target: str, dtype: type) -> None:
    a, b = operands(((6, 5, 9, 40), (40, 33)), dtype)
    expected = reference.matmul(a, b)
    for left in ("C", "padded", "reversed rows"):
        for right in ("C", "F"):
            np.testing.assert_array_equal(fastla.matmul(place(a, dtype, left), place(b, dtype, right)), expected)
