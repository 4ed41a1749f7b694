# Products as dot products along k: for a few columns, where a is adjacent along k. a streams from memory, four rows at
# once. Figures: docs/measurements.md, "Inner products".

cdef struct Inner:
    Job job
    const Product* product
    const real* y       # b's columns, adjacent along k
    Py_ssize_t y_row, rows


cdef enum:
    ALONE_BYTES = 512       # of a row from which rows that come from memory are read one after the other
    ROWS_AHEAD = 1024       # bytes ahead that rows longer than three times as much are prefetched along k, against a
                            # lone column: "Routes judged"

# c[m] = x[m, k] . y[k], four rows at once, prefetched ROWS_AHEAD. Rows left over are added up in the same order, for a
# row's place must not show in its bits.
cdef void dot_column(Py_ssize_t m, Py_ssize_t k, const real* x, Py_ssize_t x_row, const real* y, real* c,
                     Py_ssize_t c_row) noexcept nogil:
    cdef Py_ssize_t i = 0, p, depth
    while i < m:
        for p from 0 <= p < k by DOT_CHUNK:
            depth = smaller(DOT_CHUNK, k - p)
            if m - i >= 4:
                dot_tile(4, 1, 1, ROWS_AHEAD // <int>sizeof(real), depth, x + i * x_row + p, x_row, y + p, 0,
                         c + i * c_row, c_row, 1, p > 0)
            else:
                dot_tile(1, 1, 1, 0, depth, x + i * x_row + p, x_row, y + p, 0, c + i * c_row, c_row, 1, p > 0)
        i += 4 if m - i >= 4 else 1


# c[m] = x[m, k] . y[k], one number at a time: for so few, adding up the lanes of a vector would cost more. k is a
# literal at every call.
cdef inline void short_dots(const int k, Py_ssize_t m, const real* x, Py_ssize_t x_row, const real* y, real* c,
                            Py_ssize_t c_row) noexcept nogil:
    cdef real sum
    cdef Py_ssize_t i
    cdef int p
    for i in range(m):
        sum = 0
        for p in range(k):
            sum = sum + x[i * x_row + p] * y[p]
        c[i * c_row] = sum


# c[m, n] = x[m, k] . y[n, k], so many rows at once; m is the large side.
cdef void dots(Py_ssize_t rows, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real* x, Py_ssize_t x_row,
               const real* y, Py_ssize_t y_row, real* c, Py_ssize_t c_row, Py_ssize_t c_col) noexcept nogil:
    cdef Py_ssize_t p, i
    if n == 1 and k == 2:
        short_dots(2, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 3:
        short_dots(3, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 4:
        short_dots(4, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 5:
        short_dots(5, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 6:
        short_dots(6, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 7:
        short_dots(7, m, x, x_row, y, c, c_row)
    elif n == 1 and k == 8:
        short_dots(8, m, x, x_row, y, c, c_row)
    elif n == 1 and k * <Py_ssize_t>sizeof(real) > 3 * ROWS_AHEAD:
        dot_column(m, k, x, x_row, y, c, c_row)
    else:
        for i from 0 <= i < m by rows:
            for p from 0 <= p < k by DOT_CHUNK:
                dot_block(smaller(rows, m - i), n, smaller(DOT_CHUNK, k - p), x + i * x_row + p, x_row, y + p, y_row,
                          c + i * c_row, c_row, c_col, p > 0)


# c = x[k] . y[k], a single number. Where an operand is not adjacent, gathering it would cost more than the vectors
# save.
cdef void single_dot(const Product* g) noexcept nogil:
    cdef real sums[8]
    cdef const real* x = <const real*>g.a
    cdef const real* y = <const real*>g.b
    cdef Py_ssize_t p = 0
    cdef int i
    if g.a_col == 1 and g.b_row == 1:
        for p from 0 <= p < g.k by DOT_CHUNK:
            dot_tile(1, 1, 8, 0, smaller(DOT_CHUNK, g.k - p), x + p, 0, y + p, 0, <real*>g.c, 1, 1, p > 0)
        return
    for i in range(8):
        sums[i] = 0
    while p + 8 <= g.k:
        for i in range(8):
            sums[i] = sums[i] + x[(p + i) * g.a_col] * y[(p + i) * g.b_row]
        p += 8
    while p < g.k:
        sums[0] = sums[0] + x[p * g.a_col] * y[p * g.b_row]
        p += 1
    for i in range(4):
        sums[i] = sums[i] + sums[i + 4]
    (<real*>g.c)[0] = (sums[0] + sums[1]) + (sums[2] + sums[3])


# Memory reads one long row after the other faster than four side by side. The sums are the same.
cdef inline bint reads_alone(const Product* g) noexcept nogil:
    cdef double row = 1.0 * g.k * sizeof(real)
    return row >= ALONE_BYTES and row * g.m > CACHED_BYTES


cdef void inner_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Inner* w = <Inner*>job
    cdef const Product* g = w.product
    cdef Py_ssize_t row = index * w.rows, p, i, m = smaller(w.rows, g.m - row)
    cdef const real* x = <const real*>g.a + row * g.a_row
    cdef real* c = <real*>g.c + row * g.c_row
    if g.syrk:
        for i from 0 <= i < m by 4:             # up to the diagonal
            for p from 0 <= p < g.k by DOT_CHUNK:
                dot_block(smaller(4, m - i), row + smaller(i + 4, m), smaller(DOT_CHUNK, g.k - p), x + i * g.a_row + p,
                          g.a_row, w.y + p, w.y_row, c + i * g.c_row, g.c_row, 1, p > 0)
    else:
        dots(1 if reads_alone(g) else m, m, g.n, g.k, x, g.a_row, w.y, w.y_row, c, g.c_row, 1)
    finish_block(job, g, row, m, 0, smaller(g.n, row + m) if g.syrk else g.n)


cdef int inner(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Inner w
    cdef double ns = duration(g)
    cdef real* y = NULL
    cdef int status
    w.job = start_job(runtime)
    w.product = g
    w.y = <const real*>g.b
    w.y_row = g.b_col
    if g.b_row != 1:
        y = <real*>runtime.take(g.n * g.k * sizeof(real))
        if y == NULL:
            return KERNEL_NO_MEMORY
        transpose_into(y, g.k, g.k, g.n, <const real*>g.b, g.b_row, g.b_col)
        w.y = y
        w.y_row = g.k
    w.rows = ceil_div(ceil_div(g.m, tasks_for(ns, runtime.threads)), 4) * 4
    status = run_tasks(inner_task, &w, ceil_div(g.m, w.rows), ns)
    if y != NULL:
        runtime.give(y)
    return symmetrize(g, ns, runtime) if g.syrk and status == KERNEL_OK else status
