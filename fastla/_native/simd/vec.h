/* Vector types and the few operations on them: the only file that knows an instruction set.
 *
 * setup.py compiles every kernel once for each row of its two tables, with these macros:
 *   STORED, REAL, OUTPUT   C types: read from memory, computed in, written to memory
 *   REAL_BYTES             sizeof(REAL), for the preprocessor
 *   VECTOR_BYTES           the target's vector; `vec` holds LANES elements of REAL
 *   TILE_MR                rows of a tile
 *   LOAD_STORED            how a vector of STORED becomes a vec: load, load_float16, load_bfloat16, load_int8
 *   ELEMENT_WIDTH                   numbers in an element: 2 where one int32 holds a pair of int16 (see multiply_add),
 * else 1 PREFILTERS                are dot products of bytes faster than those of reals? Arithmetic on `vec` is written
 * with the usual operators; GCC and Clang contract a + x * b into FMA.
 */
#ifndef FASTLA_VEC_H
#define FASTLA_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef STORED stored;
typedef REAL real;
typedef OUTPUT output;

#define LANES (VECTOR_BYTES / REAL_BYTES)
_Static_assert(sizeof(real) == REAL_BYTES, "the element table of setup.py is wrong");

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real vec_in_memory __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const real *p) { return *(const vec_in_memory *)p; }
INLINE void store(real *p, vec v) { *(vec_in_memory *)p = v; }
INLINE vec zero(void) { return (vec){0}; }
INLINE vec splat(real x) { return x - (vec){0}; } /* x - 0 keeps the sign of -0 */

/* What narrow storage holds, as a vec. The conversions of 16 bits are exact. */
#if REAL_BYTES == 4
typedef uint16_t halves __attribute__((vector_size(VECTOR_BYTES / 2), aligned(2), may_alias));
typedef int8_t bytes __attribute__((vector_size(VECTOR_BYTES / 2), aligned(1), may_alias));
typedef int16_t shorts __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t words __attribute__((vector_size(VECTOR_BYTES)));
typedef float floats __attribute__((vector_size(VECTOR_BYTES)));

INLINE vec load_bfloat16(const uint16_t *p)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16);
#else
    return (vec)(__builtin_convertvector(*(const halves *)p, words) << 16);
#endif
}
INLINE vec load_float16(const uint16_t *p)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__) && VECTOR_BYTES == 32
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    words h = __builtin_convertvector(*(const halves *)p, words), size = h & 0x7fff;
    words finite = (words)((floats)(size << 13) * 0x1p112f), other = size << 13 | 0x7f800000;
    words is_other = (words)(size >= 0x7c00);
    return (vec)((h & 0x8000) << 16 | (is_other & other) | (~is_other & finite));
#endif
}
/* Two int8 become two int16 in one int32. GCC makes five instructions of the conversion to 64 bytes. */
INLINE vec load_int8(const int16_t *p)
{
#if defined(__AVX512BW__) && VECTOR_BYTES == 64
    return (vec)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
#else
    return (vec) __builtin_convertvector(*(const bytes *)p, shorts);
#endif
}
#endif
INLINE vec load_stored(const stored *p) { return LOAD_STORED(p); }
/* One element of it. */
INLINE real widen(stored x)
{
#if STORED_IS_REAL
    return x;
#else
    stored lanes[LANES] = {x};
    return load_stored(lanes)[0];
#endif
}

/* sum + a * b; of pairs, the sum of both products (32 bits hold all of them: who makes the pairs sees to that). */
INLINE vec multiply_add(vec sum, vec a, vec b)
{
#if ELEMENT_WIDTH == 1
    return sum + a * b;
#elif defined(__AVX512VNNI__) && VECTOR_BYTES == 64
    return (vec)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif defined(__AVX512BW__) && VECTOR_BYTES == 64
    return sum + (vec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && VECTOR_BYTES == 32
    return sum + (vec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__) && VECTOR_BYTES == 16
    return sum + (vec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    return sum + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}
INLINE output number(real element, int i)
{
    return ELEMENT_WIDTH == 1 ? (output)element : (output)(int16_t)((int64_t)element >> 16 * i);
}

/* Scores: a vec of sums as numbers of the output type. */
typedef output out_vec __attribute__((vector_size(LANES * sizeof(output))));
typedef output out_vec_in_memory
    __attribute__((vector_size(LANES * sizeof(output)), aligned(sizeof(output)), may_alias));
INLINE out_vec load_out(const output *p) { return *(const out_vec_in_memory *)p; }
INLINE void store_out(output *p, out_vec v) { *(out_vec_in_memory *)p = v; }
INLINE out_vec splat_out(output x) { return x - (out_vec){0}; }
INLINE out_vec to_out(vec v) { return __builtin_convertvector(v, out_vec); }
/* Into [-1, 1]; NaN stays. */
INLINE out_vec vec_clamp(out_vec v)
{
    out_vec one = splat_out(1), minus = splat_out(-1);
    __typeof__(v > one) above = v > one, below = v < minus;
    return (out_vec)((above & (__typeof__(above))one) | (below & (__typeof__(above))minus) |
                     (~(above | below) & (__typeof__(above))v));
}
/* 1 / sqrt(v) */
INLINE out_vec inverse_root(out_vec v)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    out_vec r = sizeof(output) == 4 ? (out_vec)_mm512_sqrt_ps((__m512)v) : (out_vec)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    out_vec r = sizeof(output) == 4 ? (out_vec)_mm256_sqrt_ps((__m256)v) : (out_vec)_mm256_sqrt_pd((__m256d)v);
#else
    out_vec r = v;
    for (int i = 0; i < LANES; i++)
        r[i] = sizeof(output) == 4 ? (output)__builtin_sqrtf((float)v[i]) : (output)__builtin_sqrt(v[i]);
#endif
    return 1 / r;
}
/* A bit for each lane that is not below its threshold; NaN is. */
INLINE uint64_t at_least(out_vec v, out_vec threshold)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return sizeof(output) == 4 ? _mm512_cmp_ps_mask((__m512)v, (__m512)threshold, _CMP_GE_OQ)
                               : _mm512_cmp_pd_mask((__m512d)v, (__m512d)threshold, _CMP_GE_OQ);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    return sizeof(output) == 4 ? (uint64_t)_mm256_movemask_ps((__m256)(v >= threshold))
                               : (uint64_t)_mm256_movemask_pd((__m256d)(v >= threshold));
#elif defined(__SSE2__) && VECTOR_BYTES == 16
    return sizeof(output) == 4 ? (uint64_t)_mm_movemask_ps((__m128)(v >= threshold))
                               : (uint64_t)_mm_movemask_pd((__m128d)(v >= threshold));
#else
    __typeof__(v >= threshold) reached = v >= threshold;
    uint64_t bits = 0;
    for (int i = 0; i < LANES; i++)
        bits |= (uint64_t)(reached[i] & 1) << i;
    return bits;
#endif
}
INLINE int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }
INLINE int bit_count(uint64_t bits) { return __builtin_popcountll(bits); }

/* Numbers rounded to bytes, four of them in a 32-bit lane, and sums of their products (search/prune/quantize.pxi). */
typedef int32_t quads __attribute__((vector_size(LANES * 4)));
typedef int32_t quads_in_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
INLINE quads load_quads(const int32_t *p) { return *(const quads_in_memory *)p; }
INLINE void store_quads(int32_t *p, quads q) { *(quads_in_memory *)p = q; }
INLINE quads to_unsigned(quads q)
{
    return q ^ (int32_t)0x80808080;
} /* bytes with a sign become 128 more, without one */
INLINE quads splat_quads(int32_t x) { return x - (quads){0}; }
INLINE out_vec quads_to_out(quads q) { return __builtin_convertvector(q, out_vec); }
/* sum + the products of a's four bytes, which have no sign, and b's, which have one */
INLINE quads dot_quads(quads sum, quads a, quads b)
{
#if defined(__AVX512VNNI__) && VECTOR_BYTES == 64 && REAL_BYTES == 4
    return (quads)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    for (int i = 0; i < 32; i += 8)
        sum += (a >> i & 255) * (b << (24 - i) >> 24);
    return sum;
#endif
}
/* Whole numbers from -127 to 127, four bytes in a lane: sum + the products of a's and b's, exactly (16 bits hold two
 * products of such numbers, so no step saturates). a's are LEVEL_OFFSET more than they mean, and have no sign then. */
#if defined(__AVX512VNNI__) && VECTOR_BYTES == 64 && REAL_BYTES == 4
enum { LEVEL_OFFSET = 128 };
#else
enum { LEVEL_OFFSET = 0 };
#endif
INLINE quads dot_levels(quads sum, quads a, quads b)
{
#if defined(__AVX512VNNI__) && VECTOR_BYTES == 64 && REAL_BYTES == 4
    return (quads)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif defined(__AVX512BW__) && VECTOR_BYTES == 64 && REAL_BYTES == 4
    __m512i negative = _mm512_mask_sub_epi8((__m512i)b, _mm512_movepi8_mask((__m512i)a), _mm512_setzero_si512(),
                                            (__m512i)b); /* b where a is positive, -b where not */
    __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8((__m512i)a), negative);
    return sum + (quads)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#elif defined(__AVX2__) && VECTOR_BYTES == 32 && REAL_BYTES == 4
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)a), _mm256_sign_epi8((__m256i)b, (__m256i)a));
    return sum + (quads)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__SSSE3__) && VECTOR_BYTES == 16 && REAL_BYTES == 4
    __m128i pairs = _mm_maddubs_epi16(_mm_abs_epi8((__m128i)a), _mm_sign_epi8((__m128i)b, (__m128i)a));
    return sum + (quads)_mm_madd_epi16(pairs, _mm_set1_epi16(1));
#else
    for (int i = 0; i < 32; i += 8)
        sum += (a << (24 - i) >> 24) * (b << (24 - i) >> 24);
    return sum;
#endif
}
/* The whole number nearest to each of |v| < 2^22. */
INLINE out_vec vec_round(out_vec v)
{
    out_vec shift = splat_out(sizeof(output) == 4 ? (output)0x1.8p23 : (output)0x1.8p52);
    return (v + shift) - shift;
}
/* Whole numbers from -127 to 127, as byte i of each lane. */
INLINE quads to_byte(out_vec v, int i) { return (__builtin_convertvector(v, quads) & 255) << 8 * i; }
INLINE out_vec vec_abs(out_vec v)
{
    __typeof__(v < v + 1) below = v < splat_out(0);
    return (out_vec)((below & (__typeof__(below))-v) | (~below & (__typeof__(below))v));
}
/* x in the lanes where v > w, y in the others and beside NaN. */
INLINE out_vec where_above(out_vec v, out_vec w, out_vec x, out_vec y)
{
    __typeof__(v > w) above = v > w;
    return (out_vec)((above & (__typeof__(above))x) | (~above & (__typeof__(above))y));
}
/* Counts of comparisons: whole numbers as wide as the output, a lane each. */
typedef __typeof__(__builtin_choose_expr(sizeof(output) == 8, (int64_t)0, (int32_t)0)) count_type;
typedef count_type counts __attribute__((vector_size(LANES * sizeof(output))));
INLINE counts no_counts(void) { return (counts){0}; }
INLINE counts count_above(counts n, out_vec v, out_vec w) { return n - (counts)(v > w); }
/* Where v > w, or equals it and the lane comes after this one. lanes: their numbers. */
INLINE counts count_before(counts n, out_vec v, out_vec w, out_vec lanes, output lane)
{
    return n - (counts)(v > w) - ((counts)(v == w) & (counts)(lanes > splat_out(lane)));
}
INLINE out_vec counts_to_out(counts n) { return __builtin_convertvector(n, out_vec); }

/* Beside NaN vec_max is w, and vec_min v. */
#if defined(__AVX512F__) && VECTOR_BYTES == 64
INLINE out_vec vec_max(out_vec v, out_vec w)
{
    return sizeof(output) == 4 ? (out_vec)_mm512_max_ps((__m512)v, (__m512)w)
                               : (out_vec)_mm512_max_pd((__m512d)v, (__m512d)w);
}
INLINE out_vec vec_min(out_vec v, out_vec w)
{
    return sizeof(output) == 4 ? (out_vec)_mm512_min_ps((__m512)w, (__m512)v)
                               : (out_vec)_mm512_min_pd((__m512d)w, (__m512d)v);
}
#elif defined(__AVX__) && VECTOR_BYTES == 32
INLINE out_vec vec_max(out_vec v, out_vec w)
{
    return sizeof(output) == 4 ? (out_vec)_mm256_max_ps((__m256)v, (__m256)w)
                               : (out_vec)_mm256_max_pd((__m256d)v, (__m256d)w);
}
INLINE out_vec vec_min(out_vec v, out_vec w)
{
    return sizeof(output) == 4 ? (out_vec)_mm256_min_ps((__m256)w, (__m256)v)
                               : (out_vec)_mm256_min_pd((__m256d)w, (__m256d)v);
}
#else
INLINE out_vec vec_max(out_vec v, out_vec w) { return where_above(v, w, v, w); }
INLINE out_vec vec_min(out_vec v, out_vec w) { return where_above(v, w, w, v); }
#endif

/* f(lane, s) for every lane of a vector of `count` lanes, separated by commas. */
#define EACH_2(f, s) f(0, s), f(1, s)
#define EACH_4(f, s) EACH_2(f, s), f(2, s), f(3, s)
#define EACH_8(f, s) EACH_4(f, s), f(4, s), f(5, s), f(6, s), f(7, s)
#define EACH_16(f, s) EACH_8(f, s), f(8, s), f(9, s), f(10, s), f(11, s), f(12, s), f(13, s), f(14, s), f(15, s)

#if LANES == 16
#define EACH_LANE EACH_16
#elif LANES == 8
#define EACH_LANE EACH_8
#elif LANES == 4
#define EACH_LANE EACH_4
#elif LANES == 2
#define EACH_LANE EACH_2
#endif

/* The sum of the lanes, always in the same order: halves are folded onto each other. */
#define ROTATED(l, s) (((l) + (s)) % LANES)
#define FOLD(s) v = v + __builtin_shufflevector(v, v, EACH_LANE(ROTATED, s));
INLINE real reduce_add(vec v)
{
#if LANES > 8
    FOLD(8)
#endif
#if LANES > 4
    FOLD(4)
#endif
#if LANES > 2
    FOLD(2)
#endif
    FOLD(1)
    return v[0];
}

/* The sums of four vectors' lanes, each in reduce_add's order: their halves are folded side by side. */
#define FIRST_HALF(l, s) ((l) < LANES / 2 ? (l) : (l) + LANES / 2)
#define SECOND_HALF(l, s) ((l) < LANES / 2 ? (l) + LANES / 2 : (l) + LANES)
#define FOLD_HALVES(a, b)                                          \
    (__builtin_shufflevector((a), (b), EACH_LANE(FIRST_HALF, 0)) + \
     __builtin_shufflevector((a), (b), EACH_LANE(SECOND_HALF, 0)))
INLINE void reduce_add_4(vec a, vec b, vec c, vec d, real *to)
{
    vec ab = FOLD_HALVES(a, b), cd = FOLD_HALVES(c, d);
#if LANES == 2
    to[0] = ab[0];
    to[1] = ab[1];
    to[2] = cd[0];
    to[3] = cd[1];
#else
#define QUARTER(l, s) ((l) / (LANES / 2) * LANES + (l) / (LANES / 4) % 2 * (LANES / 2) + (l) % (LANES / 4) + (s))
    vec v = __builtin_shufflevector(ab, cd, EACH_LANE(QUARTER, 0)) +
            __builtin_shufflevector(ab, cd, EACH_LANE(QUARTER, LANES / 4));
#if LANES > 8
    FOLD(2)
#endif
#if LANES > 4
    FOLD(1)
#endif
    for (int i = 0; i < 4; i++)
        to[i] = v[i * (LANES / 4)];
#undef QUARTER
#endif
}

/* Packing turns squares of SQUARE x SQUARE elements: as wide as a vector, but no wider than a panel of a. */
#define SQUARE (TILE_MR < LANES ? TILE_MR : LANES)
_Static_assert((SQUARE & (SQUARE - 1)) == 0, "TILE_MR must be a power of two");
typedef real row __attribute__((vector_size(SQUARE * REAL_BYTES)));
typedef real square_row_in_memory __attribute__((vector_size(SQUARE * REAL_BYTES), aligned(REAL_BYTES), may_alias));

#if SQUARE == 16
#define EACH EACH_16
#elif SQUARE == 8
#define EACH EACH_8
#elif SQUARE == 4
#define EACH EACH_4
#elif SQUARE == 2
#define EACH EACH_2
#endif

/* to[p * to_step + w] = from[w * from_step + p] for w, p < SQUARE. Pass s swaps the off-diagonal s x s corners of every
 * 2s x 2s square: a row takes the lanes with bit s from, or gives those without to, its partner s rows below. */
#define UPPER(l, s) ((l) & (s) ? SQUARE + (l) - (s) : (l))
#define LOWER(l, s) ((l) & (s) ? SQUARE + (l) : (l) + (s))
#define PASS(s)                                                         \
    for (int i = 0; i < SQUARE; i++)                                    \
        if (!(i & (s))) {                                               \
            row x = v[i], y = v[i + (s)];                               \
            v[i] = __builtin_shufflevector(x, y, EACH(UPPER, s));       \
            v[i + (s)] = __builtin_shufflevector(x, y, EACH(LOWER, s)); \
        }
INLINE void transpose_square(real *to, ptrdiff_t to_step, const real *from, ptrdiff_t from_step)
{
    row v[SQUARE];
    for (int i = 0; i < SQUARE; i++)
        v[i] = *(const square_row_in_memory *)(from + i * from_step);
    PASS(1)
#if SQUARE > 2
    PASS(2)
#endif
#if SQUARE > 4
    PASS(4)
#endif
#if SQUARE > 8
    PASS(8)
#endif
    for (int i = 0; i < SQUARE; i++)
        *(square_row_in_memory *)(to + i * to_step) = v[i];
}

#undef UPPER
#undef LOWER
#undef PASS

/* A vector that stays in its register: GCC would read it from memory once more for each of its uses. */
INLINE vec held(vec v)
{
#if defined(__AVX512F__) && VECTOR_BYTES == 64 || defined(__AVX2__) && VECTOR_BYTES == 32
    __asm__("" : "+v"(v));
#endif
    return v;
}

/* The first `valid` rows of a transposed square of 4 x 4 elements: what is narrower than SQUARE. */
typedef real row_of_4 __attribute__((vector_size(4 * REAL_BYTES)));
typedef real row_of_4_in_memory __attribute__((vector_size(4 * REAL_BYTES), aligned(REAL_BYTES), may_alias));
INLINE void transpose_4(real *to, ptrdiff_t to_step, const real *from, ptrdiff_t from_step, ptrdiff_t valid)
{
    row_of_4 v[4];
    for (int i = 0; i < 4; i++)
        v[i] = *(const row_of_4_in_memory *)(from + i * from_step);
    row_of_4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    row_of_4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    *(row_of_4_in_memory *)to = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    if (valid > 1)
        *(row_of_4_in_memory *)(to + to_step) = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    if (valid > 2)
        *(row_of_4_in_memory *)(to + 2 * to_step) = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    if (valid > 3)
        *(row_of_4_in_memory *)(to + 3 * to_step) = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

INLINE void prefetch(const void *p) { __builtin_prefetch(p); }
enum { LINE = 64 }; /* bytes in a cache line */

/* The first n elements, 0 < n <= LANES; memory beyond them is not touched. The other lanes repeat the last element, so
 * that computing them raises no floating-point exception that the elements do not; load_zero leaves them zero. */
#if defined(__AVX512VL__) && VECTOR_BYTES == 64
#define MASK(n) (((uint64_t)1 << (n)) - 1)
INLINE vec load_part(const real *p, ptrdiff_t n)
{
    vec rest = splat(p[n - 1]);
    return sizeof(real) == 4 ? (vec)_mm512_mask_loadu_epi32((__m512i)rest, (__mmask16)MASK(n), p)
                             : (vec)_mm512_mask_loadu_epi64((__m512i)rest, (__mmask8)MASK(n), p);
}
INLINE vec load_zero(const real *p, ptrdiff_t n)
{
    return sizeof(real) == 4 ? (vec)_mm512_maskz_loadu_epi32((__mmask16)MASK(n), p)
                             : (vec)_mm512_maskz_loadu_epi64((__mmask8)MASK(n), p);
}
INLINE void store_part(real *p, vec v, ptrdiff_t n)
{
    if (sizeof(real) == 4)
        _mm512_mask_storeu_epi32(p, (__mmask16)MASK(n), (__m512i)v);
    else
        _mm512_mask_storeu_epi64(p, (__mmask8)MASK(n), (__m512i)v);
}
#else
/* A copy through the stack, in pieces of fixed size: memcpy of a variable size would be a call. */
INLINE void copy_part(void *to, const void *from, size_t bytes)
{
    char *t = to;
    const char *f = from;
    if (bytes > VECTOR_BYTES)
        __builtin_unreachable();
#define PIECE(size)                                                       \
    if (VECTOR_BYTES >= size && sizeof(real) <= size && (bytes & size)) { \
        memcpy(t, f, size);                                               \
        t += size;                                                        \
        f += size;                                                        \
    }
    PIECE(64) PIECE(32) PIECE(16) PIECE(8) PIECE(4) PIECE(2) PIECE(1)
#undef PIECE
}
#if defined(__AVX2__) && VECTOR_BYTES == 32 && (REAL_BYTES == 4 || REAL_BYTES == 8)
/* Loads under a mask are fast everywhere; stores under one are slow on AMD, so store_part copies. */
INLINE __m256i first_lanes(ptrdiff_t n)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)((const char *)ones + 32 - n * REAL_BYTES));
}
INLINE vec load_zero(const real *p, ptrdiff_t n)
{
    return REAL_BYTES == 4 ? (vec)_mm256_maskload_epi32((const int *)p, first_lanes(n))
                           : (vec)_mm256_maskload_epi64((const long long *)p, first_lanes(n));
}
INLINE vec load_part(const real *p, ptrdiff_t n)
{
    return (vec)_mm256_blendv_epi8((__m256i)splat(p[n - 1]), (__m256i)load_zero(p, n), first_lanes(n));
}
#else
INLINE vec load_part(const real *p, ptrdiff_t n)
{
    vec v = splat(p[n - 1]);
    copy_part(&v, p, (size_t)n * sizeof(real));
    return v;
}
INLINE vec load_zero(const real *p, ptrdiff_t n)
{
    vec v = {0};
    copy_part(&v, p, (size_t)n * sizeof(real));
    return v;
}
#endif
INLINE void store_part(real *p, vec v, ptrdiff_t n)
{
    vec copy = v;
    __asm__("" : "+m"(copy)); /* else GCC keeps the accumulator itself in this memory, through the whole loop over k */
    copy_part(p, &copy, (size_t)n * sizeof(real));
}
#endif

/* The same of what is stored. */
INLINE vec load_stored_part(const stored *p, ptrdiff_t n)
{
#if STORED_IS_REAL
    return load_part(p, n);
#else
    stored copy[LANES];
    for (int i = 0; i < LANES; i++)
        copy[i] = p[i < n ? i : n - 1];
    return load_stored(copy);
#endif
}

#endif
