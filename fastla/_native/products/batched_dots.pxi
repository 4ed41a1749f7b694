# Batches of single dot products: what vecdot is. Each is a few nanoseconds, so nothing is decided for each of them.

cdef enum:
    SCALAR_DEPTH = 8        # k up to which adding up the lanes of a vector would cost more than a number at a time


# c[j * c_stride] = x[j] . y[j], one number at a time. k is a literal where it is small.
cdef inline void dots_by_number(Py_ssize_t k, Py_ssize_t count, const real* x, Py_ssize_t x_stride, Py_ssize_t x_col,
                                const real* y, Py_ssize_t y_stride, Py_ssize_t y_col, real* c,
                                Py_ssize_t c_stride) noexcept nogil:
    cdef Py_ssize_t j, p
    cdef real sum
    for j in range(count):
        sum = 0
        for p in range(k):
            sum = sum + x[p * x_col] * y[p * y_col]
        c[0] = sum
        x += x_stride
        y += y_stride
        c += c_stride


# The same where the vectors lie side by side: LANES of them at once, the last ones overlapping their neighbours.
cdef inline void dots_by_lane(Py_ssize_t k, Py_ssize_t count, const real* x, Py_ssize_t x_col, const real* y,
                              Py_ssize_t y_col, real* c) noexcept nogil:
    cdef vec acc[4]
    cdef Py_ssize_t j, p, i
    for j from 0 <= j <= count - 4 * LANES by 4 * LANES:
        for i in range(4):
            acc[i] = zero()
        for p in range(k):
            for i in range(4):
                acc[i] = acc[i] + load(x + p * x_col + j + i * LANES) * load(y + p * y_col + j + i * LANES)
        for i in range(4):
            store(c + j + i * LANES, acc[i])
    j = count - count % (4 * LANES)
    while j < count:
        i = smaller(j, count - LANES)
        acc[0] = zero()
        for p in range(k):
            acc[0] = acc[0] + load(x + p * x_col + i) * load(y + p * y_col + i)
        store(c + i, acc[0])
        j = i + LANES


# The same where each vector is adjacent along k. `unroll` sums hide the FMA's latency in long ones.
cdef inline void dots_along_k(const int unroll, Py_ssize_t k, Py_ssize_t count, const real* x, Py_ssize_t x_stride,
                              const real* y, Py_ssize_t y_stride, real* c, Py_ssize_t c_stride) noexcept nogil:
    cdef Py_ssize_t j, p
    for j in range(count):
        for p from 0 <= p < k by DOT_CHUNK:
            dot_tile(1, 1, unroll, 0, smaller(DOT_CHUNK, k - p), x + p, 0, y + p, 0, c, 1, 1, p > 0)
        x += x_stride
        y += y_stride
        c += c_stride


cdef void multiply_dots(const Product* g, Py_ssize_t count, Py_ssize_t a_stride, Py_ssize_t b_stride,
                        Py_ssize_t c_stride) noexcept nogil:
    cdef const real* x = <const real*>g.a
    cdef const real* y = <const real*>g.b
    cdef real* c = <real*>g.c
    cdef Product one = g[0]
    cdef Py_ssize_t j
    if a_stride == 1 and b_stride == 1 and c_stride == 1 and count >= LANES:
        dots_by_lane(g.k, count, x, g.a_col, y, g.b_row, c)
    elif g.k == 1:
        dots_by_number(1, count, x, a_stride, 1, y, b_stride, 1, c, c_stride)
    elif g.k == 2:
        dots_by_number(2, count, x, a_stride, g.a_col, y, b_stride, g.b_row, c, c_stride)
    elif g.k == 3:
        dots_by_number(3, count, x, a_stride, g.a_col, y, b_stride, g.b_row, c, c_stride)
    elif g.k == 4:
        dots_by_number(4, count, x, a_stride, g.a_col, y, b_stride, g.b_row, c, c_stride)
    elif g.k <= SCALAR_DEPTH:
        dots_by_number(g.k, count, x, a_stride, g.a_col, y, b_stride, g.b_row, c, c_stride)
    elif g.a_col == 1 and g.b_row == 1 and g.k < 8 * LANES:
        dots_along_k(1, g.k, count, x, a_stride, y, b_stride, c, c_stride)
    elif g.a_col == 1 and g.b_row == 1:
        dots_along_k(4, g.k, count, x, a_stride, y, b_stride, c, c_stride)
    else:
        for j in range(count):
            single_dot(&one)
            one.a = <const real*>one.a + a_stride
            one.b = <const real*>one.b + b_stride
            one.c = <real*>one.c + c_stride
