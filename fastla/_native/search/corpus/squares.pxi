# Sums of squares, and norms where these are not safe.
#
# A row's sum of squares is taken as it comes. Where it is so large or small that squares overflowed or lost bits, and
# that is rare, the row is scaled by its largest number and summed again in float64: a norm depends on its row alone.

cdef extern from "read.h":
    void read_row(output* to, const char* source, Py_ssize_t step, Py_ssize_t n, int type) noexcept nogil
    void read_doubles(double* to, const char* source, Py_ssize_t step, Py_ssize_t n, int type) noexcept nogil
    enum:
        TYPE_REAL

cdef extern from *:
    """
    /* Between these a sum of squares has lost nothing, and neither will products of its row with one of norm 1. */
    #define SQUARES_LOW (sizeof(output) == 8 ? 1e-280 : 1e-28)
    #define SQUARES_HIGH (sizeof(output) == 8 ? 1e280 : 1e34)
    #define root(x) __builtin_sqrt(x)
    #include <float.h>
    """
    const double SQUARES_LOW, SQUARES_HIGH, DBL_MAX
    double root(double x) noexcept nogil


cdef inline double infinity() noexcept nogil:
    return DBL_MAX * 2


cdef inline bint safe_squares(double squares) noexcept nogil:
    return SQUARES_LOW < squares < SQUARES_HIGH


# The largest |x|; NaN if there is one.
cdef output largest(Py_ssize_t n, const output* x) noexcept nogil:
    cdef output most = 0, size
    cdef Py_ssize_t i
    for i in range(n):
        size = -x[i] if x[i] < 0 else x[i]
        if not size <= most:
            most = size
        if most != most:
            break
    return most


# |x| of a row whose squares are not safe, and y = x / |x|: zeros of zeros, NaN beside NaN and infinities.
cdef double careful_norm(Py_ssize_t n, const output* x, output* y) noexcept nogil:
    cdef double most = largest(n, x), squares = 0, scaled, norm
    cdef Py_ssize_t i
    if not 0 < most <= DBL_MAX:
        for i in range(n):
            y[i] = x[i] if most == 0 else <output>(x[i] / most)
        return most
    for i in range(n):
        scaled = x[i] / most
        squares += scaled * scaled
    norm = root(squares)
    for i in range(n):
        y[i] = <output>(x[i] / most / norm)
    return most * norm


# The sum of a row's squares. Rows are read one after the other: docs/measurements.md, "Reading raw rows".
cdef real square(Py_ssize_t n, const real* x) noexcept nogil:
    cdef vec acc[4]
    cdef vec v
    cdef Py_ssize_t start, end, p
    cdef int u
    cdef real sum = 0
    for start from 0 <= start < n by DOT_CHUNK:
        for u in range(4):
            acc[u] = zero()
        p = start
        end = smaller(start + DOT_CHUNK, n)
        while p + 4 * LANES <= end:
            for u in range(4):
                acc[u] = multiply_add(acc[u], load(x + p + u * LANES), load(x + p + u * LANES))
            p += 4 * LANES
        while p < end:
            v = load_zero(x + p, smaller(LANES, end - p))
            acc[0] = multiply_add(acc[0], v, v)
            p += LANES
        sum += reduce_add(acc[0] + acc[1] + (acc[2] + acc[3]))
    return sum


# Rows that are reals, adjacent along d: they are worked on where they lie.
cdef inline bint in_place(const Rows* rows) noexcept nogil:
    return rows.type == TYPE_REAL and (rows.column == sizeof(real) or rows.d <= 1) and \
        (<size_t>rows.data | <size_t>rows.row) % sizeof(real) == 0
