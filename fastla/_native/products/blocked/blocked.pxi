# Blocked products: Goto's loops, with two changes that measurements asked for ("Packing b"). a is read where it lies if
# it is adjacent along k, and each task packs the columns of b that it needs for itself. Where a must be packed
# (ROUTE_PACK_BOTH), which each task would do again, b's block of NC columns is shared: for each block, KC deep, one job
# packs it, and the tasks of another pack rows of a and go through its micro-panels with them. A small b, or one that
# few rows need, is not packed at all.
include "macro_kernel.pxi"
include "tasks.pxi"


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
