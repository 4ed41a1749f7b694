"""Cosine similarities as operations to measure: every row against every row, and row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.operations import Call, Case

CHECKED_ROWS = 4
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
Operands = tuple[np.ndarray, np.ndarray]


def vectors(seed: int, queries: int, rows: int, dim: int, dtype: str = "float32") -> Operands:
    """Return queries and the rows they meet, of different lengths."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, dim), dtype=np.dtype(dtype))
    x *= rng.uniform(0.5, 2, (rows, 1)).astype(dtype)
    return rng.standard_normal((queries, dim), dtype=np.dtype(dtype)), x


def unit(x: np.ndarray) -> np.ndarray:
    """Return the rows divided by their lengths, as NumPy's users write it."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def some_rows(count: int) -> np.ndarray:
    """Return a few of `count` rows to be checked, always the same ones."""
    return np.random.default_rng(3).choice(count, min(CHECKED_ROWS, count), replace=False)


def exact_cosines(q: np.ndarray, x: np.ndarray, chunk: int = 65536) -> np.ndarray:
    """Return the similarities in float64; x is converted a chunk at a time, for it may be large."""
    q = unit(q.astype(np.float64))
    return np.hstack([q @ unit(x[i:i + chunk].astype(np.float64)).T for i in range(0, len(x), chunk)])


def _cosine_fastla(case: Cosine, operands: Operands) -> Call:
    import fastla
    return lambda: fastla.cosine_similarity(*operands)


def _cosine_numpy(case: Cosine, operands: Operands) -> Call:
    q, x = operands
    return lambda: unit(q) @ unit(x).T


def _cosine_sklearn(case: Cosine, operands: Operands) -> Call:
    from sklearn.metrics.pairwise import cosine_similarity
    return lambda: cosine_similarity(*operands)


def _cosine_torch(case: Cosine, operands: Operands) -> Call:
    import torch
    q, x = map(torch.from_numpy, operands)
    return lambda: torch.nn.functional.normalize(q) @ torch.nn.functional.normalize(x).T


@dataclass(frozen=True)
class Cosine(Case):
    """The similarities of m rows of k numbers with n others."""

    m: int
    n: int
    k: int
    TABLE: ClassVar = "similarity"
    SIDES: ClassVar = {"numpy": _cosine_numpy, "sklearn": _cosine_sklearn, "torch": _cosine_torch,
                       "fastla": _cosine_fastla}

    def make(self, seed: int) -> Operands:
        """Return both sets of rows."""
        return vectors(seed, self.m, self.n, self.k, self.dtype)

    def label(self) -> str:
        """Return the call."""
        return f"cosine_similarity(({self.m}, {self.k}), ({self.n}, {self.k}))"

    def flops(self) -> float:
        """Return those of the product, and of the lengths of all rows."""
        return 2.0 * self.k * (self.m * self.n + self.m + self.n)

    def nbytes(self) -> float:
        """Return the bytes of both operands and the result."""
        return float(np.dtype(self.dtype).itemsize * (self.k * (self.m + self.n) + self.m * self.n))

    def check(self, operands: Operands, result: np.ndarray) -> float:
        """Return the largest error of some rows."""
        found = np.asarray(result)
        if found.shape != (self.m, self.n):
            return math.inf
        rows = some_rows(self.m)
        exact = exact_cosines(operands[0][rows], operands[1])
        return float(np.max(np.abs(found[rows] - exact)) / TOLERANCE[self.dtype])


def _paired_fastla(case: Paired, operands: Operands) -> Call:
    import fastla
    return lambda: fastla.paired_cosine_similarity(*operands)


def _paired_numpy(case: Paired, operands: Operands) -> Call:
    x, y = operands
    return lambda: np.vecdot(x, y) / np.sqrt(np.vecdot(x, x) * np.vecdot(y, y))


def _paired_sklearn(case: Paired, operands: Operands) -> Call:
    from sklearn.metrics.pairwise import paired_cosine_distances
    return lambda: 1 - paired_cosine_distances(*operands)


def _paired_torch(case: Paired, operands: Operands) -> Call:
    import torch
    x, y = map(torch.from_numpy, operands)
    return lambda: torch.nn.functional.cosine_similarity(x, y)


@dataclass(frozen=True)
class Paired(Case):
    """The similarity of each of n rows of k numbers with its partner."""

    n: int
    k: int
    TABLE: ClassVar = "similarity"
    SIDES: ClassVar = {"numpy": _paired_numpy, "sklearn": _paired_sklearn, "torch": _paired_torch,
                       "fastla": _paired_fastla}

    def make(self, seed: int) -> Operands:
        """Return both sets of rows."""
        return vectors(seed, self.n, self.n, self.k, self.dtype)

    def label(self) -> str:
        """Return the call."""
        return f"paired_cosine_similarity of two ({self.n}, {self.k})"

    def flops(self) -> float:
        """Return those of three dot products a row."""
        return 6.0 * self.n * self.k

    def nbytes(self) -> float:
        """Return the bytes of both operands and the result."""
        return float(np.dtype(self.dtype).itemsize * self.n * (2 * self.k + 1))

    def check(self, operands: Operands, result: np.ndarray) -> float:
        """Return the largest error."""
        found = np.asarray(result)
        if found.shape != (self.n,):
            return math.inf
        x, y = (unit(operand.astype(np.float64)) for operand in operands)
        return float(np.max(np.abs(found - np.vecdot(x, y))) / TOLERANCE[self.dtype])
