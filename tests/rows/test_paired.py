"""Cosines of pairs of vectors, against float64, over every target."""

import numpy as np
import pytest
import reference
from grids import combinations
from operands import DTYPES, LAYOUTS, tile

import fastla


def check(x: np.ndarray, y: np.ndarray) -> None:
    cosines = fastla.paired_cosine_similarity(x, y)
    right = reference.paired(x, y)
    dtype = np.result_type(x, y, np.float32)
    assert cosines.shape == right.shape
    assert cosines.dtype == dtype
    np.testing.assert_allclose(cosines, right, rtol=0, atol=float(np.finfo(dtype).eps) * (8 + x.shape[-1] ** 0.5))
    assert not (np.abs(cosines) > 1).any()


@pytest.mark.in_turn
@pytest.mark.parametrize(("dtype", "x_layout"), combinations(DTYPES, LAYOUTS))
def test_every_pair_of_layouts(target, dtype, x_layout):
    rng = np.random.default_rng(1)
    for shape in [(3, 4, 5), (2, 50, 30), (40, 3, 2), (1, 1, 1)]:
        x, y = rng.standard_normal((2, *shape)).astype(dtype)
        for y_layout in LAYOUTS:
            check(LAYOUTS[x_layout](x), LAYOUTS[y_layout](y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lengths_and_counts_around_vectors(target, dtype):
    lanes = tile(target, dtype).lanes
    x, y = np.random.default_rng(2).standard_normal((2, 300, 301)).astype(dtype)
    for n in (1, 2, 3, 8, lanes, 2 * lanes + 1, 300):
        for d in (1, 2, 3, 8, 9, lanes, 2 * lanes + 1, 300):
            for a in (x[:n, :d], x[:d, :n].T):
                for b in (y[:n, :d], y[:d, :n].T):
                    check(a, b)


def test_broadcast_operands(target):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((7, 30, 20)), rng.standard_normal((30, 20))
    for a, b in ((x, y), (y, x), (x, y[:1]), (x[:, :1], y), (x, y[0]), (x[:, :1], x[:1]), (x.mT, y[:, 0]),
                 (x[0, 0], y[0])):
        check(a, b)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1_000_003), (3, 400_001), (5000, 300), (200_000, 3)])
def test_large(target, dtype, shape):
    x, y = np.random.default_rng(4).standard_normal((2, *shape)).astype(dtype)
    y = y + x
    check(x, y)
    check(np.asfortranarray(x), y)
    check(np.asfortranarray(x), np.asfortranarray(y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_magnitude(target, dtype):
    """Each operand by itself: from denormal numbers to norms beyond the dtype's range, beside ordinary pairs."""
    rng = np.random.default_rng(5)
    info = np.finfo(dtype)
    x, y = rng.uniform(0.5, 0.99, (2, 40, 50))
    x *= rng.choice([-1, 1], x.shape)
    x, y = (np.ldexp(z, rng.integers(info.minexp - 10, info.maxexp + 1, (40, 1))).astype(dtype) for z in (x, y))
    for a, b in ((x, y), (y, x), (x, y[0]), (np.asfortranarray(x), np.asfortranarray(y)), (np.asfortranarray(x), y)):
        cosines = fastla.paired_cosine_similarity(a, b)
        right = reference.paired(a, b)
        np.testing.assert_allclose(cosines, right, rtol=0, atol=20 * float(info.eps))
    np.testing.assert_array_equal(fastla.paired_cosine_similarity(x, y), fastla.paired_cosine_similarity(y, x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_infinities_and_nan(target, dtype):
    x = np.ones((5, 40), dtype)
    x[1], x[2, 7], x[3, 8] = 0, np.inf, np.nan
    for a in (x, np.asfortranarray(x)):
        np.testing.assert_allclose(fastla.paired_cosine_similarity(a, x[0]), [1, 0, np.nan, np.nan, 1], rtol=1e-6)
        np.testing.assert_allclose(fastla.paired_cosine_similarity(x[0], a), [1, 0, np.nan, np.nan, 1], rtol=1e-6)
        np.testing.assert_array_equal(fastla.paired_cosine_similarity(a, x[1]), [0, 0, np.nan, np.nan, 0])


@pytest.mark.parametrize("dtypes", [("f4", "f2"), ("f8", "f4"), ("i1", "f4"), ("i8", "f4"), (">f4", "f4"), ("?", "u2")])
def test_other_dtypes(target, dtypes):
    rng = np.random.default_rng(6)
    x, y = (((3 * rng.standard_normal((3, 300, 101))) > 0).astype(dtype) for dtype in dtypes)
    check(x.astype(np.dtype(dtypes[0]).newbyteorder("=")), y)
    np.testing.assert_allclose(fastla.paired_cosine_similarity(x, y), reference.paired(x, y), atol=1e-6)


def test_errors(target):
    assert fastla.paired_cosine_similarity(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)
    np.testing.assert_array_equal(fastla.paired_cosine_similarity(np.zeros((4, 0)), np.zeros((4, 0))), np.zeros(4))
    assert fastla.paired_cosine_similarity([3, 4], [4, 3]) == pytest.approx(0.96)
    with pytest.raises(ValueError, match=r"paired_cosine_similarity: x has shape \(3,\) and y has shape \(4,\)"):
        fastla.paired_cosine_similarity(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="cannot be broadcast"):
        fastla.paired_cosine_similarity(np.zeros((2, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="expected"):
        fastla.paired_cosine_similarity(3.0, 3.0)
