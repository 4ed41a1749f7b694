"""What lives in registers and L1: the micro-kernel, a tile of sums held in registers over the whole of k; packing."""

from typing import Any

from numba import types

from fastla._jit.interop import offset
from fastla._jit.kernels.compiling import jit_for
from fastla._jit.lanes import fma, splat
from fastla._jit.memory import load, number, prefetch, store, tile
from fastla._jit.vec import BYTES, lanes_of

# Rows of a tile, and vectors in one: what the registers hold beside a row of b ("Tile sizes" in docs/measurements.md).
MR, NV = {64: (8, 3), 32: (4, 3), 16: (4, 2)}[BYTES]
SQUARE = 16     # packing goes by squares of so many elements: a cache line of each operand


def micro_kernel(real: types.Type, nv: int) -> Any:
    """strip(tiles, k, a, ...): tiles of c[MR, nv vectors] (+)= a[MR, k] @ b[k, nv vectors], one below the other.

    Element (i, p) of a tile's a lies at i * a_row + p * a_col, the next tile's a_next on; b is packed, a row after the
    other. `more`: the sums are added to what c holds.
    """
    lanes, zero = lanes_of(real), real(0)

    @jit_for(real, nv)
    def strip(tiles, k, a, a_row, a_col, a_next, b, c, c_row, c_next, more):  # noqa: ANN001, ANN202
        acc = tile(splat(zero), MR, nv)
        for _ in range(tiles):
            for i in range(MR):
                for j in range(nv):
                    acc[i, j] = splat(zero)
                    prefetch(c, i * c_row + j * lanes)
            a_p = a
            b_p = b
            for _ in range(k):
                for i in range(MR):
                    for j in range(nv):
                        acc[i, j] = fma(number(a_p, i * a_row), load(b_p, j * lanes), acc[i, j])
                a_p = offset(a_p, a_col)
                b_p = offset(b_p, nv * lanes)
            for i in range(MR):
                for j in range(nv):
                    if more:
                        acc[i, j] = acc[i, j] + load(c, i * c_row + j * lanes)
                    store(c, i * c_row + j * lanes, acc[i, j])
            a = offset(a, a_next)
            c = offset(c, c_next)
    return strip


def micro_kernels(real: types.Type) -> Any:
    """The same for any nv up to NV."""
    one, two, three = (micro_kernel(real, min(nv, NV)) for nv in (1, 2, 3))

    @jit_for(real)
    def strip(nv, tiles, k, a, a_row, a_col, a_next, b, c, c_row, c_next, more):  # noqa: ANN001, ANN202
        if nv == 1:
            one(tiles, k, a, a_row, a_col, a_next, b, c, c_row, c_next, more)
        elif nv == 2:
            two(tiles, k, a, a_row, a_col, a_next, b, c, c_row, c_next, more)
        else:
            three(tiles, k, a, a_row, a_col, a_next, b, c, c_row, c_next, more)
    return strip


def packing(real: types.Type) -> Any:
    """pack(to, width, valid, k, x, w_step, p_step): to[p, w] = x[w * w_step + p * p_step] for w < valid, as reals.

    From `valid` on the last element is repeated: lanes that are computed and dropped then raise no floating-point
    exception that the elements do not.
    """
    @jit_for(real)
    def pack(to, width, valid, k, x, w_step, p_step):  # noqa: ANN001, ANN202
        if w_step == 1:
            for p in range(k):
                for w in range(valid):
                    to[p * width + w] = real(number(x, p * p_step + w))
        else:
            for w0 in range(0, valid, SQUARE):
                for p0 in range(0, k, SQUARE):
                    for w in range(w0, min(w0 + SQUARE, valid)):
                        for p in range(p0, min(p0 + SQUARE, k)):
                            to[p * width + w] = real(number(x, w * w_step + p * p_step))
        for w in range(valid, width):
            for p in range(k):
                to[p * width + w] = to[p * width + valid - 1]
    return pack
