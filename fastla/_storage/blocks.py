"""Rows as FlatIndex stores them: in panels of 48 side by side, each row in a narrow dtype with a scale of its own.

A row's numbers are what is stored times its scale. Blocks are [depth][48] stored elements; depth is dim, but for int8
half of it (rounded up): an element there is a pair. The places of rows that are not there hold zeros.
"""

import math

import numpy as np

from fastla import _core
from fastla._core import core

WIDTH = core.CORPUS_BLOCK

# How the numbers of each storage dtype are held, and how many one element holds.
ELEMENTS = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2"), "bfloat16": np.dtype("<u2"), "int8": np.dtype("<i2")}
PAIR = {"float32": 1, "float16": 1, "bfloat16": 1, "int8": 2}

ALIGN = 64      # bytes of a cache line
INT8_MOST = 127
# Rows encoded at a time.
CHUNK = WIDTH * 64


# Largest numbers of rows that float32 and bfloat16 store as they are.
_RANGES = {"cosine": (2.0**-30, 2.0**30), "dot": (0, 2.0**127), "euclidean": (2.0**-50, 2.0**50)}


def level_scale(largest: np.ndarray, levels: int) -> np.ndarray:
    """float32 steps of which no more than so many make up numbers up to `largest`, be these denormal."""
    exact = largest.astype(np.float64) / levels
    scale = exact.astype(np.float32)
    return np.where(scale < exact, np.nextafter(scale, np.float32(np.inf)), scale)


def power_of_two(x: np.ndarray) -> np.ndarray:
    """The largest power of two not above each positive number; 1 for others."""
    _, exponent = np.frexp(np.where((x > 0) & np.isfinite(x), x, 1))
    return np.ldexp(np.float32(1), exponent - 1)


def encode(x: np.ndarray, storage: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, dim) of float32 as elements (n, depth), and the scale of each row."""
    n, dim = x.shape
    most = np.max(np.abs(x), axis=1, initial=0)
    if storage == "int8":
        scale = np.where(np.isfinite(most), level_scale(most, INT8_MOST), np.float32(np.nan))
        levels = np.zeros((n, dim + dim % 2), np.int8)
        divisor = np.where(scale > 0, scale, 1)[:, np.newaxis]
        levels[:, :dim] = np.rint(np.where(np.isfinite(x), x, 0) / divisor)
        return levels.view("<i2"), scale
    # A scale other than 1 only where numbers would leave the range of the dtype, or their squares that of float32.
    low, high = (2.0**-10, 2.0**15) if storage == "float16" else _RANGES[metric]
    scale = np.where((most >= low) & (most < high), np.float32(1), power_of_two(most))
    scaled = x / scale[:, np.newaxis]
    if storage == "float16":
        return scaled.astype("<f2"), scale
    if storage == "bfloat16":
        bits = scaled.view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
        return np.where(np.isnan(scaled), np.uint32(0x7FC0), rounded).astype("<u2"), scale
    return scaled.astype("<f4", copy=False), scale


def decode(elements: np.ndarray, scale: np.ndarray, storage: str, dim: int) -> np.ndarray:
    """The float32 rows (n, dim) of elements (n, depth)."""
    if storage == "int8":
        numbers = np.ascontiguousarray(elements).view(np.int8)[:, :dim]
    elif storage == "bfloat16":
        numbers = (elements.astype(np.uint32) << np.uint32(16)).view(np.float32)
    else:
        numbers = elements
    with np.errstate(all="ignore"):     # bfloat16 rounds the last numbers of float32 up, beyond its range
        return numbers.astype(np.float32) * scale[:, np.newaxis]


def _as_float32(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        rows = np.ascontiguousarray(x, np.float32)
        if np.result_type(x.dtype, np.float32) == np.float64 and (np.isinf(rows) & np.isfinite(x)).any():
            raise ValueError("FlatIndex.add: x has numbers beyond float32's range, in which an index keeps its scales")
    return rows


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array at the beginning of a cache line, which no vector of a panel then crosses."""
    size = math.prod(shape) * dtype.itemsize
    # Not zeros(), which does without the huge pages that NumPy asks for otherwise.
    space = np.empty(size + ALIGN, np.uint8)
    start = -space.ctypes.data % ALIGN
    return space[start:start + size].view(dtype).reshape(shape)


class Blocks:
    """n rows in panels, with what their scores take, and their ids. Grows by half again when full.

    data (panels, depth, 48), scale, weight and bias (rows of all panels) and ids are arrays, perhaps of a mapped file: then they are
    copied before the first change. A change that is interrupted leaves n, and the n rows, as they were.
    """

    COLUMNS = {"scale": "<f4", "weight": "<f4", "bias": "<f4", "ids": "<i8"}

    def __init__(self, dim: int, storage: str, metric: str) -> None:
        self.dim, self.storage, self.metric, self.n = dim, storage, metric, 0
        self.depth = -(-dim // PAIR[storage])
        self.data = np.zeros((0, self.depth, WIDTH), ELEMENTS[storage])
        self.scale, self.weight, self.bias, self.ids = (np.zeros(0, dtype) for dtype in self.COLUMNS.values())

    def add(self, x: np.ndarray, ids: np.ndarray) -> None:
        """Append rows (r, dim) of real numbers.

        Raises
        ------
        ValueError
            If a number is beyond float32's range.
        """
        total = self.n + len(x)
        self._reserve(-(-total // WIDTH))
        for first in range(0, len(x), CHUNK):
            with np.errstate(all="ignore"):
                self._put(self.n + first, *encode(_as_float32(x[first:first + CHUNK]), self.storage, self.metric))
        self.ids[self.n:total] = ids
        self._weigh(self.n // WIDTH, -(-total // WIDTH))
        self.n = total

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """The float32 rows at some positions."""
        return decode(self.data[positions // WIDTH, :, positions % WIDTH], self.scale[positions], self.storage, self.dim)

    def kept(self, positions: np.ndarray) -> "Blocks":
        """New panels of the rows at some positions, in their order."""
        new = Blocks(self.dim, self.storage, self.metric)
        new._reserve(-(-len(positions) // WIDTH))
        for first in range(0, len(positions), CHUNK):
            some = positions[first:first + CHUNK]
            new._put(first, self.data[some // WIDTH, :, some % WIDTH], self.scale[some])
        new.ids[:len(positions)] = self.ids[positions]
        new._weigh(0, len(new.data))
        new.n = len(positions)
        return new

    @property
    def nbytes(self) -> int:
        """Memory, or file, that the rows take up; what is reserved counts."""
        return self.data.nbytes + sum(getattr(self, name).nbytes for name in self.COLUMNS)

    def trimmed(self) -> "Blocks":
        """The same rows without what is reserved; arrays may be shared."""
        panels = -(-self.n // WIDTH)
        copy = Blocks(self.dim, self.storage, self.metric)
        copy.n, copy.data = self.n, self.data[:panels]
        for name in self.COLUMNS:
            setattr(copy, name, getattr(self, name)[:panels * WIDTH])
        return copy

    def _put(self, first: int, elements: np.ndarray, scale: np.ndarray) -> None:
        self.scale[first:first + len(scale)] = scale
        head = min(-first % WIDTH, len(elements))
        whole = head + (len(elements) - head) // WIDTH * WIDTH
        if head:
            self.data[first // WIDTH, :, first % WIDTH:first % WIDTH + head] = elements[:head].T
        panel = (first + head) // WIDTH
        turned = elements[head:whole].reshape(-1, WIDTH, self.depth).transpose(0, 2, 1)
        self.data[panel:panel + len(turned)] = turned
        if whole < len(elements):
            self.data[panel + len(turned), :, :len(elements) - whole] = elements[whole:].T

    def _weigh(self, first: int, end: int) -> None:
        core.weigh(_core.search(self.storage), self, self.metric, first, end)

    def _reserve(self, panels: int) -> None:
        """Arrays that can be written, for so many panels: all of them, or none if there is no memory."""
        if panels <= len(self.data) and self.data.flags.writeable:
            return
        room = max(panels, len(self.data) + len(self.data) // 2) if panels > len(self.data) else len(self.data)
        data = _aligned_empty((room, *self.data.shape[1:]), self.data.dtype)
        data[:len(self.data)] = self.data
        data[len(self.data):] = 0
        columns = [np.zeros(room * WIDTH, dtype) for dtype in self.COLUMNS.values()]
        for name, column in zip(self.COLUMNS, columns, strict=True):
            column[:len(getattr(self, name))] = getattr(self, name)
        self.scale, self.weight, self.bias, self.ids = columns
        self.data = data        # last: its length says what there is room for
