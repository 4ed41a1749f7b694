"""Principal components: by the d x d Gram matrix of the features, the n x n one of the rows, or block Krylov.

A Gram matrix squares: values below sqrt(eps) of the largest are lost in it. Where they are wanted one more pass over X,
a Rayleigh-Ritz on X V by QR, finds them to eps of the largest.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastla._methods import native, tuning
from fastla._methods.blocks import combine
from fastla._methods.components.rows import Rows
from fastla._methods.krylov import leading
from fastla._methods.krylov.block_krylov import Restarts, solve, start_block
from fastla._methods.operators import Operator, dense_symmetric

_SMALL = 1e-7  # of the largest value, in a Gram matrix in float64: below, one more pass over X


@dataclass
class Components:
    """What a fit ends with: components as rows, their squared singular values, those of all or None, and their sum."""

    v: np.ndarray
    squares: np.ndarray
    spectrum: np.ndarray | None
    total: float


def choose(solver: str, n: int, d: int, k: int | None) -> str:
    """Which of "gram", "rows" and "krylov"; k None: the whole spectrum is needed."""
    least = min(n, d)
    many = k is None or tuning.GRAM_SHARE * k > least
    if solver in ("arpack", "randomized") and not (many and least <= tuning.GRAM_FEATURES):
        return "krylov"
    if n < d and (n <= tuning.GRAM_FEATURES or many or solver == "full") and d > tuning.GRAM_FEATURES:
        return "rows"
    if d <= tuning.GRAM_FEATURES or many or solver in ("full", "covariance_eigh"):
        return "gram"
    return "krylov"


def fit(rows: Rows, solver: str, k: int | None, tol: float, rng: np.random.Generator) -> Components:
    """The first k components; all of them for k None."""
    count = min(rows.n, rows.d) if k is None else k
    method = choose(solver, rows.n, rows.d, k)
    if method == "krylov":
        total = rows.total()
        result = _krylov(rows, count, tol or default_tol(rows, solver), total, solver == "arpack", rng)
    elif method == "rows":
        result = _by_rows(rows, count)
    else:
        result = by_gram(rows.gram(), count, rng)
        result.spectrum = None if result.spectrum is None else result.spectrum[: min(rows.n, rows.d)]
    top = result.squares[0]
    if (
        method == "rows"
        or top > 0
        and (solver == "full" or result.squares[-1] < _SMALL * top or _dwarfed(rows, result.total))
    ):
        result = _refined(rows, result)
    return result


def default_tol(rows: Rows, solver: str) -> float:
    """The residual asked for."""
    if solver == "arpack":
        return 10 * float(np.finfo(rows.work).eps)
    return tuning.PCA_TOL if rows.work == np.float32 else tuning.PCA_TOL64


def _dwarfed(rows: Rows, total: float) -> bool:
    """Whether the provisional mean's rounding shows beside the spread."""
    spread = math.sqrt(max(total, 0) / (rows.n * rows.d))
    return rows.work == np.float32 and spread < 100 * float(np.finfo(np.float32).eps) * float(np.abs(rows.mean).max())


def by_gram(g: np.ndarray, k: int, rng: np.random.Generator) -> Components:
    """The leading eigenvectors of a Gram matrix."""
    total = float(np.trace(g))
    if tuning.is_dense(len(g), k):
        values, v = native.eigh(g)
        down = np.argsort(-values, kind="stable")
        spectrum = np.maximum(values[down], 0)
        return Components(v[:, down[:k]].T, spectrum[:k], spectrum, total)
    operator = dense_symmetric("PCA", g, float(np.abs(g).max()), tuning.BLOCK)
    values, v = leading.eigenpairs(operator, len(g), k, "LA", 1e-9, 10 * len(g), None, rng)
    return Components(v, np.maximum(values, 0), None, total)


def _by_rows(rows: Rows, k: int) -> Components:
    g = rows.gram_of_rows()
    values, u = np.linalg.eigh(g)
    spectrum = np.maximum(values[::-1], 0)
    return Components(rows.times_transposed(u[:, ::-1][:, :k].T.copy()), spectrum[:k], spectrum, float(np.trace(g)))


def _krylov(rows: Rows, k: int, tol: float, total: float, probe: bool, rng: np.random.Generator) -> Components:
    # A block reads X once. The Gram matrix costs as much as d columns: with a slow spectrum that is less, of a dense X.
    operator = Operator(rows.scatter, np.dtype(float), tuning.PCA_BLOCK, "PCA: X")
    if probe or rows.is_sparse:
        values, v = leading.eigenpairs(operator, rows.d, k, "LA", tol, 10 * rows.d, None, rng, probe=probe)
        return Components(v, np.maximum(values, 0), None, total)
    limit = rows.d // tuning.GRAM_COLUMNS // tuning.PCA_BLOCK
    basis = max(limit * operator.block, k + 3 * operator.block)
    ritz = solve(operator, rows.d, k, "LA", tol, start_block(operator, rows.d, None, rng), basis, rng, Restarts(0))
    if ritz.finished:
        return Components(ritz.vectors[:k], np.maximum(operator.unscaled(ritz.values[:k]), 0), None, total)
    return by_gram(rows.gram(), k, rng)


def _refined(rows: Rows, rough: Components) -> Components:
    v = np.linalg.qr(rough.v.T)[0].T
    _, s, yh = np.linalg.svd(rows.rotated_r(np.ascontiguousarray(v)))
    squares = np.zeros(len(v))
    squares[: len(s)] = s**2
    spectrum = squares if len(v) == min(rows.n, rows.d) else rough.spectrum
    return Components(combine(yh.T, np.ascontiguousarray(v)), squares, spectrum, rough.total)


def minka_rank(spectrum: np.ndarray, n: int) -> int:
    """The most likely dimension: T. Minka, Automatic choice of dimensionality for PCA, NIPS 13 (2000)."""
    d = len(spectrum)
    if d == 1:
        return 1
    log_spectrum = np.log(np.maximum(spectrum, np.finfo(float).tiny))
    best, evidence = 1, -np.inf
    for k in range(1, d):
        noise = spectrum[k:].mean()
        if spectrum[k - 1] < np.finfo(float).eps * spectrum[0] or noise <= 0:
            break
        i = np.arange(1, k + 1)
        free = (d - i + 1) / 2
        log_stiefel = -k * math.log(2) + sum(math.lgamma(x) - x * math.log(math.pi) for x in free)
        m = d * k - k * (k + 1) / 2
        flattened = np.where(np.arange(d) < k, spectrum, noise)
        pairs = 0.0
        for j in range(k):
            others = np.arange(j + 1, d)
            pairs += np.log((spectrum[j] - spectrum[others]) * (1 / flattened[others] - 1 / flattened[j]) * n).sum()
        value = (
            log_stiefel
            - n / 2 * log_spectrum[:k].sum()
            - n * (d - k) / 2 * math.log(noise)
            + (m + k) / 2 * math.log(2 * math.pi)
            - pairs / 2
            - k / 2 * math.log(n)
        )
        if value > evidence:
            best, evidence = k, value
    return best


def fewest(spectrum: np.ndarray, fraction: float) -> int:
    """How many of the values are needed for more than this fraction of their sum."""
    ratio = np.cumsum(spectrum) / max(spectrum.sum(), np.finfo(float).tiny)
    return min(int(np.searchsorted(ratio, fraction, side="right")) + 1, len(spectrum))
