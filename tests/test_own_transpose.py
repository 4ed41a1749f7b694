"""a @ a.T and a.T @ a: right, exactly symmetric, and not mistaken for what only looks alike."""

import numpy as np
import pytest
import reference
from operands import DTYPES, LAYOUTS, integers, place, tile

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)
IN_ITS_OWN_MEMORY = [name for name in LAYOUTS if name not in ("unaligned", "byte-swapped")]


def symmetric(c: np.ndarray) -> bool:
    """Whether bit by bit."""
    return np.array_equal(c.view(f"i{c.itemsize}"), c.view(f"i{c.itemsize}").mT)


@pytest.mark.parametrize("layout", ["C", "F"])
def test_every_size_up_to_two_tiles_and_one(target: str, dtype: type, layout: str) -> None:
    _, nr, lanes = tile(target, dtype)
    bad = []
    for k in (1, 2, 2 * lanes + 1, 70):
        a = place(integers(7, 2 * nr + 1, k), dtype, layout)
        c = reference.matmul(a, a.T)
        bad += [(m, k) for m in range(1, 2 * nr + 2) if not np.array_equal(fastla.matmul(a[:m], a[:m].T), c[:m, :m])]
    assert not bad


SHAPES = [(33, 40), (130, 20), (20, 130), (100, 700), (7, 5000), (60, 4100), (1, 300), (300, 1), (150, 1100), (1100, 17)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("layout", IN_ITS_OWN_MEMORY)
def test_symmetric_and_within_bounds(target: str, dtype: type, layout: str, threads: int) -> None:
    rng = np.random.default_rng(8)
    for m, k in SHAPES[threads - 1 :: 3]:
        a = place(rng.standard_normal((m, k)), dtype, layout)
        with fastla.num_threads(threads):
            c = fastla.matmul(a, a.T)
        assert symmetric(c), (m, k)
        assert (np.abs(c - reference.matmul(a, a.T, np.longdouble)) <= reference.bound(a, a.T, 16)).all(), (m, k)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("m", [3, 20, 90])
def test_both_orders_exactly(target: str, dtype: type, m: int, layout: str) -> None:
    a = place(integers(9, m, 50), dtype, layout)
    np.testing.assert_array_equal(fastla.matmul(a, a.T), reference.matmul(a, a.T))
    np.testing.assert_array_equal(fastla.matmul(a.T, a), reference.matmul(a.T, a))


@pytest.mark.parametrize("layout", IN_ITS_OWN_MEMORY)
def test_stacks(target: str, dtype: type, layout: str) -> None:
    for shape in ((5, 9, 30), (2, 3, 40, 33), (3, 70, 3), (2, 200, 330)):
        a = place(np.random.default_rng(10).standard_normal(shape), dtype, layout)
        for x in (a, a[::-1], a[:1], a.mT):
            c = fastla.matmul(x, x.mT)
            assert symmetric(c)
            assert (np.abs(c - reference.matmul(x, x.mT, np.longdouble)) <= reference.bound(x, x.mT, 16)).all()


@pytest.mark.parametrize("out_layout", ["C", "F", "padded", "every other", "reversed rows"])
def test_into_out_of_any_layout(target: str, dtype: type, out_layout: str) -> None:
    a = np.random.default_rng(11).standard_normal((45, 61)).astype(dtype)
    out = place(np.full((45, 45), np.nan), dtype, out_layout)
    assert fastla.matmul(a, a.T, out) is out
    assert np.array_equal(out, out.T)
    assert (np.abs(out - reference.matmul(a, a.T, np.longdouble)) <= reference.bound(a, a.T, 16)).all()


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
