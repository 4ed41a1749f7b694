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
    bint stream                         # few rows, and b comes from memory
    bint side_by_side                   # tiles are taken along the rows of b, not down those of a
    int error


# c[m, n] (+)= a[m, k] @ b[k, n]: rows from `row` on, columns from `column` of the block on.
cdef void block(const Gemm* job, Py_ssize_t row, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                const real* packed_a) noexcept nogil:
    cdef const Product* g = &job.product
    cdef bint in_place = job.packed == NULL
    # In place the task's columns have panels of their own; packed ones are those of the whole block, and the task has those
    # that start in its columns.
    cdef Py_ssize_t width = n if in_place else job.n, base = column if in_place else 0
    cdef Py_ssize_t vectors = ceil_div(width, LANES), panels = ceil_div(vectors, NV), panel, start, skip, rest
    cdef const real* a = packed_a
    cdef int nv
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
    s.b_next = 0
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.c_next = MR * g.c_row
    s.add = p > 0
    s.ahead = 0
    for panel in range(panels):
        start = base + panel_start(vectors, panels, panel) * LANES
        if not column <= start < column + n:
            continue
        skip = 0
        if g.own_transpose and job.column + start > row:
            skip = (job.column + start - row) // MR * MR        # to the first tile that reaches the diagonal
        if skip >= m:
            break
        s.a = a + skip // MR * s.a_next
        s.b = <const stored*>g.b + p * g.b_row + base
        s.c = <real*>g.c + (row + skip) * g.c_row + job.column + base
        nv = place_panel(&s, width, panel, panels, in_place and not s.add)
        if not in_place:
            s.b = <const stored*>job.packed + start * k
            s.b_row = nv * LANES
        s.tiles = (m - skip) // MR
        rest = (m - skip) % MR
        if s.tiles:
            any_strip(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rest:
            s.tiles = 1
            any_strip(<int>rest, nv, &s)


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
                       <const real*>g.a + (row + i) * g.a_row + p * g.a_col, g.a_row, g.a_col)
        if job.side_by_side:
            side_by_side(g, row, m, column, n, p, k, 4 * NR if job.stream else 0)
        else:
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
                   <const real*>g.b + (job.column + start) * g.b_col + (job.p + p) * g.b_row, g.b_col, g.b_row)


# c's upper triangle from its lower one, MIRROR rows a task: squares of it so that both sides stay in L1, turned in registers where
# they do not touch the diagonal. The longest rows come first.
cdef enum:
    MIRROR = 32


cdef void mirror_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Product* g = <const Product*>arg
    cdef real* c = <real*>g.c
    cdef Py_ssize_t row = (ceil_div(g.n, MIRROR) - 1 - index) * MIRROR, end = smaller(row + MIRROR, g.n), column = 0, i, j
    if end - row == MIRROR:
        for column from 0 <= column < row by SQUARE:
            for i from row <= i < end by SQUARE:
                transpose_square(c + column * g.c_row + i, g.c_row, c + i * g.c_row + column, g.c_row)
        column = row
    for i in range(row, end):
        for j in range(column, i):
            c[j * g.c_row + i] = c[i * g.c_row + j]


cdef int mirror(const Product* g, double ns, const Runtime* runtime) noexcept nogil:
    return runtime.parallel_for(mirror_task, <void*>g, ceil_div(g.n, MIRROR), runtime.threads if ns >= OFFER_NS else 1, worth_waking(ns))


# How a block of c is divided into tasks: MC rows each, or fewer to give all threads work; then columns side by side.
cdef Py_ssize_t divide(Gemm* job, double ns, int threads) noexcept nogil:
    cdef const Product* g = &job.product
    cdef Py_ssize_t tasks = tasks_for(ns, threads), row_tasks = 1
    if job.packed != NULL:
        row_tasks = ceil_div(g.m, MC)
        if row_tasks > 1 and tasks > 1:
            row_tasks = ceil_div(row_tasks, threads) * threads
    elif job.stream:
        tasks = larger(threads, ceil_div(g.n * <Py_ssize_t>sizeof(real), STREAM_BYTES))
    elif g.m > job.n or g.m > SKINNY and job.side_by_side:
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
    cdef double ns = duration(g)
    cdef int threads = runtime.threads if ns >= OFFER_NS else 1, wake = worth_waking(ns), status = KERNEL_OK
    cdef Py_ssize_t width = g.n, slices = 1, slice, tasks
    job.product = g[0]
    job.runtime = runtime
    job.error = KERNEL_OK
    job.packed = NULL
    job.pack_a = job.stream = job.side_by_side = False
    job.column = 0
    job.n = g.n
    job.p = 0
    job.p_end = job.depth = g.k
    if not pack_b:
        job.side_by_side = (g.m <= SKINNY or g.k <= SHALLOW) and g.n >= 2 * NR and not g.own_transpose
        if g.m <= SKINNY and 1.0 * g.n * g.k > IN_PLACE_ELEMENTS:
            job.stream = job.side_by_side = True
            job.depth = stream_depth(g.m)
        tasks = divide(&job, ns, threads)
        # A long k in several jobs of whole steps of depth: an interrupt is noticed between tasks.
        width = ceil_div(ceil_div(g.k, <Py_ssize_t>(ns / tasks / TASK_NS) + 1), job.depth) * job.depth
        while job.p < g.k and status == KERNEL_OK:
            job.p_end = smaller(job.p + width, g.k)
            status = runtime.parallel_for(gemm_task, &job, tasks, threads, wake)
            job.p = job.p_end
    else:
        job.pack_a = g.a_col != 1 and g.k > PACK_A_DEPTH
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
                tasks = divide(&job, ns / slices * job.n / g.n, threads)
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
        status = mirror(g, ns, runtime)
    return status


# Of a short k b is small beside c: it is turned whole, and then read as one that lies so, and c's rows are written from end to end.
cdef enum:
    TURN_COLUMNS = 512      # of a task


cdef void turn_b_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    cdef const Product* g = &job.product
    cdef Py_ssize_t column = index * TURN_COLUMNS
    turned(job.packed + column, g.n, smaller(TURN_COLUMNS, g.n - column), g.k, <const real*>g.b + column * g.b_col, g.b_col, g.b_row)


cdef int turned_b(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Gemm job
    cdef Product t = g[0]
    cdef double ns = duration(g)
    cdef int status
    job.product = g[0]
    job.packed = <real*>runtime.take(g.k * g.n * sizeof(real))
    if job.packed == NULL:
        return KERNEL_NO_MEMORY
    t.b = job.packed
    t.b_row = g.n
    t.b_col = 1
    status = runtime.parallel_for(turn_b_task, &job, ceil_div(g.n, TURN_COLUMNS), runtime.threads if ns >= OFFER_NS else 1,
                                  worth_waking(ns))
    if status == KERNEL_OK:
        status = gemm(&t, False, runtime)
    runtime.give(job.packed)
    return status
