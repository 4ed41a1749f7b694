"""Operands and outputs of matrix products."""

from typing import Any, NamedTuple

import numpy as np

from fastla import _core
from fastla._validate.arrays import converted
from fastla._validate.common import broadcasts

MAX_DIMS = 32           # np.broadcast_shapes'; more are NumPy's to do where something needs converting or is wrong


class Product(NamedTuple):
    """Operands (..., m, k) and (..., k, n) of one owned dtype, the output in the same form, the axes added to it."""

    a: np.ndarray
    b: np.ndarray
    out: np.ndarray | None
    added: tuple[int, ...]


def foreign(*objects: Any) -> bool:
    """Whether one of them has its own idea of a product: a subclass, a masked array, another library's array."""
    return any(
        type(x) is not np.ndarray and not isinstance(x, np.generic)
        and any(hasattr(type(x), name) for name in ("__array_ufunc__", "__array_function__", "__array_wrap__"))
        for x in objects
    )


def product(name: str, x1: Any, x2: Any, out: Any, vectors: tuple[bool | None, bool | None]) -> Product | None:
    """What a product of the numpy.matmul family works on; None where it is NumPy's to do.

    Parameters
    ----------
    name : str
        The function, for messages.
    x1, x2, out
        As the user gave them.
    vectors : (bool or None, bool or None)
        Whether x1's last axis is a stack of row vectors, and x2's of column vectors, rather than the last of
        matrices; None: where the operand is 1-D.

    Raises
    ------
    ValueError
        If a shape does not fit, or out cannot be written; the message names the argument and both shapes.
    """
    if foreign(x1, x2, out):
        return None
    a, b = converted(name, "x1", x1), converted(name, "x2", x2)
    if a.dtype.kind not in "biufc" or b.dtype.kind not in "biufc":
        return None
    dtype = np.result_type(a.dtype, b.dtype)
    if not _core.owns(dtype) or (out is not None and (type(out) is not np.ndarray or out.dtype != dtype)):
        return None
    shown = f"{name}: x1 has shape {a.shape} and x2 has shape {b.shape}"
    is_row = a.ndim == 1 if vectors[0] is None else vectors[0]
    is_column = b.ndim == 1 if vectors[1] is None else vectors[1]
    for label, x, is_vector in (("x1", a, is_row), ("x2", b, is_column)):
        least = 1 if vectors == (None, None) else 2 - is_vector
        if x.ndim < least:
            raise ValueError(f"{shown}: {label} needs at least {least} dimension(s)")
    if max(a.ndim + is_row, b.ndim + is_column) > MAX_DIMS:
        return None
    # An aligned array of the dtype, in the machine's byte order: the operand itself where it is so already.
    a, b = np.require(a, dtype, "A"), np.require(b, dtype, "A")
    a = a[..., np.newaxis, :] if is_row else a
    b = b[..., np.newaxis] if is_column else b
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"{shown}: {a.shape[-1]} elements of x1 would meet {b.shape[-2]} of x2, expected as many")
    try:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{shown}: the leading dimensions {a.shape[:-2]} and {b.shape[:-2]} cannot be broadcast together"
        ) from None
    added = (-2,) * is_row + (-1,) * is_column
    if out is not None:
        expected = stack + (() if is_row else a.shape[-2:-1]) + (() if is_column else b.shape[-1:])
        _check_output(shown, out, expected, 2 - len(added))
        out = np.expand_dims(out, added) if added else out
    return Product(a, b, out, added)


def _check_output(shown: str, out: np.ndarray, expected: tuple[int, ...], core_dims: int) -> None:
    # As for any ufunc, out may have more leading dimensions than the result, which is then repeated, or fewer, if the
    # result's are of length 1.
    while len(expected) > max(out.ndim, core_dims) and expected[0] == 1:
        expected = expected[1:]
    split_out, split_expected = out.ndim - core_dims, len(expected) - core_dims
    if out.shape[max(split_out, 0):] != expected[split_expected:] or not broadcasts(
        expected[:split_expected], out.shape[:max(split_out, 0)]
    ):
        raise ValueError(f"{shown}: out has shape {out.shape}, expected {expected}")
    if not out.flags.writeable:
        raise ValueError(f"{shown}: out of shape {out.shape} is read-only, expected a writeable array")
