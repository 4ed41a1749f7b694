# Packing: operands copied into the order in which the micro-kernel reads them.


# to[p, w] = source[w * w_step + p] for w < count, p < k, k at most 4: four rows of the source at a time, read whole as
# long as what is read beyond k lies before the last element.
cdef inline void transpose_narrow(real* to, Py_ssize_t to_step, Py_ssize_t count, Py_ssize_t k, const real* source,
                                  Py_ssize_t w_step) noexcept nogil:
    cdef Py_ssize_t w = 0
    while w + 4 <= count and (k == 4 or (w + 3) * w_step + 4 <= (count - 1) * w_step + k):
        transpose_4(to + w, to_step, source + w * w_step, w_step, k)
        w += 4
    for w in range(w, count):
        copy_column(to + w, to_step, k, source + w * w_step, 1)


# to[p, w] = source[w * w_step + p * p_step] for w < count, p < k; rows of `to` to_step apart.
cdef void transpose_into(real* to, Py_ssize_t to_step, Py_ssize_t count, Py_ssize_t k, const real* source,
                         Py_ssize_t w_step,
                         Py_ssize_t p_step) noexcept nogil:
    cdef Py_ssize_t p = 0, w, squares = count - count % SQUARE
    if p_step == 1:
        while p + SQUARE <= k:
            for w from 0 <= w < squares by SQUARE:
                transpose_square(to + p * to_step + w, to_step, source + w * w_step + p, w_step)
            for w in range(squares, count):
                copy_column(to + p * to_step + w, to_step, SQUARE, source + w * w_step + p, 1)
            p += SQUARE
        while p < k:
            transpose_narrow(to + p * to_step, to_step, count, smaller(4, k - p), source + p, w_step)
            p += 4
    elif w_step == 1:
        for p in range(k):
            for w from 0 <= w < squares by SQUARE:
                copy_row(to + p * to_step + w, source + p * p_step + w)
            for w in range(squares, count):
                to[p * to_step + w] = source[p * p_step + w]
    elif larger(w_step, -w_step) < larger(p_step, -p_step):
        for p in range(k):
            copy_spread(to + p * to_step, source + p * p_step, w_step, count)
    else:
        for w in range(count):
            copy_column(to + w, to_step, k, source + w * w_step, p_step)


# The same for a micro-panel of `width` adjacent columns, of which the first `valid` exist.
# From `valid` on the last valid element is repeated: lanes that are computed and dropped then raise no floating-point
# exception that the real elements do not.
cdef void pack_panel(real* to, Py_ssize_t width, Py_ssize_t valid, Py_ssize_t k,
                     const real* source, Py_ssize_t w_step, Py_ssize_t p_step) noexcept nogil:
    cdef const real* last = source + (valid - 1) * w_step
    cdef const real* end = to + k * width
    cdef real* row = to
    cdef Py_ssize_t p, w
    # By whole vectors, whose ends run into what comes after and is written later.
    for p in range(k if valid < width else 0):
        w = valid
        while w < width and row + w + LANES <= end:
            store(row + w, splat(last[p * p_step]))
            w += LANES
        for w in range(w, width):
            row[w] = last[p * p_step]
        row += width
    transpose_into(to, width, valid, k, source, w_step, p_step)


# The same of what is stored, which is widened to what is computed in: a vector's worth of k at a time, by way of a
# piece that stays in L1.
cdef void pack_stored(real* to, Py_ssize_t width, Py_ssize_t valid, Py_ssize_t k, const stored* source,
                      Py_ssize_t w_step,
                      Py_ssize_t p_step) noexcept nogil:
    cdef real piece[NR * SQUARE]
    cdef Py_ssize_t p, w, i, depth
    if STORED_IS_REAL:
        pack_panel(to, width, valid, k, <const real*>source, w_step, p_step)
        return
    for p from 0 <= p < k by SQUARE:
        depth = smaller(SQUARE, k - p)
        for w in range(valid):
            for i in range(depth):
                piece[w * SQUARE + i] = widen(source[w * w_step + (p + i) * p_step])
        pack_panel(to + p * width, width, valid, depth, piece, SQUARE, 1)


cdef inline void copy_column(real* to, Py_ssize_t width, Py_ssize_t k, const real* source,
                             Py_ssize_t step) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(k):
        to[p * width] = source[p * step]


cdef inline void copy_spread(real* to, const real* source, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t w
    for w in range(count):
        to[w] = source[w * step]


cdef inline void copy_row(real* to, const real* source) noexcept nogil:
    cdef int w
    for w in range(SQUARE):
        to[w] = source[w]


# c[m, n] = source[n, m].T, rows of c c_row apart, those of source adjacent.
cdef void transpose(real* c, Py_ssize_t c_row, const real* source, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j, whole_m = m - m % SQUARE, whole_n = n - n % SQUARE
    for i from 0 <= i < whole_m by SQUARE:
        for j from 0 <= j < whole_n by SQUARE:
            transpose_square(c + i * c_row + j, c_row, source + j * m + i, m)
    for i in range(m):
        for j in range(whole_n if i < whole_m else 0, n):
            c[i * c_row + j] = source[j * m + i]
