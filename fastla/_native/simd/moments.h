/* Sums over adjacent numbers, in double, by vectors: what the mean and the variance of a row are made of. */
#ifndef FASTLA_MOMENTS_H
#define FASTLA_MOMENTS_H

#include "vmath.h"

INLINE double reduce_doubles(doubles sum)
{
    double total = 0;
    for (int i = 0; i < LANES; i++)
        total += sum[i];
    return total;
}
static double row_sum(const real *x, ptrdiff_t n)
{
    doubles sum = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        sum += __builtin_convertvector(load(x + i), doubles);
    double total = reduce_doubles(sum);
    for (; i < n; i++)
        total += x[i];
    return total;
}
/* The sum of (x - mean)^2. */
static double row_squares(const real *x, ptrdiff_t n, double mean)
{
    doubles sum = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        doubles away = __builtin_convertvector(load(x + i), doubles) - mean;
        sum += away * away;
    }
    double total = reduce_doubles(sum);
    for (; i < n; i++)
        total += (x[i] - mean) * (x[i] - mean);
    return total;
}

#endif
