"""LAPACK through NumPy, for small matrices and for many pairs."""

import math

import numpy as np

from fastla._methods.blocks import wide
from fastla._methods.wanted import order


def eigenpairs(a: np.ndarray, magnitude: float, k: int, which: str) -> tuple[np.ndarray, np.ndarray]:
    """(values, vectors as rows) of the k most wanted pairs of a symmetric array, whose largest entry is known."""
    scale = _scale(magnitude)
    x = a.astype(wide(a.dtype)) * scale
    values, v = np.linalg.eigh((x + x.conj().T) / 2)
    best = order(values, which)[:k]
    return (values[best] / scale).astype(a.real.dtype), v[:, best].T.astype(a.dtype)


def triplets(a: np.ndarray, magnitude: float, k: int, which: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(u as rows, values, v as rows), largest or smallest."""
    scale = _scale(magnitude)
    u, s, vh = np.linalg.svd(a.astype(wide(a.dtype)) * scale, full_matrices=False)
    best = slice(len(s) - k, None) if which == "SM" else slice(k)
    return u[:, best].T.astype(a.dtype), (s[best] / scale).astype(a.real.dtype), vh[best].conj().astype(a.dtype)


def _scale(magnitude: float) -> float:
    if not 0 < magnitude < math.inf:
        return 1.0
    return math.ldexp(1.0, -min(max(math.floor(math.log2(magnitude)), -1000), 1000))
