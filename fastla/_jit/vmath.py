"""exp of vectors, float32 and float64, lane by lane: Numba's own is a call a number.

The method and the coefficients are those of `_native/simd/vmath.h`, and so is the error: 1 ULP with FMA, 1.5 without.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from fastla._jit.lanes import bits_as, fma, maximum, minimum, polynomial, select
from fastla._jit.vec import Vec

# (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2
_exp_polynomial = polynomial(
    ["0x1.fffffcp-2", "0x1.55549p-3", "0x1.5558f4p-5", "0x1.123a6ap-7", "0x1.6a2384p-10"],
    ["0x1.000000000000ap-1", "0x1.55555555554f9p-3", "0x1.55555555507f0p-5", "0x1.1111111127e5ep-7",
     "0x1.6c16c1844b1dbp-10", "0x1.a01a0129be945p-13", "0x1.a01999ad7db59p-16", "0x1.71df26191550dp-19",
     "0x1.28adcebdeeb02p-22", "0x1.ad7f1d087f174p-26"])


class _Constants:
    """What a type's exponentials are made with."""

    def __init__(self, real: Any, integer: Any, mantissa: int, bias: int, texts: list[str], bounds: tuple) -> None:
        self.integer, self.mantissa, self.bias = integer(0), integer(mantissa), integer(bias)
        self.whole, self.log2e, self.ln2_high, self.ln2_low = (real(float.fromhex(text)) for text in texts)
        self.whole_bits = self.whole.view(integer)
        self.low, self.high, self.least = map(real, bounds)


# `whole` leaves the nearest whole number in a sum's lowest bits; ln 2 is a number of few bits, whose product with such
# a number is exact, and the rest. exp underflows to 0 below `low` and overflows above `high`; below `least` it is
# denormal.
_CONSTANTS = {
    32: _Constants(np.float32, np.int32, 23, 127, ["0x1.8p23", "0x1.715476p0", "0x1.62e4p-1", "0x1.7f7d1cp-20"],
                   (-104, 89, -87.33)),
    64: _Constants(np.float64, np.int64, 52, 1023,
                   ["0x1.8p52", "0x1.71547652b82fep0", "0x1.62e42fefap-1", "0x1.cf79abc9e3b39p-40"],
                   (-746, 710, -708.39)),
}


def exp(x: Any) -> Any:
    """Compute e^x of each lane."""
    raise NotImplementedError("for compiled code")


def exp_weight(x: Any) -> Any:
    """The same for x <= 0, or NaN; where the result would be denormal it is 0. Some cheaper."""
    raise NotImplementedError("for compiled code")


@overload(exp)
def _exp(x: Any) -> Any:
    if not isinstance(x, Vec):
        return None
    of = _CONSTANTS[x.dtype.bitwidth]
    real, integer, mantissa, bias, whole = x.dtype, of.integer, of.mantissa, of.bias, of.whole
    whole_bits, log2e, ln2_high, ln2_low, low, high = of.whole_bits, of.log2e, of.ln2_high, of.ln2_low, of.low, of.high

    def run(x: Any) -> Any:
        x = minimum(high, maximum(low, x))      # NaN stays
        shifted = fma(x, log2e, whole)
        n = shifted - whole
        r = fma(n, -ln2_low, fma(n, -ln2_high, x))
        y = fma(r, fma(r, _exp_polynomial(r), 1), 1)
        power = bits_as(shifted, integer) - whole_bits
        half = power >> 1                       # neither of the two factors over- or underflows
        return y * bits_as((half + bias) << mantissa, real(0)) * bits_as((power - half + bias) << mantissa, real(0))
    return run


@overload(exp_weight)
def _exp_weight(x: Any) -> Any:
    if not isinstance(x, Vec):
        return None
    of = _CONSTANTS[x.dtype.bitwidth]
    real, integer, mantissa, bias, whole = x.dtype, of.integer, of.mantissa, of.bias, of.whole
    log2e, ln2_high, ln2_low, least = of.log2e, of.ln2_high, of.ln2_low, of.least

    def run(x: Any) -> Any:
        shifted = fma(maximum(least, x), log2e, whole)
        n = shifted - whole
        r = fma(n, -ln2_low, fma(n, -ln2_high, maximum(least, x)))
        y = fma(r, fma(r, _exp_polynomial(r), 1), 1)
        y = y * bits_as((bits_as(shifted, integer) + bias) << mantissa, real(0))
        return select(x < least, 0, y)
    return run
