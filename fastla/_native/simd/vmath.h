/* exp, log, tanh, erf and erfc of vectors, for float and double. Each one's error bound stands beside it, in units in
 * the last place of the exact result (of the smallest denormal, where that is denormal), for every argument; NaN
 * stays NaN. tests/simd/test_vmath.py measures them.
 *
 * The coefficients are minimax polynomials (Remez exchange in 60
 * digits), lowest power first; the error is mostly rounding. */
#ifndef FASTLA_VMATH_H
#define FASTLA_VMATH_H

#include "vec.h"

#if REAL_BYTES == 8
typedef int64_t integer;
#else
typedef int32_t integer;
#endif
/* as wide as the reals: bits, and a comparison's answer */
typedef integer integers __attribute__((vector_size(VECTOR_BYTES)));

#define LENGTH(array) (int)(sizeof(array) / sizeof *(array))
#define DOUBLE (REAL_BYTES == 8)
#define REAL_INFINITY ((real)__builtin_inf())
#define REAL_MAX ((real)(REAL_BYTES == 8 ? __DBL_MAX__ : __FLT_MAX__))
#define MANTISSA (DOUBLE ? 52 : 23)
#define BIAS (DOUBLE ? 1023 : 127)
#define CONSTANT(for_float, for_double) (DOUBLE ? (real)(for_double) : (real)(for_float))
#if REAL_BYTES == 8
#define TABLE(name, for_float, for_double) static const real name[] = for_double;
#else
#define TABLE(name, for_float, for_double) static const real name[] = for_float;
#endif
#define LIST(...) {__VA_ARGS__}

INLINE vec blend(integers where, vec yes, vec no) { return (vec)((where & (integers)yes) | (~where & (integers)no)); }
INLINE integers splat_lanes(long long x) { return (integers){0} + (integer)x; }
INLINE vec absolute(vec x) { return (vec)((integers)x & ~(integers)splat((real)-0.0)); }
INLINE vec with_sign(vec size, vec sign)
{
    return (vec)((integers)size | ((integers)sign & (integers)splat((real)-0.0)));
}
/* The larger of two; b where one is NaN. */
INLINE vec larger_of(vec a, vec b)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return DOUBLE ? (vec)_mm512_max_pd((__m512d)a, (__m512d)b) : (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    return DOUBLE ? (vec)_mm256_max_pd((__m256d)a, (__m256d)b) : (vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__) && VECTOR_BYTES == 16
    return DOUBLE ? (vec)_mm_max_pd((__m128d)a, (__m128d)b) : (vec)_mm_max_ps((__m128)a, (__m128)b);
#else
    return blend(a > b, a, b);
#endif
}
INLINE vec smaller_of(vec a, vec b) { return -larger_of(-a, -b); }
INLINE vec polynomial(vec x, const real *c, int count)
{
    vec sum = splat(c[count - 1]);
#pragma GCC unroll 32
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* --- exp -------------------------------------------------------------------------------------------------------- */
/* ln 2 as a number of few bits, whose product with n is exact, and the rest. */
#define LN2_HIGH CONSTANT(0x1.62e4p-1, 0x1.62e42fefap-1)
#define LN2_LOW CONSTANT(0x1.7f7d1cp-20, 0x1.cf79abc9e3b39p-40)
/* Added to a number, this leaves the nearest whole number in the sum's lowest bits. */
#define WHOLE CONSTANT(0x1.8p23, 0x1.8p52)
/* exp underflows to 0 and overflows to infinity beyond these. */
#define EXP_LOW CONSTANT(-104, -746)
#define EXP_HIGH CONSTANT(89, 710)
/* (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2 */
TABLE(exp_table, LIST(0x1.fffffcp-2, 0x1.55549p-3, 0x1.5558f4p-5, 0x1.123a6ap-7, 0x1.6a2384p-10),
      LIST(0x1.000000000000ap-1, 0x1.55555555554f9p-3, 0x1.55555555507f0p-5, 0x1.1111111127e5ep-7,
           0x1.6c16c1844b1dbp-10, 0x1.a01a0129be945p-13, 0x1.a01999ad7db59p-16, 0x1.71df26191550dp-19,
           0x1.28adcebdeeb02p-22, 0x1.ad7f1d087f174p-26))

/* x = n ln 2 + r: returns r, which is at most ln 2 / 2 but for rounding, and n as a whole real, and in `bits` as an
 * integer in the lowest bits. */
INLINE vec reduce_ln2(vec x, vec *n, integers *bits)
{
    vec shifted = x * CONSTANT(0x1.715476p0, 0x1.71547652b82fep0) + WHOLE;
    *bits = (integers)shifted;
    *n = shifted - WHOLE;
    return (x - *n * LN2_HIGH) - *n * LN2_LOW;
}
/* exp(r) - 1, and exp(r) in an operation less */
INLINE vec exp_less_1(vec r) { return r + r * r * polynomial(r, exp_table, LENGTH(exp_table)); }
INLINE vec exp_reduced(vec r) { return 1 + r * (1 + r * polynomial(r, exp_table, LENGTH(exp_table))); }
/* x * 2^n, rounded once */
INLINE vec times_power(vec x, vec n, integers bits)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    (void)bits;
    return DOUBLE ? (vec)_mm512_scalef_pd((__m512d)x, (__m512d)n) : (vec)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    /* neither of the two factors over- or underflows */
    integers whole = bits - (integers)splat(WHOLE), half = whole >> 1;
    (void)n;
    return x * (vec)((half + BIAS) << MANTISSA) * (vec)((whole - half + BIAS) << MANTISSA);
#endif
}
/* exp(x + low), low being small: as exact as vec_exp with low = 0. */
INLINE vec exp_sum(vec x, vec low)
{
    vec n;
    integers bits;
    x = smaller_of(splat(EXP_HIGH), larger_of(splat(EXP_LOW), x));
    vec r = reduce_ln2(x, &n, &bits) + low;
    return times_power(exp_reduced(r), n, bits);
}
/* e^x. float and double: 1 ULP with FMA, 1.5 without. */
INLINE vec vec_exp(vec x) { return exp_sum(x, zero()); }

/* The same for x <= 0, or NaN; where the result would be denormal it may be 0. What weights are made with: some
 * cheaper. */
INLINE vec vec_exp_weight(vec x)
{
    vec n;
    integers bits;
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    x = larger_of(splat(EXP_LOW), x);
    vec r = reduce_ln2(x, &n, &bits);
    return times_power(exp_reduced(r), n, bits);
#else
    const vec least = splat(CONSTANT(-87.33f, -708.39));
    vec r = reduce_ln2(larger_of(least, x), &n, &bits);
    vec y = exp_reduced(r) * (vec)((bits + BIAS) << MANTISSA);
    return (vec)(~(x < least) & (integers)y);
#endif
}

/* --- log -------------------------------------------------------------------------------------------------------- */
/* (log((1 + s) / (1 - s)) - 2 s) / s^3 of s^2 */
TABLE(log_table, LIST(0x1.555556p-1, 0x1.9999ecp-2, 0x1.245bd2p-2, 0x1.dde524p-3),
      LIST(0x1.5555555555555p-1, 0x1.9999999999a3cp-2, 0x1.249249247637bp-2, 0x1.c71c720256a49p-3, 0x1.745cf89e4dac4p-3,
           0x1.3b1c4a7113545p-3, 0x1.0fbc6f95ace6dp-3, 0x1.0c19943d8fa79p-3))

/* The natural logarithm. float: 1 ULP, double: 1 ULP. log(0) is -infinity, that of a negative number NaN.
 *
 * x = 2^n (1 + f) with 1 + f from sqrt(1/2) to sqrt(2); with s = f / (2 + f), log(1 + f) = f - (f^2 / 2 - s (f^2 / 2
 * + s^2 polynomial(s^2))). */
INLINE vec vec_log(vec x)
{
    const vec least = splat(CONSTANT(0x1p-126, 0x1p-1022));
    integers denormal = x < least;
    vec normal = blend(denormal, x * CONSTANT(0x1p23, 0x1p52), x);
    integers above = (integers)normal - (integers)splat((real)0x1.6a09e667f3bcdp-1);
    integers power = above >> MANTISSA;
    vec f = (vec)((integers)normal - (power << MANTISSA)) - 1;
    vec n = (vec)(power + (integers)splat(WHOLE)) - WHOLE - blend(denormal, splat((real)MANTISSA), zero());
    vec s = f / (2 + f), z = s * s, half_square = f * f * (real)0.5;
    vec r = z * polynomial(z, log_table, LENGTH(log_table));
    vec y = n * LN2_HIGH - ((half_square - (s * (half_square + r) + n * LN2_LOW)) - f);
    const vec infinity = splat(REAL_INFINITY);
    y = blend(x == infinity, infinity, y);
    y = blend(x == zero(), -infinity, y);
    return blend((x < zero()) | (x != x), splat((real)__builtin_nan("")), y);
}

/* --- tanh ------------------------------------------------------------------------------------------------------- */
/* (tanh(x) / x - 1) / x^2 of x^2, for |x| up to 0.625 */
TABLE(tanh_table, LIST(-0x1.555534p-2, 0x1.110788p-3, -0x1.b847b8p-5, 0x1.526a1ap-6, -0x1.76f844p-8),
      LIST(-0x1.5555555555552p-2, 0x1.1111111110ca8p-3, -0x1.ba1ba1b9d5c82p-5, 0x1.664f487195753p-6,
           -0x1.226e32e7a580fp-7, 0x1.d6d35db0d92cdp-9, -0x1.7d9c5d2e827abp-10, 0x1.350cdc2148dcep-11,
           -0x1.f121826f08ea4p-13, 0x1.804ba220c6198p-14, -0x1.fb80ac652a608p-16, 0x1.9743ecc060ecfp-18))

/* float: 2 ULP, double: 2 ULP. From 0.625 on 1 - 2 / (e^2x + 1). */
INLINE vec vec_tanh(vec x)
{
    vec size = absolute(x), z = x * x;
    vec near = size + size * (z * polynomial(z, tanh_table, LENGTH(tanh_table)));
    vec far = 1 - 2 / (vec_exp(2 * size) + 1);
    return with_sign(blend(size < (real)0.625, near, far), x);
}

/* --- erf, erfc -------------------------------------------------------------------------------------------------- */
/* erf(x) / x - 1 of x^2, for |x| up to 1 */
TABLE(erf_table,
      LIST(0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2d2p-4, -0x1.b7fbb4p-6, 0x1.5419f2p-8, -0x1.a485dp-11, 0x1.4ae484p-14),
      LIST(0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b34p-4, -0x1.b82ce31284f38p-6,
           0x1.565bcd0dbd920p-8, -0x1.c02db3db49905p-11, 0x1.f9a321e4be396p-14, -0x1.f4d1e4355e24fp-17,
           0x1.b9df3066e20fep-20, -0x1.5f1f41608c1ffp-23, 0x1.f7b9a24bdfaf0p-27, -0x1.38ac32d8ed106p-30,
           0x1.0627890b92f43p-34))
/* -log(erfc(x)) of x - ERF_MIDDLE, for x from 1 to ERF_HIGH, where erf is 1 */
#define ERF_MIDDLE (real)1.25
#define ERF_HIGH CONSTANT(4.1, 6)
TABLE(erf_tail_table,
      LIST(0x1.48050ap+1, 0x1.88ab2cp+1, 0x1.bddab6p-1, 0x1.0bd284p-5, -0x1.fe02fap-8, 0x1.95bedep-10, -0x1.852bbp-13),
      LIST(0x1.48050902770fdp+1, 0x1.88ab2d9950138p+1, 0x1.bddad46f504ffp-1, 0x1.0bc5a0297911ep-5,
           -0x1.fea76c4b59ce1p-8, 0x1.a540a74bea1a4p-10, -0x1.02c5927e0b743p-12, 0x1.50f174c527aeap-17,
           0x1.6b6bc75c4cdb3p-17, -0x1.5ab57ec3641fbp-18, 0x1.8427562d0c343p-20, -0x1.0ecab0796bed2p-22,
           0x1.1c8fc102a87cdp-28, 0x1.11a8881ddbcefp-26, -0x1.cbf295b0899ccp-28, 0x1.bd141e4da0308p-30,
           -0x1.13d9e7b9763c6p-32, 0x1.96702715a4877p-36, -0x1.0ee2ae149697dp-40))

/* erf(x) - x for |x| up to 1 */
INLINE vec erf_less_x(vec x) { return x * polynomial(x * x, erf_table, LENGTH(erf_table)); }
/* float: 2 ULP, double: 2 ULP. */
INLINE vec vec_erf(vec x)
{
    vec size = absolute(x);
    vec t = smaller_of(splat(ERF_HIGH), size) - ERF_MIDDLE;
    vec far = with_sign(1 - vec_exp_weight(-polynomial(t, erf_tail_table, LENGTH(erf_tail_table))), x);
    return blend(size < 1, x + erf_less_x(x), far);
}

/* (1 + 2 x) e^(x^2) erfc(x) - 1 of (x - 4) / (x + 4), for x >= 0.5 */
TABLE(erfc_table,
      LIST(0x1.dd2c8cp-3, -0x1.1df1a6p-3, 0x1.f7f73p-7, 0x1.16ea46p-4, -0x1.9de0a2p-4, 0x1.8012f6p-4, -0x1.0f690ep-4,
           0x1.2f09d6p-5, -0x1.0f89d6p-6, 0x1.59aaeep-8),
      LIST(0x1.dd2c8b74febf6p-3, -0x1.1df1ad154a28fp-3, 0x1.f7f5df66fd6dcp-7, 0x1.16ecefcfa54a3p-4,
           -0x1.9ddb23c3e89c4p-4, 0x1.7fee004e0fe36p-4, -0x1.0fb06dfe54a11p-4, 0x1.3079edf6d4572p-5,
           -0x1.09623882b4c37p-6, 0x1.49c6726f1b441p-8, -0x1.8d4a9c392be1ap-11, -0x1.a1df161b8aecap-13,
           0x1.3be06abca7b5dp-13, -0x1.995acf58cafe5p-16, -0x1.788d9b21c656fp-17, 0x1.7f3487c5932dcp-18,
           0x1.3bcf4fa373afap-22, -0x1.bb71f69ff508dp-21, 0x1.3e75b59693acep-24, 0x1.d9f5a74d5ee5ap-24,
           -0x1.2c8890239f31ap-26, -0x1.e3e9a7d0c3203p-27, 0x1.ce9517252468cp-30, 0x1.4a4e7b8e88c58p-30))
/* x^2 is the square of x without its lower half of bits, which is exact, and a rest. */
#define UPPER_HALF (DOUBLE ? ~0x7ffffffLL : ~0xfffLL)
typedef double doubles __attribute__((vector_size(LANES * 8)));

/* 1 - erf(x), relatively as exact where it is small, down to its underflow. float: 2 ULP, double: 4 ULP. The last
 * factors are multiplied in double, for three roundings to float are too many. */
INLINE vec vec_erfc(vec x)
{
    /* the sum makes a signalling NaN a quiet one */
    vec size = smaller_of(splat(CONSTANT(11, 28)), absolute(x + 0));
    vec upper = (vec)((integers)size & splat_lanes(UPPER_HALF));
    vec above = polynomial((size - 4) / (size + 4), erfc_table, LENGTH(erfc_table));
    vec n;
    integers bits;
    vec r = reduce_ln2(-(upper * upper), &n, &bits) - (size - upper) * (size + upper);
    doubles quotient = (1 + __builtin_convertvector(above, doubles)) / (1 + 2 * __builtin_convertvector(size, doubles));
    quotient += quotient * __builtin_convertvector(exp_less_1(r), doubles);
    vec far = times_power(__builtin_convertvector(quotient, vec), n, bits);
    return blend(size < (real)0.75, (1 - x) - erf_less_x(x), blend(x < zero(), 2 - far, far));
}

/* The first n lanes, and zeros. */
INLINE vec first_lanes_of(vec x, ptrdiff_t n)
{
    real numbers[LANES];
    store(numbers, x);
    return load_zero(numbers, n);
}
/* Of one number. */
INLINE real first_lane(vec x) { return x[0]; }
INLINE real exp_weight_of(real x) { return first_lane(vec_exp_weight(splat(x))); }
INLINE real log_of(real x) { return first_lane(vec_log(splat(x))); }
/* The largest of the lanes; a NaN among them may be passed over. */
#define FOLD_LARGER(s) v = larger_of(v, __builtin_shufflevector(v, v, EACH_LANE(ROTATED, s)));
INLINE real reduce_larger(vec v)
{
#if LANES > 8
    FOLD_LARGER(8)
#endif
#if LANES > 4
    FOLD_LARGER(4)
#endif
#if LANES > 2
    FOLD_LARGER(2)
#endif
    FOLD_LARGER(1)
    return v[0];
}
/* What softmax subtracts: the largest score, or 0 where that is -infinity, so that no difference is NaN but of NaN. */
INLINE vec finite_base(vec top) { return blend(top == splat(-REAL_INFINITY), zero(), top); }

#undef LENGTH
#undef DOUBLE
#undef MANTISSA
#undef BIAS
#undef TABLE
#undef LIST
#undef UPPER_HALF

#endif
