"""The third element row: exact, and wrapping around as NumPy's products do."""

import numpy as np
import pytest

import fastla
from fastla import _core

EXTREMES = np.array([-(2**31), -(2**31) + 1, -(2**16), -1, 0, 1, 2**16 + 1, 2**31 - 1], np.int64)


def wrapped(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product modulo 2**32, summed in Python's integers."""
    exact = a.astype(object) @ b.astype(object)
    return ((exact + 2**31) % 2**32 - 2**31).astype(np.int64).astype(np.int32)


SHAPES = [(1, 1, 1), (3, 3, 3), (9, 40, 17), (33, 70, 5), (2, 300, 2), (60, 90, 61), (5, 4100, 3)]


@pytest.mark.in_turn
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_wraps_around(target: str, shape: tuple[int, int, int], transposed: tuple[bool, bool]) -> None:
    m, k, n = shape
    rng = np.random.default_rng(m * k + n)
    a = rng.choice(EXTREMES, (k, m) if transposed[0] else (m, k)).astype(np.int32)
    b = rng.choice(EXTREMES, (n, k) if transposed[1] else (k, n)).astype(np.int32)
    a, b = a.T if transposed[0] else a, b.T if transposed[1] else b
    c = fastla.matmul(a, b)
    assert c.dtype == np.int32
    np.testing.assert_array_equal(c, wrapped(a, b))


def test_the_row_is_in_use(target: str) -> None:
    assert _core.owns(np.dtype(np.int32))


def test_no_floating_point_report(target: str) -> None:
    full = np.full((20, 20), 2**31 - 1, np.int32)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(fastla.matmul(full, full), np.matmul(full, full))
