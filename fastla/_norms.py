"""Norms of vectors, and vectors of norm 1, in one pass over memory and safe from overflow and underflow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core, _validate
from fastla._core import core

# A single long vector is cut into rows of so many elements, for all threads to take part.
_CHUNK = 65536
# Bytes of vectors copied at a time, where they do not lie adjacent.
_COPY_BYTES = 1 << 20


def _computed(x: np.ndarray) -> np.dtype:
    return np.dtype(np.float32 if x.dtype.name in ("float32", "float16", "bfloat16") else np.float64)


def _result(x: np.ndarray) -> np.dtype:
    return x.dtype if x.dtype.kind == "f" or x.dtype.name == "bfloat16" else np.dtype(np.float64)


def _rows(x: np.ndarray, norms: np.ndarray | None, normalized: np.ndarray | None) -> None:
    core.row_norms(_core.search(_computed(x).name), x, norms, normalized)


def _row_norms(x: np.ndarray) -> np.ndarray:
    """The norms of rows (n, d)."""
    n, d = x.shape
    norms = np.empty(n, _computed(x))
    if n == 1 and d >= 2 * _CHUNK and x.strides[1] == x.itemsize:
        whole = d - d % _CHUNK
        parts = np.concatenate([_row_norms(x[0, :whole].reshape(-1, _CHUNK)), _row_norms(x[:, whole:])])
        return _row_norms(parts[np.newaxis])
    if d > 1 and abs(x.strides[1]) > x.itemsize and abs(x.strides[0]) < abs(x.strides[1]):
        # Vectors across memory's rows: a few of them are turned round at a time.
        step = max(1, _COPY_BYTES // (d * x.itemsize))
        for first in range(0, n, step):
            _rows(np.ascontiguousarray(x[first:first + step]), norms[first:first + step], None)
    else:
        _rows(x, norms, None)
    return norms


def vector_norm(
    x: ArrayLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2
) -> Any:
    """The norm of vectors, as the array API's `linalg.vector_norm`.

    Parameters
    ----------
    x : array_like
        Numbers; complex ones count by their absolute values.
    axis : int or tuple of int, optional
        The axes that make up a vector; by default all.
    keepdims : bool, default False
        Leave the axes in the result, of length 1.
    ord : float, default 2
        The order: 2 is the Euclidean norm; 0 counts the elements that are not zero; inf and -inf are the largest and smallest
        absolute value.

    Returns
    -------
    ndarray or scalar
        Of x's floating-point dtype (its real part's); float64 for integers. Neither the squares of large nor those of small numbers are
        lost: only a norm that is itself too large is infinite.

    Raises
    ------
    TypeError, ValueError
        If x is sparse or not of numbers; an axis that it has not (AxisError).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.vector_norm(np.array([[3e200, 4e200], [0.0, 1.0]]), axis=1)
    array([5.e+200, 1.e+000])
    """
    x = _validate.as_array("vector_norm", "x", x)
    if x.dtype.kind == "c":
        x = np.hypot(np.real(x), np.imag(x))
    array = _validate.numbers("vector_norm", "x", x)
    reduced = _validate.axes("vector_norm", axis, array.ndim)
    order = _validate.real("vector_norm", "ord", ord)
    kept = tuple(i for i in range(array.ndim) if i not in reduced)
    shape = tuple(array.shape[i] for i in kept)
    if order == 2:
        length = math.prod(array.shape[i] for i in reduced)
        rows = array.transpose(kept + reduced).reshape(math.prod(shape), length)
        norms = _row_norms(rows).reshape(shape).astype(_result(array), copy=False)
    else:
        norms = _other_norm(array, reduced, order).astype(_result(array), copy=False)
    if keepdims:
        norms = np.expand_dims(norms, reduced)
    return norms[()]


def _other_norm(x: np.ndarray, axis: tuple[int, ...], order: float) -> np.ndarray:
    x = x.astype(_computed(x), copy=False)
    if order in (0, 1, np.inf, -np.inf) or not x.size or not axis:
        return np.asarray(np.linalg.vector_norm(x, axis=axis, ord=order))
    # Scaled by the largest (for a negative order the smallest) element, whose power is then 1.
    size = np.abs(x)
    most = (size.max if order > 0 else size.min)(axis=axis, keepdims=True)
    scale = np.where((most > 0) & np.isfinite(most), most, 1)
    return np.linalg.vector_norm(size / scale, axis=axis, ord=order) * scale.reshape(np.delete(scale.shape, axis))


def normalize(x: ArrayLike, axis: int = -1) -> np.ndarray:
    """Vectors divided by their Euclidean norm.

    Parameters
    ----------
    x : array_like
        Real numbers.
    axis : int, default -1
        The axis of the vectors.

    Returns
    -------
    ndarray, of x's shape
        Of x's floating-point dtype; float64 for integers. A vector of zeros stays one; one with infinities or NaN has NaN.

    Raises
    ------
    TypeError, ValueError
        If x is sparse or not of real numbers; an axis that it has not (AxisError).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    array = _validate.numbers("normalize", "x", x)
    axis = _validate.one_axis("normalize", axis, array.ndim)
    moved = np.moveaxis(array, axis, -1)
    length = moved.shape[-1]
    rows = moved.reshape(math.prod(moved.shape[:-1]), length)
    result = np.empty(rows.shape, _computed(array))
    _rows(rows, None, result)
    result = np.moveaxis(result.reshape(moved.shape), -1, axis)
    return result.astype(_result(array), copy=False)
