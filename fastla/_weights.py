"""Weights kept for many calls: laid out as layers read them, in their own numbers or in fewer bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastla import _validate
from fastla._core import core
from fastla._validate import layers as _checks
from fastla._weight_blocks import BLOCK, QUAD, blocks, in_16_bits, in_levels, in_room, starts_of

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
        numbers = np.moveaxis(self.elements, 2, 1).reshape(len(self.elements) * BLOCK, -1)[:n, :d]
        if self.stored == "int8":
            with np.errstate(invalid="ignore"):
                return numbers * self.scale[:n, np.newaxis]
        if self.stored == "bfloat16":
            return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return numbers.astype(np.float64 if self.stored == "float64" else np.float32)

    def __repr__(self) -> str:
        """Say its shape, what is stored, and how much memory that takes."""
        return f"<fastla.PackedWeight of shape {self._shape}, {self.stored}, {self.nbytes} bytes>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Refuse: NumPy would make an array of one object."""
        raise TypeError("it is laid out for layers: pass its dequantize()")

    def __reduce__(self) -> tuple[Any, ...]:
        """Its arrays, which no target's kernels have changed."""
        return _restored, (self.elements, self._shape, self.stored, self.scale, self.starts)


def _restored(elements: np.ndarray, shape: tuple[int, int], stored: str, scale: np.ndarray | None,
              starts: np.ndarray | None) -> PackedWeight:
    """From a pickle."""
    rest = [x if x is None else np.ascontiguousarray(x) for x in (scale, starts)]
    return PackedWeight(in_room(elements), shape, stored, *rest)


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
    elements = blocks(array.view(np.uint16) if stored == "bfloat16" else array, 1)
    return PackedWeight(elements, array.shape, stored)


def quantize(weight: ArrayLike, *, dtype: DTypeLike = "int8") -> PackedWeight:
    """Store a weight in fewer bits, for `linear` and `gated_linear`.

    Parameters
    ----------
    weight : array_like, shape (outputs, inputs)
        It is copied.
    dtype : {"int8", "float16", "bfloat16"}, or NumPy's dtype of that name
        int8: whole numbers from -127 to 127 times a scale for each output, its largest number / 127. x is then
        quantized likewise, row by row, and products are of whole numbers, exactly. The others only store.

    Returns
    -------
    PackedWeight

    Raises
    ------
    TypeError, ValueError
        If it is not a matrix of real numbers, or holds finite numbers beyond those of dtype (of float32 with int8).

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
    stored = _stored(dtype)
    array = _matrix("quantize", weight)
    if stored != "int8":
        return PackedWeight(blocks(in_16_bits(array, stored), 1), array.shape, stored)
    levels, scale = in_levels(array)
    elements = blocks(levels, QUAD)
    padded = np.zeros(len(elements) * BLOCK, np.float32)
    padded[:len(scale)] = scale
    return PackedWeight(elements, levels.shape, stored, padded, starts_of(elements))


def _stored(dtype: Any) -> str:
    name = np.dtype(dtype).name if isinstance(dtype, np.dtype | type) else dtype
    return _validate.one_of("quantize", "dtype", name, STORED)


def _matrix(name: str, weight: Any) -> np.ndarray:
    if isinstance(weight, core.Weight):
        raise TypeError(f"{name}: weight is packed already, expected an array: pass weight.dequantize()")
    return _checks.weight(name, "weight", weight)
