# Products read in place: small ones, and few rows against a large matrix. b's columns are adjacent.

# Rows of b that are read at once where b streams from memory: so many streams keep the prefetchers busy.
cdef enum:
    STREAMS = 16


cdef struct InPlace:
    Product product
    const real* packed      # b, packed whole; NULL: read where it lies
    Py_ssize_t depth        # of k, at a time
    Py_ssize_t rows, columns, column_tasks      # a task's block of c; tasks along the columns


cdef void in_place_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef InPlace* job = <InPlace*>arg
    cdef Product* g = &job.product
    cdef Py_ssize_t row = index // job.column_tasks * job.rows, column = index % job.column_tasks * job.columns
    cdef Py_ssize_t m = smaller(job.rows, g.m - row), n = smaller(job.columns, g.n - column), p
    cdef Side a, b
    a.unit = a.row = g.a_row
    a.col = g.a_col
    b.unit = 1
    b.row = g.b_row
    b.col = 1
    if job.packed != NULL:
        b.unit = g.k
        b.row = 0
    for p from 0 <= p < g.k by job.depth:
        a.data = <const real*>g.a + row * g.a_row + p * g.a_col
        b.data = job.packed if job.packed != NULL else <const real*>g.b + column + p * g.b_row
        block(m, n, smaller(job.depth, g.k - p), a, b, <real*>g.c + row * g.c_row + column, g.c_row, p > 0,
              g.own_transpose, row)


cdef int in_place(const Product* g, bint pack, const Runtime* runtime) noexcept nogil:
    cdef InPlace job
    cdef double flops = 2.0 * g.m * g.n * g.k
    cdef Py_ssize_t tasks = tasks_for(flops, runtime.threads)
    cdef real* packed = NULL
    cdef Py_ssize_t i
    job.product = g[0]
    job.depth = g.k
    job.rows = g.m
    job.columns = g.n
    if pack:
        packed = <real*>runtime.take(ceil_div(g.n, LANES) * LANES * g.k * sizeof(real))
        if packed == NULL:
            return KERNEL_NO_MEMORY
        pack_b(packed, g.n, g.k, <const stored*>g.b, g.b_row, g.b_col)
    elif g.m <= SKINNY and 1.0 * g.n * g.k > IN_PLACE_ELEMENTS:
        job.depth = STREAMS
    job.packed = packed
    if tasks > 1:
        if g.m > g.n or pack or g.own_transpose:
            job.rows = ceil_div(ceil_div(g.m, tasks), MR) * MR
        else:
            job.columns = ceil_div(ceil_div(g.n, tasks), NR) * NR
    job.column_tasks = ceil_div(g.n, job.columns)
    cdef int status = runtime.parallel_for(in_place_task, &job, ceil_div(g.m, job.rows) * job.column_tasks,
                                           runtime.threads, worth_waking(flops))
    if pack:
        runtime.give(packed)
    if g.own_transpose:
        for i from 0 <= i < g.m by MIRROR:
            mirror(<real*>g.c, g.c_row, i, smaller(i + MIRROR, g.m))
    return status
