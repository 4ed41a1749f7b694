"""The matrix product as an operation to measure: operands of every layout, its cost, its sides and its check."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable

import numpy as np

from benchmarks.cases import Case, Operation

CHECKED_ROWS = 8    # a check in float64 of every row would take longer than the timing
Operands = tuple[np.ndarray, np.ndarray]


def _operand(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, transposed: bool, pad: int, offset: int):
    """Return a matrix (or a stack) that lies `offset` elements into its buffer, with `pad` elements after each row."""
    *stack, rows, columns = shape
    if transposed:
        rows, columns = columns, rows
    buffer = rng.standard_normal(offset + math.prod(stack) * rows * (columns + pad), dtype=np.dtype(dtype))
    x = buffer[offset:].reshape(*stack, rows, columns + pad)[..., :columns]
    return x.swapaxes(-1, -2) if transposed else x


def make(case: Case, seed: int) -> Operands:
    """Return a and b of normally distributed numbers, in the layout that `case` asks for."""
    rng = np.random.default_rng(seed)
    a = _operand(rng, (*case.batch, case.m, case.k), case.dtype, "a" in case.transposed, case.pad[0], case.offset[0])
    if case.own:
        return a, a.swapaxes(-1, -2)
    shape = (*(() if case.shared_b else case.batch), case.k, case.n)
    return a, _operand(rng, shape, case.dtype, "b" in case.transposed, case.pad[1], case.offset[1])


def flops(case: Case) -> float:
    """Return the multiplications and additions: a symmetric result needs only its triangle."""
    columns = case.m + 1 if case.own else 2 * case.n
    return float(math.prod(case.batch) * case.m * columns * case.k)


def nbytes(case: Case) -> float:
    """Return the bytes of both operands and the result, each counted once."""
    stack = math.prod(case.batch)
    b = 0 if case.own else case.k * case.n * (1 if case.shared_b else stack)
    return float(np.dtype(case.dtype).itemsize * (stack * case.m * (case.k + case.n) + b))


def label(case: Case) -> str:
    """Return the product as NumPy would write it, with the shapes as they lie in memory."""
    transpose = ".mT" if case.batch else ".T"

    def operand(name: str, stack: tuple[int, ...], rows: int, columns: int) -> str:
        flip = name in case.transposed
        shape = (*stack, columns, rows) if flip else (*stack, rows, columns)
        return str(shape) + (transpose if flip else "")

    if case.own:
        stored = (*case.batch, *((case.k, case.m) if case.transposed else (case.m, case.k)))
        text = f"x{transpose} @ x, x {stored}" if case.transposed else f"x @ x{transpose}, x {stored}"
    else:
        b_stack = () if case.shared_b else case.batch
        text = f"{operand('a', case.batch, case.m, case.k)} @ {operand('b', b_stack, case.k, case.n)}"
    for name, pad, offset in zip("ab", case.pad, case.offset, strict=True):
        text += f", {name}" if pad or offset else ""
        text += f" ld+{pad}" if pad else ""
        text += f" offset {offset}" if offset else ""
    return text if case.out else text + ", new"


def check(case: Case, operands: Operands, result: np.ndarray) -> float:
    """Return the largest error of some rows of some matrices, in units of 16 eps |A||B| (BLAS's own bound)."""
    a, b = operands
    if result.shape != (*case.batch, case.m, case.n) or result.dtype != np.dtype(case.dtype):
        return math.inf
    rng = np.random.default_rng(3)
    worst = 0.0
    for index in {0, math.prod(case.batch) // 3, math.prod(case.batch) - 1}:
        place = np.unravel_index(index, case.batch) if case.batch else ()
        rows = rng.choice(case.m, min(CHECKED_ROWS, case.m), replace=False)
        left = a[place][rows].astype(np.float64)
        right = (b if case.shared_b else b[place]).astype(np.float64)
        bound = 16 * np.finfo(result.dtype).eps * (np.abs(left) @ np.abs(right)) + np.finfo(np.float64).tiny
        worst = np.maximum(worst, np.max(np.abs(result[place][rows] - left @ right) / bound))   # maximum keeps a NaN
    return float(worst)


def _by(library: str) -> Callable[[Case, Operands], Callable[[], np.ndarray]]:
    """Return the side that calls `library`.matmul."""
    def prepare(case: Case, operands: Operands) -> Callable[[], np.ndarray]:
        product = importlib.import_module(library).matmul
        out = (np.empty((*case.batch, case.m, case.n), case.dtype),) if case.out else ()
        # Positional arguments bound by partial add 0.03 us to a call; a lambda or a keyword would add more.
        return functools.partial(product, *operands, *out)
    return prepare


OPERATION = Operation(make=make, sides={"numpy": _by("numpy"), "fastla": _by("fastla")}, check=check, label=label,
                      flops=flops, nbytes=nbytes)
