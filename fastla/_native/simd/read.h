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

/* Numbers of a type, their bytes in the machine's order, side by side; returns the bytes of one. */
enum { SWAP_PIECE = 64 };
#define TYPE_SIZE(name, c_type, value) sizeof(c_type),
#define SWAP(type, swapped)                                 \
    for (ptrdiff_t i = 0; i < n; i++) {                     \
        type x;                                             \
        memcpy(&x, from + i * step, sizeof x);              \
        x = swapped;                                        \
        memcpy(to + i * (ptrdiff_t)sizeof x, &x, sizeof x); \
    }                                                       \
    break;
static int swap_bytes(char *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type)
{
    static const unsigned char sizes[] = {NUMBER_TYPES(TYPE_SIZE)};
    switch (sizes[type]) {
    case 2: SWAP(uint16_t, __builtin_bswap16(x))
    case 4: SWAP(uint32_t, __builtin_bswap32(x))
    case 8: SWAP(uint64_t, __builtin_bswap64(x))
    }
    return sizes[type];
}
#undef SWAP
#undef TYPE_SIZE

/* to[i] = number i of the row at `from`, whose numbers lie `step` bytes apart. Adjacent ones are read by vectors. */
#define READ_ROW(name, c_type, value)                                         \
    case TYPE_##name:                                                         \
        for (ptrdiff_t i = 0; step == sizeof(c_type) && i < n; i++) {         \
            c_type x;                                                         \
            memcpy(&x, from + i * (ptrdiff_t)sizeof(c_type), sizeof(c_type)); \
            to[i] = (value);                                                  \
        }                                                                     \
        for (ptrdiff_t i = 0; step != sizeof(c_type) && i < n; i++) {         \
            c_type x;                                                         \
            memcpy(&x, from + i * step, sizeof(c_type));                      \
            to[i] = (value);                                                  \
        }                                                                     \
        break;
#define READER(name, target)                                                                       \
    static void name##_native(target *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type) \
    {                                                                                              \
        switch (type) {                                                                            \
            NUMBER_TYPES(READ_ROW)                                                                 \
        }                                                                                          \
    }                                                                                              \
    static void name(target *to, const char *from, ptrdiff_t step, ptrdiff_t n, int type)          \
    {                                                                                              \
        char piece[8 * SWAP_PIECE];                                                                \
        if (type < TYPE_SWAPPED) {                                                                 \
            name##_native(to, from, step, n, type);                                                \
            return;                                                                                \
        }                                                                                          \
        for (ptrdiff_t i = 0; i < n; i += SWAP_PIECE) {                                            \
            ptrdiff_t count = n - i < SWAP_PIECE ? n - i : SWAP_PIECE;                             \
            int size = swap_bytes(piece, from + i * step, step, count, type - TYPE_SWAPPED);       \
            name##_native(to + i, piece, size, count, type - TYPE_SWAPPED);                        \
        }                                                                                          \
    }
READER(read_row, output)
READER(read_doubles, double)
#undef READER
#undef READ_ROW

/* The type of Rows whose numbers are reals already. */
enum { TYPE_REAL = sizeof(output) == 8 ? TYPE_float64 : TYPE_float32 };

/* n adjacent numbers of 16 bits as reals, by the target's own conversions; n is a multiple of LANES. */
static void read_halves(output *to, const uint16_t *from, ptrdiff_t n, int type)
{
#if REAL_BYTES == 4
    if (type == TYPE_float16)
        for (ptrdiff_t i = 0; i < n; i += LANES)
            store((real *)to + i, load_float16(from + i));
    else
        for (ptrdiff_t i = 0; i < n; i += LANES)
            store((real *)to + i, load_bfloat16(from + i));
#else
    read_row(to, (const char *)from, sizeof *from, n, type);
#endif
}

#endif
