/* Rows of numbers of any type, as reals. One row at a time: what is widened never fills more than a block. */
#ifndef FASTLA_READ_H
#define FASTLA_READ_H

#include "kernels.h"
#include "vec.h"

INLINE float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
INLINE float of_bfloat16(uint16_t h) { return float_of_bits((uint32_t)h << 16); }
INLINE float of_float16(uint16_t h)
{
    uint32_t size = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16, bits;
    float finite = float_of_bits(size << 13) * 0x1p112f;
    memcpy(&bits, &finite, sizeof bits);
    return float_of_bits(sign | (size >= 0x7c00u ? size << 13 | 0x7f800000u : bits));
}

/* to[i] = number i of the row at `from`, whose numbers lie `step` bytes apart. Adjacent ones are read by vectors. */
#define READ_ROW(name, c_type, value)                                        \
    case TYPE_##name:                                                        \
        for (ptrdiff_t i = 0; step == sizeof(c_type) && i < n; i++) {        \
            c_type x;                                                        \
            memcpy(&x, from + i * (ptrdiff_t)sizeof(c_type), sizeof(c_type)); \
            to[i] = (value);                                                 \
        }                                                                    \
        for (ptrdiff_t i = 0; step != sizeof(c_type) && i < n; i++) {        \
            c_type x;                                                        \
            memcpy(&x, from + i * step, sizeof(c_type));                     \
            to[i] = (value);                                                 \
        }                                                                    \
        break;
static void read_row(output *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type)
{
    switch (type) { NUMBER_TYPES(READ_ROW) }
}
static void read_doubles(double *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type)
{
    switch (type) { NUMBER_TYPES(READ_ROW) }
}
#undef READ_ROW

INLINE uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
/* Rounded to nearest, ties to even. */
INLINE uint16_t to_bfloat16(float x)
{
    uint32_t bits = bits_of_float(x);
    return (uint16_t)(x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
INLINE uint16_t to_float16(float x)
{
    uint32_t bits = bits_of_float(x), size = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    uint32_t normal = (size + 0xfff + (size >> 13 & 1) - (112 << 23)) >> 13;
    uint32_t denormal = bits_of_float(float_of_bits(size) + 0.5f) - bits_of_float(0.5f);     /* the sum rounds at 2^-24 */
    uint32_t other = size > 0x7f800000 ? 0x7e00 : 0x7c00;
    return (uint16_t)(sign | (size >= 0x47800000 ? other : size < 0x38800000 ? denormal : normal));
}

/* to + i * step bytes = from[i] as a number of a floating type, rounded once. */
#define WRITE(type, value)                                                  \
    if (step == sizeof(type))                                               \
        for (ptrdiff_t i = 0; i < n; i++) {                                 \
            type x = (type)(value);                                         \
            memcpy(to + i * (ptrdiff_t)sizeof(type), &x, sizeof x);         \
        }                                                                   \
    else                                                                    \
        for (ptrdiff_t i = 0; i < n; i++) {                                 \
            type x = (type)(value);                                         \
            memcpy(to + i * step, &x, sizeof x);                            \
        }                                                                   \
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

/* The type of Rows whose numbers are reals already. */
enum { TYPE_REAL = sizeof(output) == 8 ? TYPE_float64 : TYPE_float32 };

#endif
