"""Power iteration (von Mises and Pollaczek-Geiringer 1929), stopped by its residual."""

from dataclasses import dataclass

import numpy as np

from fastla._methods.blocks import inner, norms, random_block, signs
from fastla._methods.operators import Operator

MAXITER = 1000
NOISE = 1e-3  # in a given start, so that none is orthogonal to the answer


@dataclass(frozen=True)
class PowerIteration:
    """What a power iteration ends with.

    Attributes
    ----------
    value : float or complex
        The Rayleigh quotient.
    vector : ndarray, shape (n,)
        Of length 1; its largest entry is positive.
    residual : float
        ||A v - w v||.
    iterations : int
        Products with A.
    converged : bool
        Whether the residual is small enough.
    """

    value: complex
    vector: np.ndarray
    residual: float
    iterations: int
    converged: bool


def power_iteration(
    operator: Operator,
    n: int,
    v0: np.ndarray | None,
    tol: float,
    maxiter: int,
    shift: complex,
    rng: np.random.Generator,
) -> PowerIteration:
    """Until ||A v - w v|| <= tol ||A||, for which the largest ||A v|| seen stands."""
    dtype = np.dtype(operator.dtype)
    real = dtype.type(0).real.dtype.type
    v = random_block(1, n, dtype, rng)
    if v0 is not None:
        v = v0[np.newaxis] + max(NOISE, 10 * tol) * v.astype(dtype)
    v = (v / norms(v)[0]).astype(dtype)
    norm, value, residual, converged = 0.0, 0.0, 0.0, False
    enough = max(tol, 2 * float(np.finfo(dtype).eps))
    for _ in range(maxiter):
        y = operator(v)
        value = inner(y, v)[0, 0].item()
        norm = max(norm, float(norms(y)[0]))
        residual = float(norms(y - dtype.type(value) * v)[0])
        converged = residual <= enough * norm
        if converged:
            break
        y -= dtype.type(shift * operator.scale) * v
        length = float(norms(y)[0])
        if length <= np.finfo(dtype).tiny:
            break
        v = y / real(length)
    v = v * signs(v)[:, np.newaxis]
    return PowerIteration(value / operator.scale, v[0], residual / operator.scale, operator.passes, bool(converged))
