# The Gram matrix of rows less a shift, its lower triangle, by the micro-kernel on GRAM_ROWS rows that lie in L2: both
# operands in place.

cdef enum:
    GRAM_ROWS = 96          # a panel of NR columns and one of MR stay in L1
    GRAM_FOLD = 1920


# g += rows^T rows, `count` rows of `width` elements, of which d exist.
cdef void gram_tile(Py_ssize_t count, Py_ssize_t d, Py_ssize_t width, const real* rows, real* g) noexcept nogil:
    cdef Strip strip
    cdef Py_ssize_t column, first, nv, columns = ceil_div(d, LANES) * LANES
    memset(&strip, 0, sizeof(Strip))
    strip.k = count
    strip.a_row = 1
    strip.a_col = width
    strip.b_row = width
    strip.c_row = width
    strip.accumulate = True
    for column from 0 <= column < columns by NR:
        nv = smaller(NV, (columns - column) // LANES)
        first = column // MR * MR
        strip.a_next = MR
        strip.c_next = MR * width
        strip.last = (nv - 1) * LANES
        strip.b = <const stored*>rows + column
        strip.a = rows + first
        strip.c = g + first * width + column
        strip.tiles = (d - first) // MR if d > first else 0
        micro_kernel_any(MR, <int>nv, &strip)
        first += strip.tiles * MR
        if first < d:
            strip.tiles = 1
            strip.a = rows + first
            strip.c = g + first * width + column
            micro_kernel_any(<int>(d - first), <int>nv, &strip)


cdef void gram_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef ScatterJob* job = <ScatterJob*>arg
    cdef const Scatter* p = job.pass_
    cdef Py_ssize_t first = index * job.rows, end = smaller(first + job.rows, p.n), i, r, count
    cdef Fold fold
    cdef char* block = <char*>job.job.runtime.take(lay_fold(job, GRAM_ROWS, &fold, NULL))
    cdef real* rows
    if block == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    lay_fold(job, GRAM_ROWS, &fold, block)
    start_fold(job, index, &fold)
    memset(fold.rows, 0, GRAM_ROWS * job.width * sizeof(real))
    rows = fold.rows
    for i from first <= i < end by GRAM_ROWS:
        count = smaller(GRAM_ROWS, end - i)
        for r from 0 <= r < count by SCATTER_ROWS:
            fold.rows = rows + r * job.width
            read_rows(job, i + r, smaller(SCATTER_ROWS, count - r), &fold)
        gram_tile(count, p.d, job.width, rows, fold.narrow)
        if (i - first) % GRAM_FOLD == GRAM_FOLD - GRAM_ROWS:
            fold_up(job, &fold)
    fold_up(job, &fold)
    job.job.runtime.give(block)


cdef void mirror_gram(Py_ssize_t d, double* g) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(d):
        for j in range(i):
            g[j * d + i] = g[i * d + j]
