"""Cosine similarities against float64, over every target."""

import numpy as np
import pytest
import reference
from grids import few_of_all

import fastla

SHAPES = [
    (1, 1, 1), (1, 100, 7), (3, 48, 16), (4, 49, 33), (5, 97, 48), (50, 50, 3), (130, 111, 20), (200, 3, 1500),
    (2, 70, 2500), (1100, 60, 9),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_pairs(target, dtype):
    for n, m, d in SHAPES:
        rng = np.random.default_rng(n + m)
        x, y = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((m, d)).astype(dtype)
        y[m // 2] = 0
        c = fastla.cosine_similarity(x, y)
        assert (c.dtype, c.shape) == (dtype, (n, m))
        assert np.abs(c).max() <= 1
        assert (c[:, m // 2] == 0).all()
        np.testing.assert_allclose(c, reference.scores(x, y, "cosine"), atol=1e-6 if dtype == "float32" else 1e-14)


OWN = [(1, 1), (5, 3), (49, 30), (200, 17), (1100, 8), (2100, 5)]


@pytest.mark.parametrize("shapes", few_of_all(OWN[:5], OWN))
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8"])
def test_own_similarities_are_symmetric_with_ones(target, dtype, shapes):
    for n, d in shapes:
        x = (10 * np.random.default_rng(n).standard_normal((n, d))).astype(dtype)
        x[n // 2] = 0
        c = fastla.cosine_similarity(x)
        np.testing.assert_array_equal(c, c.T)
        some = np.abs(x.astype(float)).sum(1) > 0
        np.testing.assert_array_equal(np.diag(c), some)
        np.testing.assert_allclose(c, reference.scores(x, x, "cosine"), atol=1e-6)
    x = x.astype(float)
    x[3] = np.nan
    c = fastla.cosine_similarity(x)
    assert np.isnan(c[3]).all()
    assert np.isnan(c[:, 3]).all()
    assert np.isnan(c).sum() == 2 * len(x) - 1


@pytest.mark.parametrize("m", [1, 4, 60])
@pytest.mark.parametrize(("dtype", "powers"), [("float32", (30, -30, 37, -37)), ("float64", (200, -200, 300, -300))])
def test_any_magnitude(target, m, dtype, powers):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((m, 40)).astype(dtype), rng.standard_normal((100, 40)).astype(dtype)
    plain = fastla.cosine_similarity(x, y)
    for power in powers:
        factor = np.asarray(10.0**power, dtype)
        for a, b in ((x * factor, y), (x, y * factor), (x * factor, y * factor)):
            np.testing.assert_allclose(fastla.cosine_similarity(a, b), plain, atol=1e-6)
        np.testing.assert_allclose(fastla.paired_cosine_similarity(x * factor, y[:1]), plain[:, 0], atol=1e-6)
        np.testing.assert_allclose(fastla.normalize(x * factor), fastla.normalize(x), atol=1e-6)
        norms = fastla.vector_norm(x.astype(float), axis=1) * 10.0**power
        if power < 300 and not (dtype == "float32" and power == 37):
            np.testing.assert_allclose(fastla.vector_norm(x * factor, axis=1), norms, rtol=1e-5)


LONG = [(1, 2048, 130), (40, 3001, 90), (256, 9000, 31), (257, 9000, 31), (2, 300_000, 1)]


@pytest.mark.in_turn
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("layout", ["rows", "columns", "strided", "reversed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_operands(target, dtype, layout, swapped):
    """Norms are computed a piece at a time, between the pieces of the product."""
    for few, many, d in LONG if layout == "rows" else LONG[:2]:
        rng = np.random.default_rng(few)
        x, whole = rng.standard_normal((few, d)).astype(dtype), rng.standard_normal((2 * many, 2 * d)).astype(dtype)
        x[0, :] *= 3
        y = whole[:many, :d].copy()
        if layout == "columns":
            y = np.asfortranarray(y)
        elif layout == "strided":
            y = whole[::2, ::2]
        elif layout == "reversed":
            y = y[::-1, ::-1]
        y[[1, many - 1]] = 0
        expected = reference.scores(x, y, "cosine")
        operands = (y, x) if swapped else (x, y)
        c = np.empty((many, few) if swapped else (few, many), dtype)
        assert fastla.cosine_similarity(*operands, out=c) is c
        np.testing.assert_allclose(c.T if swapped else c, expected, atol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("row", [0, 12_345, 19_999])
def test_a_row_of_a_long_operand_out_of_range(target, row):
    rng = np.random.default_rng(row)
    x, y = rng.standard_normal((3, 40)), rng.standard_normal((20_000, 40))
    expected = reference.scores(x, y, "cosine")
    y[row] *= 1e300
    np.testing.assert_allclose(fastla.cosine_similarity(x, y), expected, atol=1e-14)
    y[row, 7] = np.nan
    c = fastla.cosine_similarity(y, x)
    assert np.isnan(c[row]).all()
    assert np.isnan(c).sum() == 3


def test_vectors_and_stacks(target):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 1, 5, 6)), rng.standard_normal((3, 4, 6))
    c = fastla.cosine_similarity(x, y)
    assert c.shape == (2, 3, 5, 4)
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(c[i, j], reference.scores(x[i, 0], y[j], "cosine"), atol=1e-14)
    assert np.ndim(fastla.cosine_similarity(x[0, 0, 0], y[0, 0])) == 0
    assert fastla.cosine_similarity(x[0, 0, 0], y[0]).shape == (4,)
    assert fastla.cosine_similarity(x[0, 0], y[0, 0]).shape == (5,)
    assert fastla.cosine_similarity(x[0, 0, 0]) == 1
    s = fastla.cosine_similarity(x)
    np.testing.assert_array_equal(s, s.swapaxes(-1, -2))
    assert fastla.cosine_similarity(np.zeros((0, 3)), np.zeros((4, 3))).shape == (0, 4)
    assert fastla.cosine_similarity(np.zeros((4, 3)), np.zeros((0, 3))).shape == (4, 0)
    np.testing.assert_array_equal(fastla.cosine_similarity(np.zeros((4, 0)), np.zeros((2, 0))), np.zeros((4, 2)))


def test_out(target):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((50, 6)), rng.standard_normal((40, 6))
    right = fastla.cosine_similarity(x, y)
    for out in (np.full((50, 40), np.nan), np.full((40, 50), np.nan).T, np.full((100, 80), np.nan)[::2, ::2]):
        assert fastla.cosine_similarity(x, y, out=out) is out
        np.testing.assert_array_equal(out, right)
    square = rng.standard_normal((30, 30))
    right = fastla.cosine_similarity(square)
    np.testing.assert_array_equal(fastla.cosine_similarity(square, out=square), right)
    for wrong in (np.zeros((50, 41)), np.zeros((50, 40), np.float32), [[0.0]]):
        with pytest.raises((ValueError, TypeError), match="cosine_similarity: out"):
            fastla.cosine_similarity(x, y, out=wrong)
    frozen = np.zeros((50, 40))
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        fastla.cosine_similarity(x, y, out=frozen)


def test_threads_do_not_show(target):
    rng = np.random.default_rng(4)
    for n, m, d in [(1, 5000, 30), (40, 3000, 64), (700, 700, 33)]:
        x, y = rng.standard_normal((n, d), dtype=np.float32), rng.standard_normal((m, d), dtype=np.float32)
        results = []
        for threads in (1, 2, 3, 7):
            with fastla.num_threads(threads):
                results.append((fastla.cosine_similarity(x, y), fastla.cosine_similarity(y[:500])))
        for other in results[1:]:
            np.testing.assert_array_equal(other[0], results[0][0])
            np.testing.assert_array_equal(other[1], results[0][1])


def test_paired(target):
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((7, 300, 20)), rng.standard_normal((300, 20))
    right = (reference.unit(x) * reference.unit(y)).sum(-1)
    np.testing.assert_allclose(fastla.paired_cosine_similarity(x, y), right, atol=1e-14)
    assert fastla.paired_cosine_similarity(x.astype(np.float32), y.astype(np.float16)).dtype == np.float32
    np.testing.assert_allclose(fastla.paired_cosine_similarity(x[0, 0], y[0]), right[0, 0], atol=1e-14)
    assert fastla.paired_cosine_similarity(y, y).max() <= 1
    assert fastla.paired_cosine_similarity(np.zeros(3), np.ones(3)) == 0
    assert fastla.paired_cosine_similarity(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)
    with pytest.raises(ValueError, match=r"paired_cosine_similarity: x has shape \(3,\) and y has shape \(4,\)"):
        fastla.paired_cosine_similarity(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="cannot be broadcast"):
        fastla.paired_cosine_similarity(np.zeros((2, 3)), np.zeros((4, 3)))


def test_errors():
    with pytest.raises(ValueError, match=r"cosine_similarity: x has shape \(2, 3\) and y has shape \(2, 4\)"):
        fastla.cosine_similarity(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="leading dimensions"):
        fastla.cosine_similarity(np.zeros((2, 2, 3)), np.zeros((3, 2, 3)))
    with pytest.raises(TypeError, match="cosine_similarity: y has dtype complex128"):
        fastla.cosine_similarity(np.zeros((2, 3)), np.zeros((2, 3), complex))
    with pytest.raises(ValueError, match="cosine_similarity: x has shape"):
        fastla.cosine_similarity(3.0)
