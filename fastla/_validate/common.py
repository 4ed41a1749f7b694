"""Arguments that many functions take: numbers, names, axes, outputs."""

import operator
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_tuple

from fastla._core import core
from fastla._validate.arrays import as_array

MAX_THREADS = 256       # pool.h


def thread_count(n: Any) -> int:
    """A number of threads."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"n must be an integer number of threads, not {n!r} of type {type(n).__name__}")
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"n must be from 1 to {MAX_THREADS} threads, not {n}")
    return int(n)


def numbers(name: str, label: str, x: Any, any_order: bool = False) -> np.ndarray:
    """An array of real numbers in the machine's byte order (or any, if any_order), not copied if it is one already."""
    found = as_array(name, label, x)
    if found.dtype.name not in core.NUMBER_TYPES:
        raise TypeError(f"{name}: {label} has dtype {found.dtype}, expected real numbers of up to 64 bits")
    return found if any_order or found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))


def numbers_or_complex(name: str, label: str, x: Any) -> np.ndarray:
    """The same in any byte order, or an array of complex numbers."""
    found = np.asarray(x) if getattr(x, "dtype", None) in (np.complex64, np.complex128) else as_array(name, label, x)
    return found if found.dtype in (np.complex64, np.complex128) else numbers(name, label, found, True)


def score_dtype(*arrays: np.ndarray) -> np.dtype:
    """float32, or float64 where NumPy's promotion with float32 gives it."""
    wide = any(np.result_type(x.dtype, np.float32) == np.float64 for x in arrays if x.dtype.name != "bfloat16")
    return np.dtype(np.float64 if wide else np.float32)


def one_of(name: str, label: str, value: Any, choices: Collection[str]) -> str:
    """A string out of a few."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: {label} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return str.__str__(value)           # NumPy's strings and enumerations too


def whole(name: str, label: str, value: Any, least: int) -> int:
    """An integer that is at least so much."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: {label} must be an integer, not {value!r} of type {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: {label} must be at least {least}, not {value}")
    return int(value)


def truth(name: str, label: str, value: Any) -> bool:
    """True or False, also as NumPy's or as 1 or 0."""
    if not isinstance(value, bool | np.bool_ | int | np.integer) or value not in (0, 1):
        raise TypeError(f"{name}: {label} must be True or False, not {value!r} of type {type(value).__name__}")
    return bool(value)


def real(name: str, label: str, value: Any) -> float:
    """A number that is not NaN."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError("a number is no text")
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name}: {label} is beyond float64's range") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {label} must be a number, not {value!r} of type {type(value).__name__}") from None
    if number != number:
        raise ValueError(f"{name}: {label} must be a number, not NaN")
    return number


def axes(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes, None being all."""
    if axis is None:
        return tuple(range(ndim))
    try:
        return normalize_axis_tuple(axis, ndim, argname=f"{name}: axis")
    except OverflowError:
        raise AxisError(f"{name}: axis {axis} is out of bounds for an array of {ndim} dimension(s)") from None
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, a tuple of them or None, not {axis!r}") from None


def one_axis(name: str, axis: Any, ndim: int) -> int:
    """An axis."""
    try:
        (single,) = normalize_axis_tuple(operator.index(axis), ndim, argname=f"{name}: axis")
    except OverflowError:
        raise AxisError(f"{name}: axis {axis} is out of bounds for an array of {ndim} dimension(s)") from None
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, not {axis!r} of type {type(axis).__name__}") from None
    return single


def output(name: str, out: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """An array for the result."""
    if out is None:
        return None
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: out must be an array, not {type(out).__name__}")
    if isinstance(out, np.ma.MaskedArray):      # the result would read as masked
        raise TypeError(f"{name}: out is a masked array, expected a plain one: pass out.data")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"{name}: out has shape {out.shape} and dtype {out.dtype}, expected {shape} and {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: out of shape {out.shape} is read-only, expected a writeable array")
    return out


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another without changing that."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
