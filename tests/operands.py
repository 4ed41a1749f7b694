"""Operands for the tests: small integers, arrays in every layout, shapes that take every path."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import reference

from fastla import _core
from fastla._core import core

DTYPES = [np.float32, np.float64]


class Tile(NamedTuple):
    """A target's micro-kernel: its rows, its columns, the elements of a vector."""

    mr: int
    nr: int
    lanes: int


def tile(target: str, dtype: type) -> Tile:
    """The tile of the target's kernels for a dtype."""
    kernels = _core.products(np.dtype(dtype).name)
    row = core.describe(kernels)
    return Tile(row["mr"], row["nr"], row["vector_bytes"] // np.dtype(dtype).itemsize)


@functools.cache
def integers(seed: int, *shape: int) -> np.ndarray:
    """From -3 to 3: sums of 100,000 products are exact even in float32."""
    x = np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float64)
    x.flags.writeable = False
    return x


@functools.cache
def exact(m: int, k: int, n: int) -> np.ndarray:
    """integers(1, m, k) @ integers(2, k, n)."""
    return reference.matmul(integers(1, m, k), integers(2, k, n))


# --- layouts: the same values in other places, on the last two axes of a stack --------------------------------------
def _padded(x: np.ndarray) -> np.ndarray:
    base = np.full((*x.shape[:-2], x.shape[-2] + 3, x.shape[-1] + 5), np.nan, x.dtype)
    base[..., 1:-2, 3:-2] = x
    return base[..., 1:-2, 3:-2]


def _every_other(x: np.ndarray) -> np.ndarray:
    base = np.full((*x.shape[:-2], 2 * x.shape[-2], 2 * x.shape[-1]), np.nan, x.dtype)
    base[..., ::2, 1::2] = x
    return base[..., ::2, 1::2]


def unaligned(x: np.ndarray) -> np.ndarray:
    """A writeable copy at an odd address."""
    memory = np.empty(x.nbytes + 1, np.uint8)
    y = memory[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


Layout = Callable[[np.ndarray], np.ndarray]
LAYOUTS: dict[str, Layout] = {
    "C": np.ascontiguousarray,
    "F": lambda x: np.ascontiguousarray(x.mT).mT,
    "padded": _padded,
    "padded F": lambda x: _padded(x.mT).mT,
    "every other": _every_other,
    "reversed rows": lambda x: x[..., ::-1, :].copy()[..., ::-1, :],
    "reversed columns": lambda x: x[..., ::-1].copy()[..., ::-1],
    "reversed F": lambda x: x.mT[..., ::-1, ::-1].copy()[..., ::-1, ::-1].mT,
    "unaligned": unaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": _read_only,
}


# --- shapes ---------------------------------------------------------------------------------------------------------
class Shape(NamedTuple):
    """c[m, n] = a[m, k] @ b[k, n], and the layouts of a and b."""

    m: int
    k: int
    n: int
    a: str = "C"
    b: str = "C"


# One or more for every path of matmul.pxi, on any target: see `choose` there, and crossovers.pxi.
PATHS = {
    "in place": Shape(13, 20, 29),
    "in place, a by columns": Shape(13, 20, 29, "F", "C"),
    "in place, several micro-panels": Shape(35, 40, 131),
    "streams": Shape(7, 300, 301),
    "streams, wide": Shape(3, 33, 4500),
    "b packed": Shape(21, 33, 35, "C", "F"),
    "both packed": Shape(50, 35, 37, "F", "F"),
    "both packed, b large": Shape(53, 290, 301, "F", "C"),
    "packed, k sliced": Shape(53, 1100, 70, "F", "C"),
    "packed, n in blocks": Shape(50, 65, 1130),
    "dots": Shape(21, 70, 3, "C", "F"),
    "dots, b packed": Shape(21, 700, 2),     # not where a vector is two elements
    "dot": Shape(1, 3000, 1),
    "matrix @ vector": Shape(37, 2100, 1),
    "vector @ matrix": Shape(1, 70, 129),
    "transposed": Shape(5, 70, 41, "C", "F"),
    "transposed, one row": Shape(1, 70, 41, "C", "F"),
    "transposed, one column": Shape(41, 9, 1, "F", "C"),
    "transposed, few columns": Shape(41, 70, 3, "F", "C"),
    "split k": Shape(3, 4200, 5),
    "split k, packed": Shape(40, 4100, 50, "F", "F"),
    "split k, dot": Shape(1, 9000, 1),
}


def place(x: np.ndarray, dtype: type, layout: str) -> np.ndarray:
    """A copy of x of that dtype and layout."""
    return LAYOUTS[layout](np.array(x, dtype))


def integer_operands(shape: Shape, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Operands whose product is exact(m, k, n)."""
    m, k, n, a, b = shape
    return place(integers(1, m, k), dtype, a), place(integers(2, k, n), dtype, b)


def normal_operands(shape: Shape, dtype: type, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Operands of normally distributed elements: the bits of their product depend on the order of the sums."""
    m, k, n, a, b = shape
    rng = np.random.default_rng(seed)
    return place(rng.standard_normal((m, k)), dtype, a), place(rng.standard_normal((k, n)), dtype, b)


def row_masks(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Masks over n rows: few and many scattered, runs at either end and in the middle, a single row, and all."""
    rows = np.arange(n)
    return {
        "1 in 50": rng.random(n) < 0.02, "half": rng.random(n) < 0.5, "nearly all": rng.random(n) < 0.97,
        "first tenth": rows < n // 10, "last tenth": rows >= n - n // 10, "two runs": rows % (n // 2) < n // 20,
        "one": rows == n // 3, "all": rows >= 0,
    }
