"""Weights in blocks, as layers read them, and in fewer bits: what a PackedWeight holds (LayerWeight in kernels.h)."""

from __future__ import annotations

import contextlib
import math
import mmap

import numpy as np

from fastla._core import core

BLOCK = core.CORPUS_BLOCK      # outputs in a block
QUAD = 4                        # int8 numbers of an output that lie side by side
_PART = 65536                   # LEVELS_SUMMED
_LEVELS = 127
_MOST = {"int8": "float32's 3.4e+38, of which scales are", "float16": "float16's 65504: use bfloat16 or int8",
         "bfloat16": "bfloat16's 3.4e+38"}


# Weights are read as fast as memory gives them only from huge pages (docs/measurements.md, "Huge pages"), for which a
# system is asked in mappings of their own. Weights smaller than a chunk share it.
_HUGE_PAGE, _CHUNK, _SMALLEST = 2 << 20, 8 << 20, 1 << 16
# What is left of the last chunk: taken out while it is cut, so that no thread, signal handler or forked child meets it
# half done. Not under a lock, which such a child would find held for ever.
_left: list[np.ndarray] = []


def _mapped(nbytes: int) -> np.ndarray:
    """Memory that begins with a huge page, where there are such."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(nbytes, np.uint8)
    try:
        pages = mmap.mmap(-1, nbytes + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no memory for a weight of {nbytes} bytes") from error
    with contextlib.suppress(OSError):      # a kernel without huge pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(pages, np.uint8)
    return memory[-memory.ctypes.data % _HUGE_PAGE:]


def room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be filled; below _SMALLEST bytes, which caches hold, anywhere."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < _SMALLEST:
        return np.empty(shape, dtype)
    try:
        left = _left.pop()
    except IndexError:
        left = np.empty(0, np.uint8)
    memory = left if nbytes <= left.size else _mapped(max(nbytes, _CHUNK))
    rest = memory[-(-nbytes // 64) * 64:_CHUNK]
    _left[:] = [rest if memory is left or rest.size > left.size else left]
    return memory[:nbytes].view(dtype).reshape(shape)


def in_room(numbers: np.ndarray) -> np.ndarray:
    """A contiguous copy."""
    copy = room(numbers.shape, numbers.dtype)
    copy[...] = numbers
    return copy


def blocks(numbers: np.ndarray, side_by_side: int) -> np.ndarray:
    """(n, d) as (blocks, d / side_by_side, BLOCK, side_by_side), absent numbers being zeros; always a copy."""
    n, d = numbers.shape
    count, steps = -(-n // BLOCK), -(-d // side_by_side)
    if (count * BLOCK, steps * side_by_side) != (n, d):
        whole = np.zeros((count * BLOCK, steps * side_by_side), numbers.dtype)
        whole[:n, :d] = numbers
        numbers = whole
    return in_room(numbers.reshape(count, BLOCK, steps, side_by_side).swapaxes(1, 2))


def in_levels(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 numbers from -127 to 127 and the scale of each row: NaN, beside zeros, for a row with NaN or infinity."""
    with np.errstate(all="ignore"):
        narrow = numbers.astype(np.float32)
        _check(numbers, np.isinf(narrow), "int8")
        most = np.abs(narrow).max(axis=1, initial=0)
        exact = most.astype(np.float64) / _LEVELS
        scale = exact.astype(np.float32)
        scale = np.where(scale < exact, np.nextafter(scale, np.float32(np.inf)), scale)     # so that none is above 127
        lower = np.isinf(scale * _LEVELS)                   # 127 levels of it would pass float32's largest
        scale[lower] = np.nextafter(scale[lower], np.float32(0))
        scale[~np.isfinite(most)] = np.nan
        levels = np.rint(narrow / scale[:, np.newaxis])
    return np.nan_to_num(levels, copy=False, nan=0).astype(np.int8), scale


def in_16_bits(numbers: np.ndarray, stored: str) -> np.ndarray:
    """The numbers as float16, or as the bits of bfloat16."""
    with np.errstate(over="ignore"):
        if stored == "float16":
            narrow = numbers.astype(np.float16)
            _check(numbers, np.isinf(narrow), stored)
            return narrow
        wide = numbers.astype(np.float32)
    bits = wide.view(np.uint32)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    _check(numbers, (rounded & 0x7FFF) == 0x7F80, stored)
    return np.where(np.isnan(wide), np.uint16(0x7FC0), rounded)


def _check(numbers: np.ndarray, infinite: np.ndarray, stored: str) -> None:
    beyond = infinite & np.isfinite(numbers)
    if beyond.any():
        most = float(np.abs(numbers[beyond]).max())
        raise ValueError(f"quantize: weight holds {most:g}, beyond {_MOST[stored]}")


def starts_of(elements: np.ndarray) -> np.ndarray:
    """For each block and part of a row, -128 times the sum of each output's numbers.

    That is what x's levels owe, whose bytes are 128 more.
    """
    steps = _PART // QUAD
    firsts = range(0, max(1, elements.shape[1]), steps)
    parts = [elements[:, p:p + steps].sum(axis=(1, 3), dtype=np.int32) for p in firsts]
    return np.ascontiguousarray(-128 * np.stack(parts, axis=1))
