"""eigsh against known spectra and LAPACK, over every target."""

import sys

import numpy as np
import pytest
from eigenproblems import check_pairs, hidden, wanted
from grids import combinations
from hypothesis import given, settings
from hypothesis import strategies as st

import fastla
from fastla._methods import tuning

SPECTRA = {
    "harmonic": lambda n: 1 / np.arange(1, n + 1),
    "slow": lambda n: np.linspace(1, 0.5, n),
    "both signs": lambda n: np.linspace(-1, 1.1, n) ** 3,
    "tied": lambda n: np.r_[[1, 1, 1, -1, -1], np.linspace(0.9, -0.8, n - 5)],
    "cluster": lambda n: np.r_[1, 1 - 1e-7, 1 - 2e-7, 0.9, 0.9, np.linspace(0.8, 0.1, n - 5)],
}


@pytest.mark.in_turn
@pytest.mark.parametrize("which", ["LM", "LA", "SA", "BE"])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_known_spectra(target, spectrum, which):
    for n, k in ((201, 1), (333, 7)):
        values = SPECTRA[spectrum](n)
        a = hidden(values)
        w, v = fastla.eigsh(a, k=k, which=which)
        check_pairs(a, w, v, 1e-11)
        expected = wanted(values, k, which)
        # Of +w and -w of one magnitude either may be the last one that is wanted.
        size = np.abs if which == "LM" else np.asarray
        np.testing.assert_allclose(np.sort(size(w)), np.sort(size(expected)), atol=1e-11)


@pytest.mark.in_turn
@pytest.mark.parametrize("n", [1, 2, 3, 7, 199, 200, 201, 450])
def test_sizes_and_dtypes(target, n):
    values = np.linspace(-1, 2.1, n) ** 3       # none of one magnitude, of which either might be wanted
    for dtype, tol in ((np.float32, 3e-5), (np.float64, 1e-11), (np.complex64, 3e-5), (np.complex128, 1e-11)):
        a = hidden(values, dtype)
        for k in {1, min(3, n)} - {n}:
            w, v = fastla.eigsh(a, k=k)
            assert w.dtype == a.real.dtype and v.dtype == dtype and v.shape == (n, k)
            check_pairs(a, w, v, tol)
            np.testing.assert_allclose(w, wanted(values, k, "LM"), atol=8 * tol)


def test_layouts(target):
    a = hidden(np.linspace(-1, 2, 300))
    big = np.full((600, 600), np.nan)
    big[::2, ::2] = a
    reference = fastla.eigsh(a, k=3)[0]
    unaligned = np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape)
    for b in (np.asfortranarray(a), big[::2, ::2], a[::-1, ::-1], a.tolist(), a.astype(">f8"), unaligned):
        np.testing.assert_allclose(fastla.eigsh(b, k=3)[0], reference, atol=1e-12)
    a.flags.writeable = False
    fastla.eigsh(a, k=3)


def test_bits_do_not_depend_on_threads(target):
    a = hidden(1 / np.arange(1, 901))
    results = []
    for threads in (1, 2, 3):
        fastla.set_num_threads(threads)
        results.append(fastla.eigsh(a, k=5))
    for w, v in results[1:]:
        assert (w == results[0][0]).all() and (v == results[0][1]).all()


def test_equal_calls_give_equal_bits_and_seeds_agree():
    a = hidden(np.r_[2, 2, 2, np.linspace(0, 1, 297)])
    w, v = fastla.eigsh(a, k=4)
    again = fastla.eigsh(a, k=4)
    assert (w == again[0]).all() and (v == again[1]).all()
    for seed in (1, np.random.default_rng(2), np.random.RandomState(3)):
        np.testing.assert_allclose(fastla.eigsh(a, k=4, rng=seed)[0], w, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-300, 1e200, 1e290])
def test_extreme_magnitudes(scale):
    values = 1 / np.arange(1, 301)
    w, v = fastla.eigsh(hidden(values) * scale, k=3)
    np.testing.assert_allclose(w / scale, wanted(values, 3, "LM"), rtol=1e-10)
    np.testing.assert_allclose(v.T @ v, np.eye(3), atol=1e-11)


def test_extreme_magnitudes_of_float32_and_operators():
    values = 1 / np.arange(1, 301)
    for scale in (1e-36, 1e36):
        w = fastla.eigsh((hidden(values) * scale).astype(np.float32), k=3)[0]
        np.testing.assert_allclose(w / scale, wanted(values, 3, "LM"), rtol=1e-4)
    for scale in (1e-200, 1e200):
        a = fastla.linear_operator((300, 300), lambda x, s=scale: s * values * x, dtype=float)
        np.testing.assert_allclose(fastla.eigsh(a, k=3)[0] / scale, wanted(values, 3, "LM"), rtol=1e-10)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-12])
def test_tolerance_is_that_of_the_residual(tol):
    a = hidden(np.linspace(1, 0.5, 600))
    w, v = fastla.eigsh(a, k=4, tol=tol)
    assert np.linalg.norm(a @ v - v * w, axis=0).max() <= 2 * max(tol, 1e-12)


def test_multiplicities_beyond_the_block():
    for multiplicity in (2, 5, 9):
        values = np.r_[np.ones(multiplicity), 0.5 / np.arange(1, 400)]
        for seed in range(5):
            w = fastla.eigsh(hidden(values), k=multiplicity, rng=seed)[0]
            np.testing.assert_allclose(w, 1, atol=1e-11)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 9), st.sampled_from(["LM", "LA", "SA", "BE"]))
def test_random_spectra_are_never_wrong(seed, k, which):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(201, 320))
    values = rng.standard_normal(n) * np.exp(rng.standard_normal() * rng.standard_normal(n))
    values[:k] = values[rng.integers(0, n, k)]  # some multiplicities
    a = hidden(values)
    try:
        w, v = fastla.eigsh(a, k=k, which=which, rng=seed)
    except fastla.NoConvergence:
        return
    check = np.abs if which == "LM" else np.asarray
    np.testing.assert_allclose(
        np.sort(check(w)), np.sort(check(wanted(values, k, which))), atol=1e-9 * np.abs(values).max()
    )
    np.testing.assert_allclose(v.T @ v, np.eye(k), atol=1e-9)


def test_sparse_operators_and_callables():
    sparse = pytest.importorskip("scipy.sparse")
    linalg = pytest.importorskip("scipy.sparse.linalg")
    values = np.linspace(-1, 2, 500) ** 3
    expected = wanted(values, 3, "LM")
    diagonal = sparse.diags_array(values)

    class Callable:
        shape, dtype = (500, 500), None

        def __call__(self, x):
            return values * x

    for a in (
        diagonal,
        diagonal.tocsc(),
        sparse.coo_matrix(diagonal),
        linalg.aslinearoperator(diagonal),
        Callable(),
        fastla.linear_operator((500, 500), lambda x: values * x),
        fastla.linear_operator((500, 500), lambda x: values * x, matmat=lambda x: values[:, None] * x),
    ):
        w, v = fastla.eigsh(a, k=3)
        np.testing.assert_allclose(w, expected, atol=1e-11)
        assert np.linalg.norm(values[:, None] * v - v * w) < 1e-10


def test_an_operator_may_use_its_buffer_again_and_counts():
    values, buffer = np.linspace(0, 1, 400) ** 2, np.empty(400)

    def f(x):
        np.multiply(values, x, out=buffer)
        return buffer

    a = fastla.linear_operator((400, 400), f)
    np.testing.assert_allclose(fastla.eigsh(a, k=2)[0], values[-2:], atol=1e-12)
    assert a.dtype == np.float64 and a.products > 10
    complex_one = fastla.linear_operator((300, 300), lambda x: values[:300] * x.astype(complex))
    assert fastla.eigsh(complex_one, k=1)[1].dtype == np.complex128 and complex_one.dtype == np.complex128


def test_smallest_magnitude():
    values = np.r_[np.linspace(-3, -1, 150), 0.1, -0.2, np.linspace(1, 2, 148)]
    w, v = fastla.eigsh(hidden(values), k=2, which="SM")
    np.testing.assert_allclose(w, [-0.2, 0.1], atol=1e-11)


def test_what_scipy_does():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    a, m = hidden(np.linspace(1, 3, 60)), np.diag(np.linspace(1, 2, 60))
    for keywords in ({"M": m}, {"sigma": 1.51}, {"sigma": 1.51, "which": "LA"}, {"M": m, "sigma": 1.3}):
        w, v = fastla.eigsh(a, 4, **keywords)
        theirs = np.sort(linalg.eigsh(a, 4, **keywords)[0])
        np.testing.assert_allclose(w, theirs, rtol=1e-9)
        assert (np.diff(w) >= 0).all() and all(c[np.argmax(np.abs(c))] > 0 for c in v.T)
        np.testing.assert_array_equal(fastla.eigsh(a, 4, return_eigenvectors=False, **keywords), np.sort(w))
    operator = fastla.linear_operator((60, 60), lambda x: a @ x)
    np.testing.assert_allclose(
        fastla.eigsh(operator, 2, which="SM")[0], wanted(np.linspace(1, 3, 60), 2, "SM"), rtol=1e-8
    )


def test_no_convergence_has_the_pairs():
    values = np.linspace(1, 0.5, 3000)
    a = fastla.linear_operator((3000, 3000), lambda x: values * x, dtype=float)
    with pytest.raises(fastla.NoConvergence, match="converged") as info:
        fastla.eigsh(a, k=10, which="LA", maxiter=1, tol=1e-12)
    assert isinstance(info.value, RuntimeError)
    assert len(info.value.eigenvalues) == info.value.eigenvectors.shape[1] < 10
    assert info.value.eigenvectors.shape[0] == 3000
    if "scipy.sparse.linalg" in sys.modules:
        assert isinstance(info.value, sys.modules["scipy.sparse.linalg"].ArpackNoConvergence)


def test_k_next_to_n_and_beyond():
    a = hidden(np.arange(5) + 1.0)
    with pytest.warns(RuntimeWarning, match="all eigenpairs"):
        w, v = fastla.eigsh(a, k=9)
    np.testing.assert_allclose(w, np.arange(5) + 1)
    operator = fastla.linear_operator((300, 300), lambda x: x * np.arange(300))
    np.testing.assert_allclose(fastla.eigsh(operator, k=299)[0], np.arange(1, 300), atol=1e-9)
    with pytest.raises(ValueError, match="k is 300"):
        fastla.eigsh(operator, k=300)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fastla.eigsh(np.ones((4, 5))), ValueError, r"A has shape \(4, 5\)"),
        (lambda: fastla.eigsh(np.eye(300)[0]), ValueError, "A has shape"),
        (lambda: fastla.eigsh(np.eye(9), k=0), ValueError, "k must be at least 1"),
        (lambda: fastla.eigsh(np.eye(9), k=2.5), TypeError, "k must be an integer"),
        (lambda: fastla.eigsh(np.eye(9), k=2, which="XX"), ValueError, "which must be one of"),
        (lambda: fastla.eigsh(np.eye(9), k=2, tol=-1), ValueError, "tol"),
        (lambda: fastla.eigsh(np.eye(9), k=2, maxiter=0), ValueError, "maxiter"),
        (lambda: fastla.eigsh(np.eye(9), k=2, v0=np.ones(8)), ValueError, "v0 has shape"),
        (lambda: fastla.eigsh(np.eye(9), k=2, v0=np.full(9, np.nan)), ValueError, "v0 holds NaN"),
        (lambda: fastla.eigsh(np.eye(9), k=2, rng="x"), TypeError, "rng"),
        (lambda: fastla.eigsh(np.array([["a"]])), TypeError, "A has dtype"),
        (lambda: fastla.eigsh(np.ma.ones((9, 9)), k=2), TypeError, "masked"),
        (lambda: fastla.linear_operator((3,), abs), ValueError, "shape"),
        (lambda: fastla.linear_operator((3, 3), None), TypeError, "matvec"),
        (
            lambda: fastla.eigsh(fastla.linear_operator((300, 300), lambda x: x[1:], dtype=float)),
            ValueError,
            "matvec returned shape",
        ),
        (lambda: fastla.eigsh(fastla.linear_operator((300, 300), lambda x: x * 1j, dtype=float)), TypeError, "complex"),
        (
            lambda: fastla.eigsh(fastla.linear_operator((300, 300), lambda x: x * np.nan, dtype=float)),
            ValueError,
            "NaN",
        ),
        (
            lambda: fastla.eigsh(fastla.linear_operator((300, 300), lambda x: np.roll(x, 1), dtype=float)),
            ValueError,
            "symmetric",
        ),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(("n", "dtype"), combinations([50, 300, 900], [np.float32, np.float64, np.complex128]))
def test_bad_entries_anywhere_are_found(n, dtype):
    a = hidden(np.linspace(1, 2, n), dtype)
    for i, j in ((0, 0), (n - 1, n - 1), (n - 1, 0), (n // 2, n // 3)):
        for bad in (np.nan, np.inf):
            b = a.copy()
            b[i, j] = b[j, i] = bad
            with pytest.raises(ValueError, match="A holds NaN or infinity"):
                fastla.eigsh(b, k=2)
        if i != j:
            b = a.copy()
            b[i, j] += 1e-2
            with pytest.raises(ValueError, match="differs from its conjugate transpose"):
                fastla.eigsh(b, k=2)
    fastla.eigsh(a * (1 + 0.3 * np.finfo(dtype).eps), k=1)


def test_operator_s_exceptions_come_through():
    class Stop(Exception):
        pass

    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Stop
        return x * np.arange(300)

    with pytest.raises(Stop):
        fastla.eigsh(fastla.linear_operator((300, 300), f, dtype=float))


def test_the_route_by_size():
    assert tuning.is_dense(200, 1) and tuning.is_dense(1000, 201)
    assert not tuning.is_dense(201, 1) and not tuning.is_dense(1000, 200)


@pytest.mark.parametrize("kind", ["array", "operator"])
@pytest.mark.parametrize("seed", range(3))
def test_a_value_apart_from_a_narrow_spectrum(kind, seed):
    """All vectors have small residuals from the start, as tol is relative; but one value lies ten times as far away."""
    n = 1500
    w = np.full(n, -1000.0)
    w[5] = -990
    a = np.diag(w) if kind == "array" else fastla.linear_operator((n, n), lambda x: w * x, dtype=float)
    value = fastla.eigsh(a, 1, which="LA", tol=1e-3, return_eigenvectors=False, rng=seed)
    assert abs(value[0] - -990) <= 2
