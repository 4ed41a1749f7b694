/* Lane by lane: choices, roots and powers of two, for kernels that work on as many problems as a vector has lanes. */
#ifndef FASTLA_LANES_H
#define FASTLA_LANES_H

#include "vec.h"
#include <math.h>

/* x < y ? a : b; NaN is not less. */
INLINE vec if_less(vec x, vec y, vec a, vec b)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return sizeof(real) == 4
               ? (vec)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_LT_OQ), (__m512)b, (__m512)a)
               : (vec)_mm512_mask_blend_pd(_mm512_cmp_pd_mask((__m512d)x, (__m512d)y, _CMP_LT_OQ), (__m512d)b,
                                           (__m512d)a);
#else
    __typeof__(x < y) less = x < y;
    return (vec)((less & (__typeof__(less))a) | (~less & (__typeof__(less))b));
#endif
}
INLINE vec lanes_abs(vec x)
{
    typedef __typeof__(x < x) bits;
    return (vec)((bits)x & ~(bits)(-zero()));
}
INLINE vec lanes_max(vec x, vec y) { return if_less(x, y, y, x); }
INLINE vec lanes_sqrt(vec x)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return sizeof(real) == 4 ? (vec)_mm512_sqrt_ps((__m512)x) : (vec)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    return sizeof(real) == 4 ? (vec)_mm256_sqrt_ps((__m256)x) : (vec)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = sizeof(real) == 4 ? (real)__builtin_sqrtf((float)x[i]) : (real)__builtin_sqrt(x[i]);
    return x;
#endif
}
#define square_root(x) __builtin_sqrt(x)
#define REAL_EPS (sizeof(real) == 4 ? 0x1p-23 : 0x1p-52)

#endif
