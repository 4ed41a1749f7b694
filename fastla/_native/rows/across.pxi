# Vectors that lie side by side: rows of them are read from end to end, and added to the sums of their columns.

cdef enum:
    ROWS = 4                # rows read at once: as many streams
    SUM_ROWS = 512          # rows after which sums are begun anew, so that long float32 ones stay accurate


# One vector of columns; `whole` where it is full.
cdef inline void add_column(const int order, const bint scaled, const int rows, const bint whole, int power,
                            Py_ssize_t n, const real* x, Py_ssize_t x_stride, const real* scales, real* sums,
                            bint add) noexcept nogil:
    cdef vec sum = load(sums) if add else nothing(order)
    cdef vec v
    cdef int r
    for r in range(rows):
        v = load(x + r * x_stride) if whole else load_part(x + r * x_stride, n)
        if scaled:
            v = v * load(scales)
        sum = add_lanes(order, power, sum, v)
    store(sums, sum)


cdef inline void add_rows(const int order, const bint scaled, const int rows, int power, Py_ssize_t columns,
                          const real* x, Py_ssize_t x_stride, const real* scales, real* sums, bint add) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + LANES <= columns:
        add_column(order, scaled, rows, True, power, LANES, x + j, x_stride, scales + j, sums + j, add)
        j += LANES
    if j < columns:
        add_column(order, scaled, rows, False, power, columns - j, x + j, x_stride, scales + j, sums + j, add)


# The same of pairs: three sums a column, `width` apart, and two scales.
cdef inline void add_pair_column(const bint scaled, const int rows, const bint whole, Py_ssize_t n, const real* x,
                                 Py_ssize_t x_stride, const real* y, Py_ssize_t y_stride, const real* scales,
                                 real* sums, Py_ssize_t width, bint add) noexcept nogil:
    cdef vec xy = load(sums) if add else zero()
    cdef vec xx = load(sums + width) if add else zero()
    cdef vec yy = load(sums + 2 * width) if add else zero()
    cdef vec v, w
    cdef int r
    for r in range(rows):
        v = load(x + r * x_stride) if whole else load_part(x + r * x_stride, n)
        w = load(y + r * y_stride) if whole else load_part(y + r * y_stride, n)
        if scaled:
            v = v * load(scales)
            w = w * load(scales + width)
        xy = multiply_add(xy, v, w)
        xx = multiply_add(xx, v, v)
        yy = multiply_add(yy, w, w)
    store(sums, xy)
    store(sums + width, xx)
    store(sums + 2 * width, yy)


cdef inline void add_pair_rows(const bint scaled, const int rows, Py_ssize_t columns, const real* x,
                               Py_ssize_t x_stride, const real* y, Py_ssize_t y_stride, const real* scales,
                               real* sums, Py_ssize_t width, bint add) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + LANES <= columns:
        add_pair_column(scaled, rows, True, LANES, x + j, x_stride, y + j, y_stride, scales + j, sums + j, width, add)
        j += LANES
    if j < columns:
        add_pair_column(scaled, rows, False, columns - j, x + j, x_stride, y + j, y_stride, scales + j, sums + j,
                        width, add)


cdef inline void some_across(const int order, const bint scaled, int power, Py_ssize_t columns, Py_ssize_t n,
                             const real* x, Py_ssize_t x_stride, const real* scales, real* sums,
                             bint add) noexcept nogil:
    cdef Py_ssize_t p = 0
    while p + ROWS <= n:
        add_rows(order, scaled, ROWS, power, columns, x + p * x_stride, x_stride, scales, sums, add or p > 0)
        p += ROWS
    while p < n:
        add_rows(order, scaled, 1, power, columns, x + p * x_stride, x_stride, scales, sums, add or p > 0)
        p += 1


# sums[j] of `columns` vectors of n numbers, x_stride apart. Whole vectors of sums and scales are read and written.
cdef void reduce_across(int order, int power, Py_ssize_t columns, Py_ssize_t n, const real* x, Py_ssize_t x_stride,
                        const real* scales, real* sums, bint add) noexcept nogil:
    if scales != NULL:
        some_across(ORDER_TWO, True, 0, columns, n, x, x_stride, scales, sums, add)
    elif order == ORDER_TWO:
        some_across(ORDER_TWO, False, 0, columns, n, x, x_stride, scales, sums, add)
    elif order == ORDER_ONE:
        some_across(ORDER_ONE, False, 0, columns, n, x, x_stride, scales, sums, add)
    elif order == ORDER_ZERO:
        some_across(ORDER_ZERO, False, 0, columns, n, x, x_stride, scales, sums, add)
    elif order == ORDER_MOST:
        some_across(ORDER_MOST, False, 0, columns, n, x, x_stride, scales, sums, add)
    elif order == ORDER_LEAST:
        some_across(ORDER_LEAST, False, 0, columns, n, x, x_stride, scales, sums, add)
    else:
        some_across(ORDER_POWER, False, power, columns, n, x, x_stride, scales, sums, add)


cdef void reduce_pairs_across(Py_ssize_t columns, Py_ssize_t n, const real* x, Py_ssize_t x_stride, const real* y,
                              Py_ssize_t y_stride, const real* scales, real* sums, Py_ssize_t width,
                              bint add) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        if scales != NULL:
            add_pair_rows(True, 1, columns, x + p * x_stride, x_stride, y + p * y_stride, y_stride, scales, sums, width,
                          add or p > 0)
        elif p % ROWS == 0 and p + ROWS <= n:
            add_pair_rows(False, ROWS, columns, x + p * x_stride, x_stride, y + p * y_stride, y_stride, NULL, sums,
                          width, add or p > 0)
        elif p >= n - n % ROWS:
            add_pair_rows(False, 1, columns, x + p * x_stride, x_stride, y + p * y_stride, y_stride, NULL, sums, width,
                          add or p > 0)
