"""Functions of one number as straight-line code, which LLVM inlines and vectorises with the loop around it.

Formulas, coefficients and errors are those of `_native/simd/vmath.h`: exp and log 1 ULP (1.5 without FMA), tanh and
erf 2 ULP, in float32 and float64. What is None in FUNCTIONS is Numba's: right, but a call for every number.
"""

from fastla._jit.functions.numba_types.emitted import Value

EXP = ("0x1.fffffcp-2 0x1.55549p-3 0x1.5558f4p-5 0x1.123a6ap-7 0x1.6a2384p-10",
       "0x1.000000000000ap-1 0x1.55555555554f9p-3 0x1.55555555507f0p-5 0x1.1111111127e5ep-7 0x1.6c16c1844b1dbp-10 "
       "0x1.a01a0129be945p-13 0x1.a01999ad7db59p-16 0x1.71df26191550dp-19 0x1.28adcebdeeb02p-22 0x1.ad7f1d087f174p-26")
LOG = ("0x1.555556p-1 0x1.9999ecp-2 0x1.245bd2p-2 0x1.dde524p-3",
       "0x1.5555555555555p-1 0x1.9999999999a3cp-2 0x1.249249247637bp-2 0x1.c71c720256a49p-3 0x1.745cf89e4dac4p-3 "
       "0x1.3b1c4a7113545p-3 0x1.0fbc6f95ace6dp-3 0x1.0c19943d8fa79p-3")
TANH = ("-0x1.555534p-2 0x1.110788p-3 -0x1.b847b8p-5 0x1.526a1ap-6 -0x1.76f844p-8",
        "-0x1.5555555555552p-2 0x1.1111111110ca8p-3 -0x1.ba1ba1b9d5c82p-5 0x1.664f487195753p-6 "
        "-0x1.226e32e7a580fp-7 0x1.d6d35db0d92cdp-9 -0x1.7d9c5d2e827abp-10 0x1.350cdc2148dcep-11 "
        "-0x1.f121826f08ea4p-13 0x1.804ba220c6198p-14 -0x1.fb80ac652a608p-16 0x1.9743ecc060ecfp-18")
ERF = ("0x1.06eba8p-3 -0x1.81273ep-2 0x1.ce2d2p-4 -0x1.b7fbb4p-6 0x1.5419f2p-8 -0x1.a485dp-11 0x1.4ae484p-14",
       "0x1.06eba8214db69p-3 -0x1.812746b0379e6p-2 0x1.ce2f21a042b34p-4 -0x1.b82ce31284f38p-6 0x1.565bcd0dbd920p-8 "
       "-0x1.c02db3db49905p-11 0x1.f9a321e4be396p-14 -0x1.f4d1e4355e24fp-17 0x1.b9df3066e20fep-20 "
       "-0x1.5f1f41608c1ffp-23 0x1.f7b9a24bdfaf0p-27 -0x1.38ac32d8ed106p-30 0x1.0627890b92f43p-34")
ERF_TAIL = (
    "0x1.48050ap+1 0x1.88ab2cp+1 0x1.bddab6p-1 0x1.0bd284p-5 -0x1.fe02fap-8 0x1.95bedep-10 -0x1.852bbp-13",
    "0x1.48050902770fdp+1 0x1.88ab2d9950138p+1 0x1.bddad46f504ffp-1 0x1.0bc5a0297911ep-5 -0x1.fea76c4b59ce1p-8 "
    "0x1.a540a74bea1a4p-10 -0x1.02c5927e0b743p-12 0x1.50f174c527aeap-17 0x1.6b6bc75c4cdb3p-17 -0x1.5ab57ec3641fbp-18 "
    "0x1.8427562d0c343p-20 -0x1.0ecab0796bed2p-22 0x1.1c8fc102a87cdp-28 0x1.11a8881ddbcefp-26 -0x1.cbf295b0899ccp-28 "
    "0x1.bd141e4da0308p-30 -0x1.13d9e7b9763c6p-32 0x1.96702715a4877p-36 -0x1.0ee2ae149697dp-40")


def exp(x: Value) -> Value:
    x = x.select(x.compare("<", x.choose(-104, -746)), x.choose(-104, -746), x)
    x = x.select(x.compare(">", x.choose(89, 710)), x.choose(89, 710), x)
    whole = x.choose("0x1.8p23", "0x1.8p52")        # leaves the nearest whole number in a sum's lowest bits
    shifted = x.fma(x.choose("0x1.715476p0", "0x1.71547652b82fep0"), whole)
    n = shifted - whole
    r = n.fma(x.choose("-0x1.62e4p-1", "-0x1.62e42fefap-1"), x)
    r = n.fma(x.choose("-0x1.7f7d1cp-20", "-0x1.cf79abc9e3b39p-40"), r)
    y = r.polynomial(*EXP).fma(r, 1).fma(r, 1)
    b, integers = x.builder, x.integers
    power = b.sub(shifted.bits(), whole.bits())
    half = b.ashr(power, integers(1))               # neither of the two factors over- or underflows
    bias, mantissa = (integers(1023), integers(52)) if x.wide else (integers(127), integers(23))
    for part in (half, b.sub(power, half)):
        y = y * x.from_bits(b.shl(b.add(part, bias), mantissa))
    return y


def log(x: Value) -> Value:
    b, integers = x.builder, x.integers
    mantissa = 52 if x.wide else 23
    denormal = x.compare("<", x.choose("0x1p-126", "0x1p-1022"))
    normal = x.select(denormal, x * 2.0**mantissa, x)
    above = b.sub(normal.bits(), x.choose("0x1.6a09e6p-1", "0x1.6a09e667f3bcdp-1").bits())
    power = b.ashr(above, integers(mantissa))
    f = x.from_bits(b.sub(normal.bits(), b.shl(power, integers(mantissa)))) - 1
    whole = x.choose("0x1.8p23", "0x1.8p52")
    n = x.from_bits(b.add(power, whole.bits())) - whole - x.select(denormal, mantissa, 0)
    s = f / (2 + f)
    z, half_square = s * s, f * f * 0.5
    r = z * z.polynomial(*LOG)
    rest = n.fma(x.choose("0x1.7f7d1cp-20", "0x1.cf79abc9e3b39p-40"), s * (half_square + r))
    y = n.fma(x.choose("0x1.62e4p-1", "0x1.62e42fefap-1"), f - (half_square - rest))
    infinity = float("inf")
    y = x.select(x.compare("==", infinity), infinity, y)
    y = x.select(x.compare("==", 0), -infinity, y)
    return x.select(b.or_(x.compare("<", 0), x.is_nan()), float("nan"), y)


def tanh(x: Value) -> Value:
    size, z = x.intrinsic("fabs"), x * x
    near = (z * z.polynomial(*TANH)).fma(size, size)
    far = 1 - 2 / (exp(2 * size) + 1)
    return x.select(size.compare("<", 0.625), near, far).intrinsic("copysign", x)


def erf(x: Value) -> Value:
    size, z = x.intrinsic("fabs"), x * x
    high = x.choose(4.1, 6)
    t = x.select(size.compare(">", high), high, size) - 1.25
    far = (1 - exp(0 - t.polynomial(*ERF_TAIL))).intrinsic("copysign", x)
    return x.select(size.compare("<", 1), z.polynomial(*ERF).fma(x, x), far)


def expm1(x: Value) -> Value:
    """By tanh of half: (e^x - 1) = 2 t / (1 - t). 4 ULP; beyond |x| = 1 as exp."""
    t = tanh(x * 0.5)
    return x.select(x.intrinsic("fabs").compare("<", 1), 2 * t / (1 - t), exp(x) - 1)


def log1p(x: Value) -> Value:
    """Goldberg's: log(1 + x) times what rounding 1 + x has lost. 3 ULP."""
    u = 1 + x
    y = log(u) * (x / (u - 1))
    y = x.select(u.compare("==", 1), x, y)
    return x.select(u.compare("==", float("inf")), u, y)


def sqrt(x: Value) -> Value:
    return x.intrinsic("sqrt")


def floor(x: Value) -> Value:
    return x.intrinsic("floor")


def ceil(x: Value) -> Value:
    return x.intrinsic("ceil")


def trunc(x: Value) -> Value:
    return x.intrinsic("trunc")


def rint(x: Value) -> Value:
    return x.intrinsic("rint")


def fabs(x: Value) -> Value:
    return x.intrinsic("fabs")


def copysign(x: Value, y: Value) -> Value:
    return x.intrinsic("copysign", y)


def fmod(x: Value, y: Value) -> Value:
    return x.of(x.builder.frem(x.value, y.value))


def maximum(x: Value, y: Value) -> Value:
    return x.select(x.builder.or_(x.compare(">=", y), x.is_nan()), x, y)


def minimum(x: Value, y: Value) -> Value:
    return x.select(x.builder.or_(x.compare("<=", y), x.is_nan()), x, y)


def square(x: Value) -> Value:
    return x * x


def clip(x: Value, low: Value, high: Value) -> Value:
    return minimum(maximum(x, low), high)


def sign(x: Value) -> Value:
    return x.select(x.compare("!=", 0), x.number(1).intrinsic("copysign", x), x)


# By their names in math and numpy.
FUNCTIONS = {
    "exp": exp, "log": log, "tanh": tanh, "erf": erf, "expm1": expm1, "log1p": log1p, "sqrt": sqrt, "fabs": fabs,
    "copysign": copysign, "fmod": fmod, **dict.fromkeys(
        "exp2 log2 log10 sin cos tan asin acos atan sinh cosh asinh acosh atanh erfc gamma lgamma arcsin arccos arctan "
        "arcsinh arccosh arctanh atan2 arctan2 hypot isnan isinf isfinite floor ceil trunc pow power".split()),
}
# math.floor and its like give integers; numpy's do not.
NUMPY_FUNCTIONS = FUNCTIONS | {
    "absolute": fabs, "rint": rint, "floor": floor, "ceil": ceil, "trunc": trunc, "maximum": maximum,
    "minimum": minimum, "square": square, "sign": sign, "clip": clip,
}
# Names of numpy's that math spells otherwise.
SAME = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
        "arctanh": "atanh", "arctan2": "atan2", "power": "pow"}
