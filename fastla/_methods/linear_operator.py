"""An operator given by functions."""

from collections.abc import Callable
from typing import Any

import numpy as np


def float_dtype(dtype: Any) -> np.dtype:
    """The dtype that A of this dtype is computed in."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return np.dtype(np.complex64 if dtype.itemsize == 8 else np.complex128)
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


class LinearOperator:
    """A matrix as functions: what fastla.linear_operator returns.

    Attributes
    ----------
    shape : (int, int)
    dtype : dtype or None
        None until the first product, where none was given.
    products : int
        How many vectors were multiplied so far.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        matvec: Callable[[np.ndarray], Any],
        rmatvec: Callable[[np.ndarray], Any] | None,
        matmat: Callable[[np.ndarray], Any] | None,
        dtype: np.dtype | None,
    ) -> None:
        self.shape, self.dtype, self.products = shape, dtype, 0
        self._matvec, self._rmatvec, self._matmat = matvec, rmatvec, matmat

    def _product(self, f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
        self.products += 1 if x.ndim == 1 else x.shape[1]
        y = np.array(f(x))  # a copy: the function may use its buffer again
        if self.dtype is None:
            self.dtype = float_dtype(y.dtype)
        return y

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """A @ x for a vector."""
        return self._product(self._matvec, x).reshape(-1)

    __call__ = matvec

    @property
    def rmatvec(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """X -> A.conj().T @ x, or None."""
        return None if self._rmatvec is None else lambda x: self._product(self._rmatvec, x).reshape(-1)

    @property
    def matmat(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """X -> A @ X for a matrix, or None."""
        return None if self._matmat is None else lambda x: self._product(self._matmat, x)

    def known_dtype(self) -> np.dtype:
        """The dtype; where it is not known yet one product tells it."""
        if self.dtype is None:
            self.matvec(np.full(self.shape[1], 1 / np.sqrt(max(self.shape[1], 1))))
        return float_dtype(self.dtype)

    def __repr__(self) -> str:
        return f"LinearOperator(shape={self.shape}, dtype={self.dtype}, products={self.products})"
