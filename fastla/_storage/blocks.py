"""Rows as FlatIndex stores them: in blocks of 48 side by side, each row in a narrow dtype with a scale of its own.

A row's numbers are what is stored times its scale. Blocks are [depth][48] stored elements; depth is dim, but for int8
half of it (rounded up): an element there is a pair. The places of rows that are not there hold zeros.
"""

import math

import numpy as np

from fastla import _core
from fastla._core import core
from fastla._storage.dtypes import STORAGE
from fastla._storage.encoding import INT8_MOST, decode, encode, level_scale, power_of_two  # noqa: F401 - for _search

WIDTH = core.CORPUS_BLOCK
ALIGN = 64              # bytes of a cache line
CHUNK = WIDTH * 64      # rows encoded at a time, at most, and
CHUNK_NUMBERS = 1 << 17     # their numbers: they stay in the second-level cache


def _as_float32(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        rows = np.ascontiguousarray(x, np.float32)
        if np.result_type(x.dtype, np.float32) == np.float64 and (np.isinf(rows) & np.isfinite(x)).any():
            raise ValueError("x has numbers beyond float32's range, in which an index keeps its scales")
    return rows


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array at the beginning of a cache line, which no vector of a block then crosses."""
    size = math.prod(shape) * dtype.itemsize
    # Not zeros(), which does without the huge pages that NumPy asks for otherwise.
    space = np.empty(size + ALIGN, np.uint8)
    start = -space.ctypes.data % ALIGN
    return space[start:start + size].view(dtype).reshape(shape)


class Blocks:
    """n rows in blocks, with what their scores take, and their ids. What has been made is not changed.

    data (blocks, depth, 48), scale, weight and bias (rows of all blocks) and ids are arrays with room for more, or of
    a mapped file. `appended` writes beyond n, in arrays that several share, or in new ones of half the size again. So
    it must go on from the newest, one call after the other; one that is interrupted has changed nothing.
    """

    COLUMNS = {"scale": "<f4", "weight": "<f4", "bias": "<f4", "ids": "<i8"}
    __slots__ = ("bias", "data", "depth", "dim", "ids", "metric", "n", "scale", "storage", "weight")

    def __init__(self, dim: int, storage: str, metric: str) -> None:
        self.dim, self.storage, self.metric, self.n = dim, storage, metric, 0
        self.depth = -(-dim // STORAGE[storage].pair)
        self.data = np.zeros((0, self.depth, WIDTH), STORAGE[storage].element)
        self.scale, self.weight, self.bias, self.ids = (np.zeros(0, dtype) for dtype in self.COLUMNS.values())

    def appended(self, x: np.ndarray, ids: np.ndarray) -> "Blocks":
        """The same and rows (r, dim) of real numbers.

        Raises
        ------
        ValueError
            If a number is beyond float32's range.
        """
        new = self._with_room(self.n + len(x))
        step = max(WIDTH, min(CHUNK, CHUNK_NUMBERS // self.dim // WIDTH * WIDTH))
        first = 0
        while first < len(x):
            last = min(len(x), first + step - (self.n + first) % WIDTH)
            with np.errstate(all="ignore"):
                elements, scale = encode(_as_float32(x[first:last]), self.storage, self.metric)
            new._put(self.n + first, elements.T, scale)
            first = last
        new._complete(self.n, self.n + len(x), ids)
        return new

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """The float32 rows at some positions."""
        elements = self.data[positions // WIDTH, :, positions % WIDTH]
        return decode(elements, self.scale[positions], self.storage, self.dim)

    def kept(self, mask: np.ndarray) -> "Blocks":
        """New blocks of the rows that a mask (n,) is true for."""
        new = Blocks(self.dim, self.storage, self.metric)._with_room(int(np.count_nonzero(mask)))
        step, put = max(1, CHUNK_NUMBERS // (self.depth * WIDTH)), 0
        for block in range(0, -(-self.n // WIDTH), step):
            rows = slice(block * WIDTH, min(self.n, (block + step) * WIDTH))
            columns = self.data[block:block + step].transpose(1, 0, 2).reshape(self.depth, -1)
            chosen = mask[rows]
            columns = np.compress(chosen, columns[:, :len(chosen)], axis=1)
            new._put(put, columns, self.scale[rows][chosen])
            put += columns.shape[1]
        new._complete(0, put, self.ids[:self.n][mask])
        return new

    @property
    def nbytes(self) -> int:
        """Memory, or file, that the rows take up; what is reserved counts."""
        return sum(array.nbytes for array in (self.data, self.scale, self.weight, self.bias, self.ids))

    def trimmed(self) -> "Blocks":
        """The same rows without what is reserved; arrays may be shared."""
        blocks = -(-self.n // WIDTH)
        copy = Blocks(self.dim, self.storage, self.metric)
        copy.n, copy.data = self.n, self.data[:blocks]
        for name in self.COLUMNS:
            setattr(copy, name, getattr(self, name)[:blocks * WIDTH])
        return copy

    def _put(self, first: int, columns: np.ndarray, scale: np.ndarray) -> None:
        """Elements (depth, r) and scales of rows from `first` on; the last block's other places are zeros then."""
        end = first + len(scale)
        self.scale[first:end] = scale
        head = min(-first % WIDTH, len(scale))
        whole = (len(scale) - head) // WIDTH
        tail = head + whole * WIDTH
        block = -(-first // WIDTH)
        if head:
            self.data[first // WIDTH, :, first % WIDTH:first % WIDTH + head] = columns[:, :head]
        if whole:
            by_block = columns[:, head:tail].reshape(self.depth, whole, WIDTH).transpose(1, 0, 2)
            self.data[block:block + whole] = by_block
        if tail < len(scale):
            self.data[block + whole] = 0
            self.data[block + whole, :, :len(scale) - tail] = columns[:, tail:]

    def _complete(self, first: int, end: int, ids: np.ndarray) -> None:
        self.ids[first:end] = ids
        core.weigh(_core.search(self.storage), self, self.metric, first // WIDTH, -(-end // WIDTH))
        self.n = end

    def _with_room(self, n: int) -> "Blocks":
        """The same rows, in arrays that can be written and have room for n."""
        new = Blocks(self.dim, self.storage, self.metric)
        new.n, old, blocks = self.n, -(-self.n // WIDTH), -(-n // WIDTH)
        new.data = self.data
        if len(self.data) < blocks or not self.data.flags.writeable:
            room = max(blocks, old + old // 2) if len(self.data) < blocks else len(self.data)
            new.data = _aligned_empty((room, *self.data.shape[1:]), self.data.dtype)
            new.data[:old] = self.data[:old]
        room = len(new.data) * WIDTH
        for name, dtype in self.COLUMNS.items():
            column = getattr(self, name)
            if len(column) < room or not column.flags.writeable:
                wider = np.zeros(room, dtype)
                wider[:old * WIDTH] = column[:old * WIDTH]
                column = wider
            setattr(new, name, column)
        return new
