"""Eigenpairs, singular vectors and principal components as random calls, beside the lines that a NumPy user writes.

Values are compared, for vectors are right up to their signs, and up to rotations among equal values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.sweep.functions import ELEMENTS, FLOATS, Drawn, array, size

LARGEST = 400       # of a matrix for NumPy to decompose


def _symmetric(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    a = rng.standard_normal((*shape, shape[-1])).astype(dtype)
    return a + a.swapaxes(-1, -2)


def _values(result: Any) -> np.ndarray:
    return np.asarray(result[0])


def eigh(rng: np.random.Generator) -> Drawn:
    """Draw a stack of small symmetric matrices."""
    dtype, n = str(rng.choice(FLOATS)), size(rng, 1, 40)
    stack = tuple(size(rng, 1, min(300, math.sqrt(ELEMENTS) / n)) for _ in range(rng.choice([0, 0, 1, 2])))
    a = _symmetric(rng, (*stack, n), dtype)
    return Drawn(f"{a.shape}, {dtype}", lambda: np.linalg.eigh(a), lambda fastla: lambda: fastla.eigh(a), _values)


def eigsh(rng: np.random.Generator) -> Drawn:
    """Draw a symmetric matrix of which few eigenpairs are wanted."""
    dtype, n = str(rng.choice(FLOATS)), size(rng, 4, LARGEST)
    a, k = _symmetric(rng, (n,), dtype), size(rng, 1, min(20, n // 3))

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        w, v = np.linalg.eigh(a)
        best = np.sort(np.argsort(-np.abs(w))[:k])
        return w[best], v[:, best]

    return Drawn(f"{a.shape}, k={k}, {dtype}", theirs, lambda fastla: lambda: fastla.eigsh(a, k), _values)


def power_iteration(rng: np.random.Generator) -> Drawn:
    """Draw a symmetric matrix whose largest value stands apart."""
    dtype, n = str(rng.choice(FLOATS)), size(rng, 2, LARGEST)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    a = np.ascontiguousarray(((q * rng.uniform(0.2, 0.9) ** np.arange(n)) @ q.T).astype(dtype))
    tol = 1e-4 if dtype == "float32" else 1e-8

    def theirs() -> np.ndarray:
        w = np.linalg.eigh(a)[0]
        return w[np.argmax(np.abs(w))]

    return Drawn(f"{a.shape}, {dtype}", theirs, lambda fastla: lambda: fastla.power_iteration(a, tol=tol),
                 lambda result: np.asarray(getattr(result, "value", result)), tolerance=1e-3)


def svds(rng: np.random.Generator) -> Drawn:
    """Draw a matrix of which few singular vectors are wanted."""
    dtype = str(rng.choice(FLOATS))
    m, n = size(rng, 4, 2000), size(rng, 4, LARGEST)
    (a, text), k = array(rng, (m, n), dtype), size(rng, 1, min(20, min(m, n) // 3))

    def theirs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return u[:, k - 1::-1], s[k - 1::-1], vh[k - 1::-1]

    return Drawn(f"{text}, k={k}, {dtype}", theirs, lambda fastla: lambda: fastla.svds(a, k),
                 lambda result: np.asarray(result[1]))


def pca(rng: np.random.Generator) -> Drawn:
    """Draw samples to be fitted; NumPy's lines decompose the centred samples."""
    dtype = str(rng.choice(FLOATS))
    n, d = size(rng, 10, 5000), size(rng, 2, LARGEST / 2)
    (x, text), k = array(rng, (n, d), dtype), size(rng, 1, min(20, min(n, d) // 2))

    def theirs() -> np.ndarray:
        centred = x - x.mean(0)
        return np.linalg.svd(centred, full_matrices=False)[1][:k] ** 2 / (n - 1)

    return Drawn(f"{text}, k={k}, {dtype}", theirs, lambda fastla: lambda: fastla.PCA(k).fit(x),
                 lambda result: np.asarray(getattr(result, "explained_variance_", result)), tolerance=1e-2)
