"""The largest singular triplets: block Golub-Kahan, the search for what it missed, and a last Rayleigh-Ritz on A V."""

import numpy as np

from fastla._methods import tuning
from fastla._methods.blocks import combine, norms, orthonormal, random_block
from fastla._methods.convergence import no_convergence
from fastla._methods.krylov.block_krylov import Restarts, residual_limit
from fastla._methods.krylov.golub_kahan import Done, Triplets, golub_kahan
from fastla._methods.krylov.pace import Pace
from fastla._methods.krylov.probe import steps_needed
from fastla._methods.operators import Operator


class _Solver:
    """The k largest triplets of an operator with n columns, and at least as many rows."""

    def __init__(
        self,
        operator: Operator,
        rows: int,
        n: int,
        k: int,
        tol: float,
        restarts: int,
        rng: np.random.Generator,
        basis: int,
    ) -> None:
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

        pace = Pace()

        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
            if len(s) < k and not complete:
                return -max(1, (k - len(s)) // block)
            limits = self._limit(s[:k])
            reached = complete or (residuals[:k] <= limits).all()
            return len(s) if reached else pace.wait(steps, residuals[:k], limits)

        start = random_block(
            block, self.n, np.dtype(self.operator.dtype), self.rng, None if v0 is None else v0[np.newaxis]
        )
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
        best = np.argsort(-sure.s, kind="stable")[: self.k]
        return Triplets(sure.u[best], sure.s[best], sure.v[best], sure.residuals[best])

    def _neighbours(self, t: Triplets) -> Triplets:
        risk, last = 0.0, self.k
        while last < len(t.s) and t.s[last] < t.s[self.k - 1]:
            risk += (t.residuals[last] / (t.s[self.k - 1] - t.s[last])) ** 2
            if risk > tuning.NEIGHBOURS_RISK:
                break
            last += 1
        return Triplets(t.u[self.k : last], t.s[self.k : last], t.v[self.k : last], t.residuals[self.k : last])

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
        pace = Pace()

        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
            nonlocal hit
            limit = self._limit(s[:1])[0]
            if s[0] > edge + 2 * limit:
                hit = True
                return min(len(s), self.operator.block)
            at_edge = residuals[0] <= limit         # as in probe.py
            needed = steps_needed(self.n, 1 if at_edge or s[0] >= edge else 1 - (s[0] / edge) ** 2)
            if complete or steps >= needed and (at_edge or self._is_below(s[0], residuals[0], edge)):
                return 1
            small = np.array([max(limit, tuning.PROBE_GAP * (edge - s[0]))])
            return pace.wait(steps, residuals[:1], small, needed - steps)

        start = random_block(self.operator.block, self.n, locked.v.dtype, self.rng)
        t = self._run(start, locked, done, "the search for missed values did not end")
        return t.v if hit else None

    def _resolve(self, hit: np.ndarray, locked: Triplets, edge: float) -> Triplets:
        def done(s: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
            converged = residuals[0] <= self._limit(s[:1])[0]
            return 1 if converged or complete or self._is_below(s[0], residuals[0], edge) else -1

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
            self._fail(
                f"residuals of {residuals.max() / self.operator.norm:.3g} of its norm stay above the tolerance", t, 0
            )
        return Triplets(u, s, v, residuals)


def triplets(
    operator: Operator,
    rows: int,
    n: int,
    k: int,
    tol: float,
    restarts: int,
    v0: np.ndarray | None,
    rng: np.random.Generator,
    basis: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(u as rows, values, v as rows), largest first."""
    solver = _Solver(operator, rows, n, k, tol, restarts, rng, basis)
    t = solver.solve(v0)
    t = solver.last_ritz(t.first(k) if t.complete else solver.find_missed(t))
    return t.u, operator.unscaled(t.s), t.v
