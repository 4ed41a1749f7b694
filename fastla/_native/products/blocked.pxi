# Blocked products: Goto's loops, with two changes that measurements asked for ("Packing b"). a is read where it lies if
# it is adjacent along k, and each task packs the columns of b that it needs for itself. Where a must be packed
# (ROUTE_PACK_BOTH), which each task would do again, b's block of NC columns is shared: for each block, KC deep, one job
# packs it, and the tasks of another pack rows of a and go through its micro-panels with them. A small b, or one that
# few rows need, is not packed at all.

cdef struct Blocked:
    Job job
    const Product* product
    Route route
    real* packed_b                      # ROUTE_PACK_BOTH: the micro-panels of b's block, shared; else NULL
    Py_ssize_t column, n                # the block of columns
    Py_ssize_t p, p_end, depth          # of k: what this job does, and how much of it at a time
    Py_ssize_t rows, columns            # a task's part of the block of c
    Py_ssize_t column_tasks             # tasks side by side


# As micro_kernel_any, where c's last vector is cut but packed b is whole: by way of a tile that is as wide. So a cut
# vector need not go alone, with another pass over a and too few accumulators ("Edge tiles").
cdef void edge_tile(int rows, int nv, const Strip* s) noexcept nogil:
    cdef real tile[MR * NR]
    cdef Strip whole = s[0]
    cdef Py_ssize_t width = s.last + s.tail, t, i, j
    cdef real* c = s.c
    cdef real x
    whole.tail = 0
    whole.tiles = 1
    whole.accumulate = False
    whole.c = tile
    whole.c_row = nv * LANES
    for t in range(s.tiles):
        micro_kernel_any(rows, nv, &whole)
        for i in range(rows):
            for j in range(width):
                x = tile[i * whole.c_row + j]
                c[i * s.c_row + j] = c[i * s.c_row + j] + x if s.accumulate else x
        whole.a += s.a_next
        c += s.c_next


# Tiles one below the other: m rows of a against a micro-panel of nv vectors. b_packed: its cut vector is whole.
cdef void multiply_panel(Strip* s, Py_ssize_t m, int nv, bint b_packed) noexcept nogil:
    cdef bint edge = s.tail > 0 and nv > 1 and b_packed and s.k >= WIDE_DEPTH
    cdef int rows = MR
    s.tiles = m // MR
    while rows > 0:
        if s.tiles:
            if edge:
                edge_tile(rows, nv, s)
            else:
                micro_kernel_any(rows, nv, s)
        s.a += s.tiles * s.a_next
        s.c += s.tiles * s.c_next
        rows = <int>(m % MR) if rows == MR else 0       # the rows left over are a tile of their own
        s.tiles = 1


# c[m, n] (+)= a[m, k] @ b[k, n]: rows from `row` on, columns from `column` of the block on.
cdef void macro_kernel(Blocked* w, Py_ssize_t row, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p,
                       Py_ssize_t k,
                       const real* packed_a, const real* packed_b) noexcept nogil:
    cdef const Product* g = w.product
    cdef bint in_place = packed_b == NULL
    # Shared micro-panels are those of the whole block, and the task has those that start in its columns; else its
    # columns have micro-panels of their own.
    cdef bint shared = w.packed_b != NULL
    cdef Py_ssize_t width = w.n if shared else n, base = 0 if shared else column
    cdef Py_ssize_t vectors = ceil_div(width, LANES), panels = ceil_div(vectors, NV), panel
    cdef Py_ssize_t first, next = 0, start, skip
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
    s.c_row = g.c_row
    s.c_next = MR * g.c_row
    s.accumulate = p > 0
    s.ahead = 0
    for panel in range(panels):
        first = next
        next = panel_start(vectors, panels, panel + 1)
        start = base + first * LANES
        if not column <= start < column + n:
            continue
        skip = 0
        if g.syrk and w.column + start > row:
            skip = (w.column + start - row) // MR * MR          # to the first tile that reaches the diagonal
        if skip >= m:
            break
        s.a = a + skip // MR * s.a_next
        s.b = <const stored*>g.b + p * g.b_row + base
        s.b_row = g.b_row
        s.c = <real*>g.c + (row + skip) * g.c_row + w.column + base
        nv = <int>(next - first)
        place_strip(&s, width, first * LANES, nv, in_place and not s.accumulate)
        if not in_place:
            s.b = <const stored*>packed_b + first * LANES * k
            s.b_row = nv * LANES
        multiply_panel(&s, m - skip, nv, not in_place)
        if p + k == g.k:
            finish_block(w, g, row + skip, m - skip, w.column + start, smaller(nv * LANES, base + width - start))


# --- packing ---
# Into the micro-panels of b[p : p + k, column : column + n]: PACK_ROWS of its rows from `row` on. Whole rows are read,
# as memory likes it, and dealt out to the micro-panels.
cdef void pack_rows(const Product* g, real* packed, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                    Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(n, LANES), panels = ceil_div(vectors, NV), panel, start, width
    for panel in range(panels):
        start = panel_start(vectors, panels, panel) * LANES
        width = panel_start(vectors, panels, panel + 1) * LANES - start
        pack_stored(packed + start * k + row * width, width, smaller(width, n - start), smaller(PACK_ROWS, k - row),
                    <const stored*>g.b + (column + start) * g.b_col + (p + row) * g.b_row, g.b_col, g.b_row)


cdef void pack_b_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Blocked* w = <Blocked*>job
    pack_rows(w.product, w.packed_b, w.column, w.n, w.p, w.p_end - w.p, index * PACK_ROWS)


# --- tasks ---
cdef struct Packed:
    real* a         # NULL: read in place
    real* b         # NULL: read in place, or shared


cdef Py_ssize_t lay_packed(const Blocked* w, Py_ssize_t m, Py_ssize_t n, Packed* packed, char* block) noexcept nogil:
    cdef char* at = block
    packed.a = packed.b = NULL
    if w.route == ROUTE_PACK_BOTH:
        packed.a = <real*>carve(&at, ceil_div(m, MR) * MR * w.depth * sizeof(real))
    if w.route == ROUTE_PACK_B:
        packed.b = <real*>carve(&at, ceil_div(n, LANES) * LANES * w.depth * sizeof(real))
    return at - block


cdef void blocked_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Blocked* w = <Blocked*>job
    cdef const Product* g = w.product
    cdef Py_ssize_t row = index // w.column_tasks * w.rows, column = index % w.column_tasks * w.columns
    cdef Py_ssize_t m = smaller(w.rows, g.m - row), n = smaller(w.columns, w.n - column), p = w.p, k, i
    cdef Packed packed
    cdef char* block = NULL
    cdef Py_ssize_t bytes = lay_packed(w, m, n, &packed, NULL)
    if g.syrk and row + m <= w.column + column:
        return
    if bytes:
        block = <char*>w.job.runtime.take(bytes)
        if block == NULL:
            fail(job, KERNEL_NO_MEMORY)
            return
        lay_packed(w, m, n, &packed, block)
    while p < w.p_end:
        k = smaller(w.depth, w.p_end - p)
        for i from 0 <= i < (m if packed.a != NULL else 0) by MR:
            pack_stored(packed.a + i * k, MR, smaller(MR, m - i), k,
                        <const stored*>g.a + (row + i) * g.a_row + p * g.a_col, g.a_row, g.a_col)
        for i from 0 <= i < (k if packed.b != NULL else 0) by PACK_ROWS:
            pack_rows(g, packed.b, column, n, p, k, i)
        if w.route == ROUTE_STREAM or w.route == ROUTE_ROWS:
            multiply_rows(g, row, m, column, n, p, k, 2 * NR if w.route == ROUTE_STREAM else 0)
            if p + k == g.k:
                finish_block(job, g, row, m, column, n)
        else:
            for i from 0 <= i < m by MC:
                macro_kernel(w, row + i, smaller(MC, m - i), column, n, p, k, packed.a + i * k if packed.a != NULL
                             else NULL,
                             packed.b if packed.b != NULL else w.packed_b)
        p += k
    if block != NULL:
        w.job.runtime.give(block)


# How a block of c is divided into tasks: MC rows each, or fewer to give all threads work; then columns side by side.
cdef Py_ssize_t divide(Blocked* w, double ns) noexcept nogil:
    cdef const Product* g = w.product
    cdef int threads = w.job.runtime.threads if ns >= OFFER_NS else 1
    cdef Py_ssize_t tasks = tasks_for(ns, threads), row_tasks = 1
    if w.route == ROUTE_PACK_BOTH:
        row_tasks = ceil_div(g.m, MC)
        if row_tasks > 1 and tasks > 1:
            row_tasks = ceil_div(row_tasks, threads) * threads
    elif w.route == ROUTE_STREAM:
        tasks = larger(threads, ceil_div(g.n * <Py_ssize_t>sizeof(real), STREAM_BYTES))
    elif g.m > w.n or g.m > SKINNY and w.route == ROUTE_ROWS:
        row_tasks = tasks
    w.rows = ceil_div(ceil_div(g.m, row_tasks), MR) * MR
    row_tasks = ceil_div(g.m, w.rows)
    cdef Py_ssize_t panels_each = ceil_div(ceil_div(w.n, NR), ceil_div(tasks, row_tasks))
    w.columns = NR * panels_each
    w.column_tasks = ceil_div(w.n, w.columns)
    return row_tasks * w.column_tasks


# How c is divided where each task packs its own columns of b: into columns whose micro-panels stay in L2 and, if these
# are too few tasks, first into rows as long as their a repays packing b once more, then into fewer columns, then into
# fewer rows.
cdef Py_ssize_t divide_own(Blocked* w, double ns) noexcept nogil:
    cdef const Product* g = w.product
    cdef Py_ssize_t tasks = tasks_for(ns, w.job.runtime.threads), panels = ceil_div(g.n, NR)
    cdef Py_ssize_t row_tasks
    cdef Py_ssize_t each = smaller(panels, larger(1, OWN_BYTES // (w.depth * NR * <Py_ssize_t>sizeof(real))))
    row_tasks = larger(1, smaller(g.m // OWN_ROWS, ceil_div(tasks, ceil_div(panels, each))))
    each = larger(1, smaller(each, panels * row_tasks // tasks))
    w.columns = NR * each
    w.column_tasks = ceil_div(g.n, w.columns)
    row_tasks = larger(row_tasks, smaller(g.m // OWN_LEAST_ROWS, ceil_div(tasks, w.column_tasks)))
    w.rows = ceil_div(ceil_div(g.m, row_tasks), MR) * MR
    return ceil_div(g.m, w.rows) * w.column_tasks


# --- the loops ---
# Goto's outer loops: blocks of b's columns, KC deep.
cdef int pack_both(Blocked* w, double ns) noexcept nogil:
    cdef const Product* g = w.product
    cdef Py_ssize_t width = ceil_div(ceil_div(g.n, ceil_div(g.n, NC)), NR) * NR, slices = ceil_div(g.k, KC), slice
    cdef int status = KERNEL_OK
    w.depth = ceil_div(g.k, slices)
    w.packed_b = <real*>w.job.runtime.take(width * w.depth * sizeof(real))
    if w.packed_b == NULL:
        return KERNEL_NO_MEMORY
    while w.column < g.n and status == KERNEL_OK:
        w.n = smaller(width, g.n - w.column)
        for slice in range(slices):
            w.p = g.k * slice // slices
            w.p_end = g.k * (slice + 1) // slices
            status = run_tasks(pack_b_task, w, ceil_div(w.p_end - w.p, PACK_ROWS), ns)
            if status == KERNEL_OK:
                status = run_tasks(blocked_task, w, divide(w, ns / slices * w.n / g.n), ns)
            if status != KERNEL_OK:
                break
        w.column += width
    w.job.runtime.give(w.packed_b)
    return status


# One job or, of a long k, several of whole steps of depth: an interrupt is noticed between tasks.
cdef int multiply_slices(Blocked* w, Py_ssize_t tasks, double ns) noexcept nogil:
    cdef Py_ssize_t k = w.product.k, width = k
    cdef int status = KERNEL_OK
    if ns > 1.0 * tasks * TASK_NS:
        width = ceil_div(ceil_div(k, <Py_ssize_t>(ns / tasks / TASK_NS) + 1), w.depth) * w.depth
    while w.p < k and status == KERNEL_OK:
        w.p_end = smaller(w.p + width, k)
        status = run_tasks(blocked_task, w, tasks, ns)
        w.p = w.p_end
    return status


cdef int blocked(const Product* g, Route route, const Runtime* runtime) noexcept nogil:
    cdef Blocked w
    cdef double ns = duration(g)
    cdef int status
    w.job = start_job(runtime)
    w.product = g
    w.route = route
    w.packed_b = NULL
    w.column = w.p = 0
    w.n = g.n
    w.depth = g.k
    w.rows = g.m
    w.columns = g.n
    w.column_tasks = 1
    if route == ROUTE_PACK_BOTH:
        status = pack_both(&w, ns)
    elif route == ROUTE_PACK_B:
        w.depth = ceil_div(g.k, ceil_div(g.k, KC))
        status = multiply_slices(&w, divide_own(&w, ns) if ns >= OFFER_NS else 1, ns)
    elif route == ROUTE_STREAM:
        w.depth = stream_depth(g.m)
        status = multiply_slices(&w, divide(&w, ns), ns)
    else:
        status = multiply_slices(&w, divide(&w, ns) if ns >= OFFER_NS else 1, ns)
    return symmetrize(g, ns, runtime) if g.syrk and status == KERNEL_OK else status
