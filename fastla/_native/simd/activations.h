/* Activations of layers, of vectors; each one's error bound stands beside it, in units in the last place of the exact
 * result where that is no denormal. NaN stays NaN. tests/layers/test_activations.py measures them. */
#ifndef FASTLA_ACTIVATIONS_H
#define FASTLA_ACTIVATIONS_H

#include "kernels.h"
#include "vmath.h"

/* Below this x sigmoid(x) and its kin are 0: -infinity is taken for it, which times 0 would be NaN. */
#define ACTIVATION_LOW ((real)(REAL_BYTES == 8 ? -1000 : -200))

/* 1 / (1 + e^-x), by the exponential that does not overflow: 3 ULP. */
INLINE vec vec_sigmoid(vec x)
{
    vec e = vec_exp(-absolute(x));
    return blend(x < zero(), e, splat(1)) / (1 + e);
}
/* x sigmoid(x): 4 ULP. */
INLINE vec vec_silu(vec x) { return larger_of(splat(ACTIVATION_LOW), x) * vec_sigmoid(x); }
/* x / 2 erfc(-x / sqrt 2): the root's rounding moves erfc by some x^2 ULP, beyond the 4 (double: 6) of the formula. */
INLINE vec vec_gelu(vec x)
{
    const real root_half = (real)0x1.6a09e667f3bcdp-1;
    return larger_of(splat(ACTIVATION_LOW), x) * (real)0.5 * vec_erfc(-(x * root_half));
}
/* x / 2 (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), as x sigmoid(2 u): by 2 u ULP beyond 4. */
INLINE vec vec_gelu_tanh(vec x)
{
    const real twice_root = (real)0x1.9884533d43651p0;
    return larger_of(splat(ACTIVATION_LOW), x) * vec_sigmoid(twice_root * (x + (real)0.044715 * (x * x * x)));
}
/* activation is a literal at every call. */
INLINE vec activate(int activation, vec x)
{
    switch (activation) {
    case ACTIVATION_RELU: return larger_of(zero(), x);
    case ACTIVATION_GELU: return vec_gelu(x);
    case ACTIVATION_GELU_TANH: return vec_gelu_tanh(x);
    case ACTIVATION_SILU: return vec_silu(x);
    case ACTIVATION_SIGMOID: return vec_sigmoid(x);
    case ACTIVATION_TANH: return vec_tanh(x);
    default: return x;
    }
}

#endif
