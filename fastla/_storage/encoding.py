"""Vectors as they are stored: narrow elements, and a scale a vector that these are to be multiplied by."""

import numpy as np

from fastla._storage.dtypes import STORAGE

INT8_MOST = 127


def level_scale(largest: np.ndarray, levels: int) -> np.ndarray:
    """float32 steps of which no more than so many make up numbers up to `largest`, be these denormal."""
    exact = largest.astype(np.float64) / levels
    scale = exact.astype(np.float32)
    return np.asarray(np.where(scale < exact, np.nextafter(scale, np.float32(np.inf)), scale))


def power_of_two(x: np.ndarray) -> np.ndarray:
    """The largest power of two not above each positive number; 1 for others."""
    _, exponent = np.frexp(np.where((x > 0) & np.isfinite(x), x, 1))
    return np.asarray(np.ldexp(np.float32(1), exponent - 1))


def encode(x: np.ndarray, storage: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, dim) of float32 as elements (n, depth), and the scale of each row."""
    most = np.maximum(np.max(x, axis=1, initial=0), -np.min(x, axis=1, initial=0))
    if storage == "int8":
        return _levels(x, most)
    low, high = STORAGE[storage].plain[metric]
    plain = (most >= low) & (most < high)
    if plain.all():
        scale = np.ones(len(x), np.float32)
        scaled = x
    else:
        scale = np.where(plain, np.float32(1), power_of_two(most))
        scaled = x / scale[:, np.newaxis]
    if storage == "bfloat16":
        return _bfloat16(scaled), scale
    return scaled.astype(STORAGE[storage].element, copy=False), scale


def _levels(x: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, dim = x.shape
    scale = np.where(np.isfinite(most), level_scale(most, INT8_MOST), np.float32(np.nan))
    levels = np.zeros((n, dim + dim % 2), np.int8)
    divisor = np.where(scale > 0, scale, 1)[:, np.newaxis]
    levels[:, :dim] = np.rint(np.where(np.isfinite(x), x, 0) / divisor)
    return levels.view("<i2"), scale


def _bfloat16(x: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
    return np.where(np.isnan(x), np.uint32(0x7FC0), rounded).astype("<u2")


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
