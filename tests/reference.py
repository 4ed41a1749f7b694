"""The naive twin of what fastla does: float64 NumPy, nothing of fastla imported."""

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray, computed: type = np.float64) -> np.ndarray:
    """a @ b in float64 (exact for small integers), by NumPy's einsum loops rather than its BLAS."""
    a, b = np.asarray(a, computed), np.asarray(b, computed)
    left = a[np.newaxis, :] if a.ndim == 1 else a
    right = b[:, np.newaxis] if b.ndim == 1 else b
    c = np.einsum("...ik,...kj->...ij", left, right)
    c = c[..., 0, :] if a.ndim == 1 else c
    return c[..., 0] if b.ndim == 1 else c


def bound(a: np.ndarray, b: np.ndarray, factor: float) -> np.ndarray:
    """factor * eps * |a| @ |b|, element by element: the reference BLAS tester's bound with factor 16."""
    eps = np.finfo(np.result_type(a, b)).eps
    return factor * eps * matmul(np.abs(a), np.abs(b))
