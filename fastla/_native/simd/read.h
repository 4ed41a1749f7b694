/* Rows of numbers of any type, as reals. One row at a time: what is widened never fills more than a panel. */
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

/* to[i] = the number at from + i * step bytes, for i < n. Where they are adjacent the loop is vectorised. */
#define READ(type, value)                                                   \
    if (step == sizeof(type))                                               \
        for (ptrdiff_t i = 0; i < n; i++) {                                 \
            type x;                                                         \
            memcpy(&x, from + i * (ptrdiff_t)sizeof(type), sizeof x);       \
            to[i] = (output)(value);                                        \
        }                                                                   \
    else                                                                    \
        for (ptrdiff_t i = 0; i < n; i++) {                                 \
            type x;                                                         \
            memcpy(&x, from + i * step, sizeof x);                          \
            to[i] = (output)(value);                                        \
        }                                                                   \
    break;

static void read_row(output *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type)
{
    switch (type) {
    case TYPE_INT8: READ(int8_t, x)
    case TYPE_INT16: READ(int16_t, x)
    case TYPE_INT32: READ(int32_t, x)
    case TYPE_INT64: READ(int64_t, x)
    case TYPE_UINT8: READ(uint8_t, x)
    case TYPE_UINT16: READ(uint16_t, x)
    case TYPE_UINT32: READ(uint32_t, x)
    case TYPE_UINT64: READ(uint64_t, x)
    case TYPE_FLOAT16: READ(uint16_t, of_float16(x))
    case TYPE_BFLOAT16: READ(uint16_t, of_bfloat16(x))
    case TYPE_FLOAT32: READ(float, x)
    case TYPE_FLOAT64: READ(double, x)
    }
}
#undef READ

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
    case TYPE_FLOAT16: WRITE(uint16_t, to_float16((float)from[i]))
    case TYPE_BFLOAT16: WRITE(uint16_t, to_bfloat16((float)from[i]))
    case TYPE_FLOAT32: WRITE(float, from[i])
    case TYPE_FLOAT64: WRITE(double, from[i])
    }
}
#undef WRITE

/* The type of Rows whose numbers are reals already. */
enum { TYPE_REAL = sizeof(output) == 8 ? TYPE_FLOAT64 : TYPE_FLOAT32 };

#endif
