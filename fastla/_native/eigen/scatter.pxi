# Passes over the rows of a data matrix, less a shift: X is read once, and a few rows at a time are used while they are
# in L1.
#
# Rows are cut into parts whose bounds depend on the shape alone; a part's sums are float64, folded from sums of
# FOLD_ROWS rows in the rows' type. Columns are padded with zeros to an odd number of cache lines, so that rows one
# below the other lie in different sets of the cache.

cdef enum:
    SCATTER_ROWS = 4            # at a time
    SCATTER_VECTORS = 4         # of v at a time
    FOLD_ROWS = 512
    SCATTER_PARTS = 64
    PARTS_BYTES = 1 << 25       # of all parts


cdef struct ScatterJob:
    Job job
    const Scatter* pass_
    Py_ssize_t width            # d, padded
    Py_ssize_t parts, rows      # rows in a part
    Py_ssize_t result           # rows of d in its product: b or d
    double* sums                # of each part: the product, sums, squares


# What a task works in. The first rows of `wide` are the part's product, then its sums and squares; `narrow` is the same
# of one fold.
cdef struct Fold:
    real* rows                  # SCATTER_ROWS, or GRAM_ROWS, of them less the shift
    real* v
    real* shift
    real* narrow
    double* wide


cdef Py_ssize_t lay_fold(const ScatterJob* job, Py_ssize_t rows, Fold* fold, char* block) noexcept nogil:
    cdef char* at = block
    cdef Py_ssize_t width = job.width * sizeof(real)
    fold.rows = <real*>carve(&at, rows * width)
    fold.v = <real*>carve(&at, (job.pass_.b if job.pass_.v != NULL else 0) * width)
    fold.shift = <real*>carve(&at, width)
    fold.narrow = <real*>carve(&at, (job.result + 2) * width)
    return at - block


# Padded copies of v and the shift; the part's sums are 0.
cdef void start_fold(const ScatterJob* job, Py_ssize_t part, Fold* fold) noexcept nogil:
    cdef const Scatter* p = job.pass_
    cdef Py_ssize_t q
    memset(fold.shift, 0, job.width * sizeof(real))
    memcpy(fold.shift, p.shift, p.d * sizeof(real))
    if p.v != NULL:
        memset(fold.v, 0, p.b * job.width * sizeof(real))
        for q in range(p.b):
            memcpy(fold.v + q * job.width, <const real*>p.v + q * p.d, p.d * sizeof(real))
    fold.wide = job.sums + part * (job.result + 2) * job.width
    memset(fold.wide, 0, (job.result + 2) * job.width * sizeof(double))
    memset(fold.narrow, 0, (job.result + 2) * job.width * sizeof(real))


cdef void fold_up(const ScatterJob* job, Fold* fold) noexcept nogil:
    cdef Py_ssize_t i, count = (job.result + 2) * job.width
    for i in range(count):
        fold.wide[i] += fold.narrow[i]
    memset(fold.narrow, 0, count * sizeof(real))


# `count` rows from `first` on, less the shift; their sums and squares join the fold's.
cdef void read_rows(const ScatterJob* job, Py_ssize_t first, Py_ssize_t count, Fold* fold) noexcept nogil:
    cdef const Scatter* p = job.pass_
    cdef const real* x
    cdef real* sums = fold.narrow + job.result * job.width
    cdef vec row, total, squares
    cdef Py_ssize_t r, j
    for j from 0 <= j < p.d by LANES:
        total = load(sums + j)
        squares = load(sums + job.width + j)
        for r in range(count):
            x = <const real*>p.x + (first + r) * p.x_row + j
            prefetch(x + 16 * LANES)
            row = (load(x) if j + LANES <= p.d else load_zero(x, p.d - j)) - load(fold.shift + j)
            total = total + row
            squares = squares + row * row
            store(fold.rows + r * job.width + j, row)
        store(sums + j, total)
        store(sums + job.width + j, squares)


# y_q += sum_r (x_r . v_q) x_r; rows and nq are literals.
cdef inline void scatter_tile(const int rows, const int nq, Py_ssize_t width, const real* x, const real* v,
                              real* y) noexcept nogil:
    cdef vec acc[SCATTER_ROWS][SCATTER_VECTORS]
    cdef real dots[SCATTER_ROWS][SCATTER_VECTORS]
    cdef vec x_vec[SCATTER_ROWS]
    cdef vec v_vec
    cdef Py_ssize_t j
    cdef int r, q
    for r in range(rows):
        for q in range(nq):
            acc[r][q] = zero()
    for j from 0 <= j < width by LANES:
        for r in range(rows):
            x_vec[r] = load(x + r * width + j)
        for q in range(nq):
            v_vec = load(v + q * width + j)
            for r in range(rows):
                acc[r][q] = acc[r][q] + x_vec[r] * v_vec
    for r in range(rows):
        for q in range(nq):
            dots[r][q] = reduce_add(acc[r][q])
    for j from 0 <= j < width by LANES:
        for r in range(rows):
            x_vec[r] = load(x + r * width + j)
        for q in range(nq):
            v_vec = load(y + q * width + j)
            for r in range(rows):
                v_vec = v_vec + x_vec[r] * splat(dots[r][q])
            store(y + q * width + j, v_vec)


cdef inline void scatter_vectors(const int rows, Py_ssize_t nq, Py_ssize_t width, const real* x, const real* v,
                                 real* y) noexcept nogil:
    if nq == 4:
        scatter_tile(rows, 4, width, x, v, y)
    elif nq == 3:
        scatter_tile(rows, 3, width, x, v, y)
    elif nq == 2:
        scatter_tile(rows, 2, width, x, v, y)
    else:
        scatter_tile(rows, 1, width, x, v, y)


cdef void scatter_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef ScatterJob* job = <ScatterJob*>arg
    cdef const Scatter* p = job.pass_
    cdef Py_ssize_t first = index * job.rows, end = smaller(first + job.rows, p.n), i, q, nq, r, count
    cdef const real* v
    cdef real* y
    cdef Fold fold
    cdef char* block = <char*>job.job.runtime.take(lay_fold(job, SCATTER_ROWS, &fold, NULL))
    if block == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    lay_fold(job, SCATTER_ROWS, &fold, block)
    start_fold(job, index, &fold)
    memset(fold.rows, 0, SCATTER_ROWS * job.width * sizeof(real))      # the padding: scratch may hold NaN
    for i from first <= i < end by SCATTER_ROWS:
        count = smaller(SCATTER_ROWS, end - i)
        read_rows(job, i, count, &fold)
        for q from 0 <= q < p.b by SCATTER_VECTORS:
            nq = smaller(SCATTER_VECTORS, p.b - q)
            v = fold.v + q * job.width
            y = fold.narrow + q * job.width
            if count == SCATTER_ROWS:
                scatter_vectors(SCATTER_ROWS, nq, job.width, fold.rows, v, y)
            else:
                for r in range(count):
                    scatter_vectors(1, nq, job.width, fold.rows + r * job.width, v, y)
        if (i - first) % FOLD_ROWS == FOLD_ROWS - SCATTER_ROWS:
            fold_up(job, &fold)
    fold_up(job, &fold)
    job.job.runtime.give(block)


# The parts' sums, in order, without the padding. A Gram matrix's parts are lower triangles.
cdef void sum_scatter(const ScatterJob* job) noexcept nogil:
    cdef const Scatter* p = job.pass_
    cdef Py_ssize_t i, j, s, part = (job.result + 2) * job.width
    cdef double* to
    cdef const double* source
    for i in range(job.result + 2):
        to = p.product + i * p.d if i < job.result else p.sums if i == job.result else p.squares
        for s in range(job.parts):
            source = job.sums + s * part + i * job.width
            for j in range(p.d):
                to[j] = to[j] + source[j] if s else source[j]


cdef int scatter(const Scatter* pass_, const Runtime* runtime) noexcept nogil:
    cdef ScatterJob job
    cdef Py_ssize_t most
    cdef double work
    cdef int status
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.pass_ = pass_
    job.width = odd_line_stride(pass_.d)
    job.result = pass_.b if pass_.v != NULL else pass_.d
    work = 1.0 * pass_.n * pass_.d * (2 * pass_.b if pass_.v != NULL else pass_.d / 2.0)
    most = larger(2, smaller(SCATTER_PARTS, PARTS_BYTES // ((job.result + 2) * job.width * <Py_ssize_t>sizeof(double))))
    job.rows = larger(FOLD_ROWS if pass_.v != NULL else GRAM_FOLD, ceil_div(pass_.n, most))
    job.rows = ceil_div(job.rows, SCATTER_ROWS) * SCATTER_ROWS
    job.parts = larger(1, ceil_div(pass_.n, job.rows))
    job.sums = <double*>runtime.take(job.parts * (job.result + 2) * job.width * sizeof(double))
    if job.sums == NULL:
        return KERNEL_NO_MEMORY
    status = run_tasks(scatter_task if pass_.v != NULL else gram_task, &job, job.parts,
                       cost(work, 1.0 * pass_.n * pass_.d, sizeof(real)))
    if status == KERNEL_OK:
        sum_scatter(&job)
        if pass_.v == NULL:
            mirror_gram(pass_.d, pass_.product)
    runtime.give(job.sums)
    return status
