/* Rows of numbers as levels: whole numbers from -127 to 127 in bytes, times a scale of the row. */
#ifndef FASTLA_LEVELS_H
#define FASTLA_LEVELS_H

#include "write.h"

/* Rows of x in a tile. Pairs of bytes take four registers beside the sums and the weight's vectors: a number of x, its
 * size, a product and ones. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { VECTOR_REGISTERS = 32 };
#else
enum { VECTOR_REGISTERS = 16 };
#endif
enum { LEVEL_ROWS_THAT_FIT = (VECTOR_REGISTERS - 4) / TILE_NV - 1 };
enum { LEVEL_ROWS = TILE_MR < LEVEL_ROWS_THAT_FIT ? TILE_MR : LEVEL_ROWS_THAT_FIT };

/* to[i] = the level of x[i], LEVEL_OFFSET more, and that of 0 up to a multiple of four. Returns the scale; NaN, and
 * levels of 0, for a row with an infinity or NaN. */
static float write_levels(uint8_t *to, const output *x, ptrdiff_t d)
{
    uint32_t most = 0;
    for (ptrdiff_t i = 0; i < d; i++) {
        uint32_t size = bits_of((float)x[i]) & 0x7fffffffu;
        most = size > most ? size : most;
    }
    float scale = scale_of(float_of_bits(most), 127, 0, 0);
    for (ptrdiff_t i = 0; i < d; i++)
        to[i] = (uint8_t)(to_level((float)x[i] / scale) + LEVEL_OFFSET);
    for (ptrdiff_t i = d; i % 4; i++)
        to[i] = LEVEL_OFFSET;
    return scale;
}

#endif
