/* Rows of numbers as levels: whole numbers from -127 to 127 in bytes, times a scale of the row. */
#ifndef FASTLA_LEVELS_H
#define FASTLA_LEVELS_H

#include "write.h"

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
