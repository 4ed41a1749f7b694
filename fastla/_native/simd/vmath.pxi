# Vector functions (vmath.h) for the kernels, and all of them as one entry, for tests.

cdef extern from "vmath.h":
    vec vec_exp(vec x) noexcept nogil
    vec vec_exp_weight(vec x) noexcept nogil
    vec vec_log(vec x) noexcept nogil
    vec vec_tanh(vec x) noexcept nogil
    vec vec_erf(vec x) noexcept nogil
    vec vec_erfc(vec x) noexcept nogil
    vec larger_of(vec a, vec b) noexcept nogil
    vec finite_base(vec top) noexcept nogil
    vec first_lanes_of(vec x, Py_ssize_t n) noexcept nogil
    real exp_weight_of(real x) noexcept nogil
    real log_of(real x) noexcept nogil
    real reduce_larger(vec x) noexcept nogil
    const real REAL_INFINITY, REAL_MAX


cdef inline vec math_function(const int function, vec x) noexcept nogil:
    if function == MATH_EXP:
        return vec_exp(x)
    if function == MATH_EXP_WEIGHT:
        return vec_exp_weight(x)
    if function == MATH_LOG:
        return vec_log(x)
    if function == MATH_TANH:
        return vec_tanh(x)
    if function == MATH_ERF:
        return vec_erf(x)
    return vec_erfc(x)


cdef inline void math_loop(const int function, const real* x, real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i + LANES <= n:
        store(y + i, math_function(function, load(x + i)))
        i += LANES
    if i < n:
        store_part(y + i, math_function(function, load_part(x + i, n - i)), n - i)


# y = function(x), both adjacent.
cdef void vector_math(int function, const void* x, void* y, Py_ssize_t n) noexcept nogil:
    if function == MATH_EXP:
        math_loop(MATH_EXP, <const real*>x, <real*>y, n)
    elif function == MATH_EXP_WEIGHT:
        math_loop(MATH_EXP_WEIGHT, <const real*>x, <real*>y, n)
    elif function == MATH_LOG:
        math_loop(MATH_LOG, <const real*>x, <real*>y, n)
    elif function == MATH_TANH:
        math_loop(MATH_TANH, <const real*>x, <real*>y, n)
    elif function == MATH_ERF:
        math_loop(MATH_ERF, <const real*>x, <real*>y, n)
    else:
        math_loop(MATH_ERFC, <const real*>x, <real*>y, n)


table.vector_math = vector_math
