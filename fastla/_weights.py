"""Weights kept for many calls: laid out as layers read them, in their own numbers or in fewer bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _validate
from fastla._core import core
from fastla._validate import layers as _checks

_BLOCK = core.CORPUS_BLOCK      # outputs in a block of a LayerWeight (kernels.h)
_QUAD = 4                       # int8 numbers of an output that lie side by side
_PART = 65536                   # LEVELS_SUMMED
_LEVELS = 127
STORED = ("int8", "float16", "bfloat16")


class PackedWeight(core.Weight):
    """A weight that `pack` or `quantize` has made: a copy, laid out for `linear` and `gated_linear`.

    Attributes
    ----------
    shape : (int, int)
        Outputs and inputs.
    dtype : numpy.dtype
        What its numbers are stored as (the string "bfloat16" where ml_dtypes is not installed).
    nbytes : int
        Of memory, scales included.

    Examples
    --------
    >>> import numpy as np, fastla
    >>> weight = fastla.pack(np.eye(3, 5, dtype=np.float32))
    >>> weight.shape, weight.dtype
    ((3, 5), dtype('float32'))
    """

    def __init__(self, elements: np.ndarray, shape: tuple[int, int], stored: str, scale: np.ndarray | None = None,
                 starts: np.ndarray | None = None) -> None:
        """Not for users: what a LayerWeight (kernels.h) points to."""
        super().__init__(elements, *shape, stored, scale, starts)
        self._shape = (int(shape[0]), int(shape[1]))

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self._shape

    @property
    def dtype(self) -> Any:
        """What its numbers are stored as."""
        if self.stored == "bfloat16":
            try:
                import ml_dtypes
            except ImportError:
                return "bfloat16"
            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(self.stored)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(part.nbytes for part in (self.elements, self.scale, self.starts) if part is not None)

    def dequantize(self) -> np.ndarray:
        """The weight as an array again: float64 if it is stored so, else float32."""
        n, d = self._shape
        if n == 0:
            return np.empty((n, d), np.float64 if self.stored == "float64" else np.float32)
        numbers = np.moveaxis(self.elements, 2, 1).reshape(len(self.elements) * _BLOCK, -1)[:n, :d]
        if self.stored == "int8":
            with np.errstate(invalid="ignore"):
                return numbers * self.scale[:n, np.newaxis]
        if self.stored == "bfloat16":
            return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return numbers.astype(np.float64 if self.stored == "float64" else np.float32)

    def __repr__(self) -> str:
        """Say its shape, what is stored, and how much memory that takes."""
        return f"<fastla.PackedWeight of shape {self._shape}, {self.stored}, {self.nbytes} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Its arrays, which no target's kernels have changed."""
        return _restored, (self.elements, self._shape, self.stored, self.scale, self.starts)


def _restored(elements: np.ndarray, shape: tuple[int, int], stored: str, scale: np.ndarray | None,
              starts: np.ndarray | None) -> PackedWeight:
    contiguous = [x if x is None else np.ascontiguousarray(x) for x in (elements, scale, starts)]
    return PackedWeight(contiguous[0], shape, stored, *contiguous[1:])


def _blocks(numbers: np.ndarray, side_by_side: int) -> np.ndarray:
    """(n, d) as (blocks, d / side_by_side, _BLOCK, side_by_side), absent numbers being zeros."""
    n, d = numbers.shape
    blocks, steps = -(-n // _BLOCK), -(-d // side_by_side)
    if (blocks * _BLOCK, steps * side_by_side) != (n, d):
        whole = np.zeros((blocks * _BLOCK, steps * side_by_side), numbers.dtype)
        whole[:n, :d] = numbers
        numbers = whole
    return np.ascontiguousarray(numbers.reshape(blocks, _BLOCK, steps, side_by_side).swapaxes(1, 2))


def _levels(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 numbers from -127 to 127 and the scale of each row: NaN, beside zeros, for a row with NaN or infinity."""
    with np.errstate(all="ignore"):
        most = np.abs(numbers).max(axis=1, initial=0)
        exact = most.astype(np.float64) / _LEVELS
        scale = exact.astype(np.float32)
        scale = np.where(scale < exact, np.nextafter(scale, np.float32(np.inf)), scale)     # so that none is above 127
        scale[~np.isfinite(most)] = np.nan
        levels = np.rint(numbers / scale[:, np.newaxis])
    return np.nan_to_num(levels, copy=False, nan=0).astype(np.int8), scale


def _starts(blocks: np.ndarray) -> np.ndarray:
    """For each block and part of a row, -128 times the sum of each output's numbers.

    That is what x's levels owe, whose bytes are 128 more.
    """
    steps = _PART // _QUAD
    parts = [blocks[:, p:p + steps].sum(axis=(1, 3), dtype=np.int32) for p in range(0, max(1, blocks.shape[1]), steps)]
    return np.ascontiguousarray(-128 * np.stack(parts, axis=1))


def pack(weight: ArrayLike) -> PackedWeight:
    """Lay a weight out once, for many calls of `linear` and `gated_linear`.

    Parameters
    ----------
    weight : array_like, shape (outputs, inputs)
        float16, bfloat16, float32 or float64; integers become what NumPy's promotion gives. It is copied.

    Returns
    -------
    PackedWeight

    Raises
    ------
    TypeError, ValueError
        If it is not a matrix of real numbers.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> packed = fastla.pack(np.eye(3, 2, dtype=np.float32))
    >>> packed.shape
    (3, 2)
    >>> fastla.linear(np.array([1, 2], np.float32), packed)
    array([1., 2., 0.], dtype=float32)
    """
    array = _matrix("pack", weight)
    array = np.asarray(array, _checks.floating(array.dtype))
    stored = array.dtype.name
    elements = _blocks(array.view(np.uint16) if stored == "bfloat16" else array, 1)
    return _restored(elements, array.shape, stored, None, None)


def quantize(weight: ArrayLike, *, dtype: str = "int8") -> PackedWeight:
    """Store a weight in fewer bits, for `linear` and `gated_linear`.

    Parameters
    ----------
    weight : array_like, shape (outputs, inputs)
        It is copied.
    dtype : {"int8", "float16", "bfloat16"}
        int8: whole numbers from -127 to 127 times a scale for each output, its largest number / 127. x is then
        quantized likewise, row by row, and products are of whole numbers, exactly. The others only store.

    Returns
    -------
    PackedWeight

    Raises
    ------
    TypeError, ValueError
        If it is not a matrix of real numbers, or holds finite numbers beyond those of float16.

    Notes
    -----
    An output whose weights include NaN or infinity is NaN with int8.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.quantize(np.array([[1.0, -0.5], [0.0, 4.0]])).dequantize().round(2)
    array([[ 1. , -0.5],
           [ 0. ,  4. ]], dtype=float32)
    """
    _validate.one_of("quantize", "dtype", dtype, STORED)
    array = np.asarray(_matrix("quantize", weight)).astype(np.float32)
    if dtype == "int8":
        levels, scale = _levels(array)
        elements = _blocks(levels, _QUAD)
        padded = np.zeros(len(elements) * _BLOCK, np.float32)
        padded[:len(scale)] = scale
        return _restored(elements, array.shape, dtype, padded, _starts(elements))
    if dtype == "float16":
        with np.errstate(over="ignore"):
            narrow = array.astype(np.float16)
        if (np.isinf(narrow) & ~np.isinf(array)).any():
            most = float(np.abs(array[np.isfinite(array)]).max())
            raise ValueError(f"quantize: weight holds {most:g}, beyond float16's 65504: use bfloat16 or int8")
    else:
        bits = array.view(np.uint32)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        narrow = np.where(np.isnan(array), 0x7FC0, rounded).astype(np.uint16)
    return _restored(_blocks(narrow, 1), array.shape, dtype, None, None)


def _matrix(name: str, weight: Any) -> np.ndarray:
    if isinstance(weight, core.Weight):
        raise TypeError(f"{name}: weight is packed already, expected an array: pass weight.dequantize()")
    return _checks.weight(name, "weight", weight)
