"""Blocks of vectors as rows: projections, orthonormal blocks, signs.

All by fastla's products, so that bits do not depend on threads.
"""

from collections.abc import Sequence

import numpy as np

from fastla._methods import native, tuning
from fastla._products import matmul


def inner(w: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """<basis_j, w_i> as [i, j]."""
    return matmul(w, basis.T) if w.dtype.kind != "c" else matmul(w.conj(), basis.T).conj()


def wide(dtype: np.dtype) -> np.dtype:
    """What small projected matrices are computed in."""
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def norms(w: np.ndarray) -> np.ndarray:
    """The length of each row."""
    return np.sqrt(np.einsum("ij,ij->i", w, w.conj()).real) if w.size else np.zeros(len(w))


def random_rows(count: int, n: int, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Standard normal vectors."""
    x = rng.standard_normal((count, n))
    return (x + 1j * rng.standard_normal((count, n)) if dtype.kind == "c" else x).astype(dtype, copy=False)


def random_block(
    count: int, n: int, dtype: np.dtype, rng: np.random.Generator, first: np.ndarray | None = None
) -> np.ndarray:
    """A start: random vectors after the rows of `first`, `count` in all, each of length about 1."""
    given = np.empty((0, n), dtype) if first is None else first[:count]
    x = random_rows(count - len(given), n, dtype, rng)
    x *= dtype.type(1 / np.sqrt(n))
    return np.concatenate([given, x])


def project_out(w: np.ndarray, bases: Sequence[np.ndarray], times: int = 2) -> np.ndarray:
    """Takes off w's rows, in place, their parts in the spaces of the bases.

    Classical Gram-Schmidt, and "twice is enough". Returns the coefficients in the first basis, as `inner` has them.
    """
    if native.has(w.dtype) and w.shape[1] <= tuning.PROJECT_SIDE:
        return _project_out(w, bases, times)
    total = np.zeros((len(w), len(bases[0])), w.dtype)
    for _ in range(times):
        for i, basis in enumerate(bases):
            if len(basis):
                c = inner(w, basis)
                w -= matmul(c, basis)
                if i == 0:
                    total += c
    return total


def _project_out(w: np.ndarray, bases: Sequence[np.ndarray], times: int) -> np.ndarray:
    if not any(len(basis) for basis in bases[1:]):
        return native.project(w, bases[0], times)
    total = native.project(w, bases[0], 1)
    for turn in range(times):
        if turn:
            total += native.project(w, bases[0], 1)
        for basis in bases[1:]:
            native.project(w, basis, 1)
    return total


def orthonormal(
    w: np.ndarray, bases: Sequence[np.ndarray], scale: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal block q and b with w_i = sum_j b[i, j] q_j, for w as `project_out` leaves it.

    A row at rounding level of `scale`, the norm of A, is replaced by a random one. Its coupling is zero up to that row
    (it is no part of
    w), but later rows may well have a part along it. Fewer rows come back only where the space is full.
    """
    dtype = w.dtype
    tiny = 10 * float(np.finfo(dtype).eps) * scale
    room = w.shape[1] - sum(len(x) for x in bases)
    if len(w) <= room and native.has(dtype):
        q = w.copy()
        r = native.orthonormal(q, tiny)
        if r is not None:
            return q, r
    q = np.empty((min(len(w), room), w.shape[1]), dtype)
    random_from: list[tuple[int, int]] = []
    count = 0
    for i, row in enumerate(w):
        if count == len(q):
            break
        x = row[np.newaxis].copy()
        before = norms(x)[0]
        project_out(x, [q[:count]])
        size = norms(x)[0]
        # What the block's other rows took off leaves x's rounding in the bases: taken off again where it has grown by a
        # lot.
        if size > tiny and size < 0.1 * before:
            x /= dtype.type(size)
            project_out(x, [*bases, q[:count]])
            kept = norms(x)[0]
            size = size if kept > 0.1 else 0
            x /= dtype.type(kept or 1)
        elif size > tiny:
            x /= dtype.type(size)
        if size <= tiny:
            if not _random_unit(x, [*bases, q[:count]], rng):
                continue
            random_from.append((count, i))
        q[count] = x
        count += 1
    q = q[:count]
    b = inner(w, q).astype(wide(dtype))
    for j, i in random_from:
        b[: i + 1, j] = 0
    return q, b


def _random_unit(x: np.ndarray, bases: Sequence[np.ndarray], rng: np.random.Generator) -> bool:
    for _ in range(3):
        x[:] = random_rows(1, x.shape[1], x.dtype, rng)
        x /= x.dtype.type(norms(x)[0])
        project_out(x, bases)
        size = norms(x)[0]
        if size > 1e-6:
            x /= x.dtype.type(size)
            project_out(x, bases, times=1)
            x /= x.dtype.type(norms(x)[0])
            return True
    return False


def combine(y: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The vectors whose coordinates in the basis are the columns of y, as rows."""
    return matmul(np.ascontiguousarray(y.T, basis.dtype), basis)


def signs(v: np.ndarray, tie: float | None = None) -> np.ndarray:
    """The factor of each row that makes its largest entry positive, the first of those that tie within rounding."""
    if not v.size:
        return np.ones(len(v), v.dtype)
    if tie is None:
        tie = 1e-4 if np.finfo(v.dtype).eps > 1e-10 else 1e-7
    size = np.abs(v)
    at = np.argmax(size >= size.max(1, keepdims=True) * (1 - tie), axis=1)
    entry = v[np.arange(len(v)), at]
    length = np.abs(entry)
    return np.where(length > 0, entry.conj() / np.where(length > 0, length, 1), 1).astype(v.dtype)
