# Products tile by tile: what is packed, in which order the tiles come, and how they are dealt out to threads.
#
# For each block of NC columns, KC deep, two jobs: pack b's block, shared by all threads, into panels of NR columns; then
# every task goes through the panels with its own rows of a. a is read where it lies if it is adjacent along k: eight
# rows at once are what prefetchers like, and MC of them stay in L2 beside the panel. Goto's loops pack a too. Measured here
# (AVX-512, one thread, n = 512, 1024, 2048, float32): a packed 100, 101, 102 GFLOPS; in place 114, 109, 109 of 117.
# Tried: b packed in passing by the first tile of each task instead of in a job of its own: 112, 103, 97, and with
# prefetching 108, 102, 103.
# A small b, or one that few rows need, is not packed at all.

# Rows of b that a task packs: at least a cache line's worth along k. Tried 8 to 64: 8 and 16 are best by 1 to 2 %.
cdef enum:
    PACK_ROWS = 16


cdef struct Gemm:
    Product product
    const Runtime* runtime
    real* packed                        # b's block; NULL: b is read in place, and its columns are adjacent
    Py_ssize_t column, n                # of the block
    Py_ssize_t p, p_end, depth          # of k: what this job does, and how much at a time
    Py_ssize_t rows, columns            # a task's part of the block of c
    Py_ssize_t column_tasks             # tasks side by side
    bint pack_a
    int error


# Columns are dealt out in whole vectors, panels as even as possible (4 vectors are 2 + 2, not 3 + 1: a lone vector has too
# few accumulators to hide the FMA's latency). Panel i starts at this vector.
cdef inline Py_ssize_t panel_start(Py_ssize_t vectors, Py_ssize_t panels, Py_ssize_t i) noexcept nogil:
    return vectors * i // panels


# c[m, n] (+)= a[m, k] @ b[k, n]: rows from `row` on, columns from `column` of the block on.
cdef void block(const Gemm* job, Py_ssize_t row, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                const real* packed_a) noexcept nogil:
    cdef const Product* g = &job.product
    cdef Py_ssize_t end = job.n if job.packed != NULL else n        # packed panels are those of the whole block
    cdef Py_ssize_t vectors = ceil_div(end, LANES), panels = ceil_div(vectors, NV), panel, first, nv, start, skip
    cdef const real* a = packed_a
    cdef real* c = <real*>g.c + row * g.c_row + job.column
    cdef Strip s
    s.k = k
    s.a_row = 1
    s.a_col = MR
    s.a_next = MR * k
    if packed_a == NULL:
        a = <const real*>g.a + row * g.a_row + p * g.a_col
        s.a_row = g.a_row
        s.a_col = g.a_col
        s.a_next = MR * g.a_row
    s.c_row = g.c_row
    s.add = p > 0
    for panel in range(panels):
        first = panel_start(vectors, panels, panel)
        nv = panel_start(vectors, panels, panel + 1) - first
        start = first * LANES
        if job.packed == NULL:
            start += column
            s.b = <const real*>g.b + p * g.b_row + start
            s.b_row = g.b_row
        elif start < column:
            continue
        else:
            s.b = job.packed + start * k
            s.b_row = nv * LANES
        if start >= column + n:
            break
        skip = 0
        if g.own_transpose and job.column + start > row:
            skip = (job.column + start - row) // MR * MR        # to the first tile that reaches the diagonal
        if skip >= m:
            break
        s.last = (nv - 1) * LANES
        s.tail = 0
        if (first + nv) * LANES > end:
            # The last vector is cut or, where nothing is added and b is in place, moved back over its neighbour.
            if job.packed == NULL and n >= LANES and not s.add:
                s.last = n - LANES - first * LANES
            else:
                s.tail = end - first * LANES - s.last
        s.a = a + skip // MR * s.a_next
        s.c = c + skip * g.c_row + start
        s.tiles = (m - skip) // MR
        if s.tiles:
            any_strip(MR, <int>nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * MR * g.c_row
        s.tiles = 1
        if (m - skip) % MR:
            any_strip(<int>((m - skip) % MR), <int>nv, &s)


cdef void gemm_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    cdef const Product* g = &job.product
    cdef Py_ssize_t row = index // job.column_tasks * job.rows, column = index % job.column_tasks * job.columns
    cdef Py_ssize_t m = smaller(job.rows, g.m - row), n = smaller(job.columns, job.n - column), p = job.p, k, i
    cdef real* packed_a = NULL
    if g.own_transpose and row + m <= job.column + column:
        return
    if job.pack_a:
        packed_a = <real*>job.runtime.take(ceil_div(m, MR) * MR * job.depth * sizeof(real))
        if packed_a == NULL:
            job.error = KERNEL_NO_MEMORY
            return
    while p < job.p_end:
        k = smaller(job.depth, job.p_end - p)
        for i from 0 <= i < (m if job.pack_a else 0) by MR:
            pack_panel(packed_a + i * k, MR, smaller(MR, m - i), k,
                       <const stored*>g.a + (row + i) * g.a_row + p * g.a_col, g.a_row, g.a_col)
        block(job, row, m, column, n, p, k, packed_a)
        p += k
    if packed_a != NULL:
        job.runtime.give(packed_a)


# b's block, PACK_ROWS deep in a task: whole rows are read, as memory likes it, and dealt out to the panels.
cdef void pack_b_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    cdef const Product* g = &job.product
    cdef Py_ssize_t vectors = ceil_div(job.n, LANES), panels = ceil_div(vectors, NV), panel, start, width
    cdef Py_ssize_t p = index * PACK_ROWS, k = job.p_end - job.p
    for panel in range(panels):
        start = panel_start(vectors, panels, panel) * LANES
        width = panel_start(vectors, panels, panel + 1) * LANES - start
        pack_panel(job.packed + start * k + p * width, width, smaller(width, job.n - start), smaller(PACK_ROWS, k - p),
                   <const stored*>g.b + (job.column + start) * g.b_col + (job.p + p) * g.b_row, g.b_col, g.b_row)


# c's upper triangle from its lower one, rows [row, end), in squares so that both sides stay in L1.
cdef enum:
    MIRROR = 32


cdef void mirror_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Product* g = &(<Gemm*>arg).product
    cdef real* c = <real*>g.c
    cdef Py_ssize_t row = index * MIRROR, end = smaller(row + MIRROR, g.n), column, i, j
    for column from 0 <= column <= row by MIRROR:
        for i in range(row, end):
            for j in range(column, smaller(column + MIRROR, i)):
                c[j * g.c_row + i] = c[i * g.c_row + j]


# How a block of c is divided into tasks: MC rows each, or fewer to give all threads work; then columns side by side.
cdef Py_ssize_t divide(Gemm* job, double flops, int threads) noexcept nogil:
    cdef const Product* g = &job.product
    cdef Py_ssize_t tasks = tasks_for(flops, threads), row_tasks = 1
    if job.packed != NULL:
        row_tasks = ceil_div(g.m, MC)
        if row_tasks > 1 and tasks > 1:
            row_tasks = ceil_div(row_tasks, threads) * threads
    elif g.m > job.n:
        row_tasks = tasks
    job.rows = ceil_div(ceil_div(g.m, row_tasks), MR) * MR
    row_tasks = ceil_div(g.m, job.rows)
    cdef Py_ssize_t vectors = ceil_div(job.n, LANES), panels = ceil_div(vectors, NV)
    cdef Py_ssize_t panels_each = ceil_div(panels, ceil_div(tasks, row_tasks))
    job.columns = NR * panels_each
    job.column_tasks = ceil_div(job.n, job.columns)
    return row_tasks * job.column_tasks


cdef int gemm(const Product* g, bint pack_b, const Runtime* runtime) noexcept nogil:
    cdef Gemm job
    cdef double flops = 2.0 * g.m * g.n * g.k
    cdef int threads = runtime.threads if flops >= OFFER_FLOPS else 1, wake = worth_waking(flops), status = KERNEL_OK
    cdef Py_ssize_t width = g.n, slices = 1, slice, tasks
    job.product = g[0]
    job.runtime = runtime
    job.error = KERNEL_OK
    job.packed = NULL
    job.pack_a = False
    job.column = 0
    job.n = g.n
    job.p = 0
    job.p_end = job.depth = g.k
    if not pack_b:
        if g.m <= SKINNY and 1.0 * g.n * g.k > IN_PLACE_ELEMENTS:
            job.depth = STREAMS
        tasks = divide(&job, flops, threads)
        status = runtime.parallel_for(gemm_task, &job, tasks, threads, wake)
    else:
        job.pack_a = g.a_col != 1
        slices = ceil_div(g.k, KC)
        job.depth = ceil_div(g.k, slices)
        width = ceil_div(ceil_div(g.n, ceil_div(g.n, NC)), NR) * NR
        job.packed = <real*>runtime.take(width * job.depth * sizeof(real))
        if job.packed == NULL:
            return KERNEL_NO_MEMORY
        while job.column < g.n and status == KERNEL_OK:
            job.n = smaller(width, g.n - job.column)
            for slice in range(slices):
                job.p = g.k * slice // slices
                job.p_end = g.k * (slice + 1) // slices
                tasks = divide(&job, 2.0 * g.m * job.n * job.depth, threads)
                status = runtime.parallel_for(pack_b_task, &job, ceil_div(job.p_end - job.p, PACK_ROWS), threads, wake)
                if status == KERNEL_OK:
                    status = runtime.parallel_for(gemm_task, &job, tasks, threads, wake)
                if status == KERNEL_OK:
                    status = job.error
                if status != KERNEL_OK:
                    break
            job.column += width
        runtime.give(job.packed)
    if g.own_transpose and status == KERNEL_OK:
        status = runtime.parallel_for(mirror_task, &job, ceil_div(g.n, MIRROR), threads, wake)
    return status
