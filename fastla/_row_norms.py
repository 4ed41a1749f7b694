"""Norms of rows, as layers of neural networks have them: one read and one write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core
from fastla._core import core
from fastla._layers import delivered
from fastla._validate import layers as _checks


def _norm(name: str, x: Any, weight: Any, bias: Any, eps: Any, residual: Any, out: Any, centered: bool) -> Any:
    call = _checks.row_norm(name, x, weight, bias, eps, residual, out)
    shape = (math.prod(call.x.shape[:-1]), call.x.shape[-1])
    rows, added = call.x.reshape(shape), None if call.residual is None else call.residual.reshape(shape)
    wanted = [call.out] if added is None else [call.out, call.out_sum]
    inputs = (call.x, call.residual, call.weight, call.bias)
    # A row is read before it is written, so an output may be x or the residual itself, but not part of them.
    same = [place is not None and place.flags.c_contiguous and not any(
        np.may_share_memory(place, other) and not (
            other is not call.weight and other is not call.bias and other.flags.c_contiguous
            and other.ctypes.data == place.ctypes.data)
        for other in (*inputs, *(w for w in wanted if w is not place)) if other is not None) for place in wanted]
    made = [place if usable else np.empty(call.x.shape, call.x.dtype)
            for place, usable in zip(wanted, same, strict=True)]
    core.row_norm(_core.search(_checks.computed(call.x.dtype).name), rows, added, call.weight, call.bias, call.eps,
                  centered, made[0].reshape(shape), made[1].reshape(shape) if len(made) == 2 else None)
    results = tuple(delivered(result, place) for result, place in zip(made, wanted, strict=True))
    return results if len(results) == 2 else results[0]


@core.entry("layer_norm", "")
def layer_norm(
    x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None, *, eps: float = 1e-5,
    residual: ArrayLike | None = None, out: Any = None,
) -> Any:
    """Rows less their mean, over their standard deviation: (x - mean) / sqrt(variance + eps) * weight + bias.

    Parameters
    ----------
    x : array_like, shape (..., d)
    weight, bias : array_like, shape (d,), optional
        What a row is multiplied by, column by column, and what is then added.
    eps : float, default 1e-5
        Added to the variance, so that rows of equal numbers become 0. Not negative.
    residual : array_like of x's shape, optional
        The norm is that of x + residual, which is returned too.
    out : ndarray of x's shape and dtype, optional
        It may be x. With residual: for the norm, or a pair, for the norm and the sum.

    Returns
    -------
    ndarray of x's shape, or with residual a pair of them
        The norm, and x + residual. Of x's floating-point dtype (integers: as `linear` promotes them); 16-bit numbers
        are computed in float32. A row with NaN gives NaN, one with infinity what the formula gives.

    Raises
    ------
    TypeError, ValueError
        If an operand is not of real numbers, or a shape or `out` does not fit.

    Notes
    -----
    Sums are in float64, the variance is that about the mean; rows of subnormal or of huge numbers keep their digits.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.layer_norm(np.array([[1.0, 3.0], [5.0, 5.0]]), eps=1e-12).round(6)
    array([[-1.,  1.],
           [ 0.,  0.]])
    >>> y, total = fastla.layer_norm(np.array([1.0, 3.0]), residual=np.array([1.0, 1.0]))
    >>> total
    array([2., 4.])
    """
    return _norm("layer_norm", x, weight, bias, eps, residual, out, True)


@core.entry("rms_norm", "")
def rms_norm(
    x: ArrayLike, weight: ArrayLike | None = None, *, eps: float = 1e-5, residual: ArrayLike | None = None,
    out: Any = None,
) -> Any:
    """Rows over their root mean square: x / sqrt(mean(x**2) + eps) * weight.

    Parameters
    ----------
    x, weight, eps, residual, out
        As for `layer_norm`; eps is added to the mean square.

    Returns
    -------
    ndarray of x's shape, or with residual a pair of them
        As `layer_norm` does.

    Raises
    ------
    TypeError, ValueError
        As `layer_norm` does.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.rms_norm(np.array([3.0, 4.0]), eps=0) * np.sqrt(12.5)
    array([3., 4.])
    """
    return _norm("rms_norm", x, weight, None, eps, residual, out, False)
