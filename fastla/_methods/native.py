"""The compiled kernels as the methods call them; NumPy and fastla's products for what they do not do."""

from typing import Any

import numpy as np

from fastla import _core
from fastla._core import core
from fastla._methods import tuning
from fastla._products import matmul


def has(dtype: np.dtype) -> bool:
    """Whether there are kernels for a dtype."""
    return dtype.kind == "f" and dtype.itemsize in (4, 8) and dtype.isnative


def kernels(dtype: np.dtype) -> Any:
    """Those for float32 or float64."""
    return _core.eigen("float32" if dtype.itemsize == 4 else "float64")      # dtype.name costs microseconds


def rows_adjacent(a: np.ndarray) -> bool:
    """Whether the elements of each row of a matrix lie side by side."""
    return a.strides[1] == a.itemsize and a.strides[0] % a.itemsize == 0 and a.flags.aligned


def symmetric_product(a: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Q A for a real symmetric A whose rows are adjacent; one triangle is read where A comes from memory."""
    if len(a) < tuning.TRIANGLE_SIDE:
        return matmul(q, a)
    q = np.ascontiguousarray(q)
    w = np.empty_like(q)
    core.symmetric_product(kernels(a.dtype), a, q, w)
    return w


def symmetry(a: np.ndarray) -> tuple[float, float]:
    """(the largest magnitude in A, the largest difference from its transpose); NaN for NaN and infinity."""
    return core.symmetry(kernels(a.dtype), a)


def project(w: np.ndarray, v: np.ndarray, turns: int) -> np.ndarray:
    """Takes off w's rows, in place, their parts along the orthonormal rows v; the coefficients [i of w, j of v]."""
    return core.project(kernels(w.dtype), w, v, turns)


def orthonormal(w: np.ndarray, tiny: float) -> np.ndarray | None:
    """Makes the rows of w orthonormal in place: r, w_i = sum_j r[i, j] q_j. None, w being lost: nearly dependent."""
    r = np.empty((len(w), len(w)))
    return r if core.orthonormal(kernels(w.dtype), w, tiny, r) == len(w) else None


def eigh(t: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(values, y[first:]) of a small symmetric matrix, in no order; as its last rows are fewer, so is the work."""
    n = len(t)
    if t.dtype == np.float64 and n <= tuning.SMALL_SIDE:
        z = np.zeros((n, n - first))
        z[np.arange(first, n), np.arange(n - first)] = 1
        values = core.small_eigh(_core.eigen("float64"), t.copy(), z)
        if values is not None:
            return values, z.T
    values, y = np.linalg.eigh(t)
    return values, y[first:]


def can_scatter(x: np.ndarray) -> bool:
    """Whether passes over the rows of x are the kernels'."""
    return has(x.dtype) and rows_adjacent(x)


def scatter(x: np.ndarray, shift: np.ndarray, v: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For rows v, v (X - s)^T (X - s), for None the Gram matrix; and the sums of X - s's columns and their squares."""
    d = x.shape[1]
    product, sums, squares = np.empty((d if v is None else len(v), d)), np.empty(d), np.empty(d)
    v = None if v is None else np.ascontiguousarray(v, x.dtype)
    core.scatter(kernels(x.dtype), x, np.ascontiguousarray(shift, x.dtype), v, product, sums, squares)
    return product, sums, squares


def eigh_stack(a: np.ndarray, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """All eigenpairs of a stack (count, n, n) of float32 or float64.

    Raises
    ------
    LinAlgError
        If one does not converge.
    """
    values, vectors = np.empty(a.shape[:2], a.dtype), np.empty(a.shape, a.dtype)
    if not core.eigh_stack(kernels(a.dtype), a, upper, values, vectors):
        raise np.linalg.LinAlgError("Eigenvalues did not converge")
    return values, vectors
