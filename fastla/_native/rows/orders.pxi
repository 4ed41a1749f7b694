# The orders of norms: what each adds up, over the lanes of vectors. `order` is a literal wherever these are called.

cdef extern from "reduce.h":
    vec vec_infinity() noexcept nogil
    vec magnitude(vec v) noexcept nogil
    vec one_unless_zero(vec v) noexcept nogil
    vec max_or_nan(vec v, vec w) noexcept nogil
    vec min_or_nan(vec v, vec w) noexcept nogil
    real reduce_max(vec v) noexcept nogil
    real reduce_min(vec v) noexcept nogil
    vec vec_root(vec v) noexcept nogil


cdef inline vec nothing(const int order) noexcept nogil:
    return vec_infinity() if order == ORDER_LEAST else zero()


# v ** power, power at least 1.
cdef inline vec raised(vec v, int power) noexcept nogil:
    cdef vec result = v
    power -= 1
    while power:
        if power & 1:
            result = result * v
        power >>= 1
        if power:
            v = v * v
    return result


cdef inline vec add_lanes(const int order, int power, vec sum, vec v) noexcept nogil:
    if order == ORDER_TWO:
        return multiply_add(sum, v, v)
    if order == ORDER_ONE:
        return sum + magnitude(v)
    if order == ORDER_ZERO:
        return sum + one_unless_zero(v)
    if order == ORDER_MOST:
        return max_or_nan(magnitude(v), sum)
    if order == ORDER_LEAST:
        return min_or_nan(magnitude(v), sum)
    return sum + raised(magnitude(v), power)


cdef inline vec join(const int order, vec a, vec b) noexcept nogil:
    if order == ORDER_MOST:
        return max_or_nan(a, b)
    if order == ORDER_LEAST:
        return min_or_nan(a, b)
    return a + b


cdef inline real reduce_lanes(const int order, vec v) noexcept nogil:
    if order == ORDER_MOST:
        return reduce_max(v)
    if order == ORDER_LEAST:
        return reduce_min(v)
    return reduce_add(v)


cdef inline double join_numbers(int order, double a, double b) noexcept nogil:
    if order == ORDER_MOST:
        return a if a > b or a != a else b
    if order == ORDER_LEAST:
        return a if a < b or a != a else b
    return a + b


# The last vector of an array: lanes beyond the n-th change no sum.
cdef inline vec load_last(const int order, const real* x, Py_ssize_t n) noexcept nogil:
    return load_part(x, n) if order == ORDER_LEAST else load_zero(x, n)
