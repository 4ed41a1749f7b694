# Vectors whose numbers are adjacent: each is read from end to end, one after the other.

# What one vector adds up to. Every DOT_CHUNK numbers the lanes are added, so that long float32 sums stay accurate.
cdef inline real sum_along(const int order, const bint scaled, int power, Py_ssize_t n, const real* x,
                           real scale) noexcept nogil:
    cdef vec acc[4]
    cdef vec v
    cdef Py_ssize_t start = 0, end, p = 0
    cdef real sum = 0, part
    cdef int u
    while True:
        end = smaller(start + DOT_CHUNK, n)
        for u in range(4):
            acc[u] = nothing(order)
        while p + 4 * LANES <= end:
            for u in range(4):
                v = load(x + p + u * LANES)
                acc[u] = add_lanes(order, power, acc[u], v * scale if scaled else v)
            p += 4 * LANES
        while p < end:
            v = load(x + p) if p + LANES <= end else load_last(order, x + p, end - p)
            acc[0] = add_lanes(order, power, acc[0], v * scale if scaled else v)
            p += LANES
        part = reduce_lanes(order, join(order, join(order, acc[0], acc[1]), join(order, acc[2], acc[3])))
        sum = <real>join_numbers(order, sum, part) if start else part
        if end == n:
            return sum
        start = p = end


# x.y, x.x and y.y of two vectors, in one pass.
cdef inline void sums_along(const bint scaled, Py_ssize_t n, const real* x, const real* y, real x_scale, real y_scale,
                            real* sums) noexcept nogil:
    cdef vec acc[3][2]
    cdef vec v, w
    cdef Py_ssize_t start = 0, end, p = 0
    cdef int u, s
    while True:
        end = smaller(start + DOT_CHUNK, n)
        for s in range(3):
            for u in range(2):
                acc[s][u] = zero()
        while p < end:
            for u in range(2):
                if p + LANES <= end:
                    v = load(x + p)
                    w = load(y + p)
                elif p < end:
                    v = load_zero(x + p, end - p)
                    w = load_zero(y + p, end - p)
                else:
                    break
                if scaled:
                    v = v * x_scale
                    w = w * y_scale
                acc[0][u] = multiply_add(acc[0][u], v, w)
                acc[1][u] = multiply_add(acc[1][u], v, v)
                acc[2][u] = multiply_add(acc[2][u], w, w)
                p += LANES
        for s in range(3):
            sums[s] = reduce_add(acc[s][0] + acc[s][1]) + (sums[s] if start else 0)
        if end == n:
            return
        start = p = end


cdef inline void each_along(const int order, const bint scaled, int power, Py_ssize_t count, Py_ssize_t n,
                            const real* x, Py_ssize_t x_next, const real* scales, real* sums, bint add) noexcept nogil:
    cdef Py_ssize_t j
    cdef real sum
    for j in range(count):
        if not scaled or scales[j] != 1:
            sum = sum_along(order, scaled, power, n, x + j * x_next, scales[j] if scaled else 1)
            sums[j] = <real>join_numbers(order, sums[j], sum) if add else sum


# sums[j] of `count` vectors of n numbers, x_next apart. With scales only those whose scale is not 1.
cdef void reduce_along(int order, int power, Py_ssize_t count, Py_ssize_t n, const real* x, Py_ssize_t x_next,
                       const real* scales, real* sums, bint add) noexcept nogil:
    if scales != NULL:
        each_along(ORDER_TWO, True, 0, count, n, x, x_next, scales, sums, add)
    elif order == ORDER_TWO:
        each_along(ORDER_TWO, False, 0, count, n, x, x_next, scales, sums, add)
    elif order == ORDER_ONE:
        each_along(ORDER_ONE, False, 0, count, n, x, x_next, scales, sums, add)
    elif order == ORDER_ZERO:
        each_along(ORDER_ZERO, False, 0, count, n, x, x_next, scales, sums, add)
    elif order == ORDER_MOST:
        each_along(ORDER_MOST, False, 0, count, n, x, x_next, scales, sums, add)
    elif order == ORDER_LEAST:
        each_along(ORDER_LEAST, False, 0, count, n, x, x_next, scales, sums, add)
    else:
        each_along(ORDER_POWER, False, power, count, n, x, x_next, scales, sums, add)


# The three sums of pairs of vectors: x.y of pair j in sums[j], x.x `width` further on, then y.y.
cdef void reduce_pairs_along(Py_ssize_t count, Py_ssize_t n, const real* x, Py_ssize_t x_next, const real* y,
                             Py_ssize_t y_next, const real* scales, real* sums, Py_ssize_t width,
                             bint add) noexcept nogil:
    cdef Py_ssize_t j
    cdef real three[3]
    cdef int s
    for j in range(count):
        if scales == NULL:
            sums_along(False, n, x + j * x_next, y + j * y_next, 1, 1, three)
        elif scales[j] != 1 or scales[width + j] != 1:
            sums_along(True, n, x + j * x_next, y + j * y_next, scales[j], scales[width + j], three)
        else:
            continue
        for s in range(3):
            sums[s * width + j] = sums[s * width + j] + three[s] if add else three[s]
