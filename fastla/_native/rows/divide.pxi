# Vectors divided by their norms, times their scales first where they have some. The result may take the place of x.

# A row of numbers, by one norm or each by its own.
cdef inline void divide_row(const bint each, Py_ssize_t n, const real* x, real* to, const real* norms,
                            const real* scales) noexcept nogil:
    cdef Py_ssize_t j
    cdef vec v, norm = splat(norms[0]), scale = splat(scales[0] if scales != NULL else 1)
    for j from 0 <= j < n by LANES:
        v = load(x + j) if j + LANES <= n else load_part(x + j, n - j)
        if each:
            norm = load(norms + j) if j + LANES <= n else load_part(norms + j, n - j)
            if scales != NULL:
                scale = load(scales + j) if j + LANES <= n else load_part(scales + j, n - j)
        if scales != NULL:
            v = v * scale
        if j + LANES <= n:
            store(to + j, v / norm)
        else:
            store_part(to + j, v / norm, n - j)


# The same by way of `piece` where x's numbers are not adjacent.
cdef inline void divide_pieces(const bint each, Py_ssize_t n, const real* x, Py_ssize_t step, real* to,
                               const real* norms, const real* scales, real* piece) noexcept nogil:
    cdef Py_ssize_t j, count
    if step == 1:
        divide_row(each, n, x, to, norms, scales)
        return
    for j from 0 <= j < n by DOT_CHUNK:
        count = smaller(DOT_CHUNK, n - j)
        gather(piece, 0, 1, count, x + j * step, 0, step)
        divide_row(each, count, piece, to + j, norms + j if each else norms,
                   scales + j if each and scales != NULL else scales)


# Vectors so short that each number has its norm beside it: `piece` has room for them.
cdef void divide_short(Py_ssize_t count, Py_ssize_t n, const real* x, real* to, const real* norms, const real* scales,
                       real* piece) noexcept nogil:
    cdef Py_ssize_t group = TILE_NUMBERS // (2 * n), done = 0, many, j, p
    cdef real* spread = piece + TILE_NUMBERS // 2
    while done < count:
        many = smaller(group, count - done)
        for j in range(many):
            for p in range(n):
                piece[j * n + p] = norms[done + j]
        for j in range(many if scales != NULL else 0):
            for p in range(n):
                spread[j * n + p] = scales[done + j]
        divide_row(True, many * n, x + done * n, to + done * n, piece, spread if scales != NULL else NULL)
        done += many


# `count` vectors of n numbers.
cdef void divide_run(Py_ssize_t count, Py_ssize_t n, const real* x, Py_ssize_t x_next, Py_ssize_t x_stride, real* to,
                     Py_ssize_t to_next, Py_ssize_t to_stride, const real* norms, const real* scales,
                     real* piece) noexcept nogil:
    cdef Py_ssize_t j, p
    if to_next == 1 and (to_stride != 1 or n == 1):
        for p in range(n):
            divide_pieces(True, count, x + p * x_stride, x_next, to + p * to_stride, norms, scales, piece)
    elif to_stride == 1 and x_stride == 1 and to_next == n and x_next == n and n < 2 * LANES:
        divide_short(count, n, x, to, norms, scales, piece)
    elif to_stride == 1:
        for j in range(count):
            divide_pieces(False, n, x + j * x_next, x_stride, to + j * to_next, norms + j,
                          scales + j if scales != NULL else NULL, piece)
    else:
        for j in range(count):
            for p in range(n):
                to[j * to_next + p * to_stride] = \
                    x[j * x_next + p * x_stride] * (scales[j] if scales != NULL else 1) / norms[j]


cdef void divide_block(const Reducer* w, Py_ssize_t first, Py_ssize_t count, Py_ssize_t from_number, Py_ssize_t n,
                       const real* norms, const real* scales, real* piece) noexcept nogil:
    cdef const Reduction* r = w.r
    cdef int last = w.batch.dims - 1
    cdef Py_ssize_t done = 0, run
    cdef Cursor c
    start_cursor(&c, w.batch, first)
    while done < count:
        run = smaller(count - done, run_of(&c))
        divide_run(run, n, <const real*>r.x + c.at[0] + from_number * r.x_stride, w.batch.strides[0][last], r.x_stride,
                   <real*>r.to + c.at[2] + from_number * r.to_stride, w.batch.strides[2][last], r.to_stride,
                   norms + done, scales + done if scales != NULL else NULL, piece)
        advance(&c, run)
        done += run
