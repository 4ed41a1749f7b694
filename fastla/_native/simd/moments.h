/* Sums over adjacent numbers times a factor, in double: what the mean and the variance of a row are made of. A factor
 * of 1 is a literal, and costs nothing. */
#ifndef FASTLA_MOMENTS_H
#define FASTLA_MOMENTS_H

#include "vmath.h"

/* Doubles fill a register each, in as many sums as hide the latency of adding ("Norms of rows"). */
enum { MOMENT_LANES = VECTOR_BYTES / 8, MOMENT_SUMS = 4 };
typedef double moments __attribute__((vector_size(VECTOR_BYTES)));
typedef real moment_reals __attribute__((vector_size(VECTOR_BYTES / 8 * sizeof(real))));

/* x factor - mean. */
INLINE moments load_moments(const real *x, const double factor, double mean)
{
    moment_reals reals;
    memcpy(&reals, x, sizeof reals);
    return __builtin_convertvector(reals, moments) * factor - mean;
}
INLINE double reduce_moments(const moments *sums)
{
    moments sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    double total = 0;
    for (int i = 0; i < MOMENT_LANES; i++)
        total += sum[i];
    return total;
}
/* The sum of x factor - mean. */
INLINE double row_sum(const real *x, ptrdiff_t n, const double factor, const double mean)
{
    moments sums[MOMENT_SUMS] = {{0}};
    ptrdiff_t i = 0;
    for (; i + MOMENT_SUMS * MOMENT_LANES <= n; i += MOMENT_SUMS * MOMENT_LANES)
        for (int j = 0; j < MOMENT_SUMS; j++)
            sums[j] += load_moments(x + i + j * MOMENT_LANES, factor, mean);
    for (; i + MOMENT_LANES <= n; i += MOMENT_LANES)
        sums[0] += load_moments(x + i, factor, mean);
    double total = reduce_moments(sums);
    for (; i < n; i++)
        total += x[i] * factor - mean;
    return total;
}
/* The sum of (x factor - mean)^2. */
INLINE double row_squares(const real *x, ptrdiff_t n, const double factor, double mean)
{
    moments sums[MOMENT_SUMS] = {{0}}, away;
    ptrdiff_t i = 0;
    for (; i + MOMENT_SUMS * MOMENT_LANES <= n; i += MOMENT_SUMS * MOMENT_LANES)
        for (int j = 0; j < MOMENT_SUMS; j++) {
            away = load_moments(x + i + j * MOMENT_LANES, factor, mean);
            sums[j] += away * away;
        }
    for (; i + MOMENT_LANES <= n; i += MOMENT_LANES) {
        away = load_moments(x + i, factor, mean);
        sums[0] += away * away;
    }
    double total = reduce_moments(sums);
    for (; i < n; i++)
        total += (x[i] * factor - mean) * (x[i] * factor - mean);
    return total;
}

#endif
