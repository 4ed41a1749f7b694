"""Keys and values as KVCache stores them: rows in a narrow dtype, int8 ones with a scale each."""

import numpy as np

DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": np.uint16, "int8": np.int8}
INT8_MOST = 127


def encode(x: np.ndarray, storage: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows (..., width) of floating-point numbers as they are stored, and the scale of each row (int8 alone).

    A row's scale is not finite where one of its numbers is not; then the row means nothing.
    """
    if x.dtype == DTYPES[storage]:
        return x, None
    with np.errstate(all="ignore"):
        if storage == "int8":
            numbers = x.astype(np.float32, copy=False)
            scale = np.abs(numbers).max(-1, initial=0) / np.float32(INT8_MOST)
            rows = numbers / np.where(scale > 0, scale, 1)[..., np.newaxis]
            return np.clip(np.rint(rows, out=rows), -INT8_MOST, INT8_MOST, out=rows).astype(np.int8), scale
        if storage == "bfloat16":
            return _bfloat16_bits(x.astype(np.float32)), None
        return x.astype(DTYPES[storage]), None


def _bfloat16_bits(x: np.ndarray) -> np.ndarray:
    bits = x.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
    return np.where(np.isnan(x), np.uint32(0x7FC0), rounded).astype(np.uint16)
