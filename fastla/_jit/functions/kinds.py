"""Numbers and arrays that a user's function reads, as compiled code does."""

import functools
from typing import Any

import numpy as np


def kind_of(value: Any) -> tuple | None:
    """What a number or an array is compiled as: (dtype, dimensions, layout); None: it is neither."""
    if isinstance(value, bool | np.bool_):
        return "b1", 0, ""
    if isinstance(value, int):
        return ("i8", 0, "") if -2**63 <= value < 2**63 else None
    if isinstance(value, float):
        return "f8", 0, ""
    if isinstance(value, np.generic) and value.dtype.kind in "iuf" and value.dtype.itemsize <= 8:
        return compiled_dtype(value.dtype)[1], 0, ""
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        found = compiled_dtype(value.dtype)
        if found is not None:
            return found[1], value.ndim, "C" if as_compiled(value).flags.c_contiguous else "A"
    return None


@functools.lru_cache(maxsize=1024)
def compiled_dtype(dtype: np.dtype) -> tuple[np.dtype, str] | None:
    """The dtype that Numba computes with, half precision being unknown to it, and its letters; None: there is none."""
    if dtype.kind not in "biufcV" or dtype.kind == "V" and dtype.name != "bfloat16":
        return None
    if dtype.name in ("float16", "bfloat16"):
        dtype = np.dtype(np.float32)
    elif not dtype.isnative:
        dtype = dtype.newbyteorder()
    return dtype, dtype.str[1:]


def as_compiled(array: np.ndarray) -> np.ndarray:
    """The array where it lies, or a copy that Numba can read."""
    dtype = compiled_dtype(array.dtype)[0]      # type: ignore[index]
    return array if array.dtype == dtype and array.flags.aligned else np.require(array, dtype, "A")
