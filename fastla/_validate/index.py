"""What FlatIndex takes: how it stores, ids, vectors."""

from typing import Any

import numpy as np

from fastla._storage.dtypes import STORAGE
from fastla._validate.arrays import as_array
from fastla._validate.common import numbers, one_of, whole

MOST_ID = 2**63 - 2         # so that the next fits into int64
BEYOND_FLOAT32 = 2.0**128 - 2.0**103        # the least number that float32 rounds to infinity
CHUNK = 1 << 16             # numbers looked at a time


def storage(name: str, dtype: Any) -> str:
    """The name of a storage dtype, given as such or as a dtype."""
    if not isinstance(dtype, str) and dtype is not None:        # None would be float64
        try:
            dtype = np.dtype(dtype).name
        except TypeError:
            raise TypeError(f"{name}: dtype must be one of {', '.join(map(repr, STORAGE))}, not {dtype!r}") from None
    return one_of(name, "dtype", dtype, STORAGE)


def index_dim(name: str, dim: Any, dtype: str) -> int:
    """How many numbers the vectors of an index have."""
    numbers_each = whole(name, "dim", dim, 1)
    most = STORAGE[dtype].most_dim
    if most is not None and numbers_each > most:
        raise ValueError(f"{name}: dim is {numbers_each}, but {dtype} vectors have at most {most} numbers")
    return numbers_each


def rows(name: str, x: Any, dim: int) -> np.ndarray:
    """Vectors (n, dim) within the range of float32, in which an index keeps their scales."""
    array = numbers(name, "x", x, any_order=True)
    if array.ndim not in (1, 2) or array.shape[-1] != dim:
        raise ValueError(f"{name}: x has shape {array.shape}, expected (n, {dim}) or ({dim},)")
    array = np.atleast_2d(array)
    if array.dtype.name == "float64":
        step = max(1, CHUNK // dim)
        for first in range(0, len(array), step):
            some = np.abs(array[first:first + step])
            if ((some >= BEYOND_FLOAT32) & (some < np.inf)).any():
                raise ValueError(f"{name}: x has numbers beyond float32's range, in which an index keeps its scales")
    return array


def ids(name: str, x: Any) -> np.ndarray:
    """Ids, as int64."""
    array = as_array(name, "ids", x)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise TypeError(f"{name}: ids has dtype {array.dtype} and shape {array.shape}, expected integers (n,)")
    if array.dtype == np.uint64 and array.max() > MOST_ID:
        raise ValueError(f"{name}: ids go up to {array.max()}, expected none above {MOST_ID}")
    return array.astype(np.int64, copy=False)


def new_ids(name: str, x: Any, count: int) -> np.ndarray:
    """Ids (count,) that vectors may have, no two the same."""
    array = ids(name, x)
    if array.size and (array.min() < 0 or array.max() > MOST_ID):
        raise ValueError(
            f"{name}: ids go from {array.min()} to {array.max()}, expected none negative or above {MOST_ID}"
        )
    if array.shape != (count,):
        raise ValueError(f"{name}: ids has shape {array.shape}, expected ({count},): one for each row of x")
    distinct(name, array)
    return array


def distinct(name: str, array: np.ndarray) -> None:
    """Whether no id comes twice."""
    if (array[1:] > array[:-1]).all():      # as most do
        return
    if len(np.unique(array)) < len(array):
        raise ValueError(f"{name}: ids has an id twice")


def unknown(name: str, ids: np.ndarray, positions: np.ndarray) -> None:
    """Whether no id is in the index yet: the position of each that is, -1 for others."""
    if (present := ids[positions >= 0]).size:
        raise ValueError(f"{name}: id {present[0]} is in the index already")


def known(name: str, ids: np.ndarray, positions: np.ndarray) -> None:
    """Whether all ids are in the index."""
    if (absent := ids[positions < 0]).size:
        raise KeyError(f"{name}: no vector has id {absent[0]}")


def ids_left(name: str, next_id: int, count: int) -> None:
    """Whether there are ids for so many vectors more."""
    if next_id + count > MOST_ID + 1:
        raise ValueError(f"{name}: no ids are left above {next_id - 1}; pass ids")
