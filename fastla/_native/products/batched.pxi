# Batches of products: threads over the batch.

# How the products of a batch are done.
cdef enum Way:
    ONE_BY_ONE      # each by its route
    TILE_BY_TILE    # small ones: the same tile of many, then the next
    AS_DOTS         # single dot products


cdef struct Batched:
    Job job
    const Product* first
    const Batch* batch
    Py_ssize_t chunk        # products in a task
    Way way
    bint alone              # each by one thread


# `count` products of a few tiles each, a stride apart: one strip goes through the same tile of all of them, so that
# what a product costs beyond its arithmetic is a few instructions. In groups that stay in L1, since every group is read
# once for each of its tiles.
cdef int multiply_small(const Product* g, Py_ssize_t count, Py_ssize_t a_stride, Py_ssize_t b_stride,
                        Py_ssize_t c_stride) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(g.n, LANES), panels = ceil_div(vectors, NV), panel, row, done = 0, group, i
    cdef Py_ssize_t first, nv
    cdef Product one = g[0]
    cdef Strip s
    cdef int status = KERNEL_OK
    group = 1 + 4 * BATCH_BYTES // ((g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real))
    s.k = g.k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.a_next = a_stride
    s.b_next = b_stride
    s.c_next = c_stride
    s.accumulate = False
    s.ahead = 0
    while done < count:
        s.tiles = smaller(group, count - done)
        for panel in range(panels):
            first = panel_start(vectors, panels, panel)
            nv = panel_start(vectors, panels, panel + 1) - first
            for row from 0 <= row < g.m by MR:
                s.a = <const real*>g.a + done * a_stride + row * g.a_row
                s.b = <const stored*>g.b + done * b_stride
                s.c = <real*>g.c + done * c_stride + row * g.c_row
                place_strip(&s, g.n, first * LANES, nv, True)
                micro_kernel_any(<int>smaller(MR, g.m - row), <int>nv, &s)
        for i in range(done, done + s.tiles if g.epilogue != NULL else 0):
            one.c = <real*>g.c + i * c_stride
            one.item = g.item + i
            status = finish(&one, 0, g.m, 0, g.n)
            if status != KERNEL_OK:
                return status
        done += s.tiles
    return status


cdef Way choose_way(const Product* g) noexcept nogil:
    cdef Route route = part_route(g)
    if g.m == 1 and g.n == 1 and g.k > 0 and g.epilogue == NULL:
        return AS_DOTS
    if (route == ROUTE_IN_PLACE or route == ROUTE_ROWS) and g.k > 0 and not g.syrk and \
            (g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real) <= BATCH_BYTES:
        return TILE_BY_TILE
    return ONE_BY_ONE


cdef void batched_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Batched* w = <Batched*>job
    cdef const Batch* batch = w.batch
    cdef Product g = w.first[0]
    cdef Runtime runtime = one_thread(w.job.runtime) if w.alone else w.job.runtime[0]
    cdef Py_ssize_t i = index * w.chunk, end = smaller((index + 1) * w.chunk, batch.count), last = batch.dims - 1, run
    cdef Py_ssize_t j
    cdef Py_ssize_t at[3]
    cdef int status = KERNEL_OK
    while i < end:
        batch_offsets(batch, i, 3, at)
        run = smaller(end - i, batch_run(batch, i))
        for j in range(run if w.way == ONE_BY_ONE else 1):
            g.a = <const real*>w.first.a + at[0] + j * batch.strides[0][last]
            g.b = <const real*>w.first.b + at[1] + j * batch.strides[1][last]
            g.c = <real*>w.first.c + at[2] + j * batch.strides[2][last]
            g.item = i + j
            if w.way == AS_DOTS:
                multiply_dots(&g, run, batch.strides[0][last], batch.strides[1][last], batch.strides[2][last])
            elif w.way == TILE_BY_TILE:
                status = multiply_small(&g, run, batch.strides[0][last], batch.strides[1][last], batch.strides[2][last])
            else:
                status = multiply(&g, &runtime)
            if status != KERNEL_OK:
                fail(job, status)
                return
        i += run


cdef int matmul(const Product* first, const Batch* batch, const Runtime* runtime) noexcept nogil:
    cdef Batched w
    cdef double ns
    if batch.dims == 0:
        return multiply(first, runtime)
    ns = duration(first)
    w.job = start_job(runtime)
    w.first = first
    w.batch = batch
    w.way = choose_way(first)
    w.alone = ns <= BATCH_NS
    if not w.alone:
        # Each is worth all threads.
        w.chunk = batch.count
        batched_task(&w, 0, 0)
        return w.job.error
    w.chunk = ceil_div(batch.count, smaller(batch.count, tasks_for(ns * batch.count, runtime.threads)))
    return run_tasks(batched_task, &w, ceil_div(batch.count, w.chunk), ns * batch.count)
