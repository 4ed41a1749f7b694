"""The matrix product as an operation to measure: operands of every layout, its cost, its sides and its check."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from benchmarks.operations import Call, Case

CHECKED_ROWS = 8    # a check in float64 of every row would take longer than the timing
Operands = tuple[np.ndarray, np.ndarray]


def random_numbers(rng: np.random.Generator, shape: int | tuple[int, ...], dtype: str) -> np.ndarray:
    """Return numbers of any type: normally distributed, integers of the type's whole range, or few that are True."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.05
    if kind.kind in "iu":
        return rng.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, kind, endpoint=True)
    if kind.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(kind)
    if kind in (np.float32, np.float64):
        return rng.standard_normal(shape, dtype=kind)
    return rng.standard_normal(shape, dtype=np.float32).astype(kind)


def _by(library: str) -> Callable[[Product, Operands], Call]:
    """Return the side that calls `library`.matmul."""
    def prepare(case: Product, operands: Operands) -> Call:
        product = importlib.import_module(library).matmul
        out = (np.empty((*case.batch, case.m, case.n), case.dtype),) if case.out else ()
        # Positional arguments bound by partial add 0.03 us to a call; a lambda or a keyword would add more.
        return functools.partial(product, *operands, *out)
    return prepare


@dataclass(frozen=True)
class Product(Case):
    """(m, k) @ (k, n).

    Attributes
    ----------
    batch : tuple of int
        The dimensions in front of both operands: a stack.
    transposed : str
        The operands that are transposed views: "", "a", "b" or "ab".
    own : bool
        The second operand is the first one transposed, in the same memory.
    shared_b : bool
        A stack times one 2-D matrix.
    out : bool
        The result is written into a given array; otherwise each call allocates it.
    pad, offset : tuple of int
        For a and b, in elements: what follows each row (so the leading dimension), what precedes the matrix.
    """

    m: int
    n: int
    k: int
    batch: tuple[int, ...] = field(default=(), kw_only=True)
    transposed: str = field(default="", kw_only=True)
    own: bool = field(default=False, kw_only=True)
    shared_b: bool = field(default=False, kw_only=True)
    out: bool = field(default=True, kw_only=True)
    pad: tuple[int, int] = field(default=(0, 0), kw_only=True)
    offset: tuple[int, int] = field(default=(0, 0), kw_only=True)
    TABLE: ClassVar = "products"
    SIDES: ClassVar = {"numpy": _by("numpy"), "fastla": _by("fastla")}

    def make(self, seed: int) -> Operands:
        """Return a and b in the layout asked for."""
        rng = np.random.default_rng(seed)
        a = self._operand(rng, "a", self.batch, self.m, self.k)
        if self.own:
            return a, a.swapaxes(-1, -2)
        return a, self._operand(rng, "b", () if self.shared_b else self.batch, self.k, self.n)

    def _operand(self, rng: np.random.Generator, name: str, stack: tuple[int, ...], rows: int,
                 columns: int) -> np.ndarray:
        """Return a matrix (or a stack) that lies `offset` elements into its buffer, `pad` elements after each row."""
        pad, offset = self.pad["ab".index(name)], self.offset["ab".index(name)]
        if name in self.transposed:
            rows, columns = columns, rows
        buffer = random_numbers(rng, offset + math.prod(stack) * rows * (columns + pad), self.dtype)
        x = buffer[offset:].reshape(*stack, rows, columns + pad)[..., :columns]
        return x.swapaxes(-1, -2) if name in self.transposed else x

    def flops(self) -> float:
        """Return the multiplications and additions: a symmetric result needs only its triangle."""
        columns = self.m + 1 if self.own else 2 * self.n
        return float(math.prod(self.batch) * self.m * columns * self.k)

    def nbytes(self) -> float:
        """Return the bytes of both operands and the result, each counted once."""
        stack = math.prod(self.batch)
        b = 0 if self.own else self.k * self.n * (1 if self.shared_b else stack)
        return float(np.dtype(self.dtype).itemsize * (stack * self.m * (self.k + self.n) + b))

    def label(self) -> str:
        """Return the product as NumPy would write it, with the shapes as they lie in memory."""
        transpose = ".mT" if self.batch else ".T"

        def operand(name: str, stack: tuple[int, ...], rows: int, columns: int) -> str:
            flip = name in self.transposed
            shape = (*stack, columns, rows) if flip else (*stack, rows, columns)
            return str(shape) + (transpose if flip else "")

        if self.own:
            stored = (*self.batch, *((self.k, self.m) if self.transposed else (self.m, self.k)))
            text = f"x{transpose} @ x, x {stored}" if self.transposed else f"x @ x{transpose}, x {stored}"
        else:
            b_stack = () if self.shared_b else self.batch
            text = f"{operand('a', self.batch, self.m, self.k)} @ {operand('b', b_stack, self.k, self.n)}"
        for name, pad, offset in zip("ab", self.pad, self.offset, strict=True):
            text += f", {name}" if pad or offset else ""
            text += f" ld+{pad}" if pad else ""
            text += f" offset {offset}" if offset else ""
        return text if self.out else text + ", new"

    def check(self, operands: Operands, result: np.ndarray) -> float:
        """Return the largest error of some rows of some matrices."""
        a, b = operands
        if result.shape != (*self.batch, self.m, self.n) or result.dtype != np.dtype(self.dtype):
            return math.inf
        rng = np.random.default_rng(3)
        worst = 0.0
        for index in {0, math.prod(self.batch) // 3, math.prod(self.batch) - 1}:
            place = np.unravel_index(index, self.batch) if self.batch else ()
            rows = rng.choice(self.m, min(CHECKED_ROWS, self.m), replace=False)
            right = b if self.shared_b else b[place]
            worst = np.maximum(worst, _error(a[place][rows], right, result[place][rows]))   # maximum keeps a NaN
        return float(worst)


def _error(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Return the error of c = a @ b: of floats in units of 16 eps |A||B|, the BLAS tester's bound; else 0 or inf."""
    if c.dtype.kind in "biu":
        exact = a.astype(np.int64) @ b.astype(np.int64)     # wraps around at 64 bits, and so at fewer when it is cast
        return 0.0 if np.array_equal(exact.astype(c.dtype), c) else math.inf
    wide = np.complex128 if c.dtype.kind == "c" else np.float64
    exact = a.astype(wide) @ b.astype(wide)
    size = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    return float(np.max(np.abs(c - exact) / (16 * np.finfo(c.dtype).eps * size + np.finfo(np.float64).tiny)))
