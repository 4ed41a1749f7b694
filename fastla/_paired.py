"""Cosine similarities of pairs of vectors, in one pass over both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _validate
from fastla._core import core

# Numbers of each operand converted at a time: they stay in cache.
_PIECE = 1 << 16


@core.entry("paired", "")
def paired_cosine_similarity(x: ArrayLike, y: ArrayLike) -> Any:
    """Cosine of the angle between each row of `x` and the same row of `y`.

    Parameters
    ----------
    x, y : array_like, shape (..., d)
        Broadcast against each other but for the last axis.

    Returns
    -------
    ndarray or scalar, shape (...)
        As `cosine_similarity`'s.

    Raises
    ------
    TypeError, ValueError
        If an operand is sparse or not of real numbers, or shapes do not fit; the message names them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.paired_cosine_similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [0.0, 1.0]]))
    array([1. , 0.8])
    """
    a, b = (_validate.numbers("paired_cosine_similarity", label, z, any_order=True) for label,
            z in (("x", x), ("y", y)))
    shape = _validate.paired("paired_cosine_similarity", a, b)
    dtype = _validate.score_dtype(a, b)
    if 0 in shape or not a.shape[-1]:
        return np.zeros(shape, dtype)[()]
    cosines = core.paired(a, b)
    if cosines is None:
        cosines = np.empty(shape, dtype)
        _pieces(*(np.broadcast_to(z, (*shape, z.shape[-1])) for z in (a, b)), cosines)
        cosines = cosines[()]
    return cosines


def _pieces(x: np.ndarray, y: np.ndarray, cosines: np.ndarray) -> None:
    if x.size <= _PIECE or cosines.size == 1:
        cosines[...] = core.paired(*(np.require(z, cosines.dtype, "A") for z in (x, y)))
        return
    axis = int(np.argmax(cosines.shape))
    half = cosines.shape[axis] // 2
    for part in zip(*(np.split(z, [half], axis) for z in (x, y, cosines)), strict=True):
        _pieces(*part)
