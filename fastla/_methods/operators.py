"""Products with A, as the methods see them: of blocks of rows, checked for NaN, counted, scaled."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastla._methods import native
from fastla._products import matmul

# Within this, no square of an entry of a product overflows or underflows: nothing is scaled.
_SAFE_EXPONENT = {4: 20, 8: 200}


Apply = Callable[[np.ndarray], np.ndarray]


class Operator:
    """A as a function of blocks (b, n), and what has been seen of its spectrum.

    Products are multiplied by `scale`, a power of two, 1 for all but extreme magnitudes; so are the values that methods
    find.
    """

    def __init__(
        self,
        apply: Apply,
        dtype: np.dtype,
        block: int,
        what: str,
        magnitude: float | None = None,
        adjoint: Apply | None = None,
    ) -> None:
        self.dtype, self.block, self.what = dtype, block, what
        self._apply, self._adjoint = apply, adjoint
        self.trusted = False            # A was read: its products are finite, and symmetric where they should be
        self.before = self.scale = 1.0
        self.norm = 0.0  # the largest length of A v seen, for |v| = 1
        self.lowest = self.highest = 0.0
        self.passes = 0
        self._found = magnitude is not None
        if magnitude:
            self._set_scale(magnitude)
            self.before = 2.0 ** (math.log2(self.scale) // 2)

    def _set_scale(self, magnitude: float) -> None:
        exponent = math.frexp(magnitude)[1]
        if abs(exponent) > _SAFE_EXPONENT[np.dtype(self.dtype).type(0).real.dtype.itemsize]:
            # A scale beyond float64's range would be infinite or zero.
            self.scale = 2.0 ** -max(min(exponent, 1000), -1000)

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """Scale A q, in an array that the caller may write to."""
        return self._product(self._apply, q)

    def adjoint(self, p: np.ndarray) -> np.ndarray:
        """Scale A* p, likewise."""
        return self._product(self._adjoint, p)

    def swapped(self) -> "Operator":
        """A* as an operator."""
        self._apply, self._adjoint = self._adjoint, self._apply
        return self

    def _product(self, apply: Apply, q: np.ndarray) -> np.ndarray:
        real = q.real.dtype.type
        w = apply(q if self.before == 1 else q * real(self.before))
        self.passes += 1
        if self.trusted and self.scale == 1:
            return w
        top = float(max(w.real.max(initial=0), -w.real.min(initial=0)))
        if w.dtype.kind == "c":
            top = max(top, float(np.abs(w.imag).max(initial=0)))
        if not math.isfinite(top):
            raise ValueError(f"{self.what}, or a product with it, holds NaN or infinity")
        if not self._found and top > 0:
            self._found = True
            self._set_scale(top)
        if self.scale != 1:
            rest = self.scale / self.before
            half = 2.0 ** (math.log2(rest) // 2)
            w = w * real(half) * real(rest / half)
        return w

    def saw(self, values: np.ndarray) -> None:
        """Ritz values bound the spectrum from within."""
        lowest, highest = float(values.min()), float(values.max())
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        self.norm = max(self.norm, -lowest, highest)

    def unscaled(self, values: np.ndarray) -> np.ndarray:
        """Values of A itself, of its real dtype."""
        return (values / self.scale).astype(np.dtype(self.dtype).type(0).real.dtype)


def dense_symmetric(what: str, a: np.ndarray, magnitude: float, block: int) -> Operator:
    """An array that is symmetric (or Hermitian), with its largest magnitude."""
    if native.has(a.dtype) and (native.rows_adjacent(a) or native.rows_adjacent(a.T)):
        rows = a if native.rows_adjacent(a) else a.T
        operator = Operator(lambda q: native.symmetric_product(rows, q), a.dtype, block, what, magnitude)
        operator.trusted = True
        return operator
    return Operator(lambda q: matmul(q, a.T), a.dtype, block, what, magnitude)


def dense(what: str, a: np.ndarray, magnitude: float, block: int) -> Operator:
    """Any array."""
    return Operator(
        lambda q: matmul(q, a.T),
        a.dtype,
        block,
        what,
        magnitude,
        lambda p: matmul(p.conj(), a).conj() if a.dtype.kind == "c" else matmul(p, a),
    )


def sparse(what: str, a: Any, magnitude: float, dtype: np.dtype, block: int) -> Operator:
    """A SciPy sparse array."""
    a = a.tocsr()
    ah = a.conj().T
    return Operator(
        lambda q: np.ascontiguousarray((a @ q.T).T, dtype),
        dtype,
        block,
        what,
        magnitude,
        lambda p: np.ascontiguousarray((ah @ p.T).T, dtype),
    )


def function(what: str, a: Any, dtype: np.dtype, block: int) -> Operator:
    """A user's operator: functions of one vector, or of a matrix whose columns are vectors."""
    rows, columns = a.shape
    adjoint = None if a.rmatvec is None else _by_vectors(what, a.rmatvec, "rmatvec", columns, dtype)
    if a.matmat is not None:
        return Operator(_by_columns(what, a.matmat, rows, dtype), dtype, block, what, adjoint=adjoint)
    return Operator(_by_vectors(what, a.matvec, "matvec", rows, dtype), dtype, 1, what, adjoint=adjoint)


def _by_columns(what: str, matmat: Callable[[np.ndarray], Any], n: int, dtype: np.dtype) -> Apply:
    def apply(q: np.ndarray) -> np.ndarray:
        w = np.asarray(matmat(q.T.copy()))
        if w.shape != (n, len(q)):
            raise ValueError(f"{what}'s matmat returned shape {w.shape}, expected {(n, len(q))}")
        return np.array(cast(what, w, dtype).T, order="C")

    return apply


def _by_vectors(what: str, matvec: Callable[[np.ndarray], Any], label: str, n: int, dtype: np.dtype) -> Apply:
    def apply(q: np.ndarray) -> np.ndarray:
        w = np.empty((len(q), n), dtype)
        for i, x in enumerate(q):
            y = np.asarray(matvec(x.copy()))
            if y.size != n:
                raise ValueError(f"{what}'s {label} returned shape {y.shape}, expected ({n},)")
            w[i] = cast(what, y.reshape(-1), dtype)
        return w

    return apply


def cast(what: str, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What a user's function returned, in the dtype that A has."""
    if y.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"{what}'s dtype is {dtype}, but its product is {y.dtype}: give the operator a complex dtype")
    return y.astype(dtype, copy=False)
