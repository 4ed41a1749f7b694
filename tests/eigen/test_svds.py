"""svds against known singular values and LAPACK."""

import numpy as np
import pytest
from eigenproblems import check_triplets, with_singular_values

import fastla


@pytest.mark.in_turn
@pytest.mark.parametrize(("rows", "columns"), [(5, 3), (60, 60), (300, 250), (250, 900), (901, 301)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_known_values(target, rows, columns, dtype):
    least = min(rows, columns)
    s = 1 / np.arange(1, least + 1)
    a = with_singular_values(rows, columns, s)
    if dtype == np.complex128:
        a = a * np.exp(0.3j * np.arange(columns)) * np.exp(0.7j * np.arange(rows))[:, None]
    a = a.astype(dtype)
    for k in {1, min(5, least)}:
        u, got, vh = fastla.svds(a, k=k)
        assert (
            u.dtype == vh.dtype == dtype
            and got.dtype == a.real.dtype
            and u.shape == (rows, k)
            and vh.shape == (k, columns)
        )
        tol = 1e-4 if dtype == np.float32 else 1e-10
        np.testing.assert_allclose(got, s[:k][::-1], atol=tol)
        check_triplets(a, u, got, vh, tol)


def test_small_values_are_not_roots_of_squares():
    s = np.r_[1, 1e-9, 1e-10, 1e-11, np.zeros(296)]
    a = with_singular_values(400, 300, s)
    got = fastla.svds(a, k=4)[1]
    np.testing.assert_allclose(got, s[:4][::-1], atol=1e-14)


def test_equal_values_and_ranks_below_k():
    for s in (np.r_[np.ones(7), np.full(293, 0.5)], np.r_[3, 2, 1, np.zeros(297)], np.zeros(300)):
        a = with_singular_values(320, 300, s)
        u, got, vh = fastla.svds(a, k=6)
        np.testing.assert_allclose(got, s[:6][::-1], atol=1e-12)
        check_triplets(a, u, got, vh, 1e-11)


def test_smallest():
    a = with_singular_values(90, 80, np.arange(1, 81.0))
    np.testing.assert_allclose(fastla.svds(a, k=3, which="SM")[1], [1, 2, 3], atol=1e-11)


def test_what_is_returned():
    a = with_singular_values(400, 300, 1 / np.arange(1, 301))
    u, s, vh = fastla.svds(a, k=2)
    np.testing.assert_array_equal(fastla.svds(a, k=2, return_singular_vectors=False), s)
    assert fastla.svds(a, k=2, return_singular_vectors="u")[2] is None
    assert fastla.svds(a, k=2, return_singular_vectors="vh")[0] is None


def test_sparse_and_operators():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random_array((700, 400), density=0.02, rng=np.random.default_rng(0))
    exact = np.linalg.svd(x.toarray(), compute_uv=False)[:4][::-1]
    operator = fastla.linear_operator(x.shape, lambda v: x @ v, lambda v: x.T @ v)
    for a in (x, x.tocsr(), x.T.tocsc(), operator):
        np.testing.assert_allclose(fastla.svds(a, k=4)[1], exact, rtol=1e-10)
    with pytest.raises(ValueError, match="rmatvec"):
        fastla.svds(fastla.linear_operator((400, 300), lambda v: np.ones(400)))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_magnitudes(scale):
    s = 1 / np.arange(1, 301)
    got = fastla.svds(with_singular_values(350, 300, s) * scale, k=3)[1]
    np.testing.assert_allclose(got / scale, s[:3][::-1], rtol=1e-10)


def test_errors():
    a = np.ones((8, 5))
    for call, words in (
        (lambda: fastla.svds(a, k=6), "k is 6"),
        (lambda: fastla.svds(a, k=2, solver="x"), "solver"),
        (lambda: fastla.svds(a, k=2, which="LA"), "which"),
        (lambda: fastla.svds(a[0], k=1), "shape"),
        (lambda: fastla.svds(a, k=2, return_singular_vectors="v"), "return_singular_vectors"),
        (lambda: fastla.svds(a * np.nan, k=2), "NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("seed", range(3))
def test_a_value_apart_from_a_narrow_spectrum(seed):
    """All vectors have small residuals from the start; but one value lies ten times as far away."""
    w = np.full(600, 1.0)
    w[5] = 1.01
    s = fastla.svds(np.diag(w), 1, tol=1e-3, return_singular_vectors=False, rng=seed)
    assert abs(s[0] - 1.01) <= 2e-3
