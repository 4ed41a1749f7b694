/* Numbers written: as stored elements, the way into narrow storage (read.h and vec.h are the way out), and as rows of a
 * floating type.
 *
 * A block is [d][BLOCK_ROWS] numbers, a lane for each row. Loops run along the lanes, and are vectorised. */
#ifndef FASTLA_WRITE_H
#define FASTLA_WRITE_H

#include "kernels.h"
#include "read.h"

INLINE uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* To the nearest, ties to even. All three cases are computed, so that lanes need no branch. */
INLINE uint16_t to_float16(float x)
{
    uint32_t bits = bits_of(x), size = bits & 0x7fffffffu, sign = (bits & 0x80000000u) >> 16;
    uint32_t beyond = size > 0x7f800000u ? 0x7e00u : 0x7c00u;            /* NaN; infinity */
    uint32_t tiny = bits_of(float_of_bits(size) + 0.5f) - bits_of(0.5f); /* the sum rounds at its last bit */
    uint32_t normal = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
    return (uint16_t)(sign | (size >= 0x47800000u ? beyond : size < 0x38800000u ? tiny : normal));
}
INLINE uint16_t to_bfloat16(float x)
{
    uint32_t bits = bits_of(x);
    return (uint16_t)(x != x ? 0x7fc0u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
/* The nearest of -127 to 127 as a byte; 0 for what is no number of theirs. */
INLINE uint32_t to_level(float x) { return x >= -127 && x <= 127 ? (uint8_t)(int32_t)__builtin_rintf(x) : 0; }

/* The largest |x| of each lane; NaN where there is one. As integers positive floats keep their order, NaN above all. */
static void lane_max(float *most, const output *x, ptrdiff_t d)
{
    uint32_t largest[BLOCK_ROWS] = {0};
    for (ptrdiff_t p = 0; p < d; p++, x += BLOCK_ROWS)
        for (int lane = 0; lane < BLOCK_ROWS; lane++) {
            uint32_t size = bits_of((float)x[lane]) & 0x7fffffffu;
            largest[lane] = size > largest[lane] ? size : largest[lane];
        }
    memcpy(most, largest, sizeof largest);
}

/* What a row's stored numbers are to be multiplied by, from its largest. Of integers up to `levels` a step, rounded up;
 * NaN for a row with an infinity or NaN. Of floating-point elements (levels 0) 1 from `low` on and below `high`; else,
 * where numbers would leave the range of the dtype or their squares that of float32, a power of two. */
INLINE float scale_of(float most, int levels, double low, double high)
{
    uint32_t bits = bits_of(most);
    if (levels) {
        double exact = (double)most / levels;
        float scale = (float)exact;
        if (bits >= 0x7f800000u)
            return float_of_bits(0x7fc00000u);
        return scale < exact ? float_of_bits(bits_of(scale) + 1) : scale;
    }
    if ((most >= low && most < high) || bits == 0 || bits >= 0x7f800000u)
        return 1;
    return float_of_bits(bits >= 0x00800000u ? bits & 0x7f800000u : 0x80000000u >> __builtin_clz(bits));
}

#define LANES_OF(value)                        \
    for (int lane = first; lane < end; lane++) \
        to[lane] = (stored)(value);            \
    break;

/* Lanes [first, end) of one row of a block, divided by `divisor`. y: the row after it, the second numbers of pairs. */
INLINE void write_lanes(stored *to, const output *x, const output *y, const float *divisor, int first, int end)
{
    switch (TYPE_STORED) {
    case TYPE_float16: LANES_OF(to_float16((float)x[lane] / divisor[lane]))
    case TYPE_bfloat16: LANES_OF(to_bfloat16((float)x[lane] / divisor[lane]))
    case TYPE_int8: LANES_OF(to_level((float)x[lane] / divisor[lane]) | to_level((float)y[lane] / divisor[lane]) << 8)
    default: LANES_OF((float)x[lane] / divisor[lane])
    }
}
#undef LANES_OF

static void write_block(stored *to, const output *x, ptrdiff_t d, const float *divisor, int first, int end)
{
    static const output zeros[BLOCK_ROWS];
    for (ptrdiff_t p = 0; p < d; p += ELEMENT_WIDTH, to += BLOCK_ROWS, x += ELEMENT_WIDTH * BLOCK_ROWS) {
        const output *y = p + 1 < d ? x + BLOCK_ROWS : zeros;
        if (first == 0 && end == BLOCK_ROWS)
            write_lanes(to, x, y, divisor, 0, BLOCK_ROWS);
        else
            write_lanes(to, x, y, divisor, first, end);
    }
}

/* to + i * step bytes = from[i] as a number of a floating type, rounded once. */
#define WRITE(type, value)                                          \
    if (step == sizeof(type))                                       \
        for (ptrdiff_t i = 0; i < n; i++) {                         \
            type x = (type)(value);                                 \
            memcpy(to + i * (ptrdiff_t)sizeof(type), &x, sizeof x); \
        }                                                           \
    else                                                            \
        for (ptrdiff_t i = 0; i < n; i++) {                         \
            type x = (type)(value);                                 \
            memcpy(to + i * step, &x, sizeof x);                    \
        }                                                           \
    break;

static void write_row(char *to, ptrdiff_t step, const output *from, ptrdiff_t n, int type)
{
    switch (type) {
    case TYPE_float16: WRITE(uint16_t, to_float16((float)from[i]))
    case TYPE_bfloat16: WRITE(uint16_t, to_bfloat16((float)from[i]))
    case TYPE_float32: WRITE(float, from[i])
    case TYPE_float64: WRITE(double, from[i])
    }
}
#undef WRITE

#endif
