"""Norms and distances of rows, in the same order of operations wherever they lie."""

import math
from typing import Any

from numba import types

from fastla._jit.kernels.compiling import jit_for
from fastla._jit.lanes import fma, reduce_add, splat
from fastla._jit.memory import load, number
from fastla._jit.vec import lanes_of

SQUARES = {32: (1e-28, 1e32), 64: (1e-270, 1e270)}      # by the bits of an element: sums of squares that lost nothing


def norms(real: types.Type) -> Any:
    """squares(x, d, step), inverse(squares) and distance(x, y, d), for rows of d numbers of a type."""
    lanes, zero, (low, high) = lanes_of(real), real(0), SQUARES[real.bitwidth]

    @jit_for(real)
    def squares(x, d, step):  # noqa: ANN001, ANN202
        """|x|^2; NaN where it leaves the range."""
        sums, whole = splat(zero), d - d % lanes if step == 1 else 0
        for p in range(0, whole, lanes):
            v = load(x, p)
            sums = fma(v, v, sums)
        total = float(reduce_add(sums))
        for p in range(whole, d):
            total += float(number(x, p * step)) * float(number(x, p * step))
        if low < total < high:
            return total
        for p in range(d):
            if not number(x, p * step) == 0:
                return math.nan
        return 0.0

    @jit_for(real)
    def inverse(total):  # noqa: ANN001, ANN202
        """1 / |x|; 0 of zeros."""
        return total if total != total or total == 0 else 1 / math.sqrt(total)

    @jit_for(real)
    def distance(x, y, d):  # noqa: ANN001, ANN202
        """|x - y| of adjacent numbers; of those whose squares are too small by way of the largest."""
        sums, whole = splat(zero), d - d % lanes
        for p in range(0, whole, lanes):
            v = load(x, p) - load(y, p)
            sums = fma(v, v, sums)
        total, most = float(reduce_add(sums)), 0.0
        for p in range(whole, d):
            gap = float(number(x, p)) - float(number(y, p))
            total += gap * gap
        if total > low:
            return math.sqrt(total)
        for p in range(d):
            most = max(most, abs(float(number(x, p)) - float(number(y, p))))
        total = 0.0
        for p in range(d if most > 0 else 0):
            gap = (float(number(x, p)) - float(number(y, p))) / most
            total += gap * gap
        return most * math.sqrt(total)
    return squares, inverse, distance
