"""Softmax, its logarithm, and the logarithm of a sum of exponentials: fused, along any axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core, _validate
from fastla._core import core
from fastla._validate import attention as _checks


def _floats(name: str, x: Any) -> np.ndarray:
    array = _validate.numbers(name, "x", x)
    return array if array.dtype.name in _checks.FLOATS else array.astype(np.float64)


def _fill(kind: str, x: np.ndarray, axis: int, out: np.ndarray) -> None:
    if np.may_share_memory(x, out) and not (x.ctypes.data == out.ctypes.data and x.strides == out.strides):
        apart = np.empty_like(out)
        core.softmax(_core.search(_checks.computed(x).name), kind, x, axis, apart)
        out[...] = apart
    else:
        core.softmax(_core.search(_checks.computed(x).name), kind, x, axis, out)


def _normalized(kind: str, x: Any, axis: int, out: Any) -> np.ndarray:
    array = _floats(kind, x)
    axis = _validate.one_axis(kind, axis, array.ndim)
    result = np.empty_like(array) if out is None else _checks.output(kind, out, array.shape, array.dtype)
    _fill(kind, array, axis, result)
    return result


@core.entry("softmax", "")
def softmax(x: ArrayLike, axis: int = -1, out: np.ndarray | None = None) -> np.ndarray:
    """Exponentials divided by their sum, exp(x) / sum(exp(x)), along an axis; safe from overflow.

    Parameters
    ----------
    x : array_like
    axis : int, default -1
    out : ndarray of x's shape and dtype, optional
        It may be x.

    Returns
    -------
    ndarray of x's shape
        Of x's floating-point dtype (float64 for integers); 16-bit numbers are computed in float32. Where all are -inf:
        NaN, as SciPy's.

    Raises
    ------
    TypeError, ValueError
        If x is not of real numbers; an axis that it has not (AxisError); an `out` that does not fit.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.softmax(np.log([[1.0, 1.0, 2.0]]))
    array([[0.25, 0.25, 0.5 ]])
    """
    return _normalized("softmax", x, axis, out)


@core.entry("log_softmax", "")
def log_softmax(x: ArrayLike, axis: int = -1, out: np.ndarray | None = None) -> np.ndarray:
    """The logarithm of `softmax`: x - log(sum(exp(x))) along an axis.

    Parameters
    ----------
    x, axis, out
        As for `softmax`.

    Returns
    -------
    ndarray of x's shape
        As `softmax` does.

    Raises
    ------
    TypeError, ValueError
        As `softmax` does.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> np.exp(fastla.log_softmax(np.log([1.0, 1.0, 2.0])))
    array([0.25, 0.25, 0.5 ])
    """
    return _normalized("log_softmax", x, axis, out)


@core.entry("logsumexp", "")
def logsumexp(x: ArrayLike, axis: int = -1, keepdims: bool = False) -> Any:
    """The logarithm of a sum of exponentials, log(sum(exp(x))), along an axis.

    Parameters
    ----------
    x : array_like
    axis : int, default -1
    keepdims : bool
        Leave the axis in the result, of length 1.

    Returns
    -------
    ndarray or scalar
        Of x's floating-point dtype (float64 for integers); -inf where all are -inf or there are none.

    Raises
    ------
    TypeError, ValueError
        If x is not of real numbers; an axis that it has not (AxisError).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> float(fastla.logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    array = _floats("logsumexp", x)
    axis = _validate.one_axis("logsumexp", axis, array.ndim)
    out = np.empty((*array.shape[:axis], 1, *array.shape[axis + 1:]), array.dtype)
    _fill("logsumexp", array, axis, out)
    return out if keepdims else out.squeeze(axis)[()]
