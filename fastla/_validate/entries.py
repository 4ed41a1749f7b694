"""What a matrix holds: read once, whole, before anything is computed."""

import math

import numpy as np

from fastla._methods import native

_CHECK_BYTES = 1 << 18  # of a square of A, while it is compared with its transpose


def symmetric(what: str, a: np.ndarray) -> float:
    """The largest magnitude in A, which is its own conjugate transpose to within rounding.

    Raises
    ------
    ValueError
        If it is not, or holds NaN or infinity.
    """
    if native.has(a.dtype) and (native.rows_adjacent(a) or native.rows_adjacent(a.T)):
        top, skew = native.symmetry(a if native.rows_adjacent(a) else a.T)
    else:
        top, skew = _symmetry(a)
    if not math.isfinite(top):
        raise ValueError(f"{what} holds NaN or infinity")
    if skew > 1e3 * np.finfo(a.dtype).eps * top:
        raise ValueError(
            f"{what} differs from its conjugate transpose by up to {skew:.3g}, expected a symmetric "
            f"(Hermitian) matrix: pass (A + A.conj().T) / 2 if that is what is meant"
        )
    return top


def _symmetry(a: np.ndarray) -> tuple[float, float]:
    """As native.symmetry, of any array, by squares of it."""
    side = max(16, int(math.sqrt(_CHECK_BYTES / a.itemsize)))
    top = skew = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for i in range(0, len(a), side):
            for j in range(0, i + 1, side):
                lower, upper = a[i : i + side, j : j + side], a[j : j + side, i : i + side]
                for part in (magnitude(lower), magnitude(upper)):
                    if not math.isfinite(part):
                        return math.nan, math.nan
                    top = max(top, part)
                skew = max(skew, float(np.abs(lower - upper.conj().T).max(initial=0)))
    return top, skew


def magnitude(a: np.ndarray) -> float:
    """The largest absolute value; NaN if there is one."""
    return float(np.abs(a).max(initial=0))


def finite(what: str, a: np.ndarray) -> float:
    """The largest magnitude in an array; an error if it holds NaN or infinity."""
    top = magnitude(a)
    if not math.isfinite(top):
        raise ValueError(f"{what} holds NaN or infinity")
    return top
