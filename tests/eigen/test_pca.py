"""PCA against the SVD of the centred matrix in float64, and scikit-learn's protocol."""

import pickle
import tracemalloc

import numpy as np
import pytest
from eigenproblems import samples

import fastla
from fastla._methods.components import pca as method

VARIANCES = np.r_[400.0, 100, 30, 10, np.linspace(1, 0.1, 16)]


def exact(x):
    """(variances, components) of all."""
    c = np.asarray(x, float)
    c = c - c.mean(0)
    s, vt = np.linalg.svd(c, full_matrices=False)[1:]
    return s**2 / (len(c) - 1), vt


@pytest.mark.in_turn
@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh", "arpack", "randomized"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16, np.uint8])
def test_solvers_and_dtypes(target, solver, dtype):
    x = samples(700, VARIANCES, mean=60).clip(0, 255).astype(dtype)
    variances, components = exact(x)
    p = fastla.PCA(4, svd_solver=solver).fit(x)
    assert p.components_.dtype == (np.float32 if dtype == np.float32 else np.float64)
    np.testing.assert_allclose(p.explained_variance_, variances[:4], rtol=1e-6, atol=1e-6 * variances[0])
    assert np.abs(np.abs(np.sum(p.components_ * components[:4], axis=1)) - 1).max() < 1e-4
    np.testing.assert_allclose(p.mean_, x.mean(0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(p.explained_variance_ratio_, variances[:4] / variances.sum(), rtol=1e-4)
    np.testing.assert_allclose(p.noise_variance_, variances[4:].mean(), rtol=1e-3)


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("n", "d", "k", "route"),
    [
        (900, 40, 3, "gram"),
        (30, 20, 20, "gram"),
        (900, 600, 4, "krylov"),
        (700, 600, 200, "gram"),
        (40, 900, 5, "rows"),
        (900, 1000, 3, "krylov"),
        (600, 700, 600, "rows"),
        (2, 3, 1, "gram"),
        (1, 4, 1, "gram"),
    ],
)
def test_routes(target, n, d, k, route):
    assert method.choose("auto", n, d, k) == route
    data = np.random.default_rng(n + d).standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1)) + 3
    variances = exact(data)[0] if n > 1 else np.zeros(1)
    for dtype, tol in ((np.float32, 2e-5), (np.float64, 1e-9)):
        x = data.astype(dtype)
        p = fastla.PCA(k).fit(x)
        assert p.components_.shape == (k, d)
        np.testing.assert_allclose(
            p.components_ @ p.components_.T, np.eye(k), atol=1e-4 if dtype == np.float32 else 1e-9
        )
        kept = np.square((x - x.mean(0, dtype=float)) @ p.components_.T.astype(float)).sum() / max(n - 1, 1)
        assert kept >= (1 - tol) * variances[:k].sum()
        np.testing.assert_allclose(p.explained_variance_, variances[:k], rtol=1e-3, atol=tol * variances[0])


def test_what_scratch_held_before_does_not_matter(target):
    x = np.random.default_rng(3).standard_normal((900, 600))
    nan = np.full((900, 900), np.nan)
    for dtype in (np.float32, np.float64):
        fitted = [fastla.PCA(4).fit(x.astype(dtype)).components_]
        fastla.matmul(nan.astype(dtype).T, nan.astype(dtype))       # packed in the same scratch
        fitted.append(fastla.PCA(4).fit(x.astype(dtype)).components_)
        np.testing.assert_array_equal(*fitted)


def test_bits_do_not_depend_on_threads(target):
    x = np.random.default_rng(0).standard_normal((5000, 60)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        fastla.set_num_threads(threads)
        results.append([fastla.PCA(3).fit(x).components_, fastla.PCA(3, svd_solver="randomized").fit(x).components_])
    assert all((a == b).all() for r in results[1:] for a, b in zip(r, results[0], strict=True))


@pytest.mark.parametrize("mean", [1e3, 1e5, 1e7])
def test_large_means_in_float32(mean):
    x = (samples(2000, [4000.0, 100, 10, 1]) + mean).astype(np.float32)
    variances, _ = exact(x)
    p = fastla.PCA(2).fit(x)
    np.testing.assert_allclose(p.explained_variance_, variances[:2], rtol=1e-4)
    np.testing.assert_allclose(p.transform(x).mean(0), 0, atol=1e-2)


def test_small_variances_beside_large_ones():
    v = 10.0 ** -np.arange(0, 24, 2)
    x = samples(300, v)
    for solver in ("full", "auto"):
        got = fastla.PCA(8, svd_solver=solver).fit(x).explained_variance_
        np.testing.assert_allclose(got, v[:8], rtol=1e-2 if solver == "auto" else 1e-3)


def test_layouts_and_no_writing():
    x = samples(400, VARIANCES, mean=2)
    reference = fastla.PCA(3).fit(x).components_
    wide = np.zeros((800, 40))
    wide[::2, ::2] = x
    for y in (np.asfortranarray(x), wide[::2, ::2], x[::-1], x.tolist(), x.astype(">f8")):
        np.testing.assert_allclose(fastla.PCA(3).fit(y).components_, reference, atol=1e-9)
    x.flags.writeable = False
    before = x.copy()
    fastla.PCA(3, copy=False, whiten=True).fit_transform(x)
    np.testing.assert_array_equal(x, before)


def test_memory():
    x = (np.random.default_rng(0).standard_normal((8000, 1200)) + 0.5).astype(np.float32)
    tracemalloc.start()
    fastla.PCA(4).fit(x).transform(x[:100])
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert top < 0.6 * x.nbytes


def test_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random_array((900, 700), density=0.02, rng=np.random.default_rng(1)).tocsr() * 3
    for a, k in ((x, 4), (x[:, :100], 3), (x[:50], 3)):
        variances, _ = exact(a.toarray())
        p, dense = fastla.PCA(k).fit(a), fastla.PCA(k).fit(a.toarray())
        np.testing.assert_allclose(p.explained_variance_, variances[:k], rtol=1e-7)
        np.testing.assert_allclose(p.transform(a), dense.transform(a.toarray()), atol=1e-6)
        np.testing.assert_allclose(p.score(a), dense.score(a.toarray()), rtol=1e-6)


def test_fractions_mle_and_all():
    x = samples(640, [8.0, 4, 4])
    assert [fastla.PCA(f).fit(x).n_components_ for f in (0.4, 0.6, 0.9)] == [1, 2, 3]
    y = np.random.default_rng(0).standard_normal((2000, 10)) * np.sqrt([9, 6, 4] + [0.1] * 7)
    assert fastla.PCA("mle").fit(y).n_components_ == 3
    p = fastla.PCA().fit(y)
    np.testing.assert_allclose(p.inverse_transform(p.transform(y)), y, atol=1e-10)
    assert p.noise_variance_ == 0


def test_whitening():
    x = samples(300, [9.0, 4, 2, 1]) * 10 + 10
    p = fastla.PCA(4, whiten=True).fit(x)
    t = p.transform(x)
    np.testing.assert_allclose(t.var(0, ddof=1), 1, atol=1e-9)
    np.testing.assert_allclose(p.inverse_transform(t), x, atol=1e-9)
    flat = np.outer(x[:, 0], np.ones(5))
    assert np.abs(fastla.PCA(5, whiten=True).fit_transform(flat)).max() < 100


def test_partial_fit_is_exact_in_any_chunks(monkeypatch):
    x = samples(200, VARIANCES, mean=5.0)
    whole = fastla.PCA(5).fit(x)
    for sizes in ([1] * 200, [7, 1, 92, 100], [200]):
        p, at = fastla.PCA(5), 0
        for size in sizes:
            p.partial_fit(x[at : at + size])
            at += size
        for name in ("components_", "explained_variance_", "mean_", "noise_variance_", "explained_variance_ratio_"):
            np.testing.assert_allclose(getattr(p, name), getattr(whole, name), atol=1e-9)
        assert p.n_samples_seen_ == 200
    monkeypatch.setattr("fastla._methods.components.incremental.SCATTER_FEATURES", 3)
    p = fastla.PCA(4)
    for chunk in np.array_split(x, 5):
        p.partial_fit(chunk)
    np.testing.assert_allclose(p.explained_variance_, whole.explained_variance_[:4], rtol=1e-2)
    np.testing.assert_allclose(p.components_ @ p.components_.T, np.eye(4), atol=1e-12)


def test_the_model(target):
    x = samples(500, [9.0, 4, 1, 0.5, 0.4], mean=1)
    p = fastla.PCA(2).fit(x)
    np.testing.assert_allclose(p.get_covariance() @ p.get_precision(), np.eye(5), atol=1e-10)
    full = fastla.PCA(5).fit(x)
    np.testing.assert_allclose(full.get_covariance(), np.cov(x.T), atol=1e-10)
    c = np.cov(x.T)
    inverse, (_, log_det) = np.linalg.inv(c), np.linalg.slogdet(c)
    centred = x - x.mean(0)
    expected = -0.5 * (np.einsum("ni,ij,nj->n", centred, inverse, centred) + 5 * np.log(2 * np.pi) + log_det)
    np.testing.assert_allclose(full.score_samples(x), expected, rtol=1e-9)
    np.testing.assert_allclose(full.score(x), expected.mean(), rtol=1e-9)
    assert p.score(x) < full.score(x)


def test_signs_and_repeats():
    x = samples(300, VARIANCES)
    a, b = fastla.PCA(3).fit(x), fastla.PCA(3)
    t = b.fit_transform(x)
    np.testing.assert_array_equal(a.components_, b.components_)
    np.testing.assert_array_equal(a.transform(x), t)
    assert all(row[np.argmax(np.abs(row))] > 0 for row in a.components_)


def test_protocol():
    p = fastla.PCA(2, whiten=True)
    assert repr(p) == "PCA(n_components=2, whiten=True)"
    assert p.get_params()["n_components"] == 2 and p.set_params(n_components=3) is p and p.n_components == 3
    with pytest.raises(ValueError, match="no parameter 'k'"):
        p.set_params(k=1)
    with pytest.raises((ValueError, AttributeError), match="not fitted"):
        p.transform(np.eye(4))
    x = samples(50, np.arange(6, 0, -1.0))
    p.fit(x)
    assert list(p.get_feature_names_out()) == ["pca0", "pca1", "pca2"] and p.n_features_in_ == 6 and p.n_samples_ == 50
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(p)).transform(x), p.transform(x))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: fastla.PCA(7).fit(x), ValueError, "n_components=7"),
        (lambda x: fastla.PCA(0).fit(x), ValueError, "n_components=0"),
        (lambda x: fastla.PCA(1.5).fit(x), ValueError, "n_components=1.5"),
        (lambda x: fastla.PCA("x").fit(x), TypeError, "n_components"),
        (lambda x: fastla.PCA(2, svd_solver="x").fit(x), ValueError, "svd_solver"),
        (lambda x: fastla.PCA(0.5, svd_solver="arpack").fit(x), ValueError, "n_components=0.5"),
        (lambda x: fastla.PCA("mle").fit(x[:3]), ValueError, "mle"),
        (lambda x: fastla.PCA(2).fit(x[0]), ValueError, "2D array"),
        (lambda x: fastla.PCA(2).fit(x * 1j), ValueError, "[Cc]omplex"),
        (lambda x: fastla.PCA(2).fit(np.where(x == x[3, 3], np.nan, x)), ValueError, "NaN"),
        (lambda x: fastla.PCA(2).fit(np.where(x == x[3, 3], np.inf, x)), ValueError, "infinity"),
        (lambda x: fastla.PCA(2).fit(x).transform(x[:, 1:]), ValueError, "expecting 6 features"),
        (lambda x: fastla.PCA(2).fit(x).transform(x * np.nan), ValueError, "NaN"),
        (lambda x: fastla.PCA(2).fit(x[:0]), ValueError, "0 sample"),
        (lambda x: fastla.PCA(2, random_state="x").fit(x), TypeError, "random_state"),
        (lambda x: fastla.PCA(2, tol=-1).fit(x), ValueError, "tol"),
    ],
)
def test_errors_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call(samples(50, np.arange(6, 0, -1.0)))


def test_scikit_learn_s_own_checks():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(fastla.PCA(), on_fail=None)
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert not failed, failed
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline

    x = samples(100, VARIANCES)
    assert clone(fastla.PCA(3)).n_components == 3
    assert make_pipeline(fastla.PCA(3), fastla.PCA(2)).fit_transform(x).shape == (100, 2)


def test_beside_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = samples(300, VARIANCES, mean=3)
    for k in (3, None, "mle", 0.9):
        ours, theirs = fastla.PCA(k).fit(x), decomposition.PCA(k).fit(x)
        assert ours.n_components_ == theirs.n_components_
        for name in (
            "explained_variance_",
            "explained_variance_ratio_",
            "singular_values_",
            "mean_",
            "noise_variance_",
        ):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-8)
        np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=1e-7)
