"""The only module that raises on user input. Kernels assume what is checked here."""

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from fastla import _core
from fastla._core import core

MAX_THREADS = 256       # pool.h
MAX_DIMS = 32           # np.broadcast_shapes'; more are NumPy's to do where something needs converting or is wrong


class Product(NamedTuple):
    """Operands (..., m, k) and (..., k, n) of one owned dtype, the output in the same form, the axes that were added to it."""

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
    a, b = np.asarray(x1), np.asarray(x2)
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
    # As for any ufunc, out may have more leading dimensions than the result, which is then repeated, or fewer, if the result's
    # are of length 1.
    while len(expected) > max(out.ndim, core_dims) and expected[0] == 1:
        expected = expected[1:]
    split_out, split_expected = out.ndim - core_dims, len(expected) - core_dims
    if out.shape[max(split_out, 0):] != expected[split_expected:] or not _broadcasts(
        expected[:split_expected], out.shape[:max(split_out, 0)]
    ):
        raise ValueError(f"{shown}: out has shape {out.shape}, expected {expected}")
    if not out.flags.writeable:
        raise ValueError(f"{shown}: out of shape {out.shape} is read-only, expected a writeable array")


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def thread_count(n: Any) -> int:
    """A number of threads."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"n must be an integer number of threads, not {n!r} of type {type(n).__name__}")
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"n must be from 1 to {MAX_THREADS} threads, not {n}")
    return int(n)


# --- searching --------------------------------------------------------------------------------------------------------
METRICS = ("cosine", "dot", "euclidean")
STORAGE = ("float32", "float16", "bfloat16", "int8")
MOST_ID = 2**63 - 2         # so that the next fits into int64
MOST_INT8_DIM = 65536       # so that 32 bits hold a sum of squares


def numbers(name: str, label: str, x: Any) -> np.ndarray:
    """An array of real numbers in the machine's byte order, not copied if it is one already."""
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise TypeError(
            f"{name}: {label} is a SciPy sparse array, expected a dense one: pass {label}.toarray(), "
            f"or reduce it to fewer dimensions first (sklearn.decomposition.TruncatedSVD)"
        )
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name}: {label} is a masked array, expected a plain one (to leave rows out use mask=)")
    array = np.asarray(x)
    if array.dtype.name not in core.NUMBER_TYPES:
        raise TypeError(f"{name}: {label} has dtype {array.dtype}, expected real numbers of up to 64 bits")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def score_dtype(*arrays: np.ndarray) -> np.dtype:
    """float32, or float64 where NumPy's promotion with float32 gives it."""
    wide = any(np.result_type(x.dtype, np.float32) == np.float64 for x in arrays if x.dtype.name != "bfloat16")
    return np.dtype(np.float64 if wide else np.float32)


def queries(name: str, x: Any, dim: int, of: str) -> tuple[np.ndarray, bool]:
    """Queries (m, dim), and whether there was but one, as a vector."""
    array = numbers(name, "queries", x)
    if array.ndim not in (1, 2) or array.shape[-1] != dim:
        raise ValueError(f"{name}: queries has shape {array.shape}, expected (m, {dim}) or ({dim},) for {of}")
    return np.atleast_2d(array), array.ndim == 1


def corpus(name: str, x: Any) -> np.ndarray:
    """Rows (n, d)."""
    array = numbers(name, "corpus", x)
    if array.ndim != 2:
        raise ValueError(f"{name}: corpus has shape {array.shape}, expected (n, d)")
    return array


def one_of(name: str, label: str, value: Any, choices: tuple[str, ...]) -> str:
    """A string out of a few."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: {label} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def storage(name: str, dtype: Any) -> str:
    """The name of a storage dtype, given as such or as a dtype."""
    if not isinstance(dtype, str) and dtype is not None:        # None would be float64
        try:
            dtype = np.dtype(dtype).name
        except TypeError:
            raise TypeError(f"{name}: dtype must be one of {', '.join(map(repr, STORAGE))}, not {dtype!r}") from None
    return one_of(name, "dtype", dtype, STORAGE)


def ids(name: str, x: Any) -> np.ndarray:
    """Ids, as int64."""
    array = np.asarray(x)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise TypeError(f"{name}: ids has dtype {array.dtype} and shape {array.shape}, expected integers (n,)")
    return array.astype(np.int64)


def new_ids(name: str, x: Any) -> np.ndarray:
    """Ids that vectors may have, as int64."""
    array = ids(name, x)
    if array.size and (array.min() < 0 or array.max() > MOST_ID):
        raise ValueError(f"{name}: ids go from {np.min(x)} to {np.max(x)}, expected none negative or above {MOST_ID}")
    return array


def whole(name: str, label: str, value: Any, least: int) -> int:
    """An integer that is at least so much."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: {label} must be an integer, not {value!r} of type {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: {label} must be at least {least}, not {value}")
    return int(value)


def real(name: str, label: str, value: Any) -> float:
    """A number that is not NaN."""
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name}: {label} is beyond float64's range") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {label} must be a number, not {value!r} of type {type(value).__name__}") from None
    if number != number:
        raise ValueError(f"{name}: {label} must be a number, not NaN")
    return number


def search_mask(name: str, mask: Any, m: int, n: int) -> np.ndarray | None:
    """A mask over n rows, or over m queries and n rows."""
    if mask is None:
        return None
    if isinstance(mask, np.ma.MaskedArray):
        raise TypeError(f"{name}: mask is a masked array, expected a plain one")
    array = np.asarray(mask)
    if array.dtype != bool:
        raise TypeError(f"{name}: mask has dtype {array.dtype}, expected bool (True: may be returned)")
    if array.shape not in ((n,), (m, n)):
        raise ValueError(f"{name}: mask has shape {array.shape}, expected ({n},) or ({m}, {n})")
    return array


def excluded(name: str, exclude: Any, m: int, n: int) -> np.ndarray | None:
    """A row for each query that it may not find; -1: none."""
    if isinstance(exclude, np.bool_):
        exclude = bool(exclude)
    if exclude is None or exclude is False:
        return None
    if exclude is True:
        if m != n:
            raise ValueError(f"{name}: exclude=True is for queries that are the corpus, but there are {m} and {n} rows")
        return np.arange(n)
    array = np.atleast_1d(np.asarray(exclude))
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: exclude has dtype {array.dtype}, expected integers (one corpus index a query) or True")
    if array.shape != (m,):
        raise ValueError(f"{name}: exclude has shape {np.shape(exclude)}, expected ({m},): one corpus index a query")
    if array.size and not (-1 <= array.min() and array.max() < n):
        raise ValueError(f"{name}: exclude has indices from {array.min()} to {array.max()}, expected from -1 (none) to {n - 1}")
    return np.ascontiguousarray(array, dtype=np.int64)


def axes(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes, None being all."""
    if axis is None:
        return tuple(range(ndim))
    try:
        return normalize_axis_tuple(axis, ndim, argname=f"{name}: axis")
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, a tuple of them or None, not {axis!r}") from None


def one_axis(name: str, axis: Any, ndim: int) -> int:
    """An axis."""
    try:
        (single,) = normalize_axis_tuple(operator.index(axis), ndim, argname=f"{name}: axis")
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, not {axis!r} of type {type(axis).__name__}") from None
    return single


def output(name: str, out: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """An array for the result."""
    if out is None:
        return None
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: out must be an array, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"{name}: out has shape {out.shape} and dtype {out.dtype}, expected {shape} and {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: out of shape {out.shape} is read-only, expected a writeable array")
    return out


class Cosine(NamedTuple):
    """What a cosine similarity works in, and the output."""

    dtype: np.dtype
    out: np.ndarray | None


def cosine(a: np.ndarray, b: np.ndarray, out: Any) -> Cosine:
    """Rows (..., n, d) or (d,), and (..., m, d) or (d,)."""
    name = "cosine_similarity"
    if 0 in (a.ndim, b.ndim) or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"{name}: x has shape {a.shape} and y has shape {b.shape}, expected (..., n, d) and (..., m, d)")
    try:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{name}: the leading dimensions {a.shape[:-2]} of x and {b.shape[:-2]} of y cannot be broadcast together"
        ) from None
    dtype = score_dtype(a, b)
    return Cosine(dtype, output(name, out, stack + a.shape[-2:-1] + b.shape[-2:-1], dtype))
