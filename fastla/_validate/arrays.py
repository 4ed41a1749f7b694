"""What users call an array, as one of NumPy's: tensors, data frames, lists, masked arrays, object columns.

Whatever has one meaning is taken; the rest is refused under the argument's name, with what to do about it.
"""

from numbers import Real
from typing import Any

import numpy as np


def as_array(name: str, label: str, x: Any) -> np.ndarray:
    """An array with the numbers of `x`, itself if it is one."""
    if type(x) is np.ndarray:
        return _of_objects(name, label, x) if x.dtype.hasobject else x
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise TypeError(
            f"{name}: {label} is a SciPy sparse array, expected a dense one: pass {label}.toarray(), "
            f"or reduce it to fewer dimensions first (sklearn.decomposition.TruncatedSVD)"
        )
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: {label} is a masked array, expected a plain one: pass {label}.filled(value), "
            f"or {label}.data if nothing is masked"
        )
    if hasattr(x, "isna") and hasattr(x, "to_numpy"):
        return _of_frame(name, label, x)
    if hasattr(x, "detach") and hasattr(x, "is_floating_point"):
        x = _of_tensor(x)
    array = converted(name, label, x)
    return _of_objects(name, label, array) if array.dtype.hasobject else array


def converted(name: str, label: str, x: Any) -> np.ndarray:
    """np.asarray(x), whose errors do not say which argument it was."""
    try:
        return np.asarray(x)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        if isinstance(x, list | tuple):
            raise ValueError(f"{name}: {label} is {_ragged(x)}") from None
        raise TypeError(f"{name}: {label}, a {type(x).__name__}, cannot be made an array: {error}") from None


def _ragged(x: Any) -> str:
    lengths = sorted({np.size(row) for row in x if isinstance(row, list | tuple | np.ndarray)})
    if len(lengths) > 1 or any(not isinstance(row, list | tuple | np.ndarray) for row in x) and lengths:
        found = f"rows of {lengths[0]} to {lengths[-1]} elements" if len(lengths) > 1 else "rows beside single elements"
        return f"ragged: it has {found}, expected all of one length (pad or cut them)"
    return f"a {type(x).__name__} that NumPy makes no array of, expected numbers in rows of one length"


def _of_frame(name: str, label: str, x: Any) -> np.ndarray:
    """pandas: columns of nullable or Arrow dtypes become those of the NumPy dtype that they stand for."""
    columns = list(x.dtypes) if hasattr(x, "columns") else [x.dtype]
    plain = [getattr(dtype, "numpy_dtype", dtype) for dtype in columns]
    if not all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in plain):
        array = converted(name, label, x)
        return _of_objects(name, label, array) if array.dtype.hasobject else array
    if plain == columns:
        return converted(name, label, x)
    gaps = int(np.count_nonzero(np.asarray(x.isna())))
    if gaps:
        raise ValueError(
            f"{name}: {label} has {gaps} missing values, expected none: pass {label}.fillna(value) or {label}.dropna()"
        )
    return np.asarray(x.to_numpy(dtype=np.result_type(*plain)))


def _of_tensor(x: Any) -> Any:
    """torch: the values alone; of a dtype that NumPy lacks (bfloat16, float8) as float32, which holds them all."""
    x = x.detach()
    try:
        return x.numpy()
    except (TypeError, RuntimeError):
        return x.float() if x.is_floating_point() else x


def _of_objects(name: str, label: str, x: np.ndarray) -> np.ndarray:
    """An object array: of numbers, or of rows of one length, it has one meaning."""
    items = x.tolist()
    try:
        array = np.array(items)
    except ValueError:
        raise ValueError(f"{name}: {label} is {_ragged(items)}") from None
    if array.dtype.hasobject:
        strange = [item for item in array.flat if not isinstance(item, Real)]
        found = f"{strange[0]!r} of type {type(strange[0]).__name__}" if strange else "integers beyond 64 bits"
        raise TypeError(
            f"{name}: {label} has dtype object, with {found}, expected real numbers: "
            f"pass np.asarray({label}, dtype=float) if they are"
        )
    return array
