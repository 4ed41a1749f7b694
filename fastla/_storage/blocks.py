"""Rows as FlatIndex stores them: in blocks of 48 side by side, each row in a narrow dtype with a scale of its own.

A row's numbers are what is stored times its scale. Blocks are [depth][48] stored elements; depth is dim, but for int8
half of it (rounded up): an element there is a pair. The places of rows that are not there hold zeros.
"""

import math
from copy import copy

import numpy as np

from fastla import _core
from fastla._core import core
from fastla._storage.dtypes import STORAGE
from fastla._storage.encoding import decode

WIDTH = core.CORPUS_BLOCK
ALIGN = 64              # bytes of a cache line
CHUNK = 1 << 17         # numbers moved at a time: they stay in the second-level cache


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

    def __init__(self, dim: int, storage: str, metric: str) -> None:
        self.dim, self.storage, self.metric, self.n = dim, storage, metric, 0
        self.depth = -(-dim // STORAGE[storage].pair)
        self.data = np.zeros((0, self.depth, WIDTH), STORAGE[storage].element)
        self.scale, self.weight, self.bias, self.ids = (np.zeros(0, dtype) for dtype in self.COLUMNS.values())

    def appended(self, x: np.ndarray, ids: np.ndarray) -> "Blocks":
        """The same and rows (r, dim) of real numbers within float32's range."""
        new = self._with_room(self.n + len(x))
        facts = STORAGE[self.storage]
        low, high = facts.plain[self.metric]
        core.store_rows(_core.search(self.storage), new, self.metric, self.n, x, facts.levels, low, high)
        new.n = self.n + len(x)
        new.ids[self.n:new.n] = ids
        return new

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """The float32 rows at some positions."""
        elements = self.data[positions // WIDTH, :, positions % WIDTH]
        return decode(elements, self.scale[positions], self.storage, self.dim)

    def kept(self, mask: np.ndarray) -> "Blocks":
        """New blocks of the rows that a mask (n,) is true for."""
        new = Blocks(self.dim, self.storage, self.metric)._with_room(int(np.count_nonzero(mask)))
        step, put = max(1, CHUNK // (self.depth * WIDTH)), 0
        for block in range(0, -(-self.n // WIDTH), step):
            rows = slice(block * WIDTH, min(self.n, (block + step) * WIDTH))
            columns = self.data[block:block + step].transpose(1, 0, 2).reshape(self.depth, -1)
            chosen = mask[rows]
            columns = np.compress(chosen, columns[:, :len(chosen)], axis=1)
            new._put(put, columns, self.scale[rows][chosen])
            put += columns.shape[1]
        new.n = put
        new.ids[:put] = self.ids[:self.n][mask]
        core.weigh(_core.search(self.storage), new, self.metric, 0, -(-put // WIDTH))
        return new

    @property
    def nbytes(self) -> int:
        """Memory, or file, that the rows take up; what is reserved counts."""
        return sum(array.nbytes for array in (self.data, self.scale, self.weight, self.bias, self.ids))

    def pieces(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """What an array holds of the n rows: of whole blocks; and of the last one, if it has room, a copy.

        Others may be adding to it: where there are no rows the copy has zeros.
        """
        array, filled = getattr(self, name), self.n // WIDTH
        size = 1 if name == "data" else WIDTH
        whole, rest = array[:filled * size], array[filled * size:-(-self.n // WIDTH) * size].copy()
        rest[..., self.n % WIDTH:] = 0
        return whole, rest

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

    def _with_room(self, n: int) -> "Blocks":
        """The same rows, in arrays that can be written and have room for n."""
        new = copy(self)
        old, blocks = -(-self.n // WIDTH), -(-n // WIDTH)
        if blocks <= len(self.data) and self.data.flags.writeable:
            return new
        room = max(blocks, old + old // 2) if len(self.data) < blocks else len(self.data)
        new.data = _aligned_empty((room, *self.data.shape[1:]), self.data.dtype)
        new.data[:old] = self.data[:old]
        for name, dtype in self.COLUMNS.items():
            column = np.zeros(room * WIDTH, dtype)
            column[:old * WIDTH] = getattr(self, name)[:old * WIDTH]
            setattr(new, name, column)
        return new
