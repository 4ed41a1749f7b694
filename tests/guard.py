"""Memory that begins and ends at pages that may not be touched."""

import ctypes
import math
import mmap

import numpy as np

PAGE = mmap.PAGESIZE


class Guarded:
    """Memory between two pages that may not be touched."""

    def __init__(self, size: int) -> None:
        self.size = -(-size // PAGE) * PAGE
        self.memory = mmap.mmap(-1, self.size + 2 * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for page in (address, address + PAGE + self.size):
            if protect(page, PAGE, 0):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: tuple[int, ...], dtype: type, layout: str, at_end: bool) -> np.ndarray:
        """An array that ends exactly where the second page begins, or begins exactly where the first ends.

        Layouts are C, F, and R: C with both axes reversed, so that its first element is the last in memory.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        assert size <= self.size
        offset = PAGE + (self.size - size if at_end else 0)
        if layout == "F":
            return np.ndarray((*shape[:-2], shape[-1], shape[-2]), dtype, self.memory, offset).mT
        x = np.ndarray(shape, dtype, self.memory, offset)
        return x[..., ::-1, ::-1] if layout == "R" else x


def guarded(shape: tuple[int, ...], dtype: str, at_end: bool) -> np.ndarray:
    """A C-ordered array of zeros with such pages around it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return Guarded(max(size, 1)).array(shape, dtype, "C", at_end)
