"""The search for eigenvalues that a converged run has missed.

A Krylov space holds one vector of each eigenspace (a block of b: b of them), and a member of a tight cluster may not
yet have come apart from its neighbours when the others converge. So the answer is deflated, with the converged
neighbours below it, and the rest of the space is asked from a fresh random block whether its top is clearly below the
answer's edge.

How sure that is: Kuczynski and Wozniakowski, Estimating the largest eigenvalue by the power and Lanczos algorithms with
a random start, SIAM J. Matrix Anal. Appl. 13 (1992). After q steps from a random start the largest value is
underestimated by a share eps of the spectrum's width with probability at most 1.648 sqrt(n) exp(-(2 q - 1) sqrt(eps)).
One step alone says nearly nothing, however small its residual.
"""

import math

import numpy as np

from fastla._methods import tuning
from fastla._methods.blocks import random_block
from fastla._methods.convergence import no_convergence
from fastla._methods.krylov.block_krylov import Restarts, Ritz, block_krylov, residual_limit
from fastla._methods.krylov.pace import Pace
from fastla._methods.operators import Operator
from fastla._methods.wanted import End, ends, order


def steps_needed(n: int, share: float) -> float:
    """Steps from a random start after which a value above the edge by this share of the width would have shown."""
    return (1 + math.log(1.648 * math.sqrt(n) / tuning.PROBE_RISK) / math.sqrt(share)) / 2


def find_missed(
    operator: Operator, k: int, which: str, tol: float, ritz: Ritz, rng: np.random.Generator, restarts: Restarts
) -> tuple[np.ndarray, np.ndarray]:
    """Values and vectors of the k most wanted: those of `ritz`, and what it missed in the place of others."""
    probe = _Probe(operator, k, which, tol, rng, restarts)
    vectors, values = ritz.vectors[:k], ritz.values[:k]
    beside = ritz.vectors[k:]
    n = vectors.shape[1]
    for _ in range(4 * k + 20):
        if len(vectors) + len(beside) >= n:
            beside = beside[:0]
        if len(vectors) >= n:
            break
        edges = ends(which, values[order(values, which)[:k]])
        hit = probe.detect(np.concatenate([vectors, beside]), edges)
        if hit is None:
            break
        beside = beside[:0]  # one of them may hold a piece of what was missed
        found = probe.resolve(hit, vectors, edges)
        values, vectors = np.concatenate([values, found.values]), np.concatenate([vectors, found.vectors])
    best = order(values, which)[:k]
    return values[best], vectors[best]


class _Probe:
    """Runs on what is left of the space."""

    def __init__(
        self, operator: Operator, k: int, which: str, tol: float, rng: np.random.Generator, restarts: Restarts
    ) -> None:
        self.operator, self.which, self.tol, self.rng, self.restarts = operator, which, tol, rng, restarts
        self.basis = tuning.basis_size(min(k, 4 * operator.block), operator.block)
        self.keep = int(operator.block + tuning.KEEP * (self.basis - 2 * operator.block))

    def _run(self, start: np.ndarray, locked: np.ndarray, done, what: str) -> Ritz:
        ritz = block_krylov(
            self.operator, start, locked, self.basis, self.keep, self.which, done, self.rng, self.restarts
        )
        if not ritz.finished:
            raise no_convergence(
                f"{self.operator.what}: {what}; more restarts (maxiter) may help", np.empty(0), locked[:0]
            )
        return ritz

    def _limit(self, value: float) -> float:
        return float(residual_limit(self.operator, np.array([value]), self.tol)[0])

    def _width(self, end: End, gap: float) -> float:
        if end.key is np.abs:
            return max(gap, 2 * end.edge)
        lowest = min(float(end.key(np.float64(x))) for x in (self.operator.lowest, self.operator.highest))
        return max(gap, end.edge - lowest)

    def detect(self, locked: np.ndarray, edges: list[End]) -> np.ndarray | None:
        """Vectors that show a value beyond an edge; None: there is none."""
        hit = False
        n = locked.shape[1]

        paces = [Pace() for _ in edges]

        def done(values: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
            nonlocal hit
            waits = []
            for end, pace in zip(edges, paces, strict=True):
                top = int(np.argmax(end.key(values)))
                residual, limit, gap = residuals[top], self._limit(values[top]), end.edge - end.key(values[top])
                if gap < -2 * limit:
                    hit = True
                    return min(len(values), self.operator.block)
                # At the edge itself no gap says how many steps are needed: a value whose residual is small from the
                # start, in a narrow spectrum, gets as many as a gap as wide as all of it would ask for.
                at_edge = residual <= limit
                needed = steps_needed(n, 1 if at_edge or gap <= 0 else gap / self._width(end, gap))
                if not (complete or steps >= needed and (at_edge or residual <= tuning.PROBE_GAP * gap)):
                    small = np.array([max(limit, tuning.PROBE_GAP * gap)])
                    waits.append(pace.wait(steps, residuals[top : top + 1], small, needed - steps))
            return min(waits, default=1)

        start = random_block(self.operator.block, n, locked.dtype, self.rng)
        ritz = self._run(start, locked, done, "the search for missed values did not end")
        return ritz.vectors if hit else None

    def resolve(self, hit: np.ndarray, locked: np.ndarray, edges: list[End]) -> Ritz:
        """The missed pairs, converged: from what was found, with only the converged locked."""
        found: list[int] = []

        def done(values: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
            found.clear()
            for end in edges:
                for i in np.argsort(-end.key(values), kind="stable"):
                    gap, limit = end.edge - end.key(values[i]), self._limit(values[i])
                    converged = complete or residuals[i] <= limit
                    if (
                        gap > 0
                        and (complete or residuals[i] <= tuning.PROBE_GAP * gap)
                        or gap >= -2 * limit
                        and converged
                    ):
                        break
                    if not converged:
                        if not found:
                            return -1
                        break
                    found.append(int(i))
            return max(found) + 1 if found else 1

        start = random_block(self.operator.block, locked.shape[1], locked.dtype, self.rng, hit)
        ritz = self._run(start, locked, done, "a missed value did not converge")
        which = sorted(set(found))
        return Ritz(ritz.values[which], ritz.vectors[which], ritz.residuals[which], True)
