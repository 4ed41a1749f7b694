"""Thick-restart block Golub-Kahan: the largest singular triplets.

Baglama and Reichel, Augmented implicitly restarted Lanczos bidiagonalization methods, SIAM J. Sci. Comput. 27 (2005), with blocks and
full orthogonalisation. V and U are orthonormal with A V = U R, and A* U = V R* + Q B in the newest block: a Krylov method on
A* A in which A V is made orthonormal, so that nothing is squared. (Ritz values of A* A on V err by 1e-8 of ||A|| in small ones.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastla._methods import tuning
from fastla._methods.block_krylov import Restarts, residual_limit
from fastla._methods.blocks import combine, norms, orthonormal, project_out, random_block, wide
from fastla._methods.convergence import no_convergence
from fastla._methods.operators import Operator
from fastla._methods.probe import steps_needed


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


Done = Callable[[np.ndarray, np.ndarray, bool, int], int | None]


def golub_kahan(operator: Operator, start: np.ndarray, rows: int, locked: Triplets | None, basis: int, keep: int, done: Done,
                rng: np.random.Generator, restarts: Restarts) -> Triplets:
    """Runs on the complement of the locked triplets; as block_krylov. A has as many rows as columns or more."""
    n, dtype = start.shape[1], start.dtype
    lock_u, lock_v = (np.empty((0, rows), dtype), np.empty((0, n), dtype)) if locked is None else (locked.u, locked.v)
    capacity = min(basis, n - len(lock_v))
    v, u = np.empty((capacity + len(start), n), dtype), np.empty((capacity + len(start), rows), dtype)
    r = np.zeros((len(v), len(v)), wide(dtype))
    start = start.copy()
    project_out(start, [lock_v])
    block, _ = orthonormal(start, [lock_v], 1.0, rng)
    j = steps = checked = 0
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
        if not (full or complete or j - checked >= tuning.ritz_after(j)):
            continue
        checked = j
        p, s, yh = np.linalg.svd(r[:j, :j])
        y = yh.conj().T
        operator.norm = max(operator.norm, s[0])
        residuals = np.zeros(j) if complete else np.sqrt(np.square(np.abs(b.T @ p[newest])).sum(0))
        take = done(s, residuals, complete, steps)
        if take is None and not complete and not (full and restarts.left <= 0):
            if full:
                restarts.left -= 1
                kept = max(1, min(keep, capacity - len(block), j - 1))
                v[:kept], u[:kept] = combine(y[:, :kept], v[:j]), combine(p[:, :kept], u[:j])
                r[:] = 0
                r[np.arange(kept), np.arange(kept)] = s[:kept]
                j = checked = kept
            continue
        best = slice(j if take is None else take)
        return Triplets(combine(p[:, best], u[:j]), s[best], combine(y[:, best], v[:j]), residuals[best],
                        take is not None, complete)


class _Solver:
    """The k largest triplets of an operator with n columns, and at least as many rows."""

    def __init__(self, operator: Operator, rows: int, n: int, k: int, tol: float, restarts: int, rng: np.random.Generator,
                 basis: int) -> None:
        self.operator, self.rows, self.n, self.k, self.tol, self.rng = operator, rows, n, k, tol, rng
        self.left = Restarts(restarts)
        self.basis = max(tuning.basis_size(k, operator.block), basis)

    def _limit(self, s: np.ndarray) -> np.ndarray:
        return residual_limit(self.operator, s, self.tol)

    def _fail(self, message: str, t: Triplets, good: int) -> None:
        raise no_convergence(f"{self.operator.what}: {message}", self.operator.unscaled(t.s[:good]), t.v[:good])

    def solve(self, v0: np.ndarray | None) -> Triplets:
        """Without the probe."""
        k, block = self.k, self.operator.block

        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int | None:
            reached = len(s) >= k and (residuals[:k] <= self._limit(s[:k])).all()
            return len(s) if complete or reached else None
        start = random_block(block, self.n, np.dtype(self.operator.dtype), self.rng, None if v0 is None else v0[np.newaxis])
        keep = int(k + tuning.KEEP * (self.basis - k - block))
        t = golub_kahan(self.operator, start, self.rows, None, self.basis, keep, done, self.rng, self.left)
        if not t.finished:
            good = min(int(np.cumprod(t.residuals <= self._limit(t.s)).sum()), k - 1)
            self._fail(f"{good} of {k} triplets converged before the restarts (maxiter) were used up", t, good)
        return t

    def find_missed(self, t: Triplets) -> Triplets:
        """As probe.find_missed."""
        sure, beside = t.first(self.k), self._neighbours(t)
        while len(sure.s) < self.n:
            if len(sure.s) + len(beside.s) >= self.n:
                beside = beside.first(0)
            edge = np.sort(sure.s)[::-1][self.k - 1]
            hit = self._detect(sure.and_then(beside), edge)
            if hit is None:
                break
            beside = beside.first(0)
            sure = sure.and_then(self._resolve(hit, sure, edge))
        best = np.argsort(-sure.s, kind="stable")[:self.k]
        return Triplets(sure.u[best], sure.s[best], sure.v[best], sure.residuals[best])

    def _neighbours(self, t: Triplets) -> Triplets:
        risk, last = 0.0, self.k
        while last < len(t.s) and t.s[last] < t.s[self.k - 1]:
            risk += (t.residuals[last] / (t.s[self.k - 1] - t.s[last])) ** 2
            if risk > tuning.NEIGHBOURS_RISK:
                break
            last += 1
        return Triplets(t.u[self.k:last], t.s[self.k:last], t.v[self.k:last], t.residuals[self.k:last])

    def _run(self, start: np.ndarray, locked: Triplets, done: Done, what: str) -> Triplets:
        block = self.operator.block
        basis = tuning.basis_size(min(self.k, 4 * block), block)
        keep = int(block + tuning.KEEP * (basis - 2 * block))
        t = golub_kahan(self.operator, start, self.rows, locked, basis, keep, done, self.rng, self.left)
        if not t.finished:
            self._fail(what, t, 0)
        return t

    def _is_below(self, s: float, residual: float, edge: float) -> bool:
        return s < edge and residual <= tuning.PROBE_GAP * (edge - s)

    def _detect(self, locked: Triplets, edge: float) -> np.ndarray | None:
        hit = False

        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int | None:
            nonlocal hit
            limit = self._limit(s[:1])[0]
            if s[0] > edge + 2 * limit:
                hit = True
                return min(len(s), self.operator.block)
            clear = self._is_below(s[0], residuals[0], edge) and steps >= steps_needed(self.n, 1 - (s[0] / edge) ** 2)
            return 1 if clear or residuals[0] <= limit or complete else None
        start = random_block(self.operator.block, self.n, locked.v.dtype, self.rng)
        t = self._run(start, locked, done, "the search for missed values did not end")
        return t.v if hit else None

    def _resolve(self, hit: np.ndarray, locked: Triplets, edge: float) -> Triplets:
        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int | None:
            converged = residuals[0] <= self._limit(s[:1])[0]
            return 1 if converged or complete or self._is_below(s[0], residuals[0], edge) else None
        start = random_block(self.operator.block, self.n, locked.v.dtype, self.rng, hit)
        return self._run(start, locked, done, "a missed value did not converge")

    def last_ritz(self, t: Triplets) -> Triplets:
        """Rayleigh-Ritz on A V: never the roots of a Gram matrix's values."""
        x, _ = orthonormal(t.v, [t.v[:0]], 1.0, self.rng)
        q, b = orthonormal(self.operator(x), [t.u[:0]], self.operator.norm, self.rng)
        p, s, yh = np.linalg.svd(b.T)
        u, v = combine(p, q), combine(yh.conj().T, x)
        residuals = norms(self.operator.adjoint(u) - v * s[:, np.newaxis].astype(v.real.dtype)).astype(float)
        allowed = np.maximum(4 * self.tol * s, 10 * residual_limit(self.operator, s, 0))
        if (residuals > allowed).any():
            self._fail(f"residuals of {residuals.max() / self.operator.norm:.3g} of its norm stay above the tolerance", t, 0)
        return Triplets(u, s, v, residuals)


def triplets(operator: Operator, rows: int, n: int, k: int, tol: float, restarts: int, v0: np.ndarray | None,
             rng: np.random.Generator, basis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(u as rows, values, v as rows), largest first."""
    solver = _Solver(operator, rows, n, k, tol, restarts, rng, basis)
    t = solver.solve(v0)
    t = solver.last_ritz(t.first(k) if t.complete else solver.find_missed(t))
    return t.u, operator.unscaled(t.s), t.v
