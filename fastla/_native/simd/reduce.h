/* What norms of several orders add up, lane by lane, and what becomes of the lanes. */
#ifndef FASTLA_REDUCE_H
#define FASTLA_REDUCE_H

#include "vec.h"

#if REAL_BYTES == 8
typedef int64_t real_bits;
#define MAGNITUDE_BITS INT64_MAX
#else
typedef int32_t real_bits;
#define MAGNITUDE_BITS INT32_MAX
#endif
typedef real_bits vec_bits __attribute__((vector_size(VECTOR_BYTES)));

INLINE vec vec_infinity(void) { return splat((real)__builtin_inf()); }
INLINE vec magnitude(vec v) { return (vec)((vec_bits)v & ((vec_bits){0} + MAGNITUDE_BITS)); }
INLINE vec one_unless_zero(vec v) { return (vec)((vec_bits)(v != zero()) & (vec_bits)splat(1)); }
/* The larger and the smaller of two; NaN where one of them is. */
INLINE vec select_lanes(vec_bits where, vec yes, vec no)
{
    return (vec)((where & (vec_bits)yes) | (~where & (vec_bits)no));
}
INLINE vec max_or_nan(vec v, vec w) { return select_lanes((vec_bits)(v > w) | (vec_bits)(v != v), v, w); }
INLINE vec min_or_nan(vec v, vec w) { return select_lanes((vec_bits)(v < w) | (vec_bits)(v != v), v, w); }

#define FOLD_BY(f, s) v = f(v, __builtin_shufflevector(v, v, EACH_LANE(ROTATED, s)));
#if LANES > 8
#define FOLD_8(f) FOLD_BY(f, 8)
#else
#define FOLD_8(f)
#endif
#if LANES > 4
#define FOLD_4(f) FOLD_BY(f, 4)
#else
#define FOLD_4(f)
#endif
#if LANES > 2
#define FOLD_2(f) FOLD_BY(f, 2)
#else
#define FOLD_2(f)
#endif
#define FOLD_LANES(f) FOLD_8(f) FOLD_4(f) FOLD_2(f) FOLD_BY(f, 1)
INLINE real reduce_max(vec v)
{
    FOLD_LANES(max_or_nan)
    return v[0];
}
INLINE real reduce_min(vec v)
{
    FOLD_LANES(min_or_nan)
    return v[0];
}

INLINE vec vec_root(vec v)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return sizeof(real) == 4 ? (vec)_mm512_sqrt_ps((__m512)v) : (vec)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    return sizeof(real) == 4 ? (vec)_mm256_sqrt_ps((__m256)v) : (vec)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__) && VECTOR_BYTES == 16
    return sizeof(real) == 4 ? (vec)_mm_sqrt_ps((__m128)v) : (vec)_mm_sqrt_pd((__m128d)v);
#else
    for (int i = 0; i < LANES; i++)
        v[i] = sizeof(real) == 4 ? (real)__builtin_sqrtf((float)v[i]) : (real)__builtin_sqrt(v[i]);
    return v;
#endif
}

#endif
