# Products tile by tile: what is packed, in which order the tiles come, and how they are dealt out to threads.
#
# a is read where it lies if it is adjacent along k: eight rows at once are what prefetchers like, and MC of them stay in L2. Each
# task packs the columns of b that it needs for itself, KC deep: panels of NR columns, which stay in L2 beside them. Goto's loops pack a too,
# and share b. Measured here (AVX-512, one thread, n = 512, 1024, 2048, float32): a packed 100, 101, 102 GFLOPS; in place 114, 109, 109
# of 117. Sharing b writes lines that other cores hold, and reads theirs. Two cores of one L3 (90 ns a round trip) take 65 x 100 x 4000 float32
# to 1.17 times NumPy's speed so, with panels of their own to 2.0; of two L3s (360 ns) to 0.87 and 1.9; 300 x 4000 x 500 1.46 and 2.0.
#
# Where a must be packed, which each task would do again, b's block of NC columns is shared after all: for each block, KC deep, two jobs,
# one that packs it, and one whose tasks pack rows of a and go through the panels with them.
# Tried: b packed in passing by the first tile of each task instead of in a job of its own: 112, 103, 97, and with
# prefetching 108, 102, 103.
# A small b, or one that few rows need, is not packed at all.

cdef enum:
    WIDE_DEPTH = 24         # k from which wide_strip pays (12: slower on AVX-512; 20 and more: faster on AVX2, 28: as fast on AVX-512)
    PACK_ROWS = 16          # of b at a time: at least a cache line's worth along k. Tried 8 to 64: 8 and 16 are best by 1 to 2 %
    # Of a task that packs its own columns of b:
    OWN_BYTES = 524288      # of b. 262144: 2048 x 2048 x 2048 float64 is 10 % slower, small ones up to 3 % faster; 1048576: 5 % slower
    OWN_ROWS = 256          # at least, as long as columns can be divided, ...
    OWN_LEAST_ROWS = 64     # ... and anyway


cdef struct Gemm:
    Product product
    const Runtime* runtime
    real* packed                        # b's block, shared; NULL: b is read in place, its columns adjacent, or packed by each task
    Py_ssize_t column, n                # of the block
    Py_ssize_t p, p_end, depth          # of k: what this job does, and how much at a time
    Py_ssize_t rows, columns            # a task's part of the block of c
    Py_ssize_t column_tasks             # tasks side by side
    bint pack_a
    bint own_panels                     # each task packs the columns of b that it needs
    bint stream                         # few rows, and b comes from memory
    bint side_by_side                   # tiles are taken along the rows of b, not down those of a
    int error


# As any_strip, where c's last vector is cut but packed b is whole: by way of a tile that is as wide. So a cut vector need not go alone, with
# another pass over a and too few accumulators: 588 x 909 x 27 float32 took AVX2 twice as long, AVX-512 1.3 times.
cdef void edge_tile(int rows, int nv, const Strip* s) noexcept nogil:
    cdef real tile[MR * NR]
    cdef Strip whole = s[0]
    cdef Py_ssize_t width = s.last + s.tail, t, i, j
    cdef real* c = s.c
    whole.tail = 0
    whole.tiles = 1
    whole.add = False
    whole.c = tile
    whole.c_row = nv * LANES
    for t in range(s.tiles):
        micro_kernel_any(rows, nv, &whole)
        for i in range(rows):
            for j in range(width):
                c[i * s.c_row + j] = c[i * s.c_row + j] + tile[i * whole.c_row + j] if s.add else tile[i * whole.c_row + j]
        whole.a += s.a_next
        c += s.c_next


# c[m, n] (+)= a[m, k] @ b[k, n]: rows from `row` on, columns from `column` of the block on.
cdef void block(const Gemm* job, Py_ssize_t row, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                const real* packed_a, const real* packed_b) noexcept nogil:
    cdef const Product* g = &job.product
    cdef bint in_place = packed_b == NULL, wide
    # Shared panels are those of the whole block, and the task has those that start in its columns; else its columns have panels
    # of their own.
    cdef bint shared = job.packed != NULL
    cdef Py_ssize_t width = job.n if shared else n, base = 0 if shared else column
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
        if g.syrk and job.column + start > row:
            skip = (job.column + start - row) // MR * MR        # to the first tile that reaches the diagonal
        if skip >= m:
            break
        s.a = a + skip // MR * s.a_next
        s.b = <const stored*>g.b + p * g.b_row + base
        s.c = <real*>g.c + (row + skip) * g.c_row + job.column + base
        nv = place_panel(&s, width, panel, panels, in_place and not s.add)
        if not in_place:
            s.b = <const stored*>packed_b + (start - base) * k
            s.b_row = nv * LANES
        wide = s.tail > 0 and nv > 1 and not in_place and k >= WIDE_DEPTH
        s.tiles = (m - skip) // MR
        rest = (m - skip) % MR
        if s.tiles:
            if wide:
                edge_tile(MR, nv, &s)
            else:
                micro_kernel_any(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rest:
            s.tiles = 1
            if wide:
                edge_tile(<int>rest, nv, &s)
            else:
                micro_kernel_any(<int>rest, nv, &s)


# Into the panels of b[p : p + k, column : column + n]: PACK_ROWS of its rows from `row` on. Whole rows are read, as memory likes it, and dealt
# out to the panels.
cdef void pack_rows(const Product* g, real* packed, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                    Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(n, LANES), panels = ceil_div(vectors, NV), panel, start, width
    for panel in range(panels):
        start = panel_start(vectors, panels, panel) * LANES
        width = panel_start(vectors, panels, panel + 1) * LANES - start
        pack_panel(packed + start * k + row * width, width, smaller(width, n - start), smaller(PACK_ROWS, k - row),
                   <const real*>g.b + (column + start) * g.b_col + (p + row) * g.b_row, g.b_col, g.b_row)


cdef void gemm_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    cdef const Product* g = &job.product
    cdef Py_ssize_t row = index // job.column_tasks * job.rows, column = index % job.column_tasks * job.columns
    cdef Py_ssize_t m = smaller(job.rows, g.m - row), n = smaller(job.columns, job.n - column), p = job.p, k, i
    cdef real* packed_a = NULL
    cdef real* packed_b = job.packed
    if g.syrk and row + m <= job.column + column:
        return
    if job.pack_a:
        packed_a = <real*>job.runtime.take(ceil_div(m, MR) * MR * job.depth * sizeof(real))
        if packed_a == NULL:
            job.error = KERNEL_NO_MEMORY
            return
    if job.own_panels:
        packed_b = <real*>job.runtime.take(ceil_div(n, LANES) * LANES * job.depth * sizeof(real))
        if packed_b == NULL:
            job.error = KERNEL_NO_MEMORY
            return
    while p < job.p_end:
        k = smaller(job.depth, job.p_end - p)
        for i from 0 <= i < (m if job.pack_a else 0) by MR:
            pack_panel(packed_a + i * k, MR, smaller(MR, m - i), k,
                       <const real*>g.a + (row + i) * g.a_row + p * g.a_col, g.a_row, g.a_col)
        for i from 0 <= i < (k if job.own_panels else 0) by PACK_ROWS:
            pack_rows(g, packed_b, column, n, p, k, i)
        if job.side_by_side:
            side_by_side(g, row, m, column, n, p, k, 2 * NR if job.stream else 0)
        else:
            for i from 0 <= i < m by MC:
                block(job, row + i, smaller(MC, m - i), column, n, p, k, packed_a + i * k if job.pack_a else NULL, packed_b)
        p += k
    if job.own_panels:
        job.runtime.give(packed_b)
    if packed_a != NULL:
        job.runtime.give(packed_a)


cdef void pack_b_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    pack_rows(&job.product, job.packed, job.column, job.n, job.p, job.p_end - job.p, index * PACK_ROWS)


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


# How c is divided where each task packs its own columns of b: into columns whose panels stay in L2, and, if these are too few tasks,
# first into rows as long as their a repays packing b once more, then into fewer columns, then into fewer rows.
cdef Py_ssize_t divide_own(Gemm* job, Py_ssize_t tasks) noexcept nogil:
    cdef const Product* g = &job.product
    cdef Py_ssize_t panels = ceil_div(ceil_div(g.n, LANES), NV), row_tasks
    cdef Py_ssize_t each = smaller(panels, larger(1, OWN_BYTES // (job.depth * NR * <Py_ssize_t>sizeof(real))))
    row_tasks = larger(1, smaller(g.m // OWN_ROWS, ceil_div(tasks, ceil_div(panels, each))))
    each = larger(1, smaller(each, panels * row_tasks // tasks))
    job.columns = NR * each
    job.column_tasks = ceil_div(g.n, job.columns)
    row_tasks = larger(row_tasks, smaller(g.m // OWN_LEAST_ROWS, ceil_div(tasks, job.column_tasks)))
    job.rows = ceil_div(ceil_div(g.m, row_tasks), MR) * MR
    return ceil_div(g.m, job.rows) * job.column_tasks


cdef int gemm(const Product* g, bint pack_b, const Runtime* runtime) noexcept nogil:
    cdef Gemm job
    cdef double ns = duration(g)
    cdef int threads = runtime.threads if ns >= OFFER_NS else 1, wake = worth_waking(ns), status = KERNEL_OK
    cdef Py_ssize_t width = g.n, slices = 1, slice, tasks
    job.product = g[0]
    job.runtime = runtime
    job.error = KERNEL_OK
    job.packed = NULL
    job.pack_a = job.stream = job.side_by_side = job.own_panels = False
    job.column = 0
    job.n = g.n
    job.p = 0
    job.p_end = job.depth = g.k
    if not pack_b or g.a_col == 1 or g.k <= PACK_A_DEPTH:
        if pack_b:
            job.own_panels = True
            job.depth = ceil_div(g.k, ceil_div(g.k, KC))
            tasks = divide_own(&job, tasks_for(ns, threads))
        else:
            job.side_by_side = (g.m <= SKINNY or g.k <= SHALLOW) and g.n >= 2 * NR and not g.syrk
            if g.m <= SKINNY and 1.0 * g.n * g.k > IN_PLACE_ELEMENTS:
                job.stream = job.side_by_side = True
                job.depth = stream_depth(g.m)
            tasks = divide(&job, ns, threads)
        # A long k in several jobs of whole steps of depth: an interrupt is noticed between tasks.
        width = ceil_div(ceil_div(g.k, <Py_ssize_t>(ns / tasks / TASK_NS) + 1), job.depth) * job.depth
        while job.p < g.k and status == KERNEL_OK:
            job.p_end = smaller(job.p + width, g.k)
            status = runtime.parallel_for(gemm_task, &job, tasks, threads, wake)
            if status == KERNEL_OK:
                status = job.error
            job.p = job.p_end
    else:
        job.pack_a = True
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
    if g.syrk and status == KERNEL_OK:
        status = symmetrize(g, ns, runtime)
    return status


# Of a short k b is small beside c: it is turned whole, and then read as one that lies so, and c's rows are written from end to end.
cdef enum:
    TRANSPOSE_COLUMNS = 512      # of a task


cdef void transpose_b_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemm* job = <Gemm*>arg
    cdef const Product* g = &job.product
    cdef Py_ssize_t column = index * TRANSPOSE_COLUMNS
    transpose_into(job.packed + column, g.n, smaller(TRANSPOSE_COLUMNS, g.n - column), g.k, <const real*>g.b + column * g.b_col, g.b_col, g.b_row)


cdef int transpose_b(const Product* g, const Runtime* runtime) noexcept nogil:
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
    status = runtime.parallel_for(transpose_b_task, &job, ceil_div(g.n, TRANSPOSE_COLUMNS), runtime.threads if ns >= OFFER_NS else 1,
                                  worth_waking(ns))
    if status == KERNEL_OK:
        status = gemm(&t, False, runtime)
    runtime.give(job.packed)
    return status
