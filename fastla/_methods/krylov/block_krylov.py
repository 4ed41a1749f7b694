"""Thick-restart block Krylov: Ritz pairs of a symmetric operator in a wanted order.

Wu and Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, SIAM J. Matrix Anal. Appl. 22
(2000), with blocks (Golub and Underwood 1977), full orthogonalisation, and random directions where a block loses rank.

The basis V of j vectors and the next block Q, orthonormal, satisfy A V = V T + Q B in the columns of the newest block:
what is beyond V couples to that block alone. So the residual of a Ritz pair (theta, V y) is the length of B y in that
block.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastla._methods import native, tuning
from fastla._methods.blocks import combine, orthonormal, project_out, random_block, wide
from fastla._methods.krylov.pace import Pace
from fastla._methods.operators import Operator
from fastla._methods.wanted import order, with_neighbours


@dataclass
class Restarts:
    """How many are left; shared by all runs of a call."""

    left: int


@dataclass
class Ritz:
    """Ritz pairs in the wanted order, with residuals; `complete`: the basis is the whole space."""

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    finished: bool
    complete: bool = False

    def limit(self, operator: Operator, tol: float) -> np.ndarray:
        """The residuals that are asked for."""
        return residual_limit(operator, self.values, tol)

    def converged(self, operator: Operator, tol: float) -> int:
        """How many of the first have converged."""
        return int(np.cumprod(self.residuals <= self.limit(operator, tol)).sum())


# done(values, residuals, complete, steps) -> how many pairs to return, or minus the steps after which to ask again.
Done = Callable[[np.ndarray, np.ndarray, bool, int], int]


def residual_limit(operator: Operator, values: np.ndarray, tol: float) -> np.ndarray:
    """The residuals that are asked for: max(tol |w|, c eps ||A||)."""
    return np.maximum(tol * np.abs(values), tuning.ROUNDING * np.finfo(operator.dtype).eps * operator.norm)


def block_krylov(
    operator: Operator,
    start: np.ndarray,
    locked: np.ndarray,
    basis: int,
    keep: int,
    which: str,
    done: Done,
    rng: np.random.Generator,
    restarts: Restarts,
) -> Ritz:
    """Runs on the complement of the rows of `locked`; of a basis of so many vectors `keep` survive a restart."""
    run = _Run(operator, start, locked, basis, rng)
    steps = look = 0
    while True:
        run.expand()
        steps += 1
        size, full = run.size, run.is_full()
        complete = len(run.block) == 0
        if not (full or complete or steps >= look):
            continue
        values, residuals = run.ritz()
        ranks = order(values, which)
        take = done(values[ranks], residuals[ranks], complete, steps)
        if take < 0 and not complete and not (full and restarts.left <= 0):
            look = steps - take
            if full:
                restarts.left -= 1
                run.restart(ranks[: max(1, min(keep, run.capacity - len(run.block), size - 1))])
            continue
        best = ranks[: size if take < 0 else take]
        return Ritz(values[best], run.vectors(best), residuals[best], take >= 0, complete)


class _Run:
    """The basis V as rows, T = V* A V, the block that comes next and its coupling B to the newest block of V."""

    def __init__(
        self, operator: Operator, start: np.ndarray, locked: np.ndarray, basis: int, rng: np.random.Generator
    ) -> None:
        n, dtype = start.shape[1], start.dtype
        self.operator, self.locked, self.rng = operator, locked, rng
        self.capacity = min(basis, n - len(locked))
        self.v = np.empty((self.capacity + len(start), n), dtype)
        self.t = np.zeros((len(self.v), len(self.v)), wide(dtype))
        self.size = self.newest = 0
        self.b = np.empty((0, 0))
        self.expected = np.zeros((0, len(start)), self.t.dtype)
        start = start.copy()
        project_out(start, [locked])
        self.block, _ = orthonormal(start, [locked], 1.0, rng)

    def expand(self) -> None:
        """A times the block: its part in V into T, what is left makes the next block."""
        j, end = self.size, self.size + len(self.block)
        self.v[j:end] = self.block
        self.size, self.newest = end, end - j
        w = self.operator(self.v[j:end])
        c = project_out(w, [self.v[:end], self.locked]).astype(self.t.dtype, copy=False).T
        own = c[j:end]
        self._check_symmetric(c[:j], own)
        self.t[:j, j:end], self.t[j:end, :j] = c[:j], c[:j].conj().T
        self.t[j:end, j:end] = (own + own.conj().T) / 2
        self.block, self.b = orthonormal(w, [self.v[:end], self.locked], self.operator.norm, self.rng)
        if not self.operator.trusted:
            self.expected = np.zeros((end, len(self.block)), self.t.dtype)
            self.expected[j:] = self.b.conj()

    def _check_symmetric(self, above: np.ndarray, own: np.ndarray) -> None:
        self.operator.norm = max(self.operator.norm, float(np.abs(own).max()))
        if self.operator.trusted:       # an array, compared with its transpose; others are a promise
            return
        norm = self.operator.norm = max(self.operator.norm, float(np.abs(above).max(initial=0)))
        if max(np.abs(own - own.conj().T).max(), np.abs(above - self.expected).max(initial=0)) > 1e-2 * norm:
            raise ValueError(
                f"{self.operator.what} is not that of a symmetric (Hermitian) operator: V* A V is not symmetric"
            )

    def is_full(self) -> bool:
        """Whether the basis has no room for another block."""
        return self.size + max(len(self.block), 1) > self.capacity

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values, in no order, and residuals: of the vectors they need the newest block's coordinates alone."""
        values, y = native.eigh(self.t[: self.size, : self.size], self.size - self.newest)
        self.operator.saw(values)
        return values, np.sqrt(np.square(np.abs(self.b.T @ y)).sum(0)) if len(self.block) else np.zeros(self.size)

    def vectors(self, which: np.ndarray) -> np.ndarray:
        """Ritz vectors by number, as ritz() has them."""
        _, y = native.eigh(self.t[: self.size, : self.size])
        return combine(y[:, which], self.v[: self.size])

    def restart(self, kept: np.ndarray) -> None:
        """V becomes the kept Ritz vectors; the next product finds their coupling to the block."""
        values, y = native.eigh(self.t[: self.size, : self.size])
        self.expected = (self.b.T @ y[self.size - self.newest :, kept]).conj().T
        self.v[: len(kept)] = combine(y[:, kept], self.v[: self.size])
        self.t[:] = 0
        self.t[np.arange(len(kept)), np.arange(len(kept))] = values[kept]
        self.size = len(kept)


def solve(
    operator: Operator,
    n: int,
    k: int,
    which: str,
    tol: float,
    start: np.ndarray,
    basis: int,
    rng: np.random.Generator,
    restarts: Restarts,
) -> Ritz:
    """The k most wanted pairs and those next to them that are safe to deflate."""
    keep = int(k + tuning.KEEP * (basis - k - operator.block))
    pace = Pace()

    def done(values: np.ndarray, residuals: np.ndarray, complete: bool, steps: int) -> int:
        if complete:
            return len(values)
        if len(values) < k:
            return -max(1, (k - len(values)) // operator.block)
        limits = residual_limit(operator, values[:k], tol)
        if (residuals[:k] <= limits).all():
            return with_neighbours(values, residuals, k, which)
        return pace.wait(steps, residuals[:k], limits)

    return block_krylov(operator, start, np.empty((0, n), start.dtype), basis, keep, which, done, rng, restarts)


def start_block(operator: Operator, n: int, first: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Random vectors after the rows of `first`."""
    return random_block(operator.block, n, np.dtype(operator.dtype), rng, first)
