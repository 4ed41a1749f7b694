"""eigh of stacks against LAPACK, over every target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastla
from fastla._methods import native

EVERY_SIDE = range(1, 35)


def symmetric(count: int, n: int, dtype) -> np.ndarray:
    a = np.random.default_rng(count * n).standard_normal((count, n, n))
    return (a + a.swapaxes(-1, -2)).astype(dtype)


def check(a, w, v) -> None:
    a, w, v = np.asarray(a, float), np.asarray(w), np.asarray(v)
    eps, n = np.finfo(w.dtype).eps, a.shape[-1]
    assert (np.diff(w, axis=-1) >= 0).all()
    norm = np.maximum(np.abs(a).max((-2, -1)), np.finfo(float).tiny)[..., None]
    a, w, v = a / norm[..., None], w / norm, v.astype(float)
    assert np.abs(v.swapaxes(-1, -2) @ v - np.eye(n)).max() <= 20 * eps * np.sqrt(n)
    assert np.abs(a @ v - v * w[..., None, :]).max() <= 20 * eps * n
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a), atol=20 * eps * n)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_side_and_odd_counts(target, dtype):
    for n in EVERY_SIDE:
        for count in (1, 2, 9, 40):
            a = symmetric(count, n, dtype)
            w, v = fastla.eigh(a)
            assert w.dtype == v.dtype == dtype
            check(a, w, v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_structured_matrices(target, dtype):
    n = 12
    block = symmetric(1, 6, float)[0]
    hilbert = 1 / (np.arange(n)[:, None] + np.arange(n) + 1)
    path = np.eye(n, k=1) + np.eye(n, k=-1)
    cases = [
        np.zeros((n, n)),
        np.eye(n),
        np.ones((n, n)),
        np.diag(np.arange(n)[::-1]),
        np.kron(np.eye(2), block),
        hilbert,
        path,
        path + np.diag(np.full(n, 1e-9)),
        symmetric(1, n, float)[0] * 1e-30,
        symmetric(1, n, float)[0] * 1e30,
        np.diag(10.0 ** -np.arange(n)) + 1e-6 * path,
        -np.eye(n),
    ]
    a = np.array(cases).astype(dtype)
    check(a, *fastla.eigh(a))


def test_float64_s_range():
    a = symmetric(3, 7, float)
    for scale in (1e-300, 1e300):
        w, v = fastla.eigh(a * scale)
        np.testing.assert_allclose(w / scale, np.linalg.eigvalsh(a), rtol=1e-10, atol=1e-12)


def test_layouts_triangles_and_the_result(target):
    a = symmetric(12, 9, np.float64)
    w, v = fastla.eigh(a)
    stack = a.reshape(3, 4, 9, 9)
    assert type(fastla.eigh(a)) is type(np.linalg.eigh(a)) and fastla.eigh(stack).eigenvectors.shape == stack.shape
    for b in (np.asfortranarray(a), a[::-1][::-1], np.repeat(a, 2, 0)[::2], a[:, ::-1, ::-1][:, ::-1, ::-1]):
        np.testing.assert_array_equal(fastla.eigh(b)[0], w)
        np.testing.assert_array_equal(fastla.eigh(b)[1], v)
    broken = a.copy()
    broken[:, np.triu_indices(9, 1)[0], np.triu_indices(9, 1)[1]] = np.nan
    np.testing.assert_array_equal(fastla.eigh(broken)[0], w)
    np.testing.assert_allclose(fastla.eigh(broken.swapaxes(1, 2), "U")[0], w, atol=1e-13)
    a.flags.writeable = False
    np.testing.assert_array_equal(fastla.eigh(a)[0], w)
    np.testing.assert_array_equal(fastla.eigh(np.broadcast_to(a[0], (5, 9, 9)))[0], np.repeat(w[:1], 5, 0))


def test_bits_do_not_depend_on_place_or_threads(target):
    a = symmetric(300, 11, np.float64)
    whole = fastla.eigh(a)
    for threads in (1, 2, 3):
        fastla.set_num_threads(threads)
        for part in (slice(0, 300), slice(7, 300), slice(13, 14), slice(100, 131)):
            w, v = fastla.eigh(a[part])
            assert (w == whole[0][part]).all() and (v == whole[1][part]).all()


def test_what_numpy_does():
    z = symmetric(3, 5, float) + 1j * (np.eye(5, k=1) - np.eye(5, k=-1))
    for a in (z, symmetric(2, 40, float), np.zeros((0, 4, 4)), np.zeros((3, 0, 0)), np.array([[2, 1], [1, 2]])):
        for got, expected in zip(fastla.eigh(a), np.linalg.eigh(a), strict=True):
            assert got.dtype == expected.dtype and got.shape == expected.shape
        np.testing.assert_allclose(fastla.eigh(a)[0], np.linalg.eigh(a)[0], atol=1e-12)
    for a in (np.ones((2, 3)), np.ones(4)):
        with pytest.raises(np.linalg.LinAlgError):
            fastla.eigh(a)
    with pytest.raises(ValueError, match="UPLO"):
        fastla.eigh(np.eye(3), "X")


def test_one_matrix_is_numpys_from_where_lanes_stay_empty(target):
    for n in (24, 25, 32):
        a = symmetric(1, n, np.float64)[0]
        w, v = fastla.eigh(a)
        check(a[np.newaxis], w[np.newaxis], v[np.newaxis])
        assert (w == np.linalg.eigh(a)[0]).all() == (n > 24)
        assert (fastla.eigh(a[np.newaxis])[0] == w).all() == (n <= 24)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_do_not_hang(target, bad):
    a = symmetric(20, 8, np.float64)
    a[7, 3, 3] = bad
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        fastla.eigh(a)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 32), st.sampled_from([np.float32, np.float64]))
def test_random_spectra(seed, n, dtype):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.exp(rng.uniform(0, 6) * rng.standard_normal(n)) * rng.choice([-1, 0, 1], n)
    a = q * values @ q.T
    a = ((a + a.T) / 2).astype(dtype)
    check(a, *fastla.eigh(a))


@pytest.mark.parametrize("n", [1, 2, 5, 40, 129, 257])
def test_projected_matrices(target, n):
    a = symmetric(1, n, float)[0]
    values, y = native.eigh(a)
    ascending = np.argsort(values)
    check(a, values[ascending], y[:, ascending])
    few, last = native.eigh(a, n - min(3, n))
    np.testing.assert_array_equal(few, values) if n < 257 else None
    np.testing.assert_allclose(last, y[n - min(3, n) :], atol=1e-11)
