"""Eigenpairs and principal components as operations to measure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from benchmarks.operations import Call, Case

TOLERANCE = {"float32": (1e-5, 2e-4), "float64": (1e-9, 1e-8)}      # asked for, and what is right
# Values by their place from 0 to n - 1: how fast they fall decides how many products a method needs.
SPECTRA = {
    "harmonic": lambda i: 1 / (i + 1),
    "fast": lambda i: 0.5 ** np.minimum(i, 1000),
    "slow": lambda i: 1 - i / (2 * len(i)),
    "clustered": lambda i: np.where(i < 3, 1 - 1e-7 * i, 0.9 / (i + 1)),
    "wigner": None,     # a random matrix: the values are not known beforehand
}


def _symmetric(rng: np.random.Generator, n: int, spectrum: str) -> np.ndarray:
    """Return a matrix with a spectrum, turned by two reflections; or a random one."""
    values = SPECTRA[spectrum]
    if values is None:
        a = rng.standard_normal((n, n)) / math.sqrt(2 * n)
        return a + a.T
    a = np.diag(values(np.arange(n)))
    for _ in range(2):
        u = rng.standard_normal(n)
        u /= np.linalg.norm(u)
        a -= 2 * np.outer(u, u @ a)
        a -= 2 * np.outer(a @ u, u)
    return (a + a.T) / 2


def _pairs_error(a: np.ndarray, w: np.ndarray, v: np.ndarray) -> float:
    """Return the largest residual ||Av - wv|| / ||w||, or departure of v from orthonormality."""
    a, w, v = (x.astype(np.float64) for x in (a, w, v))
    residual = np.linalg.norm(a @ v - v * w[..., np.newaxis, :], axis=-2) / np.abs(w).max(-1, keepdims=True)
    overlap = v.swapaxes(-1, -2) @ v - np.eye(w.shape[-1])
    return float(max(residual.max(), np.abs(overlap).max()))


def _leading_fastla(case: Leading, a: np.ndarray) -> Call:
    import fastla
    return lambda: fastla.eigsh(a, case.k, tol=TOLERANCE[case.dtype][0])


def _leading_numpy(case: Leading, a: np.ndarray) -> Call:
    def call() -> tuple[np.ndarray, np.ndarray]:
        w, v = np.linalg.eigh(a)
        best = np.sort(np.argsort(-np.abs(w))[:case.k])
        return w[best], v[:, best]
    return call


def _leading_scipy(case: Leading, a: np.ndarray) -> Call:
    from scipy.sparse.linalg import eigsh
    return lambda: eigsh(a, case.k, tol=TOLERANCE[case.dtype][0])


@dataclass(frozen=True)
class Leading(Case):
    """The k eigenpairs of largest magnitude of a symmetric (n, n)."""

    n: int
    k: int
    spectrum: str = field(default="harmonic", kw_only=True)
    TABLE: ClassVar = "eigen"
    SIDES: ClassVar = {"numpy": _leading_numpy, "scipy": _leading_scipy, "fastla": _leading_fastla}

    def make(self, seed: int) -> np.ndarray:
        """Return the matrix."""
        return np.ascontiguousarray(_symmetric(np.random.default_rng(seed), self.n, self.spectrum).astype(self.dtype))

    def label(self) -> str:
        """Return the call."""
        return f"eigsh(({self.n}, {self.n}), {self.k}), {self.spectrum}"

    def check(self, operands: np.ndarray, result: tuple[np.ndarray, np.ndarray]) -> float:
        """Return the largest error of the pairs, and of the values against the known ones."""
        w, v = map(np.asarray, result)
        if w.shape != (self.k,) or v.shape != (self.n, self.k):
            return math.inf
        error = _pairs_error(operands, w, v)
        values = SPECTRA[self.spectrum]
        if values is not None:
            known = np.sort(np.abs(values(np.arange(self.n))))[::-1][:self.k]
            error = max(error, float(np.abs(np.sort(np.abs(w))[::-1] - known).max() / known[0]))
        return error / TOLERANCE[self.dtype][1]


def _eigh_fastla(case: SmallEigen, a: np.ndarray) -> Call:
    import fastla
    return lambda: fastla.eigh(a)


def _eigh_torch(case: SmallEigen, a: np.ndarray) -> Call:
    import torch
    tensor = torch.from_numpy(a)
    return lambda: torch.linalg.eigh(tensor)


@dataclass(frozen=True)
class SmallEigen(Case):
    """All eigenpairs of each of many symmetric (n, n)."""

    count: int
    n: int
    TABLE: ClassVar = "eigen"
    SIDES: ClassVar = {"numpy": lambda case, a: lambda: np.linalg.eigh(a), "torch": _eigh_torch,
                       "fastla": _eigh_fastla}

    def make(self, seed: int) -> np.ndarray:
        """Return the matrices."""
        a = np.random.default_rng(seed).standard_normal((self.count, self.n, self.n)).astype(self.dtype)
        return (a + a.swapaxes(1, 2)) / 2

    def label(self) -> str:
        """Return the call."""
        return f"eigh(({self.count}, {self.n}, {self.n}))"

    def check(self, operands: np.ndarray, result: Any) -> float:
        """Return the largest error of the pairs."""
        w, v = map(np.asarray, result)
        if w.shape != operands.shape[:2] or v.shape != operands.shape or np.any(np.diff(w) < 0):
            return math.inf
        return _pairs_error(operands, w, v) / (64 * self.n * float(np.finfo(self.dtype).eps))


def _pca_fastla(case: Components, x: np.ndarray) -> Call:
    import fastla
    return lambda: fastla.PCA(case.k).fit(x).components_


def _pca_sklearn(case: Components, x: np.ndarray) -> Call:
    from sklearn.decomposition import PCA
    return lambda: PCA(case.k).fit(x).components_


def _pca_numpy(case: Components, x: np.ndarray) -> Call:
    def call() -> np.ndarray:
        centred = x - x.mean(0)
        return np.linalg.eigh(centred.T @ centred)[1][:, :-case.k - 1:-1].T
    return call


@dataclass(frozen=True)
class Components(Case):
    """The first k principal components of n samples of d features, not centred."""

    n: int
    d: int
    k: int
    TABLE: ClassVar = "eigen"
    SIDES: ClassVar = {"numpy": _pca_numpy, "sklearn": _pca_sklearn, "fastla": _pca_fastla}

    def make(self, seed: int) -> np.ndarray:
        """Return samples whose variances fall as 1 / i, in directions of their own."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((self.n, self.d), dtype=np.float32)
        x /= np.sqrt(np.arange(1, self.d + 1, dtype=np.float32))
        u = rng.standard_normal(self.d).astype(np.float32)
        u /= np.linalg.norm(u)
        x -= 2 * np.outer(x @ u, u)
        x += rng.standard_normal(self.d).astype(np.float32)
        return x.astype(self.dtype, copy=False)

    def label(self) -> str:
        """Return the call."""
        return f"PCA({self.k}).fit(({self.n}, {self.d}))"

    def check(self, operands: np.ndarray, result: np.ndarray) -> float:
        """Return the share of the variance that is lost, in units of 1e-5, or the departure from orthonormality."""
        if result.shape != (self.k, self.d):
            return math.inf
        mean, total = operands.mean(0, dtype=np.float64), np.zeros((self.d, self.d))
        for first in range(0, self.n, 8192):
            centred = operands[first:first + 8192] - mean
            total += centred.T @ centred
        c = result.astype(np.float64)
        most = np.linalg.eigvalsh(total)[::-1][:self.k].sum()
        overlap = np.abs(c @ c.T - np.eye(self.k)).max()
        return float(max((most - np.trace(c @ total @ c.T)) / most / 1e-5, overlap / 1e-4))
