"""Stored elements as numbers again; the way in is native (search/corpus/store.pxi)."""

import numpy as np


def decode(elements: np.ndarray, scale: np.ndarray, storage: str, dim: int) -> np.ndarray:
    """The float32 rows (n, dim) of elements (n, depth)."""
    if storage == "int8":
        numbers = np.ascontiguousarray(elements).view(np.int8)[:, :dim]
    elif storage == "bfloat16":
        numbers = (elements.astype(np.uint32) << np.uint32(16)).view(np.float32)
    else:
        numbers = elements
    with np.errstate(all="ignore"):     # bfloat16 rounds the last numbers of float32 up, beyond its range
        return np.asarray(numbers.astype(np.float32) * scale[:, np.newaxis])
