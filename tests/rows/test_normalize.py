"""Vectors of norm 1 along any axis, against float64, over every target."""

import numpy as np
import pytest
import reference
from grids import combinations
from operands import DTYPES, LAYOUTS, tile

import fastla


def check(x: np.ndarray, axis: int) -> None:
    y = fastla.normalize(x, axis)
    right = np.moveaxis(reference.unit(np.moveaxis(x, axis, -1)), -1, axis)
    assert y.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_allclose(y, right, rtol=float(np.finfo(x.dtype).eps) * (8 + x.shape[axis] ** 0.5), atol=0)


@pytest.mark.in_turn
@pytest.mark.parametrize(("dtype", "layout"), combinations(DTYPES, LAYOUTS))
def test_every_axis_in_every_layout(target, dtype, layout):
    for shape in [(5, 6, 21), (2, 40, 3), (1, 1, 1), (30, 1, 2)]:
        x = LAYOUTS[layout](np.random.default_rng(1).standard_normal(shape).astype(dtype))
        x.flags.writeable = False
        for axis in (0, 1, 2, -1):
            check(x, axis)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lengths_and_counts_around_vectors(target, dtype):
    lanes = tile(target, dtype).lanes
    x = np.random.default_rng(2).standard_normal((300, 301)).astype(dtype)
    for n in (1, 2, 3, 8, 9, lanes, 2 * lanes + 1, 300):
        for d in (1, 2, 3, 8, 9, lanes, 2 * lanes + 1, 300):
            for view in (x[:n, :d], x[:d, :n].T, np.ascontiguousarray(x[:n, :d]), np.asfortranarray(x[:n, :d])):
                check(view, 0)
                check(view, 1)


# Read again while they are in cache, or long: in parts, and in panels of blocks.
@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"), [((1_000_003,), 0), ((3, 300_001), 1), ((300_001, 3), 0), ((20_000, 60), 0), ((600, 3000), 0),
                        ((3, 700_000), 0)]
)
def test_large(target, dtype, shape, axis):
    x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    x[(0,) * len(shape)] = 0
    check(x, axis)
    check(np.asfortranarray(x), axis)
    info = np.finfo(dtype)
    huge = x / np.abs(x).max() * info.max           # whose norms are infinite: scaled
    np.testing.assert_allclose(fastla.normalize(huge, axis), fastla.normalize(huge / info.max, axis),
                               rtol=100 * info.eps)


def test_read_backwards_and_repeated(target):
    x = np.random.default_rng(4).standard_normal((40, 30))
    for view in (x[::-1], x[:, ::-1], x[::-2, ::-3], np.broadcast_to(x[:1], (40, 30)),
                 np.broadcast_to(x[:, :1], (40, 30))):
        check(view, 0)
        check(view, 1)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "bool", ">f4", ">f8"])
def test_other_dtypes(target, dtype):
    x = (5 * np.random.default_rng(5).standard_normal((300, 1001))).astype(dtype)
    kind = np.dtype(dtype).newbyteorder("=") if np.dtype(dtype).kind == "f" else np.dtype(np.float64)
    for axis in (0, 1):
        y = fastla.normalize(x, axis)
        right = np.moveaxis(reference.unit(np.moveaxis(x, axis, -1)), -1, axis)
        assert y.dtype == kind
        np.testing.assert_allclose(y, right, rtol=2 * float(np.finfo(kind).eps) + 1e-6, atol=1e-7)


def test_errors(target):
    assert fastla.normalize(np.zeros((0, 3))).shape == (0, 3)
    assert fastla.normalize(np.zeros((3, 0))).shape == (3, 0)
    for axis in (2, -3, 2**70):
        with pytest.raises(np.exceptions.AxisError, match="normalize: axis"):
            fastla.normalize(np.zeros((2, 3)), axis)
    with pytest.raises(np.exceptions.AxisError, match="normalize: axis"):
        fastla.normalize(3.0)
    with pytest.raises(TypeError, match="normalize: axis must be an integer"):
        fastla.normalize(np.zeros((2, 3)), 0.5)
    with pytest.raises(TypeError, match="normalize: x"):
        fastla.normalize(np.zeros((2, 3), complex))
