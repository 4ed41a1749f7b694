"""a @ a.T and a.T @ a: right, exactly symmetric, and not mistaken for what only looks alike."""

import functools

import numpy as np
import pytest
import reference
from grids import few_of_all
from operands import DTYPES, LAYOUTS, integers, place, tile

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)
IN_ITS_OWN_MEMORY = [name for name in LAYOUTS if name not in ("unaligned", "byte-swapped")]
FEW = ["C", "F", "every other", "reversed F"]
some_layouts = pytest.mark.parametrize("layouts", few_of_all(FEW, IN_ITS_OWN_MEMORY))


@functools.cache
def normal(dtype: type, *shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normally distributed a, a @ a.mT, and 16 eps |a| @ |a.mT|."""
    a = np.random.default_rng(8).standard_normal(shape).astype(dtype)
    # float64's own sums of thousands of squares are not within 16 eps.
    return a, reference.matmul(a, a.mT, np.longdouble), reference.bound(a, a.mT, 16)


def check(c: np.ndarray, expected: np.ndarray, bound: np.ndarray) -> None:
    """Symmetric bit by bit, and within the bound."""
    bits = np.ascontiguousarray(c).view(f"i{c.itemsize}")
    assert np.array_equal(bits, bits.mT)
    assert (np.abs(c - expected) <= bound).all()


@pytest.mark.in_turn
@pytest.mark.parametrize("layout", ["C", "F"])
def test_every_size_up_to_two_tiles_and_one(target: str, dtype: type, layout: str) -> None:
    _, nr, lanes = tile(target, dtype)
    bad = []
    for k in (1, 2, 2 * lanes + 1, 70):
        a = place(integers(7, 2 * nr + 1, k), dtype, layout)
        c = reference.matmul(a, a.T)
        bad += [(m, k) for m in range(1, 2 * nr + 2) if not np.array_equal(fastla.matmul(a[:m], a[:m].T), c[:m, :m])]
    assert not bad


SHAPES = [
    (33, 40), (130, 20), (20, 130), (100, 700), (7, 5000), (60, 4100), (1, 300), (300, 1), (150, 1100), (1100, 17),
]


@pytest.mark.in_turn
@some_layouts
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_symmetric_and_within_bounds(target: str, dtype: type, threads: int, layouts: list[str]) -> None:
    with fastla.num_threads(threads):
        for m, k in SHAPES[threads - 1 :: 3]:
            a, *expected = normal(dtype, m, k)
            for layout in layouts:
                x = place(a, dtype, layout)
                check(fastla.matmul(x, x.T), *expected)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("m", [3, 20, 90])
def test_both_orders_exactly(target: str, dtype: type, m: int, layout: str) -> None:
    a = place(integers(9, m, 50), dtype, layout)
    np.testing.assert_array_equal(fastla.matmul(a, a.T), reference.matmul(a, a.T))
    np.testing.assert_array_equal(fastla.matmul(a.T, a), reference.matmul(a.T, a))


@some_layouts
@pytest.mark.parametrize("part", [slice(None), slice(None, None, -1), slice(1)], ids=["all", "reversed", "one"])
def test_stacks(target: str, dtype: type, part: slice, layouts: list[str]) -> None:
    for shape in ((5, 9, 30), (2, 3, 40, 33), (3, 70, 3), (3, 3, 70), (2, 200, 330)):
        a, *expected = normal(dtype, *shape)
        for layout in layouts:
            x = place(a, dtype, layout)[part]
            check(fastla.matmul(x, x.mT), *(y[part] for y in expected))


@pytest.mark.in_turn
@pytest.mark.parametrize("out_layout", ["C", "F", "padded", "every other", "reversed rows"])
def test_into_out_of_any_layout(target: str, dtype: type, out_layout: str) -> None:
    a, *expected = normal(dtype, 45, 61)
    out = place(np.full((45, 45), np.nan), dtype, out_layout)
    assert fastla.matmul(a, a.T, out) is out
    check(out, *expected)


@pytest.mark.parametrize("zero", [0, 1])
def test_zero_strides(target: str, dtype: type, zero: int) -> None:
    line = integers(12, 40).astype(dtype)
    a = np.broadcast_to(line, (40, 40)) if zero == 0 else np.broadcast_to(line[:, np.newaxis], (40, 40))
    np.testing.assert_array_equal(fastla.matmul(a, a.T), reference.matmul(a, a.T))


def test_what_only_looks_like_an_own_transpose(target: str, dtype: type) -> None:
    square = integers(13, 40, 40).astype(dtype)
    stack = integers(14, 4, 33, 33).astype(dtype)
    pairs = {
        "itself": (square, square),
        "another row on": (square[:-1], square[1:].T),
        "fewer rows": (square, square[:30].T),
        "reversed": (square, square[::-1].T),
        "reversed along k": (square, square[:, ::-1].T),
        "every other of k against the first half": (square[:, ::2], square[:, :20].T),
        "one matrix of the stack for all": (stack, stack[0].T),
        "one matrix of the stack for all, on the left": (stack[0], stack.mT),
        "each with each": (stack[:, np.newaxis], stack.mT),
        "the stack reversed": (stack, stack[::-1].mT),
        "every other against the first half": (stack[::2], stack[:2].mT),
    }
    bad = [name for name, (a, b) in pairs.items() if not np.array_equal(fastla.matmul(a, b), reference.matmul(a, b))]
    assert not bad


def test_nan_spreads_to_its_row_and_column_alone(target: str, dtype: type) -> None:
    a = np.ones((50, 60), dtype)
    a[17, 3] = np.nan
    expected = np.full((50, 50), 60, dtype)
    expected[17] = expected[:, 17] = np.nan
    np.testing.assert_array_equal(fastla.matmul(a, a.T), expected)
