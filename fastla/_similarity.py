"""Cosine similarities: products with an epilogue, nothing is normalized into a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _validate
from fastla._core import core

# Rows whose largest number lies between 2 to these powers, negative and positive, have norms and products in range.
_SAFE_EXPONENT = {"float32": 30, "float64": 400}


@core.entry("cosine", "(n?,d),(m?,d)->(n?,m?)")
def cosine_similarity(x: ArrayLike, y: ArrayLike | None = None, *, out: np.ndarray | None = None) -> Any:
    """Cosine of the angle between every row of `x` and every row of `y`.

    Parameters
    ----------
    x : array_like, shape (..., n, d) or (d,)
        Real numbers of any dtype and layout. A vector is one row; its axis is left out of the result.
    y : array_like, shape (..., m, d) or (d,), optional
        Leading dimensions are broadcast. By default `x`: the result is then exactly symmetric, with a diagonal of
        exactly 1.
    out : ndarray, shape (..., n, m), optional
        Where the result goes, in any layout; of the result's dtype.

    Returns
    -------
    ndarray or scalar, shape (..., n, m)
        float32, or float64 where NumPy's promotion of the operands with float32 gives it. In [-1, 1]; 0 for a row of
        zeros; NaN for rows with NaN or infinity.

    Raises
    ------
    TypeError, ValueError
        If an operand is sparse or not of real numbers, or shapes do not fit; the message names them.

    Notes
    -----
    A product with an epilogue: tiles are divided by the norms of their rows while they are in cache. Rows may be of any
    magnitude: norms and products neither overflow nor underflow.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.cosine_similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0]]))
    array([[0. ],
           [0.8]])
    """
    a = _validate.numbers("cosine_similarity", "x", x)
    b = None if y is None else _validate.numbers("cosine_similarity", "y", y)
    call = _validate.cosine(a, a if b is None else b, out)
    a, b = (z if z is None else _in_range(np.require(z, call.dtype, "A")) for z in (a, b))
    direct = call.out is not None and not any(np.may_share_memory(call.out, z) for z in (a, b) if z is not None)
    result = core.cosine(a, b, call.out if direct else None)
    if result is None:          # out is not one that the kernels can write
        result = core.cosine(a, b, None)
    if call.out is None or result is call.out:
        return result
    np.copyto(call.out, result)
    return call.out


def _in_range(x: np.ndarray) -> np.ndarray:
    """Rows times powers of two, where their products would leave the range of their dtype."""
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(x), axis=-1, keepdims=True, initial=0)
        _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))
        far = (np.abs(exponent) > _SAFE_EXPONENT[x.dtype.name]) & (largest > 0)
        return np.ldexp(x, np.where(far, -exponent, 0)) if far.any() else x
