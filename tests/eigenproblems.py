"""Matrices with known spectra, by formula; and what an answer must satisfy."""

import numpy as np


def unit(n: int, c: float) -> np.ndarray:
    u = np.cos(c * np.arange(1, n + 1)) + 0.1 * np.cos(np.arange(1, n + 1) ** 2)
    return u / np.linalg.norm(u)


def hidden(values, dtype=np.float64) -> np.ndarray:
    """A dense symmetric (for complex dtypes Hermitian) matrix with this spectrum: reflections of a diagonal."""
    a = np.diag(np.asarray(values, float)).astype(np.result_type(dtype, np.float64))
    for c in (0.7, 1.9):
        u = unit(len(a), c).astype(a.dtype)
        if a.dtype.kind == "c":
            u = u * np.exp(1j * c * np.arange(len(a)))
        a = a - 2 * np.outer(u, u.conj() @ a)
        a = a - 2 * np.outer(a @ u, u.conj())
    return ((a + a.conj().T) / 2).astype(dtype)


def with_singular_values(rows: int, columns: int, s, dtype=np.float64) -> np.ndarray:
    rng = np.random.default_rng(rows * columns)
    u, v = (np.linalg.qr(rng.standard_normal((n, len(s))))[0] for n in (rows, columns))
    return (u * np.asarray(s) @ v.T).astype(dtype)


def samples(n: int, variances, mean=0.0, seed=0) -> np.ndarray:
    """Rows whose sample covariance has exactly these eigenvalues."""
    rng = np.random.default_rng(seed)
    d = len(variances)
    q = rng.standard_normal((n, d))
    q = np.linalg.qr(q - q.mean(0))[0]
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return q * np.sqrt(np.asarray(variances, float) * (n - 1)) @ rotation + mean


def wanted(values, k: int, which: str) -> np.ndarray:
    """The k that `which` asks for, ascending."""
    w = np.sort(np.asarray(values))
    if which == "LM":
        return np.sort(w[np.argsort(-np.abs(w), kind="stable")[:k]])
    if which == "SM":
        return np.sort(w[np.argsort(np.abs(w), kind="stable")[:k]])
    if which == "BE":
        low = k // 2
        return np.concatenate([w[:low], w[len(w) - (k - low) :]])
    return w[-k:] if which == "LA" else w[:k]


def check_pairs(a, w, v, tol: float) -> None:
    """Residuals of the norm, orthonormality, order, signs."""
    assert (np.diff(w) >= 0).all()
    norm = max(np.abs(w).max(), np.finfo(float).tiny)
    assert np.linalg.norm(a @ v - v * w, axis=0).max() <= tol * norm
    np.testing.assert_allclose(v.conj().T @ v, np.eye(v.shape[1]), atol=max(tol, 1e-12) * 10)
    for column in v.T:
        size = np.abs(column)
        first = column[np.argmax(size >= size.max() * (1 - 1e-3))]
        assert first.real > 0 and abs(first.imag) < 1e-6 * first.real


def check_triplets(a, u, s, vh, tol: float) -> None:
    assert (np.diff(s) >= 0).all()
    norm = max(s.max(), np.finfo(float).tiny)
    k = len(s)
    np.testing.assert_allclose(u.conj().T @ u, np.eye(k), atol=10 * tol)
    np.testing.assert_allclose(vh @ vh.conj().T, np.eye(k), atol=10 * tol)
    assert np.abs(a @ vh.conj().T - u * s).max() <= tol * norm
    assert np.abs(a.conj().T @ u - vh.conj().T * s).max() <= tol * norm
