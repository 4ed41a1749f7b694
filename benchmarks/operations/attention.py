"""Softmax attention as an operation to measure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from benchmarks.operations import Call, Case

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
CHECKED_ROWS = 16
Operands = tuple[np.ndarray, np.ndarray, np.ndarray]


def _textbook(q: np.ndarray, k: np.ndarray, v: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """Return softmax(q k^T / sqrt(d)) v, as NumPy's users write it."""
    scores = q @ k.swapaxes(-1, -2) * q.dtype.type(1 / math.sqrt(q.shape[-1]))
    if seen is not None:
        scores = np.where(seen, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def _numpy(case: Attention, operands: Operands) -> Call:
    seen = np.tri(case.queries, case.keys, dtype=bool) if case.causal else None
    return lambda: _textbook(*operands, seen)


def _torch(case: Attention, operands: Operands) -> Call:
    import torch
    q, k, v = map(torch.from_numpy, operands)
    attention = torch.nn.functional.scaled_dot_product_attention
    return lambda: attention(q, k, v, is_causal=case.causal)


def _fastla(case: Attention, operands: Operands) -> Call:
    import fastla
    return lambda: fastla.attention(*operands, is_causal=case.causal)


@dataclass(frozen=True)
class Attention(Case):
    """Queries of `heads` heads, in a batch, against as many keys of the same width; causal: query i sees keys to i."""

    batch: int
    heads: int
    queries: int
    keys: int
    width: int
    causal: bool = field(default=False, kw_only=True)
    TABLE: ClassVar = "attention"
    SIDES: ClassVar = {"numpy": _numpy, "torch": _torch, "fastla": _fastla}

    def make(self, seed: int) -> Operands:
        """Return queries, keys and values."""
        rng = np.random.default_rng(seed)

        def numbers(rows: int) -> np.ndarray:
            return rng.standard_normal((self.batch, self.heads, rows, self.width), dtype=np.dtype(self.dtype))
        return numbers(self.queries), numbers(self.keys), numbers(self.keys)

    def label(self) -> str:
        """Return the call."""
        shape = (self.batch, self.heads, self.queries, self.width)
        return f"attention({shape}, {self.keys} keys{', causal' if self.causal else ''})"

    def flops(self) -> float:
        """Return those of both products, of the pairs that are seen."""
        seen = np.tri(self.queries, self.keys).sum() if self.causal else self.queries * self.keys
        return float(4 * self.batch * self.heads * seen * self.width)

    def nbytes(self) -> float:
        """Return the bytes of the operands and the result."""
        size = np.dtype(self.dtype).itemsize
        return float(2 * size * self.batch * self.heads * (self.queries + self.keys) * self.width)

    def check(self, operands: Operands, result: np.ndarray) -> float:
        """Return the largest error of some queries."""
        found = np.asarray(result)
        if found.shape != operands[0].shape:
            return math.inf
        rows = np.random.default_rng(3).choice(self.queries, min(CHECKED_ROWS, self.queries), replace=False)
        seen = np.tri(self.queries, self.keys, dtype=bool)[rows] if self.causal else None
        q, k, v = (x.astype(np.float64) for x in operands)
        return float(np.max(np.abs(found[..., rows, :] - _textbook(q[..., rows, :], k, v, seen)))
                     / TOLERANCE[self.dtype])
