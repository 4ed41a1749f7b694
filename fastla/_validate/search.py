"""What is searched, and for what."""

from typing import Any

import numpy as np

from fastla._validate.arrays import as_array
from fastla._validate.common import numbers


def queries(name: str, x: Any, dim: int, of: str) -> tuple[np.ndarray, bool]:
    """Queries (m, dim), and whether there was but one, as a vector."""
    array = numbers(name, "queries", x, any_order=True)
    if array.ndim not in (1, 2) or array.shape[-1] != dim:
        raise ValueError(f"{name}: queries has shape {array.shape}, expected (m, {dim}) or ({dim},) for {of}")
    return np.atleast_2d(array), array.ndim == 1


def corpus(name: str, x: Any) -> np.ndarray:
    """Rows (n, d)."""
    array = numbers(name, "corpus", x, any_order=True)
    if array.ndim != 2:
        raise ValueError(f"{name}: corpus has shape {array.shape}, expected (n, d)")
    return array


def search_mask(name: str, mask: Any, m: int, n: int) -> np.ndarray | None:
    """A mask over n rows, or over m queries and n rows."""
    if mask is None:
        return None
    array = as_array(name, "mask", mask)
    if array.dtype != bool:
        raise TypeError(f"{name}: mask has dtype {array.dtype}, expected bool (True: may be returned)")
    if array.shape not in ((n,), (m, n)):
        raise ValueError(f"{name}: mask has shape {array.shape}, expected ({n},) or ({m}, {n})")
    return array


def _one_a_query(name: str, exclude: Any, m: int, what: str) -> np.ndarray:
    array = np.atleast_1d(as_array(name, "exclude", exclude))
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name}: exclude has dtype {array.dtype}, expected integers ({what})")
    if array.shape != (m,):
        raise ValueError(f"{name}: exclude has shape {np.shape(exclude)}, expected ({m},): {what}")
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
    array = _one_a_query(name, exclude, m, "one corpus index a query")
    if array.size and not (-1 <= array.min() and array.max() < n):
        raise ValueError(
            f"{name}: exclude has indices from {array.min()} to {array.max()}, expected from -1 (none) to {n - 1}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def excluded_ids(name: str, exclude: Any, m: int) -> np.ndarray | None:
    """An id for each query that it may not find, whether it is there or not; -1: none."""
    if exclude is None:
        return None
    array = _one_a_query(name, exclude, m, "one id a query, or -1")
    if array.size and array.min() < -1:
        raise ValueError(f"{name}: exclude has an id of {array.min()}, expected none below -1 (none)")
    return array.astype(np.int64)


def candidates(name: str, k: int, count: int, mask: Any, exclude: Any) -> None:
    """Whether a search without padding has its k rows to find."""
    if count < k:
        raise ValueError(
            f"{name}: k is {k}, but {'there are only' if mask is None else 'the mask leaves only'} {count} candidates"
            f"{'' if exclude is None else ' besides the excluded'}; pass pad=True for rows of index -1"
        )
