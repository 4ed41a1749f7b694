"""The leading eigenpairs: block Krylov, the probe, and a last Rayleigh-Ritz whose residuals are computed anew."""

import numpy as np

from fastla._methods import native, tuning
from fastla._methods.blocks import combine, inner, norms, orthonormal, random_rows, wide
from fastla._methods.convergence import no_convergence
from fastla._methods.krylov.block_krylov import Restarts, residual_limit, solve, start_block
from fastla._methods.krylov.probe import find_missed
from fastla._methods.operators import Operator
from fastla._methods.wanted import order

# The last residuals may be this much above what was asked for: tol, or the rounding of the last product.
_LAST_TOL, _LAST_ROUNDING = 2, 5


def eigenpairs(
    operator: Operator,
    n: int,
    k: int,
    which: str,
    tol: float,
    restarts: int,
    v0: np.ndarray | None,
    rng: np.random.Generator,
    basis: int = 0,
    probe: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """(values, vectors as rows) of the k most wanted pairs, in that order.

    Raises
    ------
    NoConvergence
        If the restarts are used up or residuals do not hold.
    """
    basis = max(tuning.basis_size(k, operator.block), basis)
    left = Restarts(restarts)
    first = None if v0 is None else v0[np.newaxis]
    best = np.inf
    stale = 0
    for _ in range(tuning.ATTEMPTS):
        ritz = solve(operator, n, k, which, tol, start_block(operator, n, first, rng), basis, rng, left)
        if not ritz.finished:
            good = min(ritz.converged(operator, tol), k - 1)
            raise no_convergence(
                f"{operator.what}: {good} of {k} pairs converged after {restarts} restarts",
                operator.unscaled(ritz.values[:good]),
                ritz.vectors[:good],
            )
        values, vectors = ritz.values[:k], ritz.vectors[:k]
        if probe and not ritz.complete:
            values, vectors = find_missed(operator, k, which, tol, ritz, rng, left)
        values, vectors, residuals = last_ritz(operator, vectors, which, rng)
        asked = residual_limit(operator, values, tol)
        allowed = np.maximum(_LAST_TOL * tol * np.abs(values), _LAST_ROUNDING * residual_limit(operator, values, 0))
        if (residuals <= allowed).all():
            return operator.unscaled(values), vectors
        worst = (residuals / asked).max()
        stale += worst > 0.5 * best
        best = min(worst, best)
        if stale >= 2 or left.left <= 0:
            break
        first = combine(random_rows(1, k, vectors.dtype, rng).T, vectors)
    good = min(int(np.cumprod(residuals <= allowed).sum()), k - 1)
    raise no_convergence(
        f"{operator.what}: residuals of {residuals.max() / operator.norm:.3g} of its norm stay above the tolerance",
        operator.unscaled(values[:good]),
        vectors[:good],
    )


def last_ritz(
    operator: Operator, vectors: np.ndarray, which: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rayleigh-Ritz on the span of the vectors: values, vectors, and residuals ||A v - w v|| as they are."""
    x, _ = orthonormal(vectors, [vectors[:0]], 1.0, rng)
    ax = operator(x)
    h = inner(ax, x).astype(wide(x.dtype)).T
    values, y = native.eigh((h + h.conj().T) / 2)
    ranks = order(values, which)
    values, y = values[ranks], y[:, ranks]
    x, ax = combine(y, x), combine(y, ax)
    return values, x, norms(ax - x * values[:, np.newaxis].astype(x.real.dtype)).astype(float)
