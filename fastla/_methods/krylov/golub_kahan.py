"""Thick-restart block Golub-Kahan: the largest singular triplets.

Baglama and Reichel, Augmented implicitly restarted Lanczos bidiagonalization methods, SIAM J. Sci. Comput. 27 (2005),
with blocks and full orthogonalisation. V and U are orthonormal with A V = U R, and A* U = V R* + Q B in the newest
block: a Krylov method on A* A in which A V is made orthonormal, so that nothing is squared. (Ritz values of A* A on V
err by 1e-8 of ||A|| in small ones.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastla._methods.blocks import combine, norms, orthonormal, project_out, wide
from fastla._methods.krylov.block_krylov import Restarts
from fastla._methods.operators import Operator


@dataclass
class Triplets:
    """Singular triplets, largest first; the vectors are rows, `residuals` the lengths of A* u - s v."""

    u: np.ndarray
    s: np.ndarray
    v: np.ndarray
    residuals: np.ndarray
    finished: bool = True
    complete: bool = False

    def first(self, count: int) -> "Triplets":
        """The first of them."""
        return Triplets(self.u[:count], self.s[:count], self.v[:count], self.residuals[:count])

    def and_then(self, other: "Triplets") -> "Triplets":
        """With others after them."""
        return Triplets(*(np.concatenate([getattr(self, x), getattr(other, x)]) for x in ("u", "s", "v", "residuals")))


Done = Callable[[np.ndarray, np.ndarray, bool, int], int]      # as block_krylov's


def golub_kahan(
    operator: Operator,
    start: np.ndarray,
    rows: int,
    locked: Triplets | None,
    basis: int,
    keep: int,
    done: Done,
    rng: np.random.Generator,
    restarts: Restarts,
) -> Triplets:
    """Runs on the complement of the locked triplets; as block_krylov. A has as many rows as columns or more."""
    n, dtype = start.shape[1], start.dtype
    lock_u, lock_v = (np.empty((0, rows), dtype), np.empty((0, n), dtype)) if locked is None else (locked.u, locked.v)
    capacity = min(basis, n - len(lock_v))
    v, u = np.empty((capacity + len(start), n), dtype), np.empty((capacity + len(start), rows), dtype)
    r = np.zeros((len(v), len(v)), wide(dtype))
    start = start.copy()
    project_out(start, [lock_v])
    block, _ = orthonormal(start, [lock_v], 1.0, rng)
    j = steps = look = 0
    while True:
        steps += 1
        end = j + len(block)
        v[j:end] = block
        w = operator(block)
        operator.norm = max(operator.norm, float(norms(w).max(initial=0)))
        r[:j, j:end] = project_out(w, [u[:j], lock_u]).T
        u[j:end], coupling = orthonormal(w, [u[:j], lock_u], operator.norm, rng)
        r[j:end, j:end] = coupling.T
        z = operator.adjoint(u[j:end])
        project_out(z, [v[:end], lock_v])
        block, b = orthonormal(z, [v[:end], lock_v], operator.norm, rng)
        newest, j = slice(j, end), end
        complete, full = len(block) == 0, j + max(len(block), 1) > capacity
        if not (full or complete or steps >= look):
            continue
        p, s, yh = np.linalg.svd(r[:j, :j])
        y = yh.conj().T
        operator.norm = max(operator.norm, s[0])
        residuals = np.zeros(j) if complete else np.sqrt(np.square(np.abs(b.T @ p[newest])).sum(0))
        take = done(s, residuals, complete, steps)
        if take < 0 and not complete and not (full and restarts.left <= 0):
            look = steps - take
            if full:
                restarts.left -= 1
                kept = max(1, min(keep, capacity - len(block), j - 1))
                v[:kept], u[:kept] = combine(y[:, :kept], v[:j]), combine(p[:, :kept], u[:j])
                r[:] = 0
                r[np.arange(kept), np.arange(kept)] = s[:kept]
                j = kept
            continue
        best = slice(j if take < 0 else take)
        return Triplets(
            combine(p[:, best], u[:j]), s[best], combine(y[:, best], v[:j]), residuals[best], take >= 0, complete
        )
