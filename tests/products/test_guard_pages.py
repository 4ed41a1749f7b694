"""Nothing outside operands and out is touched: they begin and end at pages that may not be."""

import itertools
import sys

import numpy as np
import pytest
from guard import PAGE, Guarded
from operands import DTYPES, PATHS, tile

import fastla


@pytest.fixture(scope="module")
def guarded() -> list[Guarded]:
    """For a, b and out, filled with ones of each type in turn by the tests."""
    if sys.platform == "win32":
        pytest.skip("no mprotect here")
    return [Guarded(2 << 20) for _ in range(3)]


def fill_with_ones(guarded: list[Guarded], dtype: type) -> None:
    """So that every element of a product is k."""
    for region in guarded:
        np.ndarray(region.size // np.dtype(dtype).itemsize, dtype, region.memory, PAGE)[:] = 1


def check_between_guards(guarded: list[Guarded], shape: tuple[int, int, int], dtype: type, layouts: tuple) -> None:
    """Both ends; a violation ends the process."""
    m, k, n = shape
    for at_end in (True, False):
        a = guarded[0].array((m, k), dtype, layouts[0], at_end)
        b = guarded[1].array((k, n), dtype, layouts[1], at_end)
        out = guarded[2].array((m, n), dtype, layouts[2], at_end)
        out.fill(np.nan)
        fastla.matmul(a, b, out)
        assert (out == k).all(), (shape, layouts, at_end)


@pytest.mark.parametrize("dtype", DTYPES)
def test_guard_pages_around_small_shapes(target: str, dtype: type, guarded: list[Guarded]) -> None:
    mr, nr, lanes = tile(target, dtype)
    fill_with_ones(guarded, dtype)
    edges = {i * lanes + d for i in range(1, nr // lanes + 1) for d in (-1, 0, 1)}
    edges |= {1, 2, 3, 5, nr + lanes // 2, 2 * nr + 1}
    for m, k, n in itertools.product(range(1, 2 * mr + 2), (1, 2, 2 * lanes + 1), sorted(edges - {0})):
        for layouts in ("CCC", "CFC", "FCC", "FFC"):
            check_between_guards(guarded, (m, k, n), dtype, layouts)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_guard_pages_on_every_path(target: str, dtype: type, threads: int, guarded: list[Guarded]) -> None:
    fill_with_ones(guarded, dtype)
    with fastla.num_threads(threads):
        for path in PATHS.values():
            for layouts in itertools.product("CFR", "CFR", "CFR" if path.k < 1000 else "C"):
                check_between_guards(guarded, path[:3], dtype, layouts)


@pytest.mark.parametrize("dtype", DTYPES)
def test_guard_pages_around_stacks(target: str, dtype: type, guarded: list[Guarded]) -> None:
    fill_with_ones(guarded, dtype)
    core_shapes = (3, 3, 3), (5, 4, 17), (9, 2, 50), (20, 30, 40), (5, 2, 1), (70, 7, 1), (1, 20, 9), (3, 70, 2)
    for count, (m, k, n), at_end in itertools.product((1, 2, 37), core_shapes, (True, False)):
        for layouts in ("CCC", "CFC", "FCC", "RRC", "CCR"):
            shapes = (count, m, k), (count, k, n), (count, m, n)
            a, b, out = (
                region.array(shape, dtype, layout, at_end)
                for region, shape, layout in zip(guarded, shapes, layouts, strict=True)
            )
            out.fill(np.nan)
            fastla.matmul(a, b, out)
            assert (out == k).all(), (shapes, layouts, at_end)


@pytest.mark.parametrize("dtype", DTYPES)
def test_guard_pages_around_own_transposes(target: str, dtype: type, guarded: list[Guarded]) -> None:
    fill_with_ones(guarded, dtype)
    for m, k in ((1, 1), (3, 50), (17, 33), (49, 20), (97, 300), (40, 4200)):
        for layout, at_end in itertools.product("CFR", (True, False)):
            a, out = guarded[0].array((m, k), dtype, layout, at_end), guarded[2].array((m, m), dtype, "C", at_end)
            out.fill(np.nan)
            fastla.matmul(a, a.T, out)
            assert (out == k).all()
