"""Norms of vectors, and vectors of norm 1, in one pass over memory and safe from overflow and underflow.

The compiled entries take plain arrays of float32 and float64 as they lie. What needs converting comes here, and is
converted a piece at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _validate
from fastla._core import core

# Numbers converted at a time: a piece stays in cache.
_PIECE = 1 << 17


def _computed(x: np.ndarray) -> np.dtype:
    narrow = x.dtype.name in ("float32", "float16", "bfloat16", "complex64")
    return np.dtype(np.float32 if narrow else np.float64)


def _result(x: np.ndarray) -> np.dtype:
    narrow = x.dtype.kind == "f" or x.dtype.name == "bfloat16"
    return x.dtype.newbyteorder("=") if narrow else _computed(x)


@core.entry("norm", "")
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
        The order: 2 is the Euclidean norm; 0 counts the elements that are not zero; inf and -inf are the largest and
        smallest absolute value.

    Returns
    -------
    ndarray or scalar
        Of x's floating-point dtype (its real part's); float64 for integers. Neither the squares of large nor those of
        small numbers are lost: only a norm that is itself too large is infinite.

    Raises
    ------
    TypeError, ValueError
        If x is sparse or not of numbers; an axis that it has not (AxisError).

    Notes
    -----
    Memory is read once, in the order in which it lies, whichever axes make up a vector. Long vectors are summed in
    parts whose bounds depend on the shape alone, so results do not depend on the number of threads.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.vector_norm(np.array([[3e200, 4e200], [0.0, 1.0]]), axis=1)
    array([5.e+200, 1.e+000])
    """
    array = _validate.numbers_or_complex("vector_norm", "x", x)
    axes = _validate.axes("vector_norm", axis, array.ndim)
    order = _validate.real("vector_norm", "ord", ord)
    with np.errstate(all="ignore"):
        norms = np.asarray(_norms(array, axes, order)).astype(_result(array), copy=False)
    return (np.expand_dims(norms, axes) if keepdims else norms)[()]


def _norms(x: np.ndarray, axes: tuple[int, ...], order: float) -> Any:
    """Norms in the dtype that they are computed in, by the kernels where they can, else of the halves of x."""
    norms = core.norm(x, axes, False, order)
    if norms is not None:
        return norms
    if x.size <= _PIECE or order == 0 and not axes:
        return _norms_of_piece(x, axes, order)
    axis = int(np.argmax(x.shape))
    half = x.shape[axis] // 2
    parts = [_norms(part, axes, order) for part in np.split(x, [half], axis)]
    if axis in axes:        # the norm of their norms; numbers that are not zero are counted
        return _norms(np.stack(parts), (0,), order or 1)
    return np.concatenate(parts, axis - sum(a < axis for a in axes))


def _norms_of_piece(x: np.ndarray, axes: tuple[int, ...], order: float) -> Any:
    x = (np.abs(x) if x.dtype.kind == "c" else x).astype(_computed(x), copy=False)
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    shape = tuple(x.shape[axis] for axis in kept)
    # Its vectors along the last axis.
    rows = x.transpose(kept + axes).reshape(*shape, math.prod(x.shape[axis] for axis in axes))
    rows = np.require(rows, requirements=("C", "A"))
    if rows.size:
        norms = core.norm(rows, (-1,), False, order)
        if norms is not None:
            return norms
    elif abs(order) != math.inf:
        return np.zeros(shape, rows.dtype)
    if not rows.size or order in (math.inf, -math.inf):
        return np.linalg.vector_norm(rows, axis=-1, ord=order)
    # Scaled by the largest (for a negative order the smallest) element, whose power is then 1.
    size = np.abs(rows)
    most = (size.max if order > 0 else size.min)(axis=-1, keepdims=True)
    scale = np.where((most > 0) & np.isfinite(most), most, 1)
    return np.linalg.vector_norm(size / scale, axis=-1, ord=order) * scale[..., 0]


@core.entry("normalize", "")
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
        Of x's floating-point dtype; float64 for integers. A vector of zeros stays one; one with infinities or NaN has
        NaN.

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
    array = _validate.numbers("normalize", "x", x, any_order=True)
    axis = _validate.one_axis("normalize", axis, array.ndim)
    result = np.empty_like(array, _result(array), subok=False)
    _normalize_into(result, array, axis)
    return result


def _normalize_into(result: np.ndarray, x: np.ndarray, axis: int) -> None:
    """Normalizes x along an axis, in the dtype of the result where the kernels know it, else a piece at a time."""
    if not x.size:
        return
    if result.dtype == _computed(x):
        np.copyto(result, x)
        core.normalized(result, axis, result)
    elif x.size <= _PIECE or x.size == x.shape[axis]:
        np.copyto(result, core.normalized(x.astype(_computed(x), order="C"), axis, None), casting="same_kind")
    else:
        cut = max((a for a in range(x.ndim) if a != axis), key=x.shape.__getitem__)
        half = x.shape[cut] // 2
        for part, source in zip(np.split(result, [half], cut), np.split(x, [half], cut), strict=True):
            _normalize_into(part, source, axis)
